package main

import (
	"fmt"
	"strings"

	"github.com/belljar/belljar"
)

// summary is the one line about a run.
func summary(r *belljar.Result) string {
	parts := []string{
		"cpu " + seconds(r.CPU), "wall " + seconds(r.Wall), "memory " + byteSize(r.MemoryPeak)}
	if r.Denied > 0 {
		parts = append(parts, fmt.Sprintf("%d denied", r.Denied))
	}
	return clean(fmt.Sprintf("%s; %s", fate(r), strings.Join(parts, ", ")))
}

// fate says what became of the program and why, in words.
func fate(r *belljar.Result) string {
	verdict := string(r.Verdict)
	switch r.Verdict {
	case belljar.NonzeroExit:
		return fmt.Sprintf("%s: status %d", verdict, r.ExitCode)
	case belljar.Signaled:
		return fmt.Sprintf("%s: %v", verdict, r.Signal)
	case belljar.TimeLimit:
		return fmt.Sprintf("%s: %s", verdict, r.Limit)
	case belljar.Violation:
		if v := r.Violation; v != nil {
			return verdict + ": " + evidence(v)
		}
	}
	return verdict
}

func evidence(v *belljar.ViolationInfo) string {
	what := v.Syscall
	if v.Path != "" {
		what += " " + quote(v.Path)
	}
	switch {
	case v.Count:
		what += " too often for " + v.Rule
	case v.Rule != "":
		what += " by " + v.Rule
	}
	if v.Code != "" {
		what += " in " + v.Code
	}
	if rule := remedy(v); rule != "" {
		what += "; " + rule + " would allow it"
	}
	return what
}

// metaStatus is the status of isolate's format. It has none for a program that
// was stopped for another reason than time, so those count as killed by a
// signal; the verdict has a line of its own.
var metaStatus = map[belljar.Verdict]string{
	belljar.NonzeroExit: "RE",
	belljar.Signaled:    "SG",
	belljar.TimeLimit:   "TO",
	belljar.MemoryLimit: "SG",
	belljar.OutputLimit: "SG",
	belljar.Violation:   "SG",
}

// metaText is the result in isolate's format: times in seconds, memory in KiB.
func metaText(r *belljar.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdict:%s\n", r.Verdict)
	if s := metaStatus[r.Verdict]; s != "" {
		fmt.Fprintf(&b, "status:%s\nmessage:%s\n", s, clean(fate(r)))
	}
	if r.Verdict == belljar.OK || r.Verdict == belljar.NonzeroExit {
		fmt.Fprintf(&b, "exitcode:%d\n", r.ExitCode)
	}
	if r.Signal != 0 {
		fmt.Fprintf(&b, "exitsig:%d\n", int(r.Signal))
	}
	if _, killed := limitStatus[r.Verdict]; killed {
		b.WriteString("killed:1\n")
	}
	fmt.Fprintf(&b, "time:%.3f\ntime-wall:%.3f\nmax-rss:%d\n", r.CPU.Seconds(), r.Wall.Seconds(), r.MemoryPeak>>10)
	return b.String()
}
