package landlock

import (
	"fmt"
	"strings"
)

// MaxABI is the newest version of Landlock that this package uses. A kernel
// with a newer one understands it.
const MaxABI = 7

// PortABI is the version that brought rights to TCP ports.
const PortABI = 4

// Kind is what a feature of Landlock is about. Each kind of right has a field
// of struct landlock_ruleset_attr.
type Kind uint8

const (
	FS    Kind = iota // handled_access_fs
	Net               // handled_access_net, with ABI 4
	Scope             // scoped, with ABI 6
	Flag              // of landlock_restrict_self, with ABI 7
	kinds
)

// Rights is a set of bits of one kind.
type Rights uint64

// Feature is one right, scope or flag, and the ABI that brought it.
type Feature struct {
	Kind Kind
	Bit  Rights
	Name string // without its LANDLOCK_ prefix
	ABI  int
	// Dir says that only directories have the right; a rule that gives it to
	// anything else is EINVAL.
	Dir bool
}

// Rights to files.
const (
	Execute Rights = 1 << iota
	WriteFile
	ReadFile
	ReadDir
	RemoveDir
	RemoveFile
	MakeChar
	MakeDir
	MakeReg
	MakeSock
	MakeFIFO
	MakeBlock
	MakeSym
	Refer
	Truncate
	IoctlDev
)

// Rights to TCP ports.
const (
	BindTCP Rights = 1 << iota
	ConnectTCP
)

// Scopes: what may not leave the domain.
const (
	AbstractUnixSocket Rights = 1 << iota
	Signal
)

// Flags of landlock_restrict_self.
const (
	LogSameExecOff Rights = 1 << iota
	LogNewExecOn
	LogSubdomainsOff
)

// Features is every feature of the ABIs 1 to MaxABI.
var Features = []Feature{
	{FS, Execute, "EXECUTE", 1, false},
	{FS, WriteFile, "WRITE_FILE", 1, false},
	{FS, ReadFile, "READ_FILE", 1, false},
	{FS, ReadDir, "READ_DIR", 1, true},
	{FS, RemoveDir, "REMOVE_DIR", 1, true},
	{FS, RemoveFile, "REMOVE_FILE", 1, true},
	{FS, MakeChar, "MAKE_CHAR", 1, true},
	{FS, MakeDir, "MAKE_DIR", 1, true},
	{FS, MakeReg, "MAKE_REG", 1, true},
	{FS, MakeSock, "MAKE_SOCK", 1, true},
	{FS, MakeFIFO, "MAKE_FIFO", 1, true},
	{FS, MakeBlock, "MAKE_BLOCK", 1, true},
	{FS, MakeSym, "MAKE_SYM", 1, true},
	// Before ABI 2 no domain can rename or link between directories at all.
	{FS, Refer, "REFER", 2, true},
	// Before ABI 3 every domain may truncate what it may reach otherwise.
	{FS, Truncate, "TRUNCATE", 3, false},
	{Net, BindTCP, "BIND_TCP", PortABI, false},
	{Net, ConnectTCP, "CONNECT_TCP", PortABI, false},
	{FS, IoctlDev, "IOCTL_DEV", 5, false},
	{Scope, AbstractUnixSocket, "ABSTRACT_UNIX_SOCKET", 6, false},
	{Scope, Signal, "SIGNAL", 6, false},
	{Flag, LogSameExecOff, "LOG_SAME_EXEC_OFF", 7, false},
	{Flag, LogNewExecOn, "LOG_NEW_EXEC_ON", 7, false},
	{Flag, LogSubdomainsOff, "LOG_SUBDOMAINS_OFF", 7, false},
}

// ABIs has the Linux version that brought each ABI, and the size of struct
// landlock_ruleset_attr that it reads. Index 0 is no Landlock.
var ABIs = [MaxABI + 1]struct {
	Kernel   string
	AttrSize int
}{
	1: {"5.13", 8},
	2: {"5.19", 8},
	3: {"6.2", 8},
	4: {"6.7", 16},
	5: {"6.10", 16},
	6: {"6.12", 24},
	7: {"6.15", 24},
}

// Known returns all bits of a kind that an ABI has.
func Known(k Kind, abi int) Rights {
	var all Rights
	for _, f := range Features {
		if f.Kind == k && f.ABI <= abi {
			all |= f.Bit
		}
	}
	return all
}

// fileRights are those that also what is no directory can have.
var fileRights = func() Rights {
	var r Rights
	for _, f := range Features {
		if f.Kind == FS && !f.Dir {
			r |= f.Bit
		}
	}
	return r
}()

// names spells a set, "0" if it is empty.
func names(k Kind, set Rights) string {
	var list []string
	for _, f := range Features {
		if f.Kind == k && set&f.Bit != 0 {
			list = append(list, f.Name)
			set &^= f.Bit
		}
	}
	if set != 0 || len(list) == 0 {
		list = append(list, fmt.Sprintf("%#x", uint64(set)))
	}
	return strings.Join(list, "|")
}
