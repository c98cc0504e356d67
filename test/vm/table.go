package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const tableFile = "docs/kernels.md"

const tableHead = `# Kernels

` + "`make kernels`" + ` writes this file: it boots each of these kernels, which are Debian's, in QEMU, runs the tests
of every package that depends on the kernel there, as root and as uid 65534, and notes what became of them, and what
Belljar can enforce there.
` + "`make vm KERNEL=5.10 ARCH=arm64`" + ` does it for one kernel and prints the output of what fails.

A guest is emulated, has a pure cgroup v2 hierarchy, and neither compilers nor Java nor Node. Packages that are the
same on every kernel are left out, and, unless they are asked for (PACKAGES=test/escapes), those that run many programs from
end to end, which takes an emulated machine an hour. A dash is what was not run yet; the row "tested" says which state of the source was.

`

// writeTable writes what the last runs of the matrix found.
func writeTable(cache, name string) error {
	var columns []*report
	for _, m := range matrix {
		r, err := loadReport(cache, m.kernel, m.arch)
		if err != nil {
			return err
		}
		if r != nil {
			columns = append(columns, r)
		}
	}
	if len(columns) == 0 {
		return errors.New("no results yet: run make kernels, or make vm for one kernel")
	}
	return writeFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, tableHead+layers(columns)+table(columns)+failures(columns)+skips(columns))
		return err
	})
}

// layers has a row for each layer and user: what belljar doctor says of it.
func layers(columns []*report) string {
	var b strings.Builder
	b.WriteString("What `belljar doctor` says of each layer:\n\n| layer | user |")
	for _, r := range columns {
		fmt.Fprintf(&b, " %s %s |", r.Kernel, r.Arch)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	var names []string // in the doctor's order
	for _, r := range columns {
		for _, l := range r.Layers["root"] {
			if !slices.Contains(names, l.Layer) {
				names = append(names, l.Layer)
			}
		}
	}
	for _, name := range names {
		for _, user := range []string{"root", "nobody"} {
			fmt.Fprintf(&b, "| %s | %s |", name, user)
			for _, r := range columns {
				b.WriteString(" " + r.layer(user, name) + " |")
			}
			b.WriteString("\n")
		}
	}
	return b.String() + "\n"
}

// layer is the state of a layer for a user; of Landlock also the ABI.
func (r *report) layer(user, name string) string {
	for _, l := range r.Layers[user] {
		if l.Layer == name {
			if abi, _, ok := strings.Cut(l.Why, ":"); ok && strings.HasPrefix(abi, "ABI ") {
				return l.State + ", " + abi
			}
			return l.State
		}
	}
	return "-"
}

// table has a row for each package and user and a column for each kernel.
func table(columns []*report) string {
	var b strings.Builder
	b.WriteString("Tests passed / failed / skipped:\n\n| package | user |")
	for _, r := range columns {
		fmt.Fprintf(&b, " %s %s |", r.Kernel, r.Arch)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n| Linux | |")
	for _, r := range columns {
		fmt.Fprintf(&b, " %s |", r.Version)
	}
	b.WriteString("\n| tested | |")
	for _, r := range columns {
		b.WriteString(" " + r.commits() + " |")
	}
	b.WriteString("\n")
	for _, row := range rows(columns) {
		fmt.Fprintf(&b, "| %s | %s |", row.Package, row.User)
		for _, r := range columns {
			b.WriteString(" " + r.cell(row) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// rows are the packages and users of all columns, in the order of the packages.
func rows(columns []*report) []job {
	var all []job
	for _, r := range columns {
		for _, j := range r.Jobs {
			all = append(all, job{Package: j.Package, User: j.User})
		}
	}
	slices.SortFunc(all, func(a, b job) int {
		return strings.Compare(a.Package+" "+b.User, b.Package+" "+a.User) // root before nobody
	})
	return slices.CompactFunc(all, func(a, b job) bool { return a.Package == b.Package && a.User == b.User })
}

func (r *report) cell(row job) string {
	for _, j := range r.Jobs {
		if j.Package != row.Package || j.User != row.User {
			continue
		}
		text := fmt.Sprintf("%d / %d / %d", j.Passed, len(j.Failed), j.skips())
		if len(j.Failed) > 0 {
			text = "**" + text + "**"
		}
		return text
	}
	return "-"
}

// failures lists what failed, without the output, which make vm prints.
func failures(columns []*report) string {
	var b strings.Builder
	for _, r := range columns {
		for _, j := range r.Jobs {
			for _, f := range j.Failed {
				fmt.Fprintf(&b, "- %s %s, %s as %s: %s\n", r.Kernel, r.Arch, j.Package, j.User, f.Test)
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n## What failed\n\n" + b.String()
}

// skips lists why tests were skipped, with the kernels where they were.
func skips(columns []*report) string {
	type where struct{ kernels, tests []string }
	reasons := map[string]where{}
	for _, r := range columns {
		for reason, tests := range r.reasons() {
			w := reasons[reason]
			w.kernels = append(w.kernels, fmt.Sprintf("%s %s", r.Kernel, r.Arch))
			w.tests = append(w.tests, tests...)
			reasons[reason] = w
		}
	}
	var b strings.Builder
	b.WriteString("\n## What was skipped, and why\n\n| reason | kernels | tests |\n|---|---|---|\n")
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		w := reasons[reason]
		kernels := strings.Join(w.kernels, ", ")
		if len(w.kernels) == len(columns) {
			kernels = "all"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.ReplaceAll(reason, "|", `\|`), kernels, some(w.tests, 4))
	}
	return b.String()
}

func (r *report) file(cache string) string {
	return filepath.Join(cache, "results-"+r.Kernel+"-"+r.Arch+".json")
}

// save keeps the results of the packages whose tests came to their end, beside
// those that are kept of other packages on the same kernel.
func (r *report) save(cache string) error {
	kept, err := loadReport(cache, r.Kernel, r.Arch)
	if err != nil {
		return err
	}
	var jobs []jobResult
	for _, j := range r.Jobs {
		if j.Status != "" {
			jobs = append(jobs, j)
		}
	}
	if kept != nil && kept.Version == r.Version {
		for _, old := range kept.Jobs {
			if !slices.ContainsFunc(jobs, func(j jobResult) bool { return j.Package == old.Package && j.User == old.User }) {
				jobs = append(jobs, old)
			}
		}
	}
	merged := *r
	merged.Jobs = jobs
	text, err := json.MarshalIndent(merged, "", " ")
	if err != nil {
		return err
	}
	return writeFile(r.file(cache), func(w io.Writer) error { _, err := w.Write(text); return err })
}

// commits lists the states of the source tree that were tested.
func (r *report) commits() string {
	var all []string
	for _, j := range r.Jobs {
		all = append(all, j.Commit+" ("+j.Date+")")
	}
	return some(all, len(all))
}

// loadReport returns what save kept, nil if there is nothing yet.
func loadReport(cache, kernel, arch string) (*report, error) {
	r := &report{Kernel: kernel, Arch: arch}
	text, err := os.ReadFile(r.file(cache))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(text, r)
}
