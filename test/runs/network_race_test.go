package runs

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// contest is what the races are about: an allowed and a forbidden peer of each kind.
type contest struct {
	dir                        string
	allowed, forbidden         string // TCP ports
	udpAllowed, udpForbidden   string
	unixAllowed, unixForbidden string
	bindAllowed, bindForbidden string // TCP ports where nobody is
}

func newContest(t *testing.T) *contest {
	t.Helper()
	dir := openDir(t)
	c := &contest{dir: dir, unixAllowed: dir + "/a", unixForbidden: dir + "/b"}
	c.allowed, c.forbidden = serve(t, "tcp", "127.0.0.1:0", "allowed"), serve(t, "tcp", "127.0.0.1:0", "forbidden")
	serve(t, "unix", c.unixAllowed, "allowed")
	serve(t, "unix", c.unixForbidden, "forbidden")
	os.Chmod(c.unixAllowed, 0o777)
	os.Chmod(c.unixForbidden, 0o777)
	c.udpAllowed, c.udpForbidden = named(t, "allowed"), named(t, "forbidden")
	c.bindAllowed, c.bindForbidden = freePort(t, 20000), freePort(t, 26000)
	return c
}

// freePort is a port from some number on, which the kernel gives to nobody who
// did not ask for it.
func freePort(t *testing.T, from int) string {
	t.Helper()
	for port := from + os.Getpid()%4000; port < from+6000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// rules are what the program may do.
func (c *contest) rules() []string {
	return []string{"connect tcp:127.0.0.1:" + c.allowed, "connect unix:" + c.unixAllowed, "connect udp:127.0.0.1:" + c.udpAllowed,
		"bind tcp:127.0.0.1:" + c.bindAllowed, "bind unix:" + c.unixAllowed + "a"}
}

// named starts a UDP server that says who it is.
func named(t *testing.T, who string) (port string) {
	return answer(t, func(string) string { return who })
}

// args are the program's for a kind of race.
func (c *contest) args(kind, seconds string) []string {
	switch kind {
	case "name", "link":
		return []string{kind, seconds, c.unixAllowed, c.unixForbidden}
	case "send":
		return []string{kind, seconds, c.udpAllowed, c.udpForbidden}
	case "bind", "bindsocket":
		return []string{kind, seconds, c.bindAllowed, c.bindForbidden}
	case "bindname":
		return []string{kind, seconds, c.unixAllowed + "a", c.unixAllowed + "b"}
	}
	return []string{kind, seconds, c.allowed, c.forbidden}
}

var raceKinds = []string{"memory", "name", "link", "send", "socket", "bind", "bindname", "bindsocket"}

// TestNetworkRaces proves that a program which changes an address or a
// descriptor while a call is decided reaches only what is allowed.
func TestNetworkRaces(t *testing.T) {
	program := testkit.Program(t, "c/netrace", "dynamic")[0]
	for _, kind := range raceKinds {
		t.Run(kind, func(t *testing.T) {
			supervised(t, func(t *testing.T, in sandbox) {
				c := newContest(t)
				s := &servers{dir: c.dir}
				opts := s.options(t, in, eacces, c.rules()...)
				if in.Private() && kind == "link" {
					opts.Root, opts.Unshare = nil, belljar.Off // its links are in the directory that it may change
				}
				// A busy machine leaves an attacker few tries in half a second.
				var had, tries int
				for n := 0; n < 20 && (tries < 10 || had == 0); n++ {
					res, out := run(t, belljar.Command{Args: append([]string{program}, c.args(kind, "0.5")...), Dir: c.dir}, opts)
					var wins, h, tried int
					fmt.Sscanf(out.Stdout.String(), "wins %d, had %d, tries %d", &wins, &h, &tried)
					if res.Verdict != belljar.OK || wins != 0 || tried == 0 {
						t.Fatalf("%+v\n%s%s", brief(res), out.Stdout.String(), out.Stderr.String())
					}
					if had, tries = had+h, tries+tried; strings.HasSuffix(kind, "socket") {
						had = max(had, 1) // its own socket may always be the wrong one
					}
				}
				if tries < 10 || had == 0 {
					t.Errorf("had %d of %d tries: nothing is proved", had, tries)
				}
			})
		})
	}
}

// naiveNetwork is the handler that everybody writes first: it reads the address
// and lets the kernel read it again.
type naiveNetwork struct{ *contest }

func (n naiveNetwork) Handle(t *supervise.Trap) supervise.Decision {
	refused := supervise.Decision{Kind: supervise.Deny, Errno: syscall.EACCES}
	var b []byte
	var err error
	switch t.Name() {
	case "connect", "bind":
		b, err = t.Bytes(1, int(t.Int(2)))
	case "sendmsg":
		if b, err = t.Bytes(1, 8); err == nil {
			addr := *t
			addr.Args[1] = binary.NativeEndian.Uint64(b)
			b, err = addr.Bytes(1, 16)
		}
	}
	if err != nil || !n.allows(t, b) {
		return refused
	}
	return supervise.Decision{Kind: supervise.Allow}
}

func (n naiveNetwork) allows(t *supervise.Trap, b []byte) bool {
	if binary.NativeEndian.Uint16(b) == sys.AF_UNIX {
		name, _, _ := strings.Cut(string(b[2:]), "\x00")
		if !strings.HasPrefix(name, "/") {
			name = n.dir + "/" + name
		}
		if t.Name() == "bind" {
			return name == n.unixAllowed+"a"
		}
		reached, err := filepath.EvalSymlinks(name)
		return err == nil && reached == n.unixAllowed
	}
	port := strconv.Itoa(int(binary.BigEndian.Uint16(b[2:])))
	switch t.Name() {
	case "sendmsg":
		return port == n.udpAllowed
	case "bind":
		return port == n.bindAllowed && n.isStream(t)
	}
	return port == n.allowed && n.isStream(t)
}

func (n naiveNetwork) isStream(t *supervise.Trap) bool {
	pidfd, errno := sys.PidfdOpenThread(t.PID, t.TID)
	if errno != 0 {
		return false
	}
	defer sys.CloseFile(pidfd)
	fd, errno := sys.PidfdGetFD(pidfd, int(t.Int(0)))
	if errno != 0 {
		return false
	}
	defer sys.CloseFile(fd)
	_, typ, _, errno := sys.SocketKind(fd)
	return errno == 0 && typ == syscall.SOCK_STREAM
}

// TestNetworkRacesAgainstCheckThenContinue is the mutant of every race: a
// handler that checks and lets the call go on loses each of them.
func TestNetworkRacesAgainstCheckThenContinue(t *testing.T) {
	program := testkit.Program(t, "c/netrace", "dynamic")[0]
	for _, kind := range raceKinds {
		t.Run(kind, func(t *testing.T) {
			c := newContest(t)
			for end := time.Now().Add(time.Minute); !raceNaively(t, program, c, kind); {
				if time.Now().After(end) {
					t.Fatal("a minute of attacks won nothing: the program proves nothing")
				}
			}
		})
	}
}

func raceNaively(t *testing.T, program string, c *contest, kind string) (won bool) {
	t.Helper()
	p := policy.Compile()
	p.Network = policy.Network{}
	var rules []policy.Rule
	for _, call := range []string{"connect", "sendmsg", "bind"} {
		rules = append(rules, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Trap}})
	}
	p.Rules = append(append(rules, policy.Rule{Call: "socket", Do: policy.Action{Kind: policy.Allow}}), p.Rules...)
	p.Files = policy.Files{}
	res, out := run(t, belljar.Command{Args: append([]string{program}, c.args(kind, "0.5")...), Dir: c.dir},
		belljar.Options{Policy: p, Supervisor: belljar.Ptrace, Unshare: belljar.Off, Handler: naiveNetwork{c}})
	if res.Verdict != belljar.OK && res.ExitCode != 42 {
		t.Fatalf("%+v %+v\n%s%s", brief(res), res.Violation, out.Stdout.String(), out.Stderr.String())
	}
	return res.ExitCode == 42
}

