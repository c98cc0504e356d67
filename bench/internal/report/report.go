// Package report writes measurements as Markdown.
package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/belljar/belljar/bench/internal/measure"
)

// Fact is one line about where measurements were taken.
type Fact struct{ Name, Value string }

// Document is all that a report says. Facts, Readings and Results are written in
// the order they come in.
type Document struct {
	Intro    string   // Markdown, with the title
	Charts   []string // their files
	Facts    []Fact
	Readings []measure.Reading
	Results  []*measure.Result
	Absent   []Fact // what could not be had, and why
}

// Markdown writes the document.
func (d Document) Markdown() []byte {
	var out bytes.Buffer
	out.WriteString(d.Intro + "\n")
	d.writeBars(&out)
	for _, file := range d.Charts {
		fmt.Fprintf(&out, "![ratios](%s)\n\n", file)
	}
	out.WriteString("## Where\n\n| | |\n|---|---|\n")
	for _, f := range d.Facts {
		fmt.Fprintf(&out, "| %s | %s |\n", cell(f.Name), cell(f.Value))
	}
	for _, f := range d.Absent {
		fmt.Fprintf(&out, "| %s | not measured: %s |\n", cell(f.Name), cell(f.Value))
	}
	for _, r := range d.Results {
		writeResult(&out, r)
	}
	return out.Bytes()
}

func (d Document) writeBars(out *bytes.Buffer) {
	met, set := 0, 0
	for _, r := range d.Readings {
		if r.AtMost > 0 {
			set++
			if r.Met() {
				met++
			}
		}
	}
	fmt.Fprintf(out, "## What it must show\n\n%d of %d are met.\n\n", met, set)
	out.WriteString("| what | at most | measured | middle half | |\n|---|---|---|---|---|\n")
	for _, r := range d.Readings {
		fmt.Fprintf(out, "| %s | %s | %s |\n", cell(r.What), limit(r.Bar), readingCells(r))
	}
	out.WriteString("\n")
	for _, r := range d.Readings {
		if r.Why != "" && r.AtMost > 0 && !r.Met() {
			fmt.Fprintf(out, "- %s: %s\n", r.What, r.Why)
		}
	}
	out.WriteString("\n")
}

func limit(b measure.Bar) string {
	if b.AtMost == 0 {
		return "-"
	}
	return number(b, b.AtMost)
}

// number writes a ratio, or a value of which only sizes have bars.
func number(b measure.Bar, v float64) string {
	if b.Under == "" {
		return fmt.Sprintf("%.2f MiB", v/(1<<20))
	}
	return fmt.Sprintf("%.2f", v)
}

func readingCells(r measure.Reading) string {
	if r.Err != nil {
		return fmt.Sprintf("- | - | not measured: %s", cell(r.Err.Error()))
	}
	verdict := "**not met**"
	switch {
	case r.AtMost == 0:
		verdict = "watched"
	case r.Met():
		verdict = "met"
	}
	if len(r.Over) > 1 {
		verdict += " (the worst: " + cell(r.Worst) + ")"
	}
	return fmt.Sprintf("%s | %s .. %s | %s", number(r.Bar, r.Median), number(r.Bar, r.Low), number(r.Bar, r.High), verdict)
}

func writeResult(out *bytes.Buffer, r *measure.Result) {
	g := r.Group
	fmt.Fprintf(out, "\n## %s\n\nMedians of %d rounds.\n\n", g.Title, r.Rounds)
	out.WriteString("| | median | middle half | ratio | middle half | to |\n|---|--:|---|--:|---|---|\n")
	for _, c := range g.Cells {
		v, ok := r.Value(c.Name)
		if !ok {
			fmt.Fprintf(out, "| %s | - | | | | failed: %s |\n", cell(c.Name), cell(fmt.Sprint(r.Failed[c.Name])))
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s .. %s ", cell(c.Name), measure.Format(v.Median, g.Unit), measure.Format(v.Low, g.Unit), measure.Format(v.High, g.Unit))
		base := g.BaseOf(c)
		if ratio, ok := r.Ratio(c.Name, base); ok {
			fmt.Fprintf(out, "| %s | %s .. %s | %s |\n", measure.Short(ratio.Median), measure.Short(ratio.Low), measure.Short(ratio.High), cell(base))
		} else {
			out.WriteString("| | | |\n")
		}
	}
}

// cell makes text fit into one cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(strings.TrimSpace(s))
}

// Text writes readings for a terminal, one a line.
func Text(readings []measure.Reading) []byte {
	var out bytes.Buffer
	for _, r := range readings {
		if r.Err != nil {
			fmt.Fprintf(&out, "%-62s not measured: %v\n", r.What, r.Err)
			continue
		}
		fmt.Fprintf(&out, "%-62s %9s  (%s .. %s), at most %s%s\n", r.What, number(r.Bar, r.Median), number(r.Bar, r.Low), number(r.Bar, r.High), limit(r.Bar), missed(r))
	}
	return out.Bytes()
}

func missed(r measure.Reading) string {
	if r.AtMost > 0 && !r.Met() {
		return "  NOT MET"
	}
	return ""
}
