package sys

import (
	"structs"
	"sync"
	"syscall"
	"unsafe"
)

// kernelSigaction is the kernel's struct sigaction, on amd64 and arm64 alike.
type kernelSigaction struct {
	_        structs.HostLayout
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const noChildStop = 1 // SA_NOCLDSTOP

// QuietStops keeps the kernel from sending this process a SIGCHLD for each stop
// of a tracee, which wait4 reports anyway: the Go runtime has a handler for
// every signal, and running it costs nearly as much as the stop. SIGCHLD for the
// end of a child still comes; a program that hosts Belljar has none for children
// of its own that stop.
var QuietStops = sync.OnceFunc(func() {
	var act kernelSigaction
	if sigaction(syscall.SIGCHLD, nil, &act) != nil || act.handler <= 1 {
		return // SIG_DFL and SIG_IGN cost nothing
	}
	act.flags |= noChildStop
	_ = sigaction(syscall.SIGCHLD, &act, nil) // without it runs are slower, no more
})

func sigaction(sig syscall.Signal, act, old *kernelSigaction) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(act.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
