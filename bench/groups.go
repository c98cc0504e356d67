package main

import (
	"fmt"
	"time"

	"github.com/belljar/belljar/bench/internal/measure"
)

// What is measured. A cell is a command that prints a number; words in braces
// are what site.go made or found, and programs' own flags stand in programs.go.
// The cells of a group are run in turn, so the ratios between them hold whatever
// else the machine does.

// loop is a program that makes a call for 100 ms and prints what one took.
func loop(kind, path string, threads int) program {
	p := program{command: fmt.Sprintf("{loop} %s %s 100 %d", kind, path, threads), policy: "judge"}
	switch kind {
	case "open", "stat":
		p.read = []string{path}
	case "refused":
		p.deny = []string{path}
	}
	return p
}

// floor is the least that a supervisor of opens can do.
func floor(name, how, where string, threads int) measure.Cell {
	return measure.Cell{Name: "floor: " + name, Command: fmt.Sprintf("{nobody} {floor} %s %s {loop} open {file} 100 %d", how, where, threads)}
}

// shown returns a cell for each way, named after it.
func shown(p program, ways []way) []measure.Cell {
	var cells []measure.Cell
	for _, w := range ways {
		cells = append(cells, w.show(p))
	}
	return cells
}

func named(name string, c measure.Cell) measure.Cell {
	c.Name = name
	return c
}

// filtered is a run by nothing but a filter: without file rules nobody has to
// look at paths.
func filtered(p program) measure.Cell {
	return named("filter alone", library("", "--supervisor none --no-unshare --no-file-rules").show(p))
}

var supervised = byName("native", "ptrace", "notify", "unshare", "go-sandbox ptrace", "strace -f")

func groups() []measure.Group {
	all := []measure.Group{
		{ID: "untrapped", Title: "A call that no supervisor sees", Rounds: 25, Budget: 20 * time.Second,
			Cells: append(shown(loop("getppid", "-", 1), byName("native", "ptrace", "notify", "unshare", "go-sandbox ptrace", "bubblewrap")),
				filtered(loop("getppid", "-", 1)))},
		openGroup("open", 1, "here"),
		openGroup("open-threads", 4, "free"),
		{ID: "stat", Title: "stat", Rounds: 7, Budget: 10 * time.Second, Cells: shown(loop("stat", "{file}", 1), supervised)},
		{ID: "stat-threads", Title: "stat, 4 threads", Rounds: 7, Budget: 10 * time.Second, Cells: shown(loop("stat", "{file}", 4), supervised)},
		{ID: "refused", Title: "An open that is refused", Rounds: 7, Budget: 10 * time.Second,
			Cells: shown(loop("refused", "{secret}", 1), byName("native", "ptrace", "notify", "unshare", "go-sandbox ptrace"))},
		{ID: "refused-threads", Title: "An open that is refused, 4 threads", Rounds: 7, Budget: 10 * time.Second,
			Cells: shown(loop("refused", "{secret}", 4), byName("native", "ptrace", "notify", "unshare", "go-sandbox ptrace"))},
		startGroup(),
		largeGroup(),
	}
	for _, workers := range []int{2, 8, 64} {
		all = append(all, throughputGroup(workers))
	}
	for _, p := range programs[1:] {
		all = append(all, workGroup(p))
	}
	all = append(all, rulesGroup(), decideGroup(), prepareGroup(), crowdGroup(), depthGroup(), memoryGroup(), commandGroup(), traceGroup())
	for i := range all {
		if g := &all[i]; g.Base == "" && g.Cells[0].Name == "native" {
			g.Base = "native"
		}
		if all[i].Unit == "" {
			all[i].Unit = "ns"
		}
	}
	return all
}

