package supervise_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// Belljar opens a few descriptors once and keeps them, which is no leak.
func init() {
	supervise.Warm = func() {
		_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	}
}

// TestLetGoOnMutant shows what the copy of an address, and the socket that is
// borrowed, are good for: where a call is decided and the kernel makes it, whoever
// changes the address or the descriptor meanwhile wins. That nobody wins
// otherwise TestNetworkRaces of test/runs proves.
func TestLetGoOnMutant(t *testing.T) {
	supervise.LetSocketsGoOn(t)
	program := testkit.Program(t, "c/netrace", "dynamic")[0]
	for _, s := range []belljar.Supervisor{belljar.Ptrace, belljar.Notify} {
		t.Run(string(s), func(t *testing.T) {
			if s == belljar.Notify {
				testkit.Notify(t)
			}
			for _, race := range races(t) {
				t.Run(race.kind, func(t *testing.T) {
					for end := time.Now().Add(time.Minute); !race.won(t, s, program); {
						if time.Now().After(end) {
							t.Fatal("a minute of attacks won nothing")
						}
					}
				})
			}
		})
	}
}

// race is one way to change what a call is about. Landlock, which lies beneath
// and knows ports only, would keep a port from being reached that no rule names,
// so a rule allows it elsewhere.
type race struct {
	kind, allowed, forbidden string
	rules                    []policy.NetRule
	dir                      string
}

func races(t *testing.T) []race {
	dir := testkit.Dir(t)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	listen(t, "unix", a, "allowed")
	listen(t, "unix", b, "forbidden")
	one, other := listen(t, "tcp", "127.0.0.1:0", "allowed"), listen(t, "tcp", "127.0.0.1:0", "forbidden")
	connect := []policy.NetRule{{Verb: "connect", Endpoint: "unix:" + a}, {Verb: "connect", Endpoint: "tcp:127.0.0.1:" + one},
		{Verb: "connect", Endpoint: "tcp:127.0.0.2:" + other}, {Verb: "connect", Endpoint: "udp:127.0.0.2:" + other}}
	bind := []policy.NetRule{{Verb: "bind", Endpoint: "unix:" + a + "1"}}
	return []race{
		{"memory", one, other, connect, dir}, {"socket", one, other, connect, dir},
		{"name", a, b, connect, dir}, {"link", a, b, connect, dir}, {"bindname", a + "1", a + "2", bind, dir},
	}
}

// listen starts a server that says who it is.
func listen(t *testing.T, network, address, who string) (port string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if network == "unix" {
		if err := os.Chmod(address, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, who)
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// won runs the program and reports whether it got what it must not have.
func (r *race) won(t *testing.T, s belljar.Supervisor, program string) bool {
	p := policy.Observe()
	p.Network = policy.Network{Default: policy.Action{Kind: policy.Deny, Errno: 13}, Rules: r.rules}
	var out bytes.Buffer
	res, err := belljar.Run(context.Background(),
		belljar.Command{Args: []string{program, r.kind, "0.5", r.allowed, r.forbidden}, Dir: r.dir, Stdout: &out, Stderr: &out},
		belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}})
	if err != nil || !strings.HasPrefix(out.String(), "wins ") {
		t.Fatalf("%+v, %v, output %q", res, err, out.String())
	}
	return !strings.HasPrefix(out.String(), "wins 0,")
}
