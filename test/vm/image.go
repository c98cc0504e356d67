package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// merged are the directories that Debian has in /usr, with a link at the old
// place. Packages of older releases still name the old place.
var merged = []string{"bin", "sbin", "lib", "lib64"}

// etc are the files that Debian's installation scripts would have made.
var etc = map[string]string{
	"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"etc/group":         "root:x:0:\nnogroup:x:65534:\n",
	"etc/hosts":         "127.0.0.1 localhost\n::1 localhost\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	"etc/hostname":      "guest\n",
}

// directories are those that no package has, with their modes.
var directories = map[string]uint32{"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777, "run": 0o755, "proc": 0o555, "sys": 0o555,
	"dev": 0o755, "home": 0o755, "mnt": 0o755}

// writeUserland writes the files of packages as an initramfs.
func writeUserland(ctx context.Context, w io.Writer, a arch, debs []string) error {
	c := newCPIO(w)
	for _, name := range merged {
		if name != "lib64" || a.lib64 {
			c.directory("usr/"+name, 0o755)
			c.symlink(name, "usr/"+name)
		}
	}
	for name, mode := range directories {
		c.directory(name, mode)
	}
	for name, text := range etc {
		c.file(name, 0o644, []byte(text))
	}
	for _, deb := range debs {
		if err := eachMember(ctx, deb, c.member); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(deb), err)
		}
	}
	c.symlink("usr/bin/sh", "dash")
	c.symlink("usr/bin/awk", "mawk")
	// The console is where the kernel opens init's standard streams.
	c.device("dev/console", 0o600, 5, 1)
	return c.close()
}

// member adds a file of a package.
func (c *cpio) member(h *tar.Header, r io.Reader) error {
	name := guestPath(h.Name)
	whole := "/" + name
	if h.Typeflag == tar.TypeDir {
		whole += "/"
	}
	if name == "." || slices.ContainsFunc(needless, func(dir string) bool { return strings.Contains(whole, dir) }) {
		return nil
	}
	mode := uint32(h.Mode) & 0o7777
	switch h.Typeflag {
	case tar.TypeDir:
		if !slices.Contains(merged, name) {
			c.directory(name, mode)
		}
	case tar.TypeSymlink:
		c.symlink(name, h.Linkname)
	case tar.TypeLink:
		c.hardlink(name, guestPath(h.Linkname))
	case tar.TypeReg:
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		c.file(name, mode, data)
	}
	return c.err
}

// guestPath is a package's name for a file as it is in the guest.
func guestPath(name string) string {
	name = path.Clean(name)
	if top, rest, ok := strings.Cut(name, "/"); ok && slices.Contains(merged, top) {
		return "usr/" + top + "/" + rest
	}
	return name
}

// makeImage compiles what the guest runs and puts it behind the userland: the
// kernel unpacks archives in a row.
func makeImage(ctx context.Context, o *options, a arch, cache, base, dir string) (*plan, string, error) {
	p, err := makePlan(ctx, o, a, dir)
	if err != nil {
		return nil, "", err
	}
	programs, err := victims(ctx, cache, a)
	if err != nil {
		return nil, "", err
	}
	image := filepath.Join(dir, "initramfs")
	return p, image, writeFile(image, func(w io.Writer) error {
		from, err := os.Open(base)
		if err != nil {
			return err
		}
		defer from.Close()
		if _, err := io.Copy(w, from); err != nil {
			return err
		}
		c := newCPIO(w)
		c.tree(filepath.Join(dir, "guest"), "")
		c.tree(programs, "programs")
		return c.close()
	})
}

// tree adds all files below a directory at a place in the guest, as root's.
func (c *cpio) tree(dir, at string) {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		rel, rerr := filepath.Rel(dir, name)
		if err != nil || rerr != nil || rel == "." {
			return errors.Join(err, rerr)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel = filepath.Join(at, rel)
		mode := uint32(info.Mode().Perm())
		switch {
		case d.IsDir():
			c.directory(rel, mode)
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			c.file(rel, mode, data)
		default:
			return fmt.Errorf("%s is neither a file nor a directory", name)
		}
		return c.err
	})
	if c.err == nil {
		c.err = err
	}
}
