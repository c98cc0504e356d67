package runs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// options are a sandbox's with network rules, in the host's network.
func (s *servers) options(t *testing.T, in sandbox, def policy.Action, rules ...string) belljar.Options {
	opts := in.Options(t, "compile")
	opts.HostNetwork = true
	opts.Policy.Network = policy.Network{Default: def}
	for _, r := range rules {
		verb, endpoint, _ := strings.Cut(r, " ")
		opts.Policy.Network.Rules = append(opts.Policy.Network.Rules, policy.NetRule{Verb: verb, Endpoint: endpoint})
	}
	opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: s.dir + "/**", Grant: policy.Write})
	if in.Private() {
		root := unshare.DefaultRoot().With(unshare.Mount{Kind: unshare.Bind, Source: s.dir, Target: s.dir, Writable: true})
		opts.Root = &root
	}
	return opts
}

var eacces = policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EACCES)}

// lines are what the program prints, without the order number of its own port.
func lines(out string) []string { return strings.Split(strings.TrimSpace(out), "\n") }

// supervised runs a test where a supervisor decides network rules.
func supervised(t *testing.T, f func(t *testing.T, s sandbox)) {
	each(t, func(t *testing.T, s sandbox) {
		if !s.Supervised() {
			s.Supervisor = belljar.Auto // it takes a supervisor where the policy needs one
		}
		f(t, s)
	})
}

// TestNetworkAsNative proves that what rules allow works as it does without a
// sandbox: results, errors, and what peers are told.
func TestNetworkAsNative(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	supervised(t, func(t *testing.T, in sandbox) {
		s := startServers(t)
		uses := s.uses()
		opts := s.options(t, in, eacces, "connect tcp:127.0.0.1:*", "connect tcp:[::1]:*", "connect udp:127.0.0.1:"+s.udp,
			"connect unix:"+s.dir+"/a", "connect unix:"+s.dir+"/none", "connect unix:"+s.dir+"/private", "connect unix:"+s.dir+"/packet",
			"connect unix:"+s.dir+"/own", "bind unix:"+s.dir+"/own", "bind unix:"+s.dir, "bind unix:"+s.dir+"/none/x",
			"bind tcp:127.0.0.1:*", "connect unix:@belljar-"+s.port, "bind unix:@belljar-"+s.port)
		res, out := run(t, belljar.Command{Args: append([]string{program}, uses...), Dir: s.dir}, opts)
		if res.Verdict != belljar.OK {
			t.Errorf("%+v %+v", brief(res), res.Violation)
		}
		os.Remove(s.dir + "/own")
		if diff := cmp.Diff(native(t, program, uses, s.dir), lines(out.Stdout.String())); diff != "" {
			t.Errorf("without a sandbox (-), in it (+):\n%s", diff)
		}
	})
}

// uses are what the program does with the servers, and what it does without.
func (s *servers) uses() []string {
	a := func(kind string, more ...string) string { return strings.Join(append([]string{kind}, more...), ",") }
	uses := []string{
		a("tcp", "127.0.0.1", s.port), a("tcp", "0.0.0.0", s.port), a("tcp", "127.0.0.1", s.closed),
		a("nonblock", "127.0.0.1", s.closed), a("later", "127.0.0.1", s.port), a("later", "127.0.0.1", s.closed),
		a("again", "127.0.0.1", s.udp),
		a("unix", s.dir+"/a"), a("unix", s.dir+"/link"), a("unix", s.dir+"/../"+filepath.Base(s.dir)+"/a"), a("unix", s.dir+"/none"),
		a("unix", s.dir+"/private"), a("seqpacket", s.dir+"/packet"), a("seqpacket", s.dir+"/a"), a("unix", "./a"),
		a("dgram", "to", "127.0.0.1", s.udp), a("dgram", "msg", "127.0.0.1", s.udp), a("dgram", "mmsg", "127.0.0.1", s.udp),
		a("dgram", "sendto", "127.0.0.1", s.udp), a("dgram", "write", "127.0.0.1", s.udp),
		a("rights"), a("flood"), a("stuffed"), a("alarm", "127.0.0.1", s.full), a("impatient", "127.0.0.1", s.full),
		a("notasocket"), a("nofd"), a("fault"), a("short", "127.0.0.1", s.port), a("long", "127.0.0.1", s.port),
		a("serve", "127.0.0.1", "0"), a("serve", s.dir+"/own"), a("bind", s.dir+"/own"), a("bind", s.dir+"/"), a("bind", s.dir+"/none/x"),
		a("serve", "@belljar-"+s.port),
	}
	if s.port6 != "" {
		uses = append(uses, a("tcp", "::1", s.port6), a("tcp", "::", s.port6), a("tcp", "::ffff:127.0.0.1", s.port))
	}
	return uses
}

