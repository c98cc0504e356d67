package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/belljar/belljar/bench/internal/measure"
)

// patience is for one sample, most of which take a fraction of a second. Each
// one that lasts longer costs its cell only, not the benchmark.
const patience = 20 * time.Second

// sample runs a cell's command and reads the number on its last line.
func (s *site) sample(ctx context.Context, c measure.Cell) (float64, error) {
	args, err := s.expand(c.Command)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = s.env, s.path("out")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own ends as a whole. The thread that starts it is main's,
	// which lives as long as this process does, and whose end is everybody's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	endOrphans()
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.endContainers()
			return 0, fmt.Errorf("not done in %v", patience)
		}
		return 0, fmt.Errorf("%w: %s", err, lastLines(stderr.String(), 2))
	}
	v, err := strconv.ParseFloat(lastLines(stdout.String(), 1), 64)
	if err != nil {
		return 0, fmt.Errorf("printed no number: %q", lastLines(stdout.String(), 1))
	}
	return v, nil
}

// endOrphans kills what a sample left: not every peer's programs end with it.
func endOrphans() {
	for {
		left := children()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			// Their own children become this process's then, and end in the next turn.
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, 0, nil) // nor does it matter how it ended
		}
	}
}

func children() []int {
	var pids []int
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is good
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread is gone, and its children are another's
		}
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// lastLines are the last n lines, as one.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(strings.Join(lines[max(0, len(lines)-n):], "; "))
}
