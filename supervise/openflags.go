package supervise

import (
	"encoding/binary"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// Flags of open(2) that are the same on every architecture Belljar knows.
const (
	oAccmode    = 0o3
	oCreat      = 0o100
	oExcl       = 0o200
	oTrunc      = 0o1000
	oNonblock   = 0o4000
	oCloexec    = 0o2000000
	oPath       = 0o10000000
	oTmpfileBit = 0o20000000 // O_TMPFILE without O_DIRECTORY, which it includes
)

// validOpenFlags is VALID_OPEN_FLAGS of the kernel. O_DIRECT, O_LARGEFILE,
// O_DIRECTORY and O_NOFOLLOW have other numbers on arm64 than on amd64, but
// there they are the same four.
const validOpenFlags = oAccmode | oCreat | oExcl | oTrunc | oNonblock | oCloexec | oPath | oTmpfileBit |
	0o400 /* O_NOCTTY */ | 0o2000 /* O_APPEND */ | 0o4010000 /* O_SYNC */ | 0o20000 /* FASYNC */ |
	0o1000000 /* O_NOATIME */ | 0o40000 | 0o100000 | 0o200000 | 0o400000

// oNofollow and oDirectory are the flags used here that differ.
func (t *Trap) oNofollow() uint64 {
	if t.Arch != nil && t.Arch.GOARCH == "arm64" {
		return 0o100000
	}
	return 0o400000
}

func (t *Trap) oDirectory() uint64 {
	if t.Arch != nil && t.Arch.GOARCH == "arm64" {
		return 0o40000
	}
	return 0o200000
}

// Sizes of struct open_how: the first version's, and the largest that the
// kernel looks at (openat2(2)).
const (
	openHowSize    = 24
	openHowMaxSize = 4096
)

// knownResolve are the RESOLVE_* flags up to Linux 6.18. An unknown one is
// answered as a kernel that does not know it would.
const knownResolve = sys.RESOLVE_NO_XDEV | sys.RESOLVE_NO_MAGICLINKS | sys.RESOLVE_NO_SYMLINKS |
	sys.RESOLVE_BENEATH | sys.RESOLVE_IN_ROOT | sys.RESOLVE_CACHED

// modeBits is S_IALLUGO.
const modeBits = 0o7777

// readOpen reads what an opening call asks for, its flags being argument i, as
// build_open_how and build_open_flags of the kernel's fs/open.c do.
func readOpen(t *Trap, kind openKind, i int) (o openRequest, errno syscall.Errno) {
	switch kind {
	case openCreat:
		o = openRequest{flags: oCreat | oTrunc | 1, mode: t.Flags(i)}
	case openFlags:
		o = openRequest{flags: uint64(t.Flags(i)), mode: t.Flags(i + 1)}
	case openHow:
		if o, errno = readOpenHow(t, i); errno != 0 {
			return o, errno
		}
	}
	pathFlags := oPath | oCloexec | t.oNofollow() | t.oDirectory()
	if kind != openHow {
		o.flags &= validOpenFlags
		o.mode &= modeBits
		// With O_PATH the kernel drops the flags that create and truncate.
		if o.flags&oPath != 0 {
			o.flags &= pathFlags
		}
		if !o.creates() {
			o.mode = 0
		}
	}
	tmpfile := oTmpfileBit | t.oDirectory()
	switch {
	case o.flags&^validOpenFlags != 0,
		o.creates() && o.mode&^modeBits != 0,
		!o.creates() && o.mode != 0,
		o.flags&oPath != 0 && o.flags&^pathFlags != 0,
		o.flags&oTmpfileBit != 0 && (o.flags&(tmpfile|oCreat) != tmpfile || o.flags&oAccmode == 0),
		// Linux 6.4; before, it made a file and then failed.
		o.flags&(oCreat|t.oDirectory()) == oCreat|t.oDirectory():
		return o, syscall.EINVAL
	case o.resolve&sys.RESOLVE_CACHED != 0 && o.flags&(oTrunc|oCreat|oTmpfileBit) != 0:
		return o, syscall.EAGAIN
	}
	return o, 0
}

// creates reports whether the mode of a new file counts.
func (o *openRequest) creates() bool { return o.flags&(oCreat|oTmpfileBit) != 0 }

// ask says what that means for the path.
func (o *openRequest) ask(t *Trap, p *pathRequest) {
	p.want = openAccess(o.flags)
	p.resolve = o.resolve
	p.create = o.flags&oCreat != 0 && o.flags&oTmpfileBit == 0
	p.unnamed = o.flags&oTmpfileBit != 0
	if o.flags&t.oNofollow() != 0 || o.flags&(oCreat|oExcl) == oCreat|oExcl {
		p.last = nofollow
	}
}

// openAccess is what open does to the object. Creating counts as writing also
// where the file exists: the caller cannot know which it will be.
func openAccess(flags uint64) policy.Access {
	switch {
	case flags&oPath != 0:
		return stat
	case flags&(oAccmode|oCreat|oTrunc|oTmpfileBit) != 0:
		return write
	}
	return read
}

// readOpenHow reads struct open_how.
func readOpenHow(t *Trap, i int) (o openRequest, errno syscall.Errno) {
	b, errno := t.extensible(t.Uint64(i), t.Uint64(i+1), openHowSize, openHowMaxSize)
	if errno != 0 {
		return o, errno
	}
	o.flags = binary.LittleEndian.Uint64(b)
	mode := binary.LittleEndian.Uint64(b[8:])
	o.resolve = binary.LittleEndian.Uint64(b[16:])
	scoped := uint64(sys.RESOLVE_BENEATH | sys.RESOLVE_IN_ROOT)
	if mode>>32 != 0 || o.resolve&^knownResolve != 0 || o.resolve&scoped == scoped {
		return o, syscall.EINVAL
	}
	o.mode = uint32(mode)
	return o, 0
}
