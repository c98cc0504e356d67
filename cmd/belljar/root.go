package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/belljar/belljar/unshare"
)

// buildRoot makes the private root of --root, --bind and --tmpfs.
func buildRoot(dir string, mounts []mountFlag) (*unshare.Root, error) {
	root := unshare.DefaultRoot()
	if dir != "" {
		abs, err := existingDir(dir)
		if err != nil {
			return nil, fmt.Errorf("--root %s: %w", quote(dir), err)
		}
		root = unshare.DirRoot(abs, false)
	}
	parse := map[string]func(string) (unshare.Mount, error){"bind": unshare.ParseBind, "tmpfs": unshare.ParseTmpfs}
	for _, m := range mounts {
		mount, err := parse[m.kind](m.spec)
		if err != nil {
			return nil, fmt.Errorf("--%s %s: %w", m.kind, quote(m.spec), err)
		}
		if mount.Kind == unshare.Bind {
			if _, err := os.Stat(mount.Source); err != nil {
				return nil, fmt.Errorf("--%s %s: %w", m.kind, quote(m.spec), cause(err))
			}
		}
		root = root.With(mount)
	}
	return &root, nil
}

func existingDir(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", cause(err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("not a directory")
	}
	return filepath.Abs(dir)
}
