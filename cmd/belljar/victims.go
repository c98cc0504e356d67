package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// victimCommand is the hidden command as which the demo starts this program
// again: "belljar demo-victim NAME".
const victimCommand = "demo-victim"

// playVictim acts one part of the demo and returns its exit status. A victim
// that its sandbox should have stopped returns 0, which the demo does not
// expect.
func playVictim(args []string) int {
	if len(args) == 1 {
		for _, v := range victims {
			if v.name == args[0] {
				return v.play()
			}
		}
	}
	fmt.Fprintln(os.Stderr, "belljar: demo-victim is for belljar demo")
	return statusFailed
}

// compute is an honest program: it sums the primes below 200,000.
func compute() int {
	const n = 200_000
	composite := make([]bool, n)
	sum := 0
	for i := 2; i < n; i++ {
		if composite[i] {
			continue
		}
		sum += i
		for j := i * i; j < n; j += i {
			composite[j] = true
		}
	}
	fmt.Println(sum)
	return 0
}

func failHonestly() int { return 3 }

// steal reads the passwords of the host.
func steal() int {
	secret, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return 1
	}
	os.Stdout.Write(secret)
	return 0
}

func spin() int {
	for i := 0; ; i++ {
		if i < 0 {
			return 0
		}
	}
}

// resist ignores every signal that it can, in several threads.
func resist() int {
	signal.Ignore()
	for range 3 {
		go spin()
	}
	return spin()
}

func sleepLong() int {
	time.Sleep(time.Minute)
	return 0
}

// eat takes memory until somebody stops it, at most 2 GiB. It touches each
// page, for only what is touched counts.
func eat() int {
	const chunk = 4 << 20
	var eaten [][]byte
	for range 2 << 30 / chunk {
		b := make([]byte, chunk)
		for i := 0; i < chunk; i += 4096 {
			b[i] = 1
		}
		eaten = append(eaten, b)
		// A supervisor that polls shall see it grow.
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(eaten)
	return 0
}

// flood writes at most 1 GiB to standard output.
func flood() int {
	line := []byte(strings.Repeat("x", 1<<16-1) + "\n")
	for range 1 << 30 / len(line) {
		if _, err := os.Stdout.Write(line); err != nil {
			return 1
		}
	}
	return 0
}

// multiply forks until it is told that there is no more, and at most 200
// times, in case nobody tells it.
func multiply() int {
	for i := range 200 {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == syscall.EAGAIN {
			fmt.Printf("no more than %d children\n", i)
			return 1
		}
		if errno != 0 {
			return 2
		}
		if pid == 0 {
			// One thread of a Go process is left here, without its
			// scheduler: only raw system calls work.
			for {
				syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
	}
	return 0
}

// phone opens a socket, as a program would that sends the answers home.
func phone() int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 1
	}
	syscall.Close(fd)
	return 0
}

// remount hides the host's programs.
func remount() int {
	if err := syscall.Mount("none", "/usr", "tmpfs", 0, ""); err != nil {
		return 1
	}
	return 0
}

// crash dies of SIGABRT, as a program does that calls abort. Go ends so only
// when told to; otherwise a crash is a message and status 2.
func crash() int {
	debug.SetTraceback("crash")
	var nowhere *int
	return *nowhere
}

// suicide dies of the signal that a time limit would have used as well.
func suicide() int {
	syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	return 0
}