// TestNetworkWaits proves that calls which wait for others end with the run,
// and hold up neither other tasks nor the run's limits.
func TestNetworkWaits(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	supervised(t, func(t *testing.T, in sandbox) {
		s := startServers(t)
		full := fullUnix(t, s.dir+"/full")
		for _, use := range []string{"tcp,127.0.0.1," + s.full, "unix," + full} {
			opts := s.options(t, in, eacces, "connect tcp:127.0.0.1:"+s.full, "connect unix:"+full)
			opts.Limits.Wall = 200 * time.Millisecond
			testkit.Leaks(t)
			res, out := run(t, belljar.Command{Args: []string{program, use}, Dir: s.dir}, opts)
			if res.Verdict != belljar.TimeLimit || res.Limit != "wall" {
				t.Errorf("%s: %+v\n%s", use, brief(res), out.Stdout.String())
			}
		}
	})
}

// TestNetworkToggle proves that no call waits on a thread that others need, when
// a thread of the program lets its socket wait after it was looked at.
func TestNetworkToggle(t *testing.T) {
	program := testkit.Program(t, "c/netrace", "dynamic")[0]
	supervised(t, func(t *testing.T, in sandbox) {
		s := &servers{dir: shortDir(t)}
		os.Chmod(s.dir, 0o777)
		full := fullUnix(t, s.dir+"/full")
		opts := s.options(t, in, eacces, "connect unix:"+full)
		res, out := run(t, belljar.Command{Args: []string{program, "toggle", "0.3", full, full}, Dir: s.dir}, opts)
		var wins, had, tries int
		fmt.Sscanf(out.Stdout.String(), "wins %d, had %d, tries %d", &wins, &had, &tries)
		if res.Verdict != belljar.OK || wins != 0 || tries == 0 {
			t.Errorf("%+v\n%s%s", brief(res), out.Stdout.String(), out.Stderr.String())
		}
	})
}

// fullUnix is a unix socket whose queue is full: who connects there waits.
func fullUnix(t *testing.T, path string) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	fds := []int{fd}
	t.Cleanup(func() {
		for _, fd := range fds {
			syscall.Close(fd)
		}
	})
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o777)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, c)
		if err := syscall.Connect(c, &syscall.SockaddrUnix{Name: path}); err == syscall.EAGAIN {
			return path
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
