package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar/bench/internal/chart"
)

func TestExpand(t *testing.T) {
	s := &site{
		words:  map[string][]string{"nobody": {"setpriv", "--reuid"}, "none": nil, "out": {"/srv/out"}, "g++": {"/usr/bin/g++"}},
		absent: map[string]string{"runc": "not installed", "gosandbox": "cannot be built"},
	}
	for _, c := range []struct{ command, want, err string }{
		{"{nobody} {none} {g++} -o {out}/a --write {out}/** {print $1}", "setpriv --reuid /usr/bin/g++ -o /srv/out/a --write /srv/out/** {print $1}", ""},
		{"{spawn} 1 1 runc run", "", "{spawn}"},
		{"{out} runc run", "", "runc: not installed"},
		{"{gosandbox} run", "", "cannot be built"},
		{"{nobody}/a", "", "{nobody}"},
	} {
		got, err := s.expand(c.command)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, %v", c.command, got, err)
			}
		} else if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v", c.command, got, err)
		}
	}
}

// TestConfigure gives a runtime's example a program, as nobody.
func TestConfigure(t *testing.T) {
	s := &site{dir: "/srv/x", env: []string{"A=B"}}
	text, err := s.configure([]byte(`{"ociVersion": "1", "process": {"terminal": true, "rlimits": []}, "mounts": [{"destination": "/proc"}], "linux": {"resources": {}}}`), []string{"/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Process struct {
			Terminal bool
			Args     []string
			User     struct{ UID int }
		}
		Mounts []struct {
			Destination string
			Options     []string
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Process.Terminal || !slices.Equal(got.Process.Args, []string{"/bin/true"}) || got.Process.User.UID != nobody {
		t.Errorf("%+v", got.Process)
	}
	last := got.Mounts[len(got.Mounts)-1]
	if got.Mounts[0].Destination != "/proc" || last.Destination != "/srv/x/out" || !slices.Contains(last.Options, "rw") {
		t.Errorf("%+v", got.Mounts)
	}
	if _, err := s.configure([]byte("{}"), nil); err == nil {
		t.Error("a configuration without a process was changed")
	}
}

func TestKindOf(t *testing.T) {
	for cell, want := range map[string]chart.Kind{
		"native": chart.Floor, "floor: notify": chart.Floor, "ptrace, call goes on": chart.Own, "belljar run": chart.Own,
		"go-sandbox ptrace": chart.Peer, "strace -f": chart.Peer, "filter alone": chart.Own,
	} {
		if got := kindOf(cell); got != want {
			t.Errorf("%s: %s, want %s", cell, got, want)
		}
	}
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", "a\nb\nc\n": "b; c"} {
		if got := lastLines(text, 2); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
