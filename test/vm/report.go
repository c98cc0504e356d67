package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report collects what a guest writes and what became of its tests.
type report struct {
	Kernel  string // as users name it
	Suite   string
	Version string
	Arch    string
	Layers  map[string][]layer // what belljar doctor says there, by user
	Jobs    []jobResult

	plan    *plan
	log     io.Writer // everything, as it comes
	current int       // the job whose output comes now, -1 between jobs
	raw     []bytes.Buffer
	running string // the test that began last
	done    bool
	stopped error // why the guest did not come to its end
	console string
}

// layer is what of belljar doctor's findings the table shows.
type layer struct{ Layer, State, Why string }

// jobResult is what became of one package's tests as one user. Tests that
// have subtests are not counted, their subtests are.
type jobResult struct {
	Package, User string
	Commit, Date  string // of the source tree, and of the run
	Status        string // "exit status 0"; empty: it did not end
	Seconds       float64
	Passed        int
	Failed        []failure
	Skipped       map[string][]string // by reason
}

type failure struct{ Test, Output string }

func newReport(kernel, suite, version, arch string, p *plan) *report {
	r := &report{Kernel: kernel, Suite: suite, Version: version, Arch: arch,
		Layers: make(map[string][]layer), plan: p, log: io.Discard, current: -1, raw: make([]bytes.Buffer, len(p.Jobs))}
	source, today := commit(), time.Now().UTC().Format(time.DateOnly)
	for _, j := range p.Jobs {
		r.Jobs = append(r.Jobs, jobResult{Package: j.Package, User: j.User, Commit: source, Date: today})
	}
	return r
}

// commit names the state of the source tree.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// line takes one line of the guest's output.
func (r *report) line(line string) {
	if _, err := io.WriteString(r.log, line); err != nil {
		r.stopped = errors.Join(r.stopped, err)
	}
	words, ours := strings.CutPrefix(line, r.plan.Token+" ")
	f := strings.Fields(words)
	switch {
	case !ours:
		if r.current >= 0 {
			r.raw[r.current].WriteString(line)
		}
		if _, name, ok := strings.Cut(line, "=== RUN "); ok {
			r.running = strings.TrimSpace(name)
		}
	case f[0] == "layers":
		var found []layer
		if err := json.Unmarshal([]byte(strings.Join(f[2:], " ")), &found); err != nil {
			r.stopped = errors.Join(r.stopped, fmt.Errorf("belljar doctor: %w", err))
		}
		r.Layers[f[1]] = found
	case f[0] == "begin":
		r.current, _ = strconv.Atoi(f[1])
		r.running = ""
	case f[0] == "end":
		j := &r.Jobs[r.current]
		ms, _ := strconv.Atoi(f[2])
		j.Seconds = float64(ms) / 1000
		j.Status = strings.Join(f[3:], " ")
		fmt.Printf("  %-20s %-7s %5.0f s  %s\n", j.Package, j.User, j.Seconds, j.Status)
		r.current = -1
	case f[0] == "done":
		r.done = true
	}
}

// finish reads the tests' fates out of their output.
func (r *report) finish(console string) {
	if text, err := os.ReadFile(console); err == nil {
		r.console = string(text)
	}
	for i := range r.Jobs {
		j := &r.Jobs[i]
		events, err := testEvents(r.raw[i].Bytes())
		if err != nil {
			j.Failed = append(j.Failed, failure{"the output", err.Error()})
		}
		j.count(events)
		switch {
		case j.Status == "" && r.raw[i].Len() > 0:
			j.Failed = append(j.Failed, failure{"(in " + r.running + ")", "the guest ended before these tests did"})
		case j.Status == "":
			j.Failed = append(j.Failed, failure{"(all)", "the guest ended before these tests began"})
		case j.Status != "exit status 0" && len(j.Failed) == 0:
			j.Failed = append(j.Failed, failure{"(package)", j.Status + "\n" + lastLines(r.raw[i].String(), 40)})
		}
	}
}

// event is what go tool test2json makes of a test's output.
type event struct{ Action, Test, Output string }

func testEvents(raw []byte) ([]event, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool test2json: %w", err)
	}
	var all []event
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e event
		if err := d.Decode(&e); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go tool test2json: %w", err)
		}
		all = append(all, e)
	}
}

// reasonLine is where a test says why it skips: "    file_test.go:12: reason".
var reasonLine = regexp.MustCompile(`^\s*\w+\.go:\d+: `)

func (j *jobResult) count(events []event) {
	j.Skipped = map[string][]string{}
	output := map[string]*strings.Builder{}
	parents := map[string]bool{}
	for _, e := range events {
		if e.Action == "run" {
			output[e.Test] = &strings.Builder{}
			for i := range e.Test {
				if e.Test[i] == '/' {
					parents[e.Test[:i]] = true
				}
			}
		}
		if b := output[e.Test]; b != nil && e.Action == "output" {
			b.WriteString(e.Output)
		}
	}
	for _, e := range events {
		if e.Test == "" || parents[e.Test] && e.Action != "fail" {
			continue
		}
		text := ""
		if b := output[e.Test]; b != nil {
			text = b.String()
		}
		switch e.Action {
		case "pass":
			j.Passed++
		case "fail":
			// A parent fails with its children; it is only counted for a reason
			// of its own.
			if !parents[e.Test] || slices.ContainsFunc(strings.Split(text, "\n"), reasonLine.MatchString) {
				j.Failed = append(j.Failed, failure{e.Test, text})
			}
		case "skip":
			reason := skipReason(text)
			j.Skipped[reason] = append(j.Skipped[reason], e.Test)
		}
	}
}

func skipReason(text string) string {
	reason := "no reason given"
	for line := range strings.Lines(text) {
		if at := reasonLine.FindString(line); at != "" {
			reason = strings.TrimSpace(strings.TrimPrefix(line, at))
		}
	}
	return reason
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// good reports whether the guest came to its end and no test failed.
func (r *report) good() bool {
	return r.stopped == nil && !slices.ContainsFunc(r.Jobs, func(j jobResult) bool { return len(j.Failed) > 0 })
}
