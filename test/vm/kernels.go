package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// release is a kernel by the name that users give it, and the Debian suite
// that has it. Debian's newest kernel of a suite is taken.
type release struct{ name, suite string }

// kernels are ordered by age: 5.10 is the oldest that Belljar supports.
var kernels = []release{
	{"5.10", "bullseye"},
	{"6.1", "bookworm"},
	{"6.12", "trixie"},
	{"latest", "sid"},
}

// matrix is what -all runs, and the columns of the table.
var matrix = []struct{ kernel, arch string }{
	{"5.10", "amd64"}, {"6.1", "amd64"}, {"6.12", "amd64"}, {"latest", "amd64"},
	{"5.10", "arm64"}, {"6.1", "arm64"}, {"latest", "arm64"},
}

func kernelNames() []string {
	var names []string
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return names
}

func findKernel(name string) (release, error) {
	for _, k := range kernels {
		if k.name == name {
			return k, nil
		}
	}
	return release{}, fmt.Errorf("no kernel %q: %s", name, strings.Join(kernelNames(), ", "))
}

// arch is an architecture of guests. Its name is Go's and Debian's.
type arch struct {
	name    string
	qemu    string
	machine []string // QEMU's arguments for it
	console string   // the serial port of the kernel's messages
	data    string   // the serial port of the tests' output: a second one, on PCI
	lib64   bool     // the loader is in /lib64
	tools   []string
}

var archs = map[string]arch{
	// QEMU 7.2 sets the flags wrong after cmpxchg16b: Linux 6.12, whose allocator
	// uses it where there is one, panicked now and then.
	"amd64": {name: "amd64", qemu: "qemu-system-x86_64", machine: []string{"-machine", "pc", "-cpu", "max,cx16=off"},
		console: "ttyS0", data: "ttyS1", lib64: true, tools: []string{"qemu-system-x86_64", "gcc", "g++"}},
	// Pointer authentication by the real algorithm is what makes QEMU's max slow.
	"arm64": {name: "arm64", qemu: "qemu-system-aarch64", machine: []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on"},
		console: "ttyAMA0", data: "ttyS0", tools: []string{"qemu-system-aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"}},
}

// checkTools finds what test/install-tools installs.
func (a arch) checkTools() error {
	for _, tool := range append([]string{"apt-get", "apt-cache", "dpkg-deb"}, a.tools...) {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w; as root on Debian, test/install-tools vm-%s installs what is missing", err, a.name)
		}
	}
	return nil
}
