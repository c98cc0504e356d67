package main

import "github.com/belljar/belljar/bench/internal/measure"

// bars are what the benchmark must show, and bands.txt what it showed last.
var bars = []measure.Bar{
	{ID: "untrapped", What: "untrapped call, filtered / native", Group: "untrapped",
		Over: []string{"ptrace", "notify", "unshare", "filter alone"}, Under: "native", AtMost: 1.15},
	{ID: "open-ptrace", What: "allowed open+close, ptrace, call goes on / C floor of the same protocol", Group: "open",
		Over: []string{"ptrace, call goes on"}, Under: "floor: ptrace, call goes on", AtMost: 1.25},
	{ID: "open-rewritten", What: "allowed open+close, ptrace, call rewritten / C floor of the same protocol", Group: "open",
		Over: []string{"ptrace, call rewritten"}, Under: "floor: ptrace, call rewritten", AtMost: 1.25},
	{ID: "open-notify", What: "allowed open+close, notify / C floor", Group: "open",
		Over: []string{"notify"}, Under: "floor: notify", AtMost: 1.25},
	{ID: "open-gosandbox", What: "allowed open+close, ptrace / go-sandbox's ptrace runner", Group: "open",
		Over: []string{"ptrace, call goes on", "ptrace, call rewritten"}, Under: "go-sandbox ptrace", AtMost: 0.25},
	{ID: "numeric", What: "numeric C program, any mode / native", Group: "numeric",
		Over: []string{"ptrace", "notify", "unshare", "both", "both, notify", "unshare, pooled", "both, pooled", "belljar run"}, Under: "native", AtMost: 1.01},
	{ID: "python", What: "python3 -c pass, ptrace with file rules / native", Group: "python",
		Over: []string{"ptrace"}, Under: "native", AtMost: 1.10},
	{ID: "gcc", What: "gcc compile of a small file, ptrace with file rules / native", Group: "gcc",
		Over: []string{"ptrace"}, Under: "native", AtMost: 1.10},
	{ID: "find", What: "find over 50,000 files, notify / native", Group: "find",
		Over: []string{"notify"}, Under: "native", AtMost: 8},
	{ID: "pooled", What: "library run, pooled / bare vfork+exec+wait", Group: "start",
		Over: []string{"unshare, pooled"}, Under: "native", AtMost: 1.5},
	{ID: "pooled-gosandbox", What: "library run, pooled / go-sandbox container runner", Group: "start",
		Over: []string{"unshare, pooled"}, Under: "go-sandbox container", AtMost: 0.5},
	{ID: "cli-bubblewrap", What: "CLI run with all namespaces / bubblewrap with --unshare-all", Group: "start",
		Over: []string{"belljar run"}, Under: "bubblewrap", AtMost: 0.8},
	{ID: "rules", What: "decision with 100,000 file rules / with 10", Group: "decide",
		Over: []string{"100000 rules"}, Under: "10 rules", AtMost: 1.5},
	{ID: "trace", What: "trace of everything / strace -f to a file", Group: "trace",
		Over: []string{"belljar trace"}, Under: "strace -f", AtMost: 0.5},
	{ID: "parked", What: "parked container, resident memory", Group: "memory",
		Over: []string{"parked sandbox"}, AtMost: 1 << 20},
}
