package main

import (
	"slices"
	"strings"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/syscalls"
)

// remedy is the smallest rule that would allow what ended a run, as a flag of
// run, or "" where there is none to recommend: an allowed door out of the
// sandbox is no remedy.
func remedy(v *belljar.ViolationInfo) string {
	if v.Count || strings.HasPrefix(v.Rule, "--") {
		return "" // a larger count, or without the flag: that is plain
	}
	if strings.HasPrefix(v.Path, "/") && v.Access != "" && !strings.ContainsAny(v.Path, "*") {
		// The strongest of several rights brings the others along.
		rights := strings.Split(v.Access, "+")
		for _, flag := range []string{"exec", "write", "read", "stat"} {
			if slices.Contains(rights, flag) {
				return "--" + flag + " " + quote(v.Path)
			}
		}
	}
	if v.Path != "" || !syscalls.Known(v.Syscall) || syscalls.InGroup("@dangerous", v.Syscall) || aboutPeers[v.Syscall] {
		return ""
	}
	return "--allow " + v.Syscall
}

// aboutPeers are calls that a rule on endpoints allows better.
var aboutPeers = map[string]bool{"socket": true, "socketpair": true, "connect": true, "bind": true, "sendto": true, "sendmsg": true, "sendmmsg": true, "listen": true}
