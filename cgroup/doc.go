// Package cgroup limits and measures groups of processes: cgroup version 2,
// version 1, and hosts that have both.
//
// A [Tree] is what the host offers this process; a [Group] is one group in it,
// made for one run and removed after it. On a hybrid host a group is a directory
// in several hierarchies, and callers need not know. Nothing here waits or
// polls in the background.
//
// Everything that belongs to Belljar lies in directories called "belljar"; no
// other cgroup is ever changed, with one exception that version 2 forces: where
// this process is alone in its cgroup, it gives the controllers of that cgroup to
// the groups below and moves itself to belljar/self, because a cgroup that gives
// controllers may not hold processes.
package cgroup
