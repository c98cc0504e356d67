package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/seccomp/process"
	"github.com/belljar/belljar/syscalls"
)

// compileTime is the median time in which judge is compiled.
func compileTime() (target, error) {
	var times []float64
	for range 300 {
		start := time.Now()
		if _, err := seccomp.Compile(policy.Judge(), seccomp.Options{Table: syscalls.AMD64}); err != nil {
			return target{}, err
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	return target{what: "judge: time to compile", atMost: 1, measured: median(times), unit: " ms"}, nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// roles are processes that make a call which is always allowed, under various
// filters. What the shortest filter costs is the kernel's way to any filter.
var roles = map[string]func() error{
	"native":   func() error { return nil },
	"shortest": func() error { return process.Load(bpf.Program{{Op: bpf.RET | bpf.K, K: bpf.Allow}}) },
	"judge":    func() error { return process.Confine(policy.Judge()) },
}

// caller takes on a role. For each byte of its input it makes calls and prints
// what one took in nanoseconds.
func caller(role string) error {
	confine := roles[role]
	if confine == nil {
		return fmt.Errorf("%q: no such role", role)
	}
	if err := confine(); err != nil {
		return err
	}
	const calls = 20_000
	for turn := make([]byte, 1); ; {
		if n, _ := os.Stdin.Read(turn); n == 0 {
			return nil
		}
		start := time.Now()
		for range calls {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
		if _, err := fmt.Println(float64(time.Since(start).Nanoseconds()) / calls); err != nil {
			return err
		}
	}
}

// overhead compares getppid(2) in judge's filter with getppid without a filter.
// The processes take turns, so that what disturbs one disturbs all, and the
// medians of many turns are compared.
func overhead() (t target, err error) {
	times := map[string][]float64{}
	turns := map[string]func() (float64, error){}
	for role := range roles {
		turn, end, err := startCaller(role)
		if err != nil {
			return t, err
		}
		defer func() { err = errors.Join(err, end()) }()
		turns[role] = turn
	}
	for range 200 {
		for role, turn := range turns {
			ns, err := turn()
			if err != nil {
				return t, fmt.Errorf("%s: %w", role, err)
			}
			times[role] = append(times[role], ns)
		}
	}
	native, shortest, judge := median(times["native"]), median(times["shortest"]), median(times["judge"])
	return target{what: "judge: getppid, filtered / native", atMost: 1.15, measured: judge / native,
		circumstance: fmt.Sprintf(" (%.0f ns / %.0f ns; the shortest filter that there is: %.0f ns)", judge, native, shortest)}, nil
}

// startCaller starts a process in a role. It returns what gives it a turn and
// what ends it.
func startCaller(role string) (turn func() (float64, error), end func() error, err error) {
	cmd := exec.Command("/proc/self/exe", role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	lines := bufio.NewScanner(out)
	turn = func() (float64, error) {
		if _, err := in.Write([]byte{0}); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, errors.New("it ended too early")
		}
		return strconv.ParseFloat(lines.Text(), 64)
	}
	return turn, func() error { return errors.Join(in.Close(), cmd.Wait()) }, nil
}
