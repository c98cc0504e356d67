package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// runnerArg tells this program that it is the guest's second process.
const runnerArg = "vm-runner"

// guest is the guest's init: it makes the machine ready, starts the runner,
// reaps what others leave, and switches the machine off. What goes wrong is
// said on the console, which the host shows when the tests' output ends early.
func guest() {
	syscall.Umask(0o022) // the kernel starts init with 0
	err := prepare()
	if err == nil {
		err = reapUntilDone()
	}
	if err != nil {
		fmt.Println("vm: init:", err)
	}
	err = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("vm: power off:", err)
	os.Exit(1) // the kernel panics, which ends the guest, too
}

// prepare mounts what Linux programs expect.
func prepare() error {
	if err := leaveRootfs(); err != nil {
		return err
	}
	for _, m := range []struct {
		fs, at, data string
		flags        uintptr
	}{
		{"proc", "/proc", "", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"sysfs", "/sys", "", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"cgroup2", "/sys/fs/cgroup", "", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"devtmpfs", "/dev", "mode=755", syscall.MS_NOSUID},
		{"devpts", "/dev/pts", "mode=620,ptmxmode=666", syscall.MS_NOSUID | syscall.MS_NOEXEC},
		{"tmpfs", "/dev/shm", "mode=1777", syscall.MS_NOSUID | syscall.MS_NODEV},
		{"tmpfs", "/run", "mode=755", syscall.MS_NOSUID | syscall.MS_NODEV},
		{"tmpfs", "/tmp", "mode=1777", syscall.MS_NOSUID | syscall.MS_NODEV},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.fs, m.at, m.fs, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for name, target := range map[string]string{"/dev/fd": "fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"} {
		if err := os.Symlink("/proc/self/"+target, name); err != nil {
			return err
		}
	}
	if err := syscall.Sethostname([]byte("guest")); err != nil {
		return err
	}
	if out, err := exec.Command("/bin/busybox", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("loopback: %w: %s", err, out)
	}
	return nil
}

// leaveRootfs makes the initramfs a mount like any other: pivot_root(2)
// refuses the first one of all, in which init starts, and which anybody may
// write to.
func leaveRootfs() error {
	const at = "/mnt"
	return errors.Join(os.Chmod("/", 0o755), syscall.Mount("/", at, "", syscall.MS_BIND, ""), os.Chdir(at),
		syscall.Mount(".", "/", "", syscall.MS_MOVE, ""), syscall.Chroot("."), os.Chdir("/"))
}

func reapUntilDone() error {
	p, err := os.StartProcess("/init", []string{"/init", runnerArg}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case pid == p.Pid && status != 0:
			return fmt.Errorf("the runner ended with status %#x", status)
		case pid == p.Pid:
			return nil
		}
	}
}

// runner runs the plan's jobs in the guest.
func runner() {
	if err := runPlan(); err != nil {
		fmt.Println("vm: runner:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runPlan() error {
	text, err := os.ReadFile("/plan.json")
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	device := "/dev/" + p.Data
	if out, err := exec.Command("/bin/stty", "-F", device, "raw", "-echo").CombinedOutput(); err != nil {
		return fmt.Errorf("stty: %w: %s", err, out)
	}
	port, err := os.OpenFile(device, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	for user := range users {
		layers, err := doctor(user)
		if err != nil {
			return fmt.Errorf("doctor: %w", err)
		}
		if _, err := fmt.Fprintf(port, "\n%s layers %s %s\n", p.Token, user, layers); err != nil {
			return err
		}
	}
	for i, j := range p.Jobs {
		if _, err := fmt.Fprintf(port, "\n%s begin %d\n", p.Token, i); err != nil {
			return err
		}
		begin := time.Now()
		end := "exit status 0"
		if err := j.run(port); err != nil {
			end = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		if _, err := fmt.Fprintf(port, "\n%s end %d %d %s\n", p.Token, i, time.Since(begin).Milliseconds(), end); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(port, "\n%s done\n", p.Token)
	return errors.Join(err, port.Close())
}

// doctor returns what Belljar can enforce here for a user, as JSON in one line.
func doctor(user string) (string, error) {
	cmd := exec.Command("/belljar", "doctor", "--json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(users[user]), Gid: uint32(users[user])}}
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	var line bytes.Buffer
	err = json.Compact(&line, out)
	return line.String(), err
}

// run runs one package's tests to their end.
func (j *job) run(out io.Writer) error {
	uid := users[j.User]
	home := filepath.Join("/home", j.User)
	if err := errors.Join(os.MkdirAll(home, 0o755), os.Chown(home, uid, uid)); err != nil {
		return err
	}
	// The test ends itself at its timeout and says where it was. This is for
	// one that cannot even do that.
	ctx, cancel := context.WithTimeout(context.Background(), j.Timeout+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.Binary, j.Args...)
	cmd.Dir = filepath.Join("/src", j.Package)
	cmd.Env = []string{"PATH=/usr/bin:/usr/sbin:/bin:/sbin", "HOME=" + home, "TMPDIR=/tmp", "BELLJAR_TEST_PROGRAMS=/programs"}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	return cmd.Run()
}
