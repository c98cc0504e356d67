package belljar

import (
	"errors"
	"fmt"
)

// SetupError is a failure of the host, not of the program: a step of the
// launch that did not work. Err is a syscall.Errno for most steps.
type SetupError struct {
	Step string // the system call or action, such as "pivot_root"
	Text string // the step with its arguments, if it is one of the launch
	Err  error
	Hint string // what it was about, or what to do about it, if known
}

func (e *SetupError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Step, e.Err)
	for _, more := range []string{e.Text, e.Hint} {
		if more != "" {
			text += " (" + more + ")"
		}
	}
	return text
}

func (e *SetupError) Unwrap() error { return e.Err }

// ErrNotSupported matches every *FeatureError.
var ErrNotSupported = errors.New("not supported")

// FeatureError says that the kernel or this host lacks something that the
// run was told to have.
type FeatureError struct {
	Feature   string
	MinKernel string // the version that brought it, "" if that is not the reason
	Why       string
}

func (e *FeatureError) Error() string {
	text := e.Feature + " is not supported here"
	if e.MinKernel != "" {
		text += ": needs Linux " + e.MinKernel
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *FeatureError) Is(target error) bool { return target == ErrNotSupported }
