package main

import (
	"time"

	"github.com/belljar/belljar"
)

// victim is one program of the demo. Its limits and its policy are what a
// careful caller would choose, and its expected verdicts what that caller
// would want to be told.
type victim struct {
	name, does string
	play       func() int
	policy     string
	limits     belljar.Limits
	expect     belljar.Verdict
	// private is what to expect in a private root without a supervisor, where
	// that differs: what is not there cannot be stolen.
	private belljar.Verdict
}

// victims is filled in init, because playVictim looks itself up in it.
var victims []victim

// small are limits that a well-behaved program of the demo never reaches.
var small = belljar.Limits{CPU: 10 * time.Second, Wall: time.Minute, Memory: 256 << 20, Output: 1 << 20}

func limits(change func(*belljar.Limits)) belljar.Limits {
	l := small
	change(&l)
	return l
}

func init() {
	victims = []victim{
		{name: "compute", does: "sums primes and prints", play: compute, policy: "judge", limits: small,
			expect: belljar.OK},
		{name: "fail", does: "exits with status 3", play: failHonestly, policy: "judge", limits: small,
			expect: belljar.NonzeroExit},
		{name: "steal", does: "reads /etc/shadow", play: steal, policy: "judge", limits: small,
			expect: belljar.Violation, private: belljar.NonzeroExit},
		{name: "phone", does: "opens a socket", play: phone, policy: "judge", limits: small,
			expect: belljar.Violation},
		{name: "remount", does: "mounts over /usr", play: remount, policy: "judge", limits: small,
			expect: belljar.Violation},
		{name: "spin", does: "loops for ever", play: spin, policy: "judge",
			limits: limits(func(l *belljar.Limits) { l.CPU = 300 * time.Millisecond }), expect: belljar.TimeLimit},
		{name: "resist", does: "loops in 4 threads, ignores signals", play: resist, policy: "judge",
			limits: limits(func(l *belljar.Limits) { l.CPU = 300 * time.Millisecond }), expect: belljar.TimeLimit},
		{name: "sleep", does: "sleeps a minute", play: sleepLong, policy: "judge",
			limits: limits(func(l *belljar.Limits) { l.Wall = 300 * time.Millisecond }), expect: belljar.TimeLimit},
		{name: "eat", does: "takes 2 GiB of memory", play: eat, policy: "judge",
			limits: limits(func(l *belljar.Limits) { l.Memory = 64 << 20 }), expect: belljar.MemoryLimit},
		{name: "flood", does: "prints 1 GiB", play: flood, policy: "judge", limits: small,
			expect: belljar.OutputLimit},
		{name: "multiply", does: "forks, 32 tasks at most", play: multiply, policy: "compile",
			limits: limits(func(l *belljar.Limits) { l.Processes = 32 }), expect: belljar.NonzeroExit},
		{name: "split", does: "forks where nothing may", play: multiply, policy: "judge", limits: small,
			expect: belljar.Violation},
		{name: "crash", does: "aborts", play: crash, policy: "judge", limits: small,
			expect: belljar.Signaled},
		{name: "suicide", does: "kills itself with SIGKILL", play: suicide, policy: "judge", limits: small,
			expect: belljar.Signaled},
	}
}
