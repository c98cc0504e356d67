package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// nobody is who programs run as where the benchmark is root: the user that
// Belljar takes, too, so that files are treated alike.
const nobody = 65534

// site is a directory with all that the measurements need, and what their
// words in braces stand for.
type site struct {
	dir    string
	env    []string
	words  map[string][]string
	absent map[string]string // words and tools that cannot be had, and why
	fail   error             // the first step that failed
}

// open makes the directory, where no peer and no private root puts something of
// its own, as they do in temporary directories; only root can make it there.
func open() (*site, error) {
	dir, err := os.MkdirTemp("/srv", "belljar-bench-")
	if err != nil {
		dir, err = os.MkdirTemp("/var/tmp", "belljar-bench-")
	}
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir, words: map[string][]string{}, absent: map[string]string{}}
	for _, name := range []string{"programs", "source", "out", "classes", "own", "state", "bundles", "deep", "own-deep", "tree", "small-tree", "repository"} {
		s.words[name] = []string{s.path(name)}
		s.try(os.Mkdir(s.path(name), 0o755))
	}
	s.try(os.Chmod(dir, 0o755))
	s.words["nobody"] = nil
	if os.Geteuid() == 0 {
		s.words["nobody"] = strings.Fields(fmt.Sprintf("setpriv --reuid %d --regid %[1]d --clear-groups", nobody))
	}
	s.words["unified"] = unifiedHierarchy()
	s.environment()
	return s, s.fail
}

// close removes all of it, containers that an interrupted run left first.
func (s *site) close() error {
	s.endContainers()
	// Go's build cache has directories that only chmod makes removable.
	_ = filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
	return os.RemoveAll(s.dir)
}

func (s *site) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// try remembers the first error, so that steps can follow each other.
func (s *site) try(err error) {
	if s.fail == nil {
		s.fail = err
	}
}

// environment is what all programs get, and nothing else.
func (s *site) environment() {
	out := s.path("out")
	s.env = []string{"LANG=C.UTF-8", "HOME=" + out, "TMPDIR=" + out, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOPROXY=off", "GOFLAGS=", "GOCACHE=" + out + "/cache", "GOPATH=" + out + "/go",
		// Some peers run programs as root, for whom git does not read others' repositories.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
	for _, kv := range s.env {
		s.words["environment"] = append(s.words["environment"], "--env", kv)
	}
}

var word = regexp.MustCompile(`\{[a-z0-9+-]+\}`)

// expand makes a cell's command line.
func (s *site) expand(command string) ([]string, error) {
	var args []string
	for _, field := range strings.Fields(command) {
		if why := s.absent[field]; why != "" {
			return nil, fmt.Errorf("%s: %s", field, why)
		}
		if word.FindString(field) == field {
			name := field[1 : len(field)-1]
			values, ok := s.words[name]
			if !ok {
				return nil, s.without(name)
			}
			args = append(args, values...)
			continue
		}
		var err error
		args = append(args, word.ReplaceAllStringFunc(field, func(in string) string {
			name := in[1 : len(in)-1]
			if len(s.words[name]) != 1 {
				err = s.without(name)
				return in
			}
			return s.words[name][0]
		}))
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

func (s *site) without(name string) error {
	if why := s.absent[name]; why != "" {
		return fmt.Errorf("%s: %s", name, why)
	}
	return fmt.Errorf("there is no {%s}", name)
}

// unifiedHierarchy shows programs a host with cgroup version 2 alone, which is
// all that crun knows. Where there is version 1, too, that takes mounts of their own.
func unifiedHierarchy() []string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return nil
	}
	return []string{"unshare", "--mount", "sh", "-c", `umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"`, "sh"}
}

// command runs one of the preparations.
func (s *site) command(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, lastLines(string(out), 1))
	}
	return nil
}

// tools finds the commands that ways and programs need, and notes which are
// missing.
func (s *site) tools() {
	var needed []string
	for _, w := range ways {
		needed = append(needed, w.tool)
	}
	for _, p := range programs {
		needed = append(needed, p.tool)
	}
	slices.Sort(needed)
	for _, tool := range slices.Compact(needed) {
		if tool == "" {
			continue
		}
		path, err := exec.LookPath(tool)
		if err != nil {
			s.absent[tool] = "not installed"
			continue
		}
		s.words[tool] = []string{path}
	}
}
