package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// print writes the results for a person: what failed with its output, what was
// skipped with its reason, and one line for each package.
func (r *report) print(w io.Writer) {
	for _, j := range r.Jobs {
		for _, f := range j.Failed {
			fmt.Fprintf(w, "\nFAIL %s as %s: %s\n%s\n", j.Package, j.User, f.Test, strings.TrimRight(f.Output, "\n"))
		}
	}
	r.printSkips(w)
	fmt.Fprintf(w, "\nLinux %s, %s\n", r.Version, r.Arch)
	fmt.Fprintf(w, "  %-20s %-7s %7s %7s %7s %8s\n", "package", "user", "passed", "failed", "skipped", "seconds")
	for _, j := range r.Jobs {
		fmt.Fprintf(w, "  %-20s %-7s %7d %7d %7d %8.0f\n", j.Package, j.User, j.Passed, len(j.Failed), j.skips(), j.Seconds)
	}
	if r.stopped != nil {
		where := "between packages"
		if r.current >= 0 {
			where = fmt.Sprintf("in %s as %s, test %s", r.Jobs[r.current].Package, r.Jobs[r.current].User, r.running)
		}
		fmt.Fprintf(w, "\n%v; it was %s. The last lines of its console:\n%s\n", r.stopped, where, lastLines(r.console, 30))
	}
	if r.good() {
		fmt.Fprintln(w, "ok")
	} else {
		fmt.Fprintln(w, "FAILED")
	}
}

// printSkips lists the reasons for which tests were skipped, once each.
func (r *report) printSkips(w io.Writer) {
	reasons := r.reasons()
	if len(reasons) > 0 {
		fmt.Fprintln(w, "\nskipped:")
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "  %4d  %s (%s)\n", len(reasons[reason]), reason, some(reasons[reason], 3))
	}
}

// reasons returns the skipped tests of all packages by reason.
func (r *report) reasons() map[string][]string {
	all := map[string][]string{}
	for _, j := range r.Jobs {
		for reason, tests := range j.Skipped {
			all[reason] = append(all[reason], tests...)
		}
	}
	return all
}

func (j *jobResult) skips() int {
	n := 0
	for _, tests := range j.Skipped {
		n += len(tests)
	}
	return n
}

// some names the first few of a list, without repetition.
func some(names []string, n int) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > n {
		return strings.Join(names[:n], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
