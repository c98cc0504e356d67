package timed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory is what a process and its children hold, in bytes: its own memory, and
// what the children share with nobody or their part of what they share.
func Memory() (own, children int64, err error) {
	debug.FreeOSMemory()
	self := strconv.Itoa(os.Getpid())
	if own, err = rollup(self); err != nil {
		return 0, 0, err
	}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, 0, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread is gone, and its children are another's
		}
		for _, pid := range strings.Fields(string(text)) {
			n, err := apart(pid)
			if err != nil {
				return 0, 0, err
			}
			children += n
		}
	}
	return own, children, nil
}

// apart is a child's memory, 0 if it is this process's own or the child has ended since it
// was listed.
func apart(pid string) (n int64, err error) {
	shared, err := sharesMemory(pid)
	if err == nil && !shared {
		n, err = rollup(pid)
	}
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	return n, err
}

// sharesMemory says whether a process has the same address space as this one, as
// a launch has that waits for its program: its memory is counted already.
func sharesMemory(pid string) (bool, error) {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return false, err
	}
	const kcmpVM = 1 // KCMP_VM
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(n), kcmpVM, 0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("kcmp: %w", errno)
	}
	return r == 0, nil
}

// rollup is a process's Pss: memory that others map, too, counts in part.
func rollup(pid string) (int64, error) {
	text, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%s/smaps_rollup has no Pss", pid)
}