// openGroup opens a file of root's and one in a directory that the program
// could change: under ptrace the first call goes on as it is, the other is
// rewritten, and each has its own floor.
func openGroup(id string, threads int, where string) measure.Group {
	g := measure.Group{ID: id, Title: fmt.Sprintf("open and close, %d threads", threads), Rounds: 15, Budget: 25 * time.Second}
	if threads == 1 {
		g.Title = "open and close"
	}
	allowed, own := loop("open", "{file}", threads), loop("open", "{own}", threads)
	ptrace := byName("ptrace")[0]
	g.Cells = append(shown(allowed, byName("native")), filtered(allowed))
	g.Cells = append(g.Cells, shown(allowed, byName("unshare"))...)
	g.Cells = append(g.Cells,
		floor("ptrace, call goes on", "trace", where, threads),
		named("ptrace, call goes on", ptrace.show(allowed)),
		floor("ptrace, call rewritten", "rewrite", where, threads),
		named("ptrace, call rewritten", ptrace.show(own)),
		floor("notify", "notify", where, threads))
	g.Cells = append(g.Cells, shown(allowed, byName("notify", "go-sandbox ptrace", "strace -f"))...)
	return g
}

func startGroup() measure.Group {
	g := measure.Group{ID: "start", Title: "Running a program that does nothing", Rounds: 11, Budget: 45 * time.Second}
	for _, w := range ways {
		g.Cells = append(g.Cells, w.run(programs[0], 1))
	}
	return g
}

// largeGroup starts programs from a process that holds 1 GiB.
func largeGroup() measure.Group {
	g := measure.Group{ID: "large", Title: "The same from a process that holds 1 GiB", Rounds: 5, Budget: 20 * time.Second}
	for _, w := range byName("native", "ptrace", "unshare", "both", "unshare, pooled", "both, pooled", "go-sandbox ptrace", "go-sandbox container") {
		if w.name != "native" {
			w = w.with("--ballast 1024")
		}
		g.Cells = append(g.Cells, w.run(programs[0], 1))
	}
	return g
}

func throughputGroup(workers int) measure.Group {
	g := measure.Group{ID: fmt.Sprintf("throughput-%d", workers), Title: fmt.Sprintf("%d runs at once, time by their number", workers), Rounds: 5, Budget: 15 * time.Second}
	for _, w := range byName("native", "ptrace", "notify", "unshare", "both", "unshare, pooled", "both, pooled", "bubblewrap", "crun", "go-sandbox ptrace", "go-sandbox container") {
		g.Cells = append(g.Cells, w.run(programs[0], workers))
	}
	return g
}

// workGroup runs a program by all ways. strace stands in the group "trace".
func workGroup(p program) measure.Group {
	g := measure.Group{ID: p.name, Title: "Real work: " + p.title, Rounds: 7, Budget: 30 * time.Second}
	switch p.name {
	case "numeric": // a run takes a second or two, and one in a hundred is asked for
		g.Budget = 120 * time.Second
	case "find": // under some ways one run takes as long
		g.Budget = 45 * time.Second
	}
	for _, w := range ways[:len(ways)-1] {
		g.Cells = append(g.Cells, w.run(p, 1))
	}
	return g
}

func rulesGroup() measure.Group {
	g := measure.Group{ID: "rules", Title: "open and close under many file rules", Base: "ptrace, 10 rules", Rounds: 5, Budget: 20 * time.Second}
	for _, supervisor := range []string{"ptrace", "notify"} {
		for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
			w := byName(supervisor)[0].with(fmt.Sprintf("--more-rules %d", n))
			c := named(fmt.Sprintf("%s, %d rules", supervisor, n), w.show(loop("open", "{file}", 1)))
			c.Base = supervisor + ", 10 rules"
			g.Cells = append(g.Cells, c)
		}
	}
	return g
}

func decideGroup() measure.Group {
	g := measure.Group{ID: "decide", Title: "A decision on a path, without any supervisor", Base: "10 rules", Rounds: 7, Budget: 20 * time.Second}
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		g.Cells = append(g.Cells, measure.Cell{Name: fmt.Sprintf("%d rules", n), Command: fmt.Sprintf("{library} decide %d", n)})
	}
	return g
}

func prepareGroup() measure.Group {
	g := measure.Group{ID: "prepare", Title: "A runner's first run, by the number of file rules", Base: "10 rules", Rounds: 3, Budget: 20 * time.Second}
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		g.Cells = append(g.Cells, measure.Cell{Name: fmt.Sprintf("%d rules", n),
			Command: fmt.Sprintf("{library} prepare --for 100ms --supervisor ptrace --no-unshare --more-rules %d -- {noop}", n)})
	}
	return g
}

