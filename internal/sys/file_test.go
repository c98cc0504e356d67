package sys_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// TestOpenLeased proves that an opening which is not to wait for the owner of a
// lease does not.
func TestOpenLeased(t *testing.T) {
	name := filepath.Join(t.TempDir(), "leased")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const setSignal, setLease = 10, 1024 // F_SETSIG, F_SETLEASE
	for _, call := range [][2]uintptr{{setSignal, uintptr(syscall.SIGURG)}, {setLease, syscall.F_WRLCK}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), call[0], call[1]); errno != 0 {
			t.Fatal(errno)
		}
	}
	fd, errno := sys.OpenFile2(sys.AT_FDCWD, name, sys.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errno != syscall.EAGAIN {
		t.Errorf("opened %d: %v, want EAGAIN", fd, errno)
		sys.CloseFile(fd)
	}
}
