// Command trace compares what "belljar trace" costs with what "strace -f" costs
// for the same program in the same run. Each way is run in turn, round after
// round; it prints medians, and that of the ratios to strace -f in the same round. The ways with names of
// descriptors (strace -y) do more and are shown beside, and so is the floor: a
// tracer in C that stops at each call and at its return and does nothing.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// program is one that is traced. {dir} is a directory of its own.
type program struct {
	name string
	args []string
}

var programs = []program{
	{"find", []string{"find", "/usr/share", "-name", "x*"}},
	{"gcc", []string{"gcc", "-O1", "-x", "c", "{dir}/a.c", "-o", "{dir}/a.out"}},
	{"python", []string{"/usr/bin/python3", "-c", "import json, re, asyncio, email, unittest, decimal"}},
	{"copy", []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1k", "count=20000", "status=none"}},
	{"tar", []string{"tar", "cf", "{dir}/a.tar", "/usr/include"}},
}

const source = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { return puts(\"built\") < 0; }\n"

// way is one way to run a program; the program's arguments follow.
type way struct {
	name string
	args []string
}

// ways begins with what the others are compared with. The policy of belljar
// trace is its own default, which decides paths; under "allow all" it only
// watches, as strace does.
var ways = []way{
	{"strace -f", []string{"strace", "-f", "-o", "{dir}/log", "--"}},
	{"strace -f -y", []string{"strace", "-f", "-y", "-o", "{dir}/log", "--"}},
	{"native", nil},
	{"floor", []string{"{dir}/watch", "free"}},
	{"floor, on one CPU", []string{"{dir}/watch", "here"}},
	{"belljar, allow all", []string{"{belljar}", "trace", "--policy", "{dir}/all.yaml", "--no-unshare", "-o", "{dir}/log", "--"}},
	{"belljar", []string{"{belljar}", "trace", "--no-unshare", "-o", "{dir}/log", "--"}},
	{"belljar, files only", []string{"{belljar}", "trace", "--only", "@file-read,@file-write,@file-stat", "--no-unshare", "-o", "{dir}/log", "--"}},
	{"belljar, opens only", []string{"{belljar}", "trace", "--only", "open,openat,execve", "--no-unshare", "-o", "{dir}/log", "--"}},
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 7, "how often each way is run")
	only := flag.String("program", "", "one program only")
	flag.Parse()
	dir, err := os.MkdirTemp("", "belljar-bench-")
	if err != nil {
		log.Fatal(err)
	}
	err = prepare(dir)
	if err == nil {
		err = compare(dir, *rounds, *only)
	}
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

// prepare builds the command and the files that programs read.
func prepare(dir string) error {
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"a.c": source, "all.yaml": "version: 1\ndefault: allow\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	floor := exec.Command("cc", "-O2", "-o", filepath.Join(dir, "watch"), "c/watch.c")
	floor.Stderr = os.Stderr
	if err := floor.Run(); err != nil {
		return fmt.Errorf("cc: %w", err)
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "belljar"), "./cmd/belljar")
	build.Dir = ".." // the module that the command belongs to
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return build.Run()
}

func compare(dir string, rounds int, only string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "program\tway\tmedian ms\tleast\tof strace -f\t")
	for _, p := range programs {
		if only != "" && p.name != only {
			continue
		}
		if _, err := exec.LookPath(p.args[0]); err != nil {
			fmt.Fprintf(table, "%s\tnot installed\t\t\t\t\n", p.name)
			continue
		}
		times := make([][]float64, len(ways))
		for range rounds {
			for i, w := range ways {
				ms, err := w.run(dir, p)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", p.name, w.name, err)
				}
				times[i] = append(times[i], ms)
			}
		}
		for i, w := range ways {
			ratios := make([]float64, rounds)
			for r := range ratios {
				ratios[r] = times[i][r] / times[0][r]
			}
			fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f\t%.2f\t\n", p.name, w.name, median(times[i]), slices.Min(times[i]), median(ratios))
		}
	}
	return table.Flush()
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// run returns how long the program takes, in milliseconds.
func (w way) run(dir string, p program) (float64, error) {
	args := slices.Concat(w.args, p.args)
	if len(w.args) > 0 && os.Geteuid() == 0 && w.args[0] == "{belljar}" {
		// As the others are run; Belljar would take another user.
		args = slices.Insert(args, 2, "--uid", "0", "--gid", "0")
	}
	names := strings.NewReplacer("{dir}", dir, "{belljar}", filepath.Join(dir, "belljar"))
	for i := range args {
		args[i] = names.Replace(args[i])
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TMPDIR=" + dir}
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		// The program's own status is the same in every way.
		if status := cmd.ProcessState; status == nil || status.ExitCode() > 2 {
			return 0, fmt.Errorf("%s: %w", strconv.Quote(args[0]), err)
		}
	}
	return float64(time.Since(begin).Microseconds()) / 1000, nil
}
