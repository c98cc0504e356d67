package launch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Step is one action of a launch.
type Step struct {
	Name   string // what a SetupError calls it, usually the system call's name
	Nr     uintptr
	Args   []Arg
	OK     []syscall.Errno // errors that do not fail the step, at most six
	Must   *uintptr        // the result must be this
	Into   *Slot           // keeps the result for a later step
	Fork   *Process        // instead of a call: start this process
	Flags  uintptr         // of the fork
	Await  *sys.Gate       // instead of a call: wait for it
	Closes bool            // it behind, for the next time
	Join   *Process        // instead of a call: wait until it, forked before, executed its program
	Lives  *Process        // instead of a call: fail if it, which forked this one, has ended
	Exit   bool            // instead of a call: end the process well
	Back   int             // instead of a call: go back so many steps
	// Resume, instead of a call, goes on with the steps of Standby.Resume.
	Resume bool

	// A call is made Times times, at least once, the argument Vary counting up.
	Times, Vary int

	// The step is skipped unless an earlier one left a result in If, and if
	// one left a result in Unless: an error that is OK leaves none, and a
	// skipped step neither.
	If, Unless *Slot
}

// Process is a process of a launch and the steps that it takes until it
// executes a program or exits.
type Process struct {
	Name  string
	Steps []Step
	// Cgroup is the descriptor of the cgroup (version 2) that the process is
	// born into; 0 is that of the process that starts it.
	Cgroup int

	proc *sys.Proc
}

// Slot holds the result of one step until another uses it.
type Slot struct{ word uintptr }

// Value is what the step left. The process must have stopped or ended.
func (s *Slot) Value() int { return int(s.word) }

// Arg is one argument of a step: a number, or memory that lives as long as
// the Arg.
type Arg struct {
	n    uintptr
	mem  []byte
	keep any // what must live as long, since n or mem point to it
	slot *Slot
	text string // as printed; "" is the number or the string itself
}

// Int is a number.
func Int(n int) Arg { return Arg{n: uintptr(n)} }

// Named is a number that is printed as text.
func Named(n uintptr, text string) Arg { return Arg{n: n, text: text} }

// Null is a null pointer.
func Null() Arg { return Arg{text: "NULL"} }

// String is a NUL-terminated string. It panics on a string with a NUL byte,
// which callers must refuse before.
func String(s string) Arg {
	if strings.IndexByte(s, 0) >= 0 {
		panic("launch: NUL byte in string")
	}
	return Arg{mem: append([]byte(s), 0)}
}

// Memory is a pointer to b.
func Memory(b []byte, text string) Arg { return Arg{mem: b, text: text} }

// Result is what an earlier step left in s.
func Result(s *Slot, text string) Arg { return Arg{slot: s, text: text} }

// Record is a pointer to a struct of a word and what an earlier step leaves in
// the slot, an int or a word. Both architectures are little-endian, so that the
// kernel finds an int in the word's first half.
func Record(head uintptr, text string) (*Slot, Arg) {
	r := new([2]Slot)
	r[0].word = head
	return &r[1], Arg{n: sys.WordAddress(&r[0].word), keep: r, text: text}
}

func (a Arg) value() uintptr {
	if a.mem != nil {
		return sys.Address(a.mem)
	}
	return a.n
}

func (a Arg) print() string {
	switch {
	case a.slot != nil:
		return "<" + a.text + ">"
	case a.text != "":
		return a.text
	case a.mem != nil:
		return strconv.Quote(string(a.mem[:len(a.mem)-1]))
	}
	return strconv.Itoa(int(a.n))
}

// Text returns the step as it is printed by --explain.
func (s Step) Text() string {
	switch {
	case s.Fork != nil:
		if s.Fork.Cgroup != 0 {
			return fmt.Sprintf("start process %q in a cgroup of its own", s.Fork.Name)
		}
		return fmt.Sprintf("start process %q", s.Fork.Name)
	case s.Await != nil:
		return "wait for the supervisor"
	case s.Join != nil:
		return fmt.Sprintf("wait until %q has executed", s.Join.Name)
	case s.Lives != nil:
		return fmt.Sprintf("fail if %q has ended", s.Lives.Name)
	case s.Exit:
		return "exit"
	case s.Resume:
		return "go on as told"
	case s.Back > 0:
		return fmt.Sprintf("go back %d steps", s.Back)
	}
	texts := make([]string, len(s.Args))
	for i, a := range s.Args {
		texts[i] = a.print()
	}
	return s.Name + "(" + strings.Join(texts, ", ") + ")"
}

// Explain lists the steps of p and of the processes that it starts, one line
// each, a step with those that depend on it in one line.
func (p *Process) Explain() []string {
	lines := []string{p.Name + ":"}
	var forks []*Process
	for _, s := range p.Steps {
		text := s.Text()
		if s.Times > 1 {
			last := s
			last.Args = slices.Clone(s.Args)
			last.Args[s.Vary] = Int(int(s.Args[s.Vary].n) + s.Times - 1)
			text += fmt.Sprintf(" ... %s  (%d calls)", last.Text(), s.Times)
		}
		switch last := &lines[len(lines)-1]; {
		case s.If != nil:
			*last += ", then " + text
		case s.Unless != nil:
			*last += ", else " + text
		default:
			lines = append(lines, "  "+text)
		}
		if s.Fork != nil {
			forks = append(forks, s.Fork)
		}
	}
	for _, f := range forks {
		lines = append(lines, f.Explain()...)
	}
	return lines
}
