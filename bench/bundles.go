package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// runtimes are the peers that take a program from a bundle: a directory with a
// root and a config.json, which the runtime itself writes and we change.
var runtimes = []string{"runc", "crun"}

func (s *site) bundle(ctx context.Context) {
	for _, runtime := range runtimes {
		for _, p := range programs {
			if s.absent[runtime] != "" {
				continue
			}
			args, err := s.expand(p.command)
			if err != nil {
				continue // the cell will say so
			}
			if err := s.makeBundle(ctx, runtime, p.name, args); err != nil {
				s.absent[runtime] = err.Error()
			}
		}
	}
}

func (s *site) makeBundle(ctx context.Context, runtime, name string, args []string) error {
	dir := s.path("bundles", runtime, name)
	if err := makeRoot(filepath.Join(dir, "rootfs")); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, runtime, "spec")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s spec: %w: %s", runtime, err, out)
	}
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = s.configure(text, args); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

// makeRoot makes the directories that the host's are bound to.
func makeRoot(root string) error {
	for _, dir := range append(bound(), "/proc", "/dev", "/sys", "/tmp", "/var/tmp") {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if to, err := os.Readlink(name); err == nil {
			if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// bound are the host's directories that containers show, read-only.
func bound() []string {
	dirs := []string{"/usr", "/etc"}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if st, err := os.Lstat(name); err == nil && st.IsDir() {
			dirs = append(dirs, name)
		}
	}
	return dirs
}

// configure changes a runtime's example of a config.json: the program instead
// of a shell, as nobody, with the host's programs to see.
func (s *site) configure(text []byte, args []string) ([]byte, error) {
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	process, ok := config["process"].(map[string]any)
	linux, ok2 := config["linux"].(map[string]any)
	mounts, ok3 := config["mounts"].([]any)
	if !ok || !ok2 || !ok3 {
		return nil, fmt.Errorf("no process, no linux or no mounts")
	}
	// Limits, also those on devices, take a privilege that root lacks in some
	// virtual machines; runs are a little faster without.
	delete(linux, "resources")
	delete(process, "rlimits")
	process["terminal"] = false
	process["args"], process["env"], process["cwd"] = args, s.env, "/"
	process["user"] = map[string]any{"uid": nobody, "gid": nobody}
	for _, dir := range bound() {
		mounts = append(mounts, bind(dir, "ro"))
	}
	config["mounts"] = append(mounts, bind(s.dir, "ro"), bind(s.path("out"), "rw"))
	return json.MarshalIndent(config, "", "\t")
}

func bind(dir, mode string) map[string]any {
	return map[string]any{"destination": dir, "source": dir, "type": "bind", "options": []string{"rbind", mode}}
}

// endContainers removes what an interrupted run left. Without any there is
// nothing to list.
func (s *site) endContainers() {
	for _, runtime := range runtimes {
		entries, err := os.ReadDir(s.path("state", runtime))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "bench") {
				// It may have ended meanwhile, which is as good.
				_ = exec.Command(runtime, "--root", s.path("state", runtime), "delete", "--force", e.Name()).Run()
			}
		}
	}
}
