package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// machine is a guest before it is started.
type machine struct {
	arch       arch
	kernel     string
	image      string
	accel      string
	memory     int // MiB
	processors int
	// steady makes time in the guest the number of instructions that it
	// executed, one in a nanosecond; what it sleeps takes no time at all. So a
	// limit of a second means the same however busy this machine is. Emulation
	// takes twice as long.
	steady  bool
	console string // a file for what the kernel says
	timeout time.Duration
}

// args are QEMU's. The guest has two serial ports and nothing else: one for
// the kernel, whose messages would otherwise fall into the middle of lines, and
// one for the output of tests.
func (m *machine) args() []string {
	clock := []string{}
	if m.steady {
		clock = []string{"-icount", "shift=0,sleep=off"}
	}
	return slices.Concat([]string{
		"-accel", m.accel, "-m", strconv.Itoa(m.memory), "-smp", strconv.Itoa(m.processors),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", m.kernel, "-initrd", m.image,
		// After a panic the guest restarts at once, which -no-reboot makes its end.
		// What guards a processor against its own speculation makes emulation slow.
		"-append", "console=" + m.arch.console + " panic=-1 quiet mitigations=off",
		"-serial", "file:" + m.console,
		"-chardev", "stdio,id=data,signal=off", "-device", "pci-serial,chardev=data",
	}, m.arch.machine, clock)
}

// run starts the guest and gives each line that it writes to a reader, until
// it switches itself off. The error says why it did not come to that.
func (m *machine) run(ctx context.Context, r *report) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.timeout, fmt.Errorf("the guest was ended after %v", m.timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, m.arch.qemu, m.args()...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	errs := &tail{}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		return err
	}
	in := bufio.NewReader(out)
	for {
		line, rerr := in.ReadString('\n')
		r.line(line)
		if rerr != nil {
			if !errors.Is(rerr, io.EOF) {
				err = rerr
			}
			break
		}
	}
	if werr := cmd.Wait(); werr != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w: %s", m.arch.qemu, werr, errs.text))
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil && !r.done {
		err = errors.New("the guest switched itself off before its tests were done")
	}
	return err
}

// tail keeps the last of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if more := len(t.text) - 4000; more > 0 {
		t.text = t.text[more:]
	}
	return len(p), nil
}
