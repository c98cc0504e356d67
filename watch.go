package belljar

import (
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/belljar/belljar/supervise"
)

// How often a watcher looks at most and at least.
const (
	pollMin = time.Millisecond
	pollMax = 20 * time.Millisecond
	// fillRate is how many bytes per second a CPU can touch for the first
	// time at most; it says how soon a memory limit could be hit.
	fillRate = 4 << 30
)

// watch ends the run when a limit that the kernel does not keep is reached,
// until stop is called, which returns when nobody looks any more. It looks again
// when the next limit could first be hit. At the start nothing is used up, so it
// comes first where it would come at the earliest after a look: many programs
// have ended by then.
func (s *session) watch() (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	first := pollMin
	if wall := s.opts.Limits.Wall; wall > 0 {
		first = min(first, wall)
	}
	timer = time.AfterFunc(first, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer.Reset(min(s.checkTime(), s.checkMemory(), s.sample()))
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
}

// sample tells a watcher that wants to know what the run has used so far.
func (s *session) sample() time.Duration {
	g, ok := s.opts.Watch.(supervise.Gauge)
	if !ok {
		return time.Hour
	}
	u := s.tracer.Usage()
	resident, err := s.tracer.Resident(math.MaxInt64)
	if err != nil {
		resident = 0 // as for a run that has ended
	}
	g.Used(supervise.Usage{CPU: u.CPU, Memory: resident, Output: s.files.written(), Tasks: u.Tasks})
	return pollMax
}

// checkTime ends the run on its time limits and returns when to look again.
func (s *session) checkTime() time.Duration {
	next := time.Hour
	begin := s.begin()
	if wall := s.opts.Limits.Wall; wall > 0 {
		left := wall
		if !begin.IsZero() {
			left -= time.Since(begin)
		}
		if left <= 0 {
			s.end("wall")
			return time.Hour
		}
		next = left
	}
	if cpu := s.opts.Limits.CPU; cpu > 0 {
		left := cpu - s.tracer.Usage().CPU
		if left <= 0 {
			s.end("cpu")
			return time.Hour
		}
		next = min(next, max(pollMin, left/time.Duration(runtime.NumCPU())))
	}
	return next
}

// checkMemory ends the run on its memory limit and notes the sum over all
// processes, which no single process's peak tells.
func (s *session) checkMemory() time.Duration {
	limit := s.opts.Limits.Memory
	if s.keepsMemory() {
		if next := s.checkGroup(); next > pollMax {
			return next
		}
		limit = 0 // the kernel keeps it
	}
	if s.group != nil && s.group.HasPeak() {
		return pollMax
	}
	u := s.tracer.Usage()
	if limit <= 0 && u.Tasks <= 1 {
		return pollMax
	}
	above := max(u.Peak, limit)
	if limit > 0 {
		above = min(max(u.Peak, 1), limit)
	}
	resident, err := s.tracer.Resident(above)
	if err != nil && limit > 0 {
		s.fail(&SetupError{Step: "measure memory", Err: err})
		return time.Hour
	}
	s.tracer.Peak(resident)
	if limit <= 0 {
		return pollMax
	}
	if resident > limit || u.Peak > limit {
		s.end("memory")
		return time.Hour
	}
	soon := time.Duration(float64(limit-resident) / fillRate / float64(runtime.NumCPU()) * float64(time.Second))
	return min(pollMax, max(pollMin, soon))
}