// TestSocketsByPath proves that rules which refuse files hold for sockets that
// these are, where the policy says nothing of sockets, and that all others work
// as without a sandbox.
func TestSocketsByPath(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	each(t, func(t *testing.T, in sandbox) {
		if in.Private() {
			t.Skip("its root shows no servers")
		}
		s := startServers(t)
		opts := in.Options(t, "observe")
		for _, name := range []string{"/b", "/deny/**"} {
			opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: s.dir + name, Do: eacces})
		}
		if err := os.Symlink("b", s.dir+"/to-b"); err != nil {
			t.Fatal(err)
		}
		uses := append(s.uses(), "netlink")
		refused := []string{"unix," + s.dir + "/b", "unix," + s.dir + "/to-b", "unix,./b", "seqpacket," + s.dir + "/b",
			"dgram,to," + s.dir + "/b", "dgram,msg," + s.dir + "/b", "dgram,mmsg," + s.dir + "/b", "dgram,sendto," + s.dir + "/b",
			"bind," + s.dir + "/deny/x"}
		_, out := run(t, belljar.Command{Args: append([]string{program}, slices.Concat(uses, refused)...), Dir: s.dir}, opts)
		os.Remove(s.dir + "/own")
		want := native(t, program, uses, s.dir)
		for _, use := range refused {
			want = append(want, use+": EACCES")
		}
		if diff := cmp.Diff(want, lines(out.Stdout.String())); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	})
}

// native runs the program without a sandbox, as the user that it has in one.
func native(t *testing.T, program string, args []string, dir string) []string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return lines(string(out))
}

// TestNetworkRefuses proves that what no rule allows gets the default, and that
// what is beside it goes on to work.
func TestNetworkRefuses(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	supervised(t, func(t *testing.T, in sandbox) {
		s := startServers(t)
		rules := []string{"connect tcp:127.0.0.1:" + s.port, "connect unix:" + s.dir + "/a", "connect udp:127.0.0.1:" + s.udp,
			"connect unixgram:@nobody", "bind tcp:127.0.0.1:" + s.closed}
		uses := map[string]string{
			"tcp,127.0.0.1," + s.port: "tcp", "tcp,127.0.0.1," + s.other: "EACCES", "tcp,::ffff:127.0.0.1," + s.other: "EACCES",
			"tcp,0.0.0.0," + s.other: "EACCES", "tcp,127.0.0.2," + s.port: "EACCES", "tcp,::1," + s.port: "EACCES",
			"unix," + s.dir + "/b": "EACCES", "unix," + s.dir + "/nothing": "EACCES", "unix,@" + s.port: "EACCES", "unix,/dev/log": "EACCES",
			"bind,127.0.0.1," + s.other: "EACCES", "bind,0.0.0.0," + s.closed: "EACCES", "bind,127.0.0.1,0": "EACCES",
			"bind," + s.dir + "/mine": "EACCES", "bind,@mine" + s.port: "EACCES", "listen": "EACCES",
			"dgram,to,127.0.0.1," + s.udp2: "EACCES", "dgram,msg,127.0.0.1," + s.udp2: "EACCES", "dgram,mmsg,127.0.0.1," + s.udp2: "EACCES",
			"dgram,write,127.0.0.1," + s.udp2: "EACCES", "dgram,msg,/dev/log": "EACCES", "dgram,to,@nobody": "ECONNREFUSED",
			"fastopen,127.0.0.1," + s.other: "EOPNOTSUPP", "fastopen,127.0.0.1," + s.port: "EOPNOTSUPP",
			"socket,16,3,0": "EACCES", "socket,17,3,0": "EACCES", "socket,2,3,1": "EACCES", "socket,2,1,132": "EACCES", "socket,2,1,262": "EACCES",
			"option,41,57,24": "EPERM", "option,41,5,24": "EPERM", "option,41,6,0": "EPERM", "option,0,4,0": "EPERM", "option,41,26,4": "ok",
			"socket,2,1,6": "ok", "socket,1,3,0": "EACCES", "pair,2": "ok",
		}
		if s.port6 == "" {
			delete(uses, "tcp,::1,"+s.port)
		}
		args, want := []string{program}, []string{}
		for use, result := range uses {
			args, want = append(args, use), append(want, use+": "+result)
		}
		res, out := run(t, belljar.Command{Args: args, Dir: s.dir}, s.options(t, in, eacces, rules...))
		if diff := cmp.Diff(want, lines(out.Stdout.String())); diff != "" || res.Verdict != belljar.OK {
			t.Errorf("%+v %+v\nwant (-), got (+):\n%s", brief(res), res.Violation, diff)
		}
		for use, result := range uses {
			if result != "EACCES" {
				continue
			}
			res, out := run(t, belljar.Command{Args: []string{program, use}, Dir: s.dir}, s.options(t, in, policy.Action{Kind: policy.Kill}, rules...))
			if res.Verdict != belljar.Violation || res.Violation == nil {
				t.Errorf("%s: %+v, want a violation\n%s", use, brief(res), out.Stdout.String())
			}
		}
	})
}

