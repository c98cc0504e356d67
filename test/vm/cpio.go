package main

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"syscall"
)

// cpio writes an archive in the format of an initramfs: "newc", as described
// in Documentation/driver-api/early-userspace/buffer-format.rst. Every file is
// root's. The first error is kept and ends all that follows.
type cpio struct {
	w     io.Writer
	inode uint32
	size  int64
	made  map[string]bool   // directories
	files map[string][]byte // contents of files, for hard links
	modes map[string]uint32
	err   error
}

func newCPIO(w io.Writer) *cpio {
	return &cpio{w: w, made: map[string]bool{}, files: map[string][]byte{}, modes: map[string]uint32{}}
}

// directory adds a directory, or changes the mode of one that was added.
func (c *cpio) directory(name string, mode uint32) {
	c.parents(name)
	c.made[name] = true
	c.entry(name, syscall.S_IFDIR|mode, nil, 0, 0)
}

// parents adds the directories above a name: the kernel makes none itself.
func (c *cpio) parents(name string) {
	if dir := path.Dir(name); dir != "." && !c.made[dir] {
		c.directory(dir, 0o755)
	}
}

func (c *cpio) file(name string, mode uint32, data []byte) {
	c.parents(name)
	c.files[name], c.modes[name] = data, mode
	c.entry(name, syscall.S_IFREG|mode, data, 0, 0)
}

func (c *cpio) symlink(name, target string) {
	c.parents(name)
	c.entry(name, syscall.S_IFLNK|0o777, []byte(target), 0, 0)
}

// hardlink adds a copy: nothing in the guest cares about link counts of
// installed programs.
func (c *cpio) hardlink(name, of string) {
	data, ok := c.files[of]
	if !ok && c.err == nil {
		c.err = fmt.Errorf("%s is a link to %s, which was not added", name, of)
	}
	c.file(name, c.modes[of], data)
}

func (c *cpio) device(name string, mode, major, minor uint32) {
	c.parents(name)
	c.entry(name, syscall.S_IFCHR|mode, nil, major, minor)
}

func (c *cpio) entry(name string, mode uint32, data []byte, major, minor uint32) {
	c.inode++
	var b bytes.Buffer
	b.WriteString("070701")
	for _, field := range []uint32{c.inode, mode, 0, 0, 1, 0, uint32(len(data)), 0, 0, major, minor, uint32(len(name)) + 1, 0} {
		fmt.Fprintf(&b, "%08x", field)
	}
	b.WriteString(name)
	b.WriteByte(0)
	c.write(b.Bytes())
	c.write(data)
}

// write writes a part and pads it to four bytes.
func (c *cpio) write(part []byte) {
	for _, p := range [][]byte{part, make([]byte, (4-len(part)%4)%4)} {
		if c.err == nil {
			_, c.err = c.w.Write(p)
			c.size += int64(len(p))
		}
	}
}

// close ends the archive. Another may follow: its start is padded, too.
func (c *cpio) close() error {
	c.entry("TRAILER!!!", 0, nil, 0, 0)
	if rest := c.size % 512; rest != 0 && c.err == nil {
		_, c.err = c.w.Write(make([]byte, 512-rest))
	}
	c.files = nil
	return c.err
}
