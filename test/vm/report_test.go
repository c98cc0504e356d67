package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output is what a guest's data port gave, with the \x16 by which a test marks
// its own lines.
const guestOutput = `
T begin 0
` + "\x16" + `=== RUN   TestGood
` + "\x16" + `--- PASS: TestGood (0.00s)
` + "\x16" + `=== RUN   TestTable
` + "\x16" + `=== RUN   TestTable/old
    x_test.go:12: this kernel has no mseal
` + "\x16" + `=== RUN   TestTable/bad
    x_test.go:14: got 1
` + "\x16" + `--- FAIL: TestTable (0.01s)
    ` + "\x16" + `--- SKIP: TestTable/old (0.00s)
    ` + "\x16" + `--- FAIL: TestTable/bad (0.00s)
` + "\x16" + `FAIL
T end 0 1500 exit status 1
T begin 1
` + "\x16" + `=== RUN   TestHangs
`

func reportOf(t *testing.T, text string) *report {
	t.Helper()
	r := newReport("6.1", "bookworm", "6.1.0-1", "amd64", &plan{Token: "T", Jobs: []job{{Package: "a", User: "root"}, {Package: "b", User: "root"}}})
	for line := range strings.Lines(text) {
		r.line(line)
	}
	r.finish("/nonexistent")
	return r
}

func TestReport(t *testing.T) {
	r := reportOf(t, guestOutput)
	r.stopped = errors.New("the guest was ended")
	for i := range r.Jobs[0].Failed {
		r.Jobs[0].Failed[i].Output = ""
	}
	for i := range r.Jobs {
		r.Jobs[i].Commit, r.Jobs[i].Date = "", ""
	}
	want := []jobResult{
		{Package: "a", User: "root", Status: "exit status 1", Seconds: 1.5, Passed: 1, Failed: []failure{{Test: "TestTable/bad"}},
			Skipped: map[string][]string{"this kernel has no mseal": {"TestTable/old"}}},
		{Package: "b", User: "root", Failed: []failure{{"(in TestHangs)", "the guest ended before these tests did"}}, Skipped: map[string][]string{}},
	}
	if diff := cmp.Diff(want, r.Jobs); diff != "" {
		t.Error(diff)
	}
	if r.good() {
		t.Error("a report with failures is good")
	}
	var out bytes.Buffer
	r.print(&out)
	for _, part := range []string{"FAIL a as root: TestTable/bad", "1  this kernel has no mseal (TestTable/old)", "it was in b as root, test TestHangs", "FAILED"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}

// TestReportIsNeverGood proves that what does not say that it passed did not.
func TestReportIsNeverGood(t *testing.T) {
	good := "T begin 0\nT end 0 1 exit status 0\nT begin 1\nT end 1 1 exit status 0\nT done\n"
	if r := reportOf(t, good); !r.good() || !r.done {
		t.Fatalf("%+v", r.Jobs)
	}
	for name, text := range map[string]string{
		"silence":       "",
		"second absent": "T begin 0\nT end 0 1 exit status 0\n",
		"status":        strings.Replace(good, "end 1 1 exit status 0", "end 1 1 exit status 2", 1),
		"forged token":  strings.ReplaceAll(good, "T ", "U "),
	} {
		if reportOf(t, text).good() {
			t.Errorf("%s: good", name)
		}
	}
}

// TestSave proves that what is kept of a package stays until it is tested
// again, and that what did not end is not kept.
func TestSave(t *testing.T) {
	cache := t.TempDir()
	r := reportOf(t, guestOutput)
	if err := r.save(cache); err != nil {
		t.Fatal(err)
	}
	r = reportOf(t, "T begin 1\nT end 1 2000 exit status 0\nT done\n")
	if err := r.save(cache); err != nil {
		t.Fatal(err)
	}
	kept, err := loadReport(cache, "6.1", "amd64")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range kept.Jobs {
		got = append(got, fmt.Sprintf("%s %g %d", j.Package, j.Seconds, len(j.Failed)))
	}
	if diff := cmp.Diff([]string{"b 2 0", "a 1.5 1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTable(t *testing.T) {
	r := reportOf(t, guestOutput)
	columns := []*report{r, {Kernel: "latest", Arch: "arm64", Version: "7", Jobs: []jobResult{{Package: "a", User: "root", Passed: 2}}}}
	for text, parts := range map[string][]string{
		table(columns):    {"| package | user | 6.1 amd64 | latest arm64 |", "| a | root | **1 / 1 / 1** | 2 / 0 / 0 |", "| b | root | **0 / 1 / 0** | - |"},
		failures(columns): {"- 6.1 amd64, a as root: TestTable/bad\n"},
		skips(columns):    {"| this kernel has no mseal | 6.1 amd64 | TestTable/old |"},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}
}

// TestCPIO checks an archive by hand: names and contents where the format has
// them, parents before children.
func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	c := newCPIO(&b)
	c.file("a/b", 0o755, []byte("12345"))
	c.hardlink("a/c", "a/b")
	c.symlink("l", "a/b")
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()%512 != 0 {
		t.Errorf("%d bytes: the next archive would not be aligned", b.Len())
	}
	type entry struct{ Name, Mode, Data string }
	var got []entry
	align := func(n int) int { return (n + 3) &^ 3 }
	for text := b.Bytes(); ; {
		if string(text[:6]) != "070701" {
			t.Fatalf("no header at %d", b.Len()-len(text))
		}
		size, name := hex(t, text[54:62]), hex(t, text[94:102])
		data := align(110 + name)
		e := entry{string(text[110 : 110+name-1]), string(text[14:22]), string(text[data : data+size])}
		if e.Name == "TRAILER!!!" {
			break
		}
		got = append(got, e)
		text = text[align(data+size):]
	}
	want := []entry{{"a", "000041ed", ""}, {"a/b", "000081ed", "12345"}, {"a/c", "000081ed", "12345"}, {"l", "0000a1ff", "a/b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c = newCPIO(io.Discard)
	c.hardlink("a", "missing")
	if c.close() == nil {
		t.Error("a link to nothing is no error")
	}
}

func hex(t *testing.T, digits []byte) int {
	t.Helper()
	n := 0
	for _, d := range digits {
		n = n<<4 | strings.IndexByte("0123456789abcdef", d)
	}
	return n
}

func TestGuestPath(t *testing.T) {
	for name, want := range map[string]string{"./bin/dash": "usr/bin/dash", "./lib64/ld.so": "usr/lib64/ld.so", "./usr/bin/x": "usr/bin/x", "./": ".", "./etc/x": "etc/x", "./bin/": "bin"} {
		if got := guestPath(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestMatrix proves that the table's kernels are ones that can be made.
func TestMatrix(t *testing.T) {
	for _, m := range matrix {
		if _, err := findKernel(m.kernel); err != nil {
			t.Error(err)
		}
		if _, ok := archs[m.arch]; !ok {
			t.Errorf("no architecture %s", m.arch)
		}
	}
}