// TestNetworkPython proves that what people write in a scripting language needs
// no more than the endpoints it names.
func TestNetworkPython(t *testing.T) {
	python := testkit.Tool(t, "python3")
	supervised(t, func(t *testing.T, in sandbox) {
		s := startServers(t)
		opts := s.options(t, in, eacces, "connect tcp:127.0.0.1:"+s.port, "bind tcp:127.0.0.1:*", "connect tcp:127.0.0.1:*")
		p, _ := policy.Preset("interpreter")
		p.Network, p.Files = opts.Policy.Network, policy.Files{}
		opts.Policy = p
		const script = `
import socket, sys, threading
print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20).recv(100))
server = socket.create_server(("127.0.0.1", 0))
def echo():
    c, _ = server.accept()
    c.sendall(c.recv(100).upper())
    c.close()
t = threading.Thread(target=echo)
t.start()
c = socket.create_connection(server.getsockname())
c.sendall(b"shout")
print(c.recv(100))
t.join()
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
except PermissionError as e:
    print(e.errno)
`
		res, out := run(t, belljar.Command{Args: []string{python, "-I", "-c", script, s.port}}, opts)
		if want := "b'tcp'\nb'SHOUT'\n13\n"; res.Verdict != belljar.OK || out.Stdout.String() != want {
			t.Errorf("%+v %+v\n%s%s", brief(res), res.Violation, out.Stdout.String(), out.Stderr.String())
		}
	})
}

// TestNetworkEvidence proves that a violation names the peer and its rule.
func TestNetworkEvidence(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	supervised(t, func(t *testing.T, in sandbox) {
		s := startServers(t)
		opts := s.options(t, in, policy.Action{Kind: policy.Kill}, "connect tcp:127.0.0.1:"+s.port, "connect unix:"+s.dir+"/a")
		opts.Policy.Network.Pos = policy.Pos{File: "net.yaml", Line: 7, Col: 3}
		for use, want := range map[string]belljar.ViolationInfo{
			"tcp,::ffff:127.0.0.1," + s.other:                      {Syscall: "connect", Path: "tcp:127.0.0.1:" + s.other},
			"unix," + s.dir + "/../" + filepath.Base(s.dir) + "/b": {Syscall: "connect", Path: "unix:" + s.dir + "/b"},
			"socket,16,3,0": {Syscall: "socket"},
		} {
			res, _ := run(t, belljar.Command{Args: []string{program, use}}, opts)
			want.Decision, want.Rule = "kill", "net.yaml:7"
			if res.Violation != nil {
				want.PID, want.Code = res.Violation.PID, res.Violation.Code // the C library's, mostly
			}
			if diff := cmp.Diff(&want, res.Violation); diff != "" {
				t.Errorf("%s: %s", use, diff)
			}
		}
	})
}

// TestNetworkWithoutSupervisor proves which rules a filter and Landlock keep,
// and that no others are taken.
func TestNetworkWithoutSupervisor(t *testing.T) {
	program := testkit.Program(t, "c/net", "dynamic")[0]
	s := startServers(t)
	in := sandbox{Name: "unshare", Supervisor: belljar.NoOne, Unshare: belljar.On}
	in.Require(t)
	for _, rules := range [][]string{{"connect unix:/run/x"}, {"connect tcp:127.0.0.1:80"}, {"connect udp:*:53"}, {"bind tcp:*:80"}} {
		_, _, err := tryRun(belljar.Command{Args: []string{program}}, s.options(t, in, eacces, rules...))
		if !errors.Is(err, belljar.ErrNotSupported) {
			t.Errorf("%v: %v", rules, err)
		}
	}
	t.Run("ports", func(t *testing.T) {
		if kernel.LandlockABI() < landlock.PortABI {
			t.Skip("this kernel's Landlock knows no ports")
		}
		res, out := run(t, belljar.Command{Args: []string{program, "tcp,127.0.0.1," + s.port, "tcp,127.0.0.1," + s.other, "socket,2,2,0", "bind,127.0.0.1,0"}},
			s.options(t, in, eacces, "connect tcp:*:"+s.port))
		want := []string{"tcp,127.0.0.1," + s.port + ": tcp", "tcp,127.0.0.1," + s.other + ": EACCES", "socket,2,2,0: EACCES", "bind,127.0.0.1,0: EACCES"}
		if diff := cmp.Diff(want, lines(out.Stdout.String())); diff != "" || res.Supervisor != belljar.NoOne {
			t.Errorf("%+v: %s", brief(res), diff)
		}
	})
	res, out := run(t, belljar.Command{Args: []string{program, "tcp,127.0.0.1," + s.port, "dgram,msg,127.0.0.1," + s.udp, "fastopen,127.0.0.1," + s.port, "socket,1,1,0"}},
		s.options(t, in, eacces, "connect tcp:*:*", "connect udp:*:*"))
	want := []string{"tcp,127.0.0.1," + s.port + ": tcp", "dgram,msg,127.0.0.1," + s.udp + ": echo ping", "fastopen,127.0.0.1," + s.port + ": EOPNOTSUPP", "socket,1,1,0: EACCES"}
	if diff := cmp.Diff(want, lines(out.Stdout.String())); diff != "" || res.Supervisor != belljar.NoOne {
		t.Errorf("%+v: %s", brief(res), diff)
	}
}
