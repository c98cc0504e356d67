package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const mirror = "http://deb.debian.org/debian"

// keyring is part of every Debian. Its keys sign the older suites, too.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt asks Debian for packages of one suite and architecture. It has
// directories of its own, so that the machine's lists and packages stay as they
// are; nothing is installed. It needs no root.
type apt struct {
	dir   string
	suite string
	arch  string
}

func newApt(cache, suite, arch string) (*apt, error) {
	a := &apt{dir: filepath.Join(cache, "apt", suite+"-"+arch), suite: suite, arch: arch}
	for _, sub := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, suite)
	return a, errors.Join(
		os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(source), 0o644),
		os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644)) // no package is installed
}

// command runs one of apt's programs and returns its output.
func (a *apt) command(ctx context.Context, name string, args ...string) ([]byte, error) {
	options := []string{
		"APT::Architecture=" + a.arch, "APT::Architectures::=" + a.arch, // Root downloads as root: apt's own user cannot write to a cache in
		// root's home.
		"APT::Sandbox::User=root",
		"Dir::Etc::SourceList=" + a.dir + "/sources.list", "Dir::Etc::SourceParts=/dev/null", "Dir::Etc::Preferences=/dev/null", "Dir::Etc::PreferencesParts=/dev/null",
		"Dir::State=" + a.dir, "Dir::State::Lists=" + a.dir + "/lists", "Dir::State::status=" + a.dir + "/status",
		"Dir::Cache=" + a.dir, "Dir::Cache::archives=" + a.dir + "/archives",
		"Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "Acquire::Retries=3", "Acquire::http::Timeout=30",
	}
	for _, o := range options {
		args = append([]string{"-o", o}, args...)
	}
	cmd := exec.CommandContext(ctx, name, append([]string{"-q"}, args...)...)
	cmd.Dir = filepath.Join(a.dir, "archives")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, args[len(args)-1], err, errs.Bytes())
	}
	return out.Bytes(), nil
}

func (a *apt) update(ctx context.Context) error {
	_, err := a.command(ctx, "apt-get", "update")
	return err
}

// depends returns the packages that a package depends on.
func (a *apt) depends(ctx context.Context, name string) ([]string, error) {
	out, err := a.command(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		if list, ok := strings.CutPrefix(line, "Depends: "); ok {
			var names []string
			for _, d := range strings.Split(list, ",") {
				names = append(names, strings.Fields(d)[0])
			}
			return names, nil
		}
	}
	return nil, nil
}

// download fetches one package and returns its file.
func (a *apt) download(ctx context.Context, name string) (string, error) {
	if _, err := a.command(ctx, "apt-get", "download", name); err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "archives", name+"_*.deb"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("apt-get download %s left no file: %w", name, err)
	}
	return files[len(files)-1], nil
}

// downloadAll fetches packages with all that they depend on.
func (a *apt) downloadAll(ctx context.Context, names []string) ([]string, error) {
	args := append([]string{"install", "--download-only", "--yes", "--no-install-recommends"}, names...)
	if _, err := a.command(ctx, "apt-get", args...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(a.dir, "archives", "*.deb"))
}

// clean removes the lists and packages: what was needed of them is kept in
// another form.
func (a *apt) clean() error { return os.RemoveAll(a.dir) }
