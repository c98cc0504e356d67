package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belljar/belljar/bench/internal/report"
)

// host is what the machine did before the measurements.
type host struct {
	load       string
	steal, all float64 // CPU time since it started, in ticks
}

func hostNow() host {
	h := host{load: load()}
	stat, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(stat), "\n")
	for i, text := range strings.Fields(first) {
		n, _ := strconv.ParseFloat(text, 64) // the first is the line's name
		if i == 8 {
			h.steal = n
		}
		if i <= 8 { // guests' time, behind it, is part of user time
			h.all += n
		}
	}
	return h
}

// stolen is how much of the CPU time since then a virtual machine's host has not
// given it, see proc_stat(5). It makes figures worse and ratios wilder.
func (h host) stolen() string {
	now := hostNow()
	if now.all <= h.all {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", 100*(now.steal-h.steal)/(now.all-h.all))
}

// state names what is measured. What a measurement writes makes that another one, so
// it is asked for before.
func state(ctx context.Context, s *site) string {
	return output(ctx, s, "git", "-C", "..", "describe", "--always", "--dirty", "--abbrev=10")
}

// facts are where and of what measurements were taken.
func facts(ctx context.Context, s *site, state string, before host, start time.Time) []report.Fact {
	all := []report.Fact{
		{Name: "state", Value: state + ", " + start.UTC().Format("2006-01-02 15:04 UTC")},
		{Name: "took", Value: time.Since(start).Round(time.Second).String()},
		{Name: "processor", Value: fmt.Sprintf("%s, %d of them", field("/proc/cpuinfo", "model name"), runtime.NumCPU())},
		{Name: "memory", Value: field("/proc/meminfo", "MemTotal")},
		{Name: "kernel", Value: output(ctx, s, "uname", "-srm")},
		{Name: "system", Value: strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`)},
		{Name: "user", Value: fmt.Sprintf("uid %d; programs as uid %d", os.Getuid(), programUID())},
		{Name: "load before", Value: before.load},
		{Name: "CPU time that the host kept for others", Value: before.stolen()},
		{Name: "Go", Value: runtime.Version()},
	}
	for _, v := range [][]string{
		{"gcc", "gcc", "--version"}, {"Python", "/usr/bin/python3", "--version"}, {"git", "git", "--version"}, {"Java", "java", "-version"},
		{"bubblewrap", "bwrap", "--version"}, {"firejail", "firejail", "--version"}, {"runc", "runc", "--version"}, {"crun", "crun", "--version"},
		{"strace", "strace", "--version"}, {"go-sandbox", "go", "list", "-m", "-f", "{{.Version}}", "github.com/criyle/go-sandbox"},
	} {
		if s.absent[v[1]] == "" {
			all = append(all, report.Fact{Name: v[0], Value: output(ctx, s, v[1:]...)})
		}
	}
	return all
}

// absent is what could not be had, in order.
func (s *site) missing() []report.Fact {
	var all []report.Fact
	for name, why := range s.absent {
		all = append(all, report.Fact{Name: name, Value: why})
	}
	slices.SortFunc(all, func(a, b report.Fact) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func programUID() int {
	if uid := os.Geteuid(); uid != 0 {
		return uid
	}
	return nobody
}

// output is the first line of what a command prints, "" if it cannot be run.
func output(ctx context.Context, s *site, args ...string) string {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}

// field is the value of a key in a file of lines "key: value" or "key=value".
func field(file, key string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if at := strings.IndexAny(line, ":="); at > 0 && strings.TrimSpace(line[:at]) == key {
			return strings.TrimSpace(line[at+1:])
		}
	}
	return ""
}

// load is what the machine had to do before, which is what ratios suffer from.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	f := strings.Fields(string(text))
	return strings.Join(f[:min(3, len(f))], " ")
}
