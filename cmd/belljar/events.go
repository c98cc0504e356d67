package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// event is one line of --events.
type event struct {
	Time     int64     `json:"time_ns"` // since Belljar started
	PID      int       `json:"pid"`
	TID      int       `json:"tid"`
	Syscall  string    `json:"syscall"`
	Args     [6]uint64 `json:"args"`
	Path     string    `json:"path"`
	Decision string    `json:"decision"`
	Errno    string    `json:"errno"`
	Rule     string    `json:"rule"`
}

// observer returns what writes the events, nil if nobody asked for them.
func (r *reports) observer() func(*supervise.Trap, supervise.Decision) {
	if r.events == nil {
		return nil
	}
	start := time.Now()
	lines := json.NewEncoder(r.buffered)
	var mu sync.Mutex // several threads decide at once
	return func(t *supervise.Trap, d supervise.Decision) {
		e := event{Time: int64(time.Since(start)), PID: t.PID, TID: t.TID, Syscall: callName(t.Arch, t.Nr), Args: t.Args,
			Path: d.Path, Decision: decisionName(d.Kind), Errno: errnoName(d.Errno), Rule: d.Rule}
		mu.Lock()
		defer mu.Unlock()
		if err := lines.Encode(e); err != nil && r.eventErr == nil {
			r.eventErr = err
		}
	}
}

// callName names a call, by its number where the table has no name for it.
func callName(t *syscalls.Table, nr int) string {
	if name := t.Name(nr); name != "" {
		return name
	}
	return fmt.Sprintf("syscall_%d", nr)
}

func errnoName(e syscall.Errno) string { return syscalls.ErrnoName(uint16(e)) }

// decisionNames spells supervise.Kind as policies do: a file that Belljar opens
// for the program is one that the program may open.
var decisionNames = map[supervise.Kind]string{
	supervise.Kill: "kill", supervise.Allow: "allow", supervise.Deny: "deny", supervise.Return: "return", supervise.Fail: "fail",
	supervise.Open: "allow", supervise.Wait: "allow"}

func decisionName(k supervise.Kind) string { return decisionNames[k] }