// crowdGroup has many processes that all open files at once.
func crowdGroup() measure.Group {
	g := measure.Group{ID: "crowd", Title: "open and close by many processes at once", Rounds: 5, Budget: 20 * time.Second}
	for _, n := range []int{1, 8, 64, 500} {
		p := program{command: fmt.Sprintf("{crowd} %d {file} 100", n), policy: "compile"}
		for _, w := range byName("native", "ptrace", "notify", "go-sandbox ptrace") {
			c := named(fmt.Sprintf("%s, %d processes", w.name, n), w.show(p))
			if w.name != "native" {
				c.Base = fmt.Sprintf("native, %d processes", n)
			}
			g.Cells = append(g.Cells, c)
		}
	}
	return g
}

var depths = []int{2, 10, 30, 60}

// depthGroup opens files whose paths have many components, in directories of
// root's and, rewritten, in one that the program could change.
func depthGroup() measure.Group {
	g := measure.Group{ID: "depth", Title: "open and close by the path's depth", Rounds: 5, Budget: 20 * time.Second}
	for _, n := range depths {
		path, own := fmt.Sprintf("{deep-%d}", n), fmt.Sprintf("{own-deep-%d}", n)
		native := fmt.Sprintf("native, depth %d", n)
		for _, w := range byName("native", "ptrace", "notify", "go-sandbox ptrace") {
			c := named(fmt.Sprintf("%s, depth %d", w.name, n), w.show(loop("open", path, 1)))
			if w.name != "native" {
				c.Base = native
			}
			g.Cells = append(g.Cells, c)
		}
		c := named(fmt.Sprintf("ptrace, rewritten, depth %d", n), byName("ptrace")[0].show(loop("open", own, 1)))
		c.Base = native
		g.Cells = append(g.Cells, c)
	}
	return g
}

func memoryGroup() measure.Group {
	return measure.Group{ID: "memory", Title: "Memory, of each one", Unit: "B", Rounds: 3, Budget: 20 * time.Second, Cells: []measure.Cell{
		{Name: "parked sandbox", Command: "{library} parked 50 --supervisor none --unshare {wait}"},
		{Name: "go-sandbox, container", Command: "{gosandbox} parked 50 {wait}"},
		{Name: "running, ptrace", Command: "{library} running 50 --supervisor ptrace --no-unshare {wait}"},
		{Name: "running, notify", Command: "{library} running 50 --supervisor notify --no-unshare {wait}"},
		{Name: "running, unshare", Command: "{library} running 50 --supervisor none --unshare {wait}"},
		{Name: "running, both", Command: "{library} running 50 --supervisor ptrace --unshare {wait}"},
		{Name: "the binary, on disk", Command: "stat --format=%s {belljar}"},
	}}
}

func commandGroup() measure.Group {
	return measure.Group{ID: "command", Title: "Starting the command itself", Base: "a program in C", Rounds: 9, Budget: 10 * time.Second, Cells: []measure.Cell{
		{Name: "a program in C", Command: "{spawn} 100 1 {noop}"},
		{Name: "a program in Go", Command: "{spawn} 100 1 {hello-go}"},
		{Name: "belljar run --help", Command: "{spawn} 100 1 {belljar} run --help"},
	}}
}

// traceGroup writes every call to a file.
func traceGroup() measure.Group {
	const program = "{find} {small-tree} -size +0"
	return measure.Group{ID: "trace", Title: "A trace of every call of find over 2,000 files, to a file", Base: "native", Rounds: 7, Budget: 20 * time.Second, Cells: []measure.Cell{
		{Name: "native", Command: "{nobody} {spawn} 100 1 " + program},
		{Name: "belljar trace", Command: "{spawn} 200 1 {belljar} trace {environment} --no-unshare -o {state}/trace-@ -- " + program},
		{Name: "strace -f", Command: "{spawn} 200 1 strace -f -o {state}/strace-@ " + program},
	}}
}
