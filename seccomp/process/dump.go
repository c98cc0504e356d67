package process

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/seccomp/bpf"
)

// Filters returns the filters of a thread of another process, the one that was
// installed last first; a process's first thread has its number. The thread is
// stopped for a moment. It needs root in the first user namespace (CAP_SYS_ADMIN)
// and that the calling thread has no filter itself.
func Filters(tid int) ([]bpf.Program, error) {
	type answer struct {
		filters []bpf.Program
		err     error
	}
	done := make(chan answer)
	go func() {
		// Only the thread that seized a tracee may ask about it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		filters, err := filters(tid)
		done <- answer{filters, err}
	}()
	a := <-done
	return a.filters, a.err
}

func filters(tid int) (all []bpf.Program, err error) {
	if err := sys.Seize(tid, 0); err != nil {
		return nil, fmt.Errorf("attach to %d: %w", tid, err)
	}
	if err := stop(tid); err != nil {
		return nil, fmt.Errorf("stop %d: %w", tid, err)
	}
	defer func() {
		if gone := sys.Detach(tid); gone != nil && !errors.Is(gone, syscall.ESRCH) && err == nil {
			err = fmt.Errorf("detach from %d: %w", tid, gone)
		}
	}()
	for i := 0; ; i++ {
		code, err := sys.ReadFilter(tid, i)
		switch {
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EINVAL) && i == 0:
			return all, nil // EINVAL: it has no filters at all
		case errors.Is(err, syscall.EACCES):
			return nil, fmt.Errorf("read filters of %d: %w (it needs CAP_SYS_ADMIN and no filter on this process)", tid, err)
		case err != nil:
			return nil, fmt.Errorf("read filter %d of %d: %w", i, tid, err)
		}
		p, err := bpf.ReadRaw(code)
		if err != nil {
			return nil, fmt.Errorf("read filter %d of %d: %w", i, tid, err)
		}
		all = append(all, p)
	}
}

// stop interrupts a seized thread and waits until it stands still. A signal that
// comes first is delivered when it goes on.
func stop(tid int) error {
	if err := sys.InterruptTracee(tid); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(tid, &status, syscall.WALL, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case status.Exited() || status.Signaled():
			return syscall.ESRCH
		case status.Stopped() && int(status)>>16 == sys.EventStop:
			return nil
		case status.Stopped():
			if err := sys.Cont(tid, status.StopSignal()); err != nil {
				return err
			}
		}
	}
}
