package supervise

import (
	"encoding/binary"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// cmsg spells a control message, padded as CMSG_SPACE does.
func cmsg(level, kind int32, body ...byte) []byte {
	b := binary.NativeEndian.AppendUint64(nil, uint64(cmsgHeader+len(body)))
	b = binary.NativeEndian.AppendUint32(b, uint32(level))
	b = binary.NativeEndian.AppendUint32(b, uint32(kind))
	b = append(b, body...)
	return append(b, make([]byte, (8-len(b)%8)%8)...)
}

func number(fd int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(fd)) }

// TestLend proves that no descriptor number of a tracee's reaches the kernel as
// one of Belljar's: the package's own parser of control messages finds what
// package syscall's finds, which is the kernel's reading.
func TestLend(t *testing.T) {
	l, errno := lenderOf(thread{os.Getpid(), os.Getpid()})
	if errno != 0 {
		t.Fatal(errno)
	}
	defer l.close()
	file, err := os.Open("/dev/null")
	must(t, err)
	defer file.Close()
	fd := number(int(file.Fd()))
	for _, c := range []struct {
		what    string
		control []byte
		lent    int
		errno   syscall.Errno
	}{
		{"none", nil, 0, 0},
		{"one", cmsg(1, 1, fd...), 1, 0},
		{"two in one", cmsg(1, 1, slices.Concat(fd, fd)...), 2, 0},
		{"behind another", slices.Concat(cmsg(0, 8, 1), cmsg(1, 1, fd...)), 1, 0},
		{"an odd size", cmsg(1, 1, append(slices.Clone(fd), 7)...), 1, 0},
		{"of another level", cmsg(41, 1, fd...), 0, 0},
		{"no descriptor", cmsg(1, 1, number(9999)...), 0, syscall.EBADF},
		{"negative", cmsg(1, 1, number(-1)...), 0, syscall.EBADF},
		{"credentials", cmsg(1, 2, make([]byte, 12)...), 0, syscall.EPERM},
		{"behind credentials", slices.Concat(cmsg(1, 1, fd...), cmsg(1, 2, make([]byte, 12)...)), 1, syscall.EPERM},
		{"a detour", cmsg(41, 57, make([]byte, 24)...), 0, syscall.EPERM},
		{"too short", cmsg(1, 1, fd...)[:15], 0, 0},
		{"longer than there is", cmsg(1, 1, fd...)[:18], 0, syscall.EINVAL},
		{"shorter than its header", append(binary.NativeEndian.AppendUint64(nil, 15), make([]byte, 16)...), 0, syscall.EINVAL},
	} {
		m := message{control: slices.Clone(c.control)}
		fds, errno := m.lend(l)
		if len(fds) != c.lent || errno != c.errno {
			t.Errorf("%s: %d lent, %v, want %d, %v", c.what, len(fds), errno, c.lent, c.errno)
		}
		if errno == 0 && len(m.control) >= cmsgHeader {
			list, err := syscall.ParseSocketControlMessage(m.control)
			must(t, err)
			var sent []int
			for i := range list {
				if list[i].Header.Level == syscall.SOL_SOCKET && list[i].Header.Type == syscall.SCM_RIGHTS {
					list[i].Data = list[i].Data[:len(list[i].Data)/4*4]
					more, err := syscall.ParseUnixRights(&list[i])
					must(t, err)
					sent = append(sent, more...)
				}
			}
			if !slices.Equal(sent, fds) {
				t.Errorf("%s: the kernel would send %v, lent are %v", c.what, sent, fds)
			}
		}
		for _, fd := range fds {
			sys.CloseFile(fd)
		}
	}
}
