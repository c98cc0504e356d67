package ptrace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
)

// Usage returns what the run has used so far, living processes included.
// Any goroutine may call it.
func (t *Tracer) Usage() Usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.usage
	for pid, p := range t.procs {
		cpu, err := sys.ProcessCPU(pid)
		if err != nil {
			cpu = p.cpu // it has just ended
		}
		u.CPU += max(cpu, p.cpu)
	}
	return u
}

// Resident returns the bytes that all living processes have in memory now. If
// there are several, pages that they share are counted once, which costs more
// to find out; that is done only where the plain sum exceeds above. An error
// means that memory cannot be measured, not that a process has ended.
func (t *Tracer) Resident(above int64) (int64, error) {
	t.mu.Lock()
	pids := make([]int, 0, len(t.procs))
	for pid, p := range t.procs {
		if !p.borrowed {
			pids = append(pids, pid)
		}
	}
	t.mu.Unlock()
	sum, err := sumOf(pids, residentSize)
	if err == nil && len(pids) > 1 && sum > above {
		return sumOf(pids, proportionalSize)
	}
	return sum, err
}

// sumOf adds a measure of all processes; one that has ended meanwhile is 0.
func sumOf(pids []int, measure func(pid int) (int64, error)) (int64, error) {
	var sum int64
	for _, pid := range pids {
		n, err := measure(pid)
		switch {
		case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, errNoField):
		case err != nil:
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Sample notes the peaks of the processes that are alive, before they are
// killed: a task that is killed at the wrong moment does not stop on its way
// out.
func (t *Tracer) Sample() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for pid, p := range t.procs {
		if p.borrowed {
			continue
		}
		if hwm, err := peakMemory(pid); err == nil {
			t.usage.Peak = max(t.usage.Peak, hwm)
		}
	}
}

// Peak notes a sum of memory that was measured while the program ran.
func (t *Tracer) Peak(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.usage.Peak = max(t.usage.Peak, bytes)
}

var errNoField = errors.New("no such field")

// field returns the number of KiB behind "name:" in a file of /proc, as bytes.
func field(file, name string) (int64, error) {
	b, err := proc.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(b, []byte("\n"+name+":"))
	if !ok {
		return 0, errNoField // a kernel thread or a process without memory
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(line), []byte(" kB"))), 10, 64)
	return n << 10, err
}

func peakMemory(tid int) (int64, error) { return field(fmt.Sprintf("/proc/%d/status", tid), "VmHWM") }

// residentSize is VmRSS, from a file that says little else.
func residentSize(pid int) (int64, error) {
	b, err := proc.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	m, err := proc.ParseStatm(b)
	return int64(m.Resident) * int64(pageSize), err
}

var pageSize = os.Getpagesize()

func proportionalSize(pid int) (int64, error) {
	return field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss")
}
