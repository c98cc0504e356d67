package main

import (
	"slices"
	"strings"

	"github.com/belljar/belljar"
)

// mode is one way to contain a program and to measure it.
type mode struct {
	name    string
	options belljar.Options
}

// modes lists those that this user can have.
func (b *bench) modes() []mode {
	have := make(map[string]bool)
	for _, f := range belljar.Doctor() {
		have[f.Layer] = f.State == belljar.LayerOn
	}
	sandboxes := []struct {
		name       string
		supervisor belljar.Supervisor
		unshare    belljar.Switch
		needs      string
	}{
		{"ptrace", belljar.Ptrace, belljar.Off, "ptrace"},
		{"notify", belljar.Notify, belljar.Off, "notify"},
		{"unshare", belljar.NoOne, belljar.On, "namespaces"},
		{"both", belljar.Ptrace, belljar.On, "namespaces"},
	}
	var all []mode
	for _, s := range sandboxes {
		if !have[s.needs] {
			continue
		}
		o := belljar.Options{Supervisor: s.supervisor, Unshare: s.unshare}
		if have["cgroup"] {
			o.Cgroup = belljar.On
			all = append(all, mode{s.name + "+cgroup", o})
		}
		o.Cgroup = belljar.Off
		all = append(all, mode{s.name, o})
	}
	return slices.DeleteFunc(all, func(m mode) bool { return !strings.Contains(m.name, b.only) })
}
