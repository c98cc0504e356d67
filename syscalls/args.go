package syscalls

import "sync"

// Kind is what an argument of a call means to the kernel.
type Kind uint8

const (
	None    Kind = iota // the call has no such argument
	Long                // a number as wide as a register: unsigned long, size_t, off_t
	Ptr                 // an address
	Path                // the address of a path
	Str                 // the address of a string that is not a path
	Addr                // the address of a struct sockaddr
	FD                  // a descriptor
	DirFD               // a descriptor or AT_FDCWD; the Path after it counts from there
	Int                 // a 32-bit number
	Flags               // 32 bits of flags
	AtFlags             // 32 bits of AT_* flags
	PID                 // a process, thread or group
	ID                  // a user or group
	Sig                 // a signal's number
	Mode                // permission bits: umode_t, 16 bits
)

// kindNames and kindBits are indexed by Kind.
var kindNames = [...]string{"none", "long", "ptr", "path", "str", "addr", "fd", "dirfd", "int", "flags",
	"at-flags", "pid", "id", "signal", "mode"}

// kindBits is how many low bits of the register the kernel looks at. The
// kernel's call wrappers truncate to the declared type (SYSCALL_DEFINEx in
// include/linux/syscalls.h), so the bits above carry no meaning and a rule
// that looked at them could be evaded, as CVE-2019-7303 showed.
var kindBits = [...]int{64, 64, 64, 64, 64, 64, 32, 32, 32, 32, 32, 32, 32, 32, 16}

// String returns a kind's name, such as "dirfd".
func (k Kind) String() string { return kindNames[k] }

// Bits returns how many low bits of a 64-bit register the kernel looks at.
func (k Kind) Bits() int { return kindBits[k] }

// IsPointer reports whether the argument is an address in the program.
func (k Kind) IsPointer() bool { return k >= Ptr && k <= Addr }

// Signature is the kinds of a call's arguments.
type Signature [6]Kind

// Count returns how many arguments a call takes.
func (s Signature) Count() int {
	for i, k := range s {
		if k == None {
			return i
		}
	}
	return len(s)
}

// bits is Bits of one argument; of a call that is in no table, all 64.
func (s Signature) bits(arg int) int {
	if arg < 0 || arg >= len(s) {
		return 64
	}
	return s[arg].Bits()
}

var signatureOf = sync.OnceValue(func() map[string]Signature {
	m := make(map[string]Signature, len(signatures))
	for _, s := range signatures {
		m[s.call] = s.args
	}
	return m
})

// Args returns the kinds of a call's arguments, all None for an unknown call.
func Args(call string) Signature { return signatureOf()[call] }

// ArgBits returns how many low bits of an argument's register the kernel looks
// at in a call of this table: 16, 32 or 64.
func (t *Table) ArgBits(call string, arg int) int {
	s := Args(call)
	bits := s.bits(arg)
	if t == X32 {
		// The calls from 512 on are those of 32-bit programs.
		if nr, ok := t.Number(call); ok && nr >= t.base+512 {
			return min(bits, 32)
		}
		return bits
	}
	if t != I386 && t != ARM {
		return bits
	}
	// i386 and arm kept their first numbering's 16-bit ids beside setuid32 and
	// friends.
	if _, wide := t.Number(call + "32"); wide && bits == 32 && s[arg] == ID {
		return 16
	}
	return min(bits, 32)
}
