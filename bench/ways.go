package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/belljar/belljar/bench/internal/chart"
	"github.com/belljar/belljar/bench/internal/measure"
)

// way is one way to run a program.
type way struct {
	name string
	kind chart.Kind
	tool string // the command that it needs
	// timed runs $program for $ms milliseconds by $n workers and prints the time of
	// a run; shown runs it once and shows its output. $rules and $lists are what
	// the program may do.
	timed, shown string
}

var ways = []way{
	{name: "native", kind: chart.Floor, timed: "{nobody} {spawn} $ms $n $program", shown: "{nobody} $program"},
	library("ptrace", "--supervisor ptrace --no-unshare"),
	library("notify", "--supervisor notify --no-unshare"),
	library("unshare", "--supervisor none --unshare"),
	library("both", "--supervisor ptrace --unshare"),
	library("both, notify", "--supervisor notify --unshare"),
	library("unshare, pooled", "--supervisor none --unshare --containers 64"),
	library("both, pooled", "--supervisor ptrace --unshare --containers 64"),
	tool("belljar run", chart.Own, "", "{belljar} run {environment} --unshare $rules --"),
	tool("bubblewrap", chart.Peer, "bwrap", "bwrap --unshare-all --die-with-parent --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --bind {out} {out}"),
	tool("firejail", chart.Peer, "firejail", "firejail --quiet --noprofile --net=none --private-dev --caps.drop=all --nonewprivs --seccomp"),
	tool("runc", chart.Peer, "runc", "runc --root {state}/runc run --bundle {bundles}/runc/$name bench@"),
	unified(tool("crun", chart.Peer, "crun", "crun --root {state}/crun run --bundle {bundles}/crun/$name bench@")),
	gosandbox("go-sandbox ptrace", "{nobody} {gosandbox}", "ptrace"),
	gosandbox("go-sandbox unshare", "{gosandbox}", "unshare"),
	gosandbox("go-sandbox container", "{gosandbox}", "container"),
	tool("strace -f", chart.Peer, "strace", "strace -f -o {state}/strace"),
}

// library is Belljar as a Go program uses it, with one Runner for all runs.
func library(name, flags string) way {
	return way{name, chart.Own, "", "{library} run --for ${ms}ms --workers $n " + flags + " $rules -- $program", "{library} run " + flags + " $rules -- $program"}
}

func gosandbox(name, command, runner string) way {
	return way{name, chart.Peer, "", command + " run --for ${ms}ms --workers $n $lists " + runner + " $program", command + " run $lists " + runner + " $program"}
}

// tool is a command in front of the program's. Those that take the program from
// a bundle have no $program.
func tool(name string, kind chart.Kind, needs, command string) way {
	if !strings.Contains(command, "$name") {
		command += " $program"
	}
	return way{name, kind, needs, "{spawn} $ms $n " + command, command}
}

// with is the way with more flags for the command that runs a program.
func (w way) with(flags string) way {
	w.timed = strings.Replace(w.timed, " run ", " run "+flags+" ", 1)
	w.shown = strings.Replace(w.shown, " run ", " run "+flags+" ", 1)
	return w
}

// unified is the way on a host where cgroup version 2 stands alone.
func unified(w way) way {
	w.timed, w.shown = "{unified} "+w.timed, "{unified} "+w.shown
	return w
}

// run is the cell that times runs of a program.
func (w way) run(p program, workers int) measure.Cell {
	return measure.Cell{Name: w.name, Command: fill(w.timed, p, workers)}
}

// show is the cell of a program that prints what it measured.
func (w way) show(p program) measure.Cell {
	return measure.Cell{Name: w.name, Command: fill(w.shown, p, 1)}
}

func fill(template string, p program, workers int) string {
	values := map[string]string{"ms": fmt.Sprint(p.length), "n": fmt.Sprint(workers), "name": p.name,
		"rules": p.rules(), "lists": p.lists(), "program": p.command}
	return os.Expand(template, func(name string) string { return values[name] })
}

// byName returns the ways with these names, in this order.
func byName(names ...string) []way {
	var found []way
	for _, name := range names {
		for _, w := range ways {
			if w.name == name {
				found = append(found, w)
			}
		}
	}
	return found
}

// kindOf is whose cell it is, by its name's beginning.
func kindOf(cell string) chart.Kind {
	best := way{kind: chart.Own}
	for _, w := range ways {
		if strings.HasPrefix(cell, w.name) && len(w.name) > len(best.name) {
			best = w
		}
	}
	if strings.HasPrefix(cell, "floor") {
		return chart.Floor
	}
	return best.kind
}
