package sys

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Region is memory outside the Go heap at an address drawn by chance.
type Region struct{ b []byte }

// NewRegion maps size bytes at a random page of the lower 47 bits of the
// address space (39 on arm64 with small tables, where the kernel refuses the
// hint and draws itself).
func NewRegion(size int) (*Region, error) {
	page := syscall.Getpagesize()
	size = (size + page - 1) / page * page
	for range 8 {
		var r [8]byte
		rand.Read(r[:])
		hint := uintptr(binary.NativeEndian.Uint64(r[:])) % (1 << 46) &^ uintptr(page-1)
		addr, _, errno := syscall.Syscall6(syscall.SYS_MMAP, hint, uintptr(size), unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE, ^uintptr(0), 0)
		switch errno {
		case 0:
			return &Region{unsafe.Slice((*byte)(pointer(addr)), size)}, nil
		case syscall.EEXIST, syscall.EPERM, syscall.EINVAL, syscall.ENOMEM:
			continue // taken, below mmap_min_addr or beyond the last page: draw again
		}
		return nil, errno
	}
	return nil, errors.New("no free address in 8 draws")
}

// pointer turns an address that mmap returned into a pointer. The memory is
// not Go's, so the garbage collector's rules do not apply to it.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// Bytes is the region's memory.
func (r *Region) Bytes() []byte { return r.b }

// Address is where it starts.
func (r *Region) Address() uintptr { return Address(r.b) }

// Close unmaps the region; Bytes must not be used any more.
func (r *Region) Close() error {
	_, _, errno := syscall.Syscall(syscall.SYS_MUNMAP, r.Address(), uintptr(len(r.b)), 0)
	r.b = nil
	if errno != 0 {
		return errno
	}
	return nil
}
