package launch

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Lifeline lets a launched process die with this one. PR_SET_PDEATHSIG alone
// would miss a parent that died before it was set, so the process then asks a
// pidfd whether the parent is still there; getppid cannot tell, because it is
// 0 for a parent outside the PID namespace.
type Lifeline struct{ pidfd int }

var self = sync.OnceValues(func() (*Lifeline, error) {
	fd, _, errno := syscall.Syscall(sys.SysPidfdOpen, uintptr(os.Getpid()), 0, 0)
	if errno != 0 {
		return nil, fmt.Errorf("pidfd_open: %w", errno)
	}
	return &Lifeline{int(fd)}, nil
})

// Self returns this process's lifeline, which stays open as long as it lives.
func Self() (*Lifeline, error) { return self() }

// Steps make the process that takes them die with this one.
func (l *Lifeline) Steps() []Step {
	pollfd := binary.NativeEndian.AppendUint32(nil, uint32(l.pidfd))
	pollfd = binary.NativeEndian.AppendUint32(pollfd, sys.PollIn)
	now := make([]byte, 16) // a zero timespec
	alive := uintptr(0)
	return []Step{
		{Name: "prctl(PR_SET_PDEATHSIG)", Nr: syscall.SYS_PRCTL,
			Args: []Arg{Named(sys.PrSetPdeathsig, "PR_SET_PDEATHSIG"), Named(uintptr(syscall.SIGKILL), "SIGKILL"), Int(0), Int(0), Int(0)}},
		{Name: "ppoll", Nr: sys.SysPpoll, Must: &alive,
			Args: []Arg{Memory(pollfd, "pidfd of Belljar"), Int(1), Memory(now, "{0, 0}"), Null(), Int(8)}},
	}
}
