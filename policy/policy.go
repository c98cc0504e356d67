package policy

import "fmt"

// Kind says what becomes of a call. Its zero value is Unset, which every
// reader treats as the safest choice it has: Kill.
type Kind uint8

const (
	Unset Kind = iota
	Allow      // the call runs
	Deny       // the call fails with Action.Errno (soft)
	Kill       // the run ends with verdict violation (hard)
	Trap       // a user's handler decides
)

// Action is what a rule does. Errno counts only for Deny and is the Linux
// number, which is the same on every architecture that Belljar supports.
type Action struct {
	Kind  Kind
	Errno uint16
}

// Pos is where a rule was written. The zero Pos means "from Go code".
type Pos struct {
	File      string // file name or preset name
	Line, Col int    // 1-based
}

// String returns "file:line", or "" for the zero Pos.
func (p Pos) String() string {
	if p == (Pos{}) {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Policy is what a program may do. It is flat: what a file extends has been
// merged in. A Policy is plain data; methods never change the receiver.
type Policy struct {
	Name    string // file or preset, for messages
	Default Action // for a call that no rule names; Unset means Kill
	Rules   []Rule // in order of evaluation: the first rule that matches decides
	Counts  []Count
	Files   Files
	Network Network
}

// Rule decides calls by name and arguments.
type Rule struct {
	Call string // a system call's name, or a group such as "@basic-io"
	When []Cond // all must hold; none means always
	Do   Action
	Pos  Pos
}

// Op is a comparison of one argument, as an unsigned 64-bit number.
type Op uint8

const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
	In   // equal to one of Values
	Mask // arg & Mask == Values[0]
)

// Cond is a condition on one argument.
type Cond struct {
	Arg    int // 0 to 5
	Op     Op
	Mask   uint64   // for Mask only
	Values []uint64 // one, or any number for In
}

// Count limits how often a run may make a call: call N+1 gets Do.
type Count struct {
	Call string
	Max  uint64
	Do   Action // Unset means Kill
	Pos  Pos
}

// Access is what a call does to a file, as a set of bits.
type Access uint8

const (
	Stat  Access = 1 << iota // see that it exists and its metadata
	Read                     // read its content or list it
	Write                    // change content, metadata or the name itself
	Exec                     // execute it
)

// Files decides path calls by the object that the kernel would reach.
// With no rules and an Unset default, paths are not decided at all.
type Files struct {
	Rules   []FileRule
	Default Action // Unset means Kill where there are rules
	Pos     Pos    // of the default
}

// FileRule grants access to, or refuses, all objects whose path matches
// Pattern: "*" matches inside one component, "**" any number of components.
// Paths are bytes. A relative pattern counts from the command's directory.
type FileRule struct {
	Pattern string
	// Grant is what the rule allows; 0 makes the rule a refusal with Do.
	// Read, Write and Exec each imply Stat; Write and Exec imply Read. A refusal
	// beside a rule that grants Stat on the same pattern refuses all but that.
	Grant Access
	Do    Action // for Grant 0: Deny with an errno, or Kill
	Pos   Pos
}

// Network decides sockets' peers.
type Network struct {
	Rules   []NetRule
	Default Action
	Pos     Pos
}

// NetRule allows one kind of endpoint, such as "tcp:127.0.0.1:5432" or "unix:/run/db.sock".
type NetRule struct {
	Verb     string // connect or bind
	Endpoint string
	Pos      Pos
}
