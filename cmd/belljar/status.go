package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/belljar/belljar"
)

// Exit statuses that are not the program's own. Scripts rely on them.
const (
	statusMemory        = 121
	statusOutput        = 122
	statusViolation     = 123
	statusTime          = 124
	statusFailed        = 125 // Belljar itself: bad flags, bad policy, the host
	statusNotExecutable = 126
	statusNotFound      = 127
	statusSignal        = 128 // plus the signal's number
)

// limitStatus holds the verdicts whose status does not depend on the program.
var limitStatus = map[belljar.Verdict]int{
	belljar.MemoryLimit: statusMemory,
	belljar.OutputLimit: statusOutput,
	belljar.Violation:   statusViolation,
	belljar.TimeLimit:   statusTime,
}

func resultStatus(r *belljar.Result) int {
	if s, ok := limitStatus[r.Verdict]; ok {
		return s
	}
	if r.Verdict == belljar.Signaled {
		return statusSignal + int(r.Signal)
	}
	return r.ExitCode
}

// execStatus says which errors of execve mean that the program is not there,
// and which that it is no program; both are what a shell would exit with.
var execStatus = map[syscall.Errno]int{
	syscall.ENOENT:  statusNotFound,
	syscall.ENOTDIR: statusNotFound,
	syscall.EACCES:  statusNotExecutable,
	syscall.EPERM:   statusNotExecutable,
	syscall.ENOEXEC: statusNotExecutable,
	syscall.EISDIR:  statusNotExecutable,
	syscall.ELIBBAD: statusNotExecutable,
}

// runFailure turns an error of belljar.Run into a status and a line that says
// what to do next.
func runFailure(err error, program string, private bool) (int, error) {
	setup, ok := errors.AsType[*belljar.SetupError](err)
	if !ok || setup.Step != "execve" {
		return statusFailed, err
	}
	errno, _ := errors.AsType[syscall.Errno](setup.Err)
	status, ok := execStatus[errno]
	if !ok {
		return statusFailed, err
	}
	return status, fmt.Errorf("%s: %s", quote(program), execHint(status, program, private))
}

// execHint guesses why execve failed from what the host knows of the program.
func execHint(status int, program string, private bool) string {
	_, statErr := os.Stat(program)
	switch {
	case statErr == nil && isDirectory(program):
		return "is a directory, not a program"
	case status == statusNotFound && statErr == nil && !strings.Contains(program, "/"):
		return "no such program in the PATH of --env; for the file here, write ./" + program
	case status == statusNotFound && statErr == nil && private:
		return "it exists, but its interpreter or directory is not in the private root; show it with --bind"
	case status == statusNotFound && statErr == nil:
		return "it exists, but its interpreter (#! line or loader) does not"
	case status == statusNotFound:
		return "no such program; give a path, or a name in the PATH of --env"
	}
	return "not executable for the user it would run as; check its mode and its directories, or give --uid"
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
