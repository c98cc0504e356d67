package runs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// servers are peers for programs: each says who it is to whoever connects. Their
// unix sockets are in a directory that everybody may write to.
type servers struct {
	dir          string
	port, other  string // TCP ports of 127.0.0.1
	port6        string // of ::1, "" where there is no IPv6
	udp, udp2    string // UDP ports that echo
	closed, full string // TCP ports where nobody listens, and where nobody accepts
}

// shortDir is a directory whose path leaves room for names of sockets, which
// have 107 bytes, wherever the tests' own directory is.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bj-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// openDir is a shortDir that everybody may write to, by its real name.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(shortDir(t))
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func startServers(t *testing.T) *servers {
	t.Helper()
	dir := openDir(t)
	s := &servers{dir: dir}
	s.port = serve(t, "tcp", "127.0.0.1:0", "tcp")
	s.other = serve(t, "tcp", "127.0.0.1:0", "other")
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		s.port6 = serve(t, "tcp", "[::1]:0", "tcp6")
	}
	for _, name := range []string{"a", "b"} {
		serve(t, "unix", filepath.Join(dir, name), "unix "+name)
		os.Chmod(filepath.Join(dir, name), 0o777)
	}
	serve(t, "unixpacket", filepath.Join(dir, "packet"), "packet")
	os.Chmod(filepath.Join(dir, "packet"), 0o777)
	serve(t, "unix", filepath.Join(dir, "private"), "private")
	os.Chmod(filepath.Join(dir, "private"), 0o700)
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s.udp, s.udp2 = echo(t), echo(t)
	s.closed, s.full = closedPort(t), fullPort(t)
	return s
}

// serve starts a stream server that greets and reports SO_PEERCRED's user.
func serve(t *testing.T, network, address, greeting string) (port string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			text := greeting
			if u, ok := c.(*net.UnixConn); ok {
				text += peerUser(u)
			}
			c.Write([]byte(text))
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func peerUser(c *net.UnixConn) (text string) {
	raw, err := c.SyscallConn()
	if err != nil {
		return err.Error()
	}
	raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err != nil {
			text = err.Error()
			return
		}
		text = fmt.Sprintf(" to %d:%d", cred.Uid, cred.Gid)
	})
	return text
}

// echo starts a UDP server that sends back what it gets.
func echo(t *testing.T) (port string) {
	return answer(t, func(text string) string { return "echo " + text })
}

// answer starts a UDP server that sends a reply for each datagram.
func answer(t *testing.T, reply func(string) string) (port string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo([]byte(reply(string(buf[:n]))), from)
		}
	}()
	_, port, _ = net.SplitHostPort(c.LocalAddr().String())
	return port
}

// closedPort is a port that was bound, so that nobody else gets it, and that
// nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, port := boundSocket(t)
	t.Cleanup(func() { syscall.Close(fd) })
	return port
}

func boundSocket(t *testing.T) (fd int, port string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	sa, err2 := syscall.Getsockname(fd)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return fd, strconv.Itoa(sa.(*syscall.SockaddrInet4).Port)
}

// fullPort is a port whose queue is full: who connects there waits.
func fullPort(t *testing.T) string {
	t.Helper()
	fd, port := boundSocket(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	fds := []int{fd}
	t.Cleanup(func() {
		for _, fd := range fds {
			syscall.Close(fd)
		}
	})
	n, _ := strconv.Atoi(port)
	for range 4 {
		c, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, c)
		syscall.Connect(c, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: n}) // EINPROGRESS
	}
	time.Sleep(10 * time.Millisecond)
	return port
}
