package belljar

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/belljar/belljar/cgroup"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// hostTree is where this process may make groups.
var hostTree = sync.OnceValues(cgroup.Find)

// spareTasks is how many tasks more than Limits.Processes the kernel lets exist.
// It counts a task until its parent has waited for it, and even after
// pthread_join has returned: of 20,000 threads that were started one after another
// under pids.max=2, it refused 17 (Linux 6.18). The tracer, which sees a
// task's end before anybody inside does, keeps the exact limit; the kernel's
// bounds what a program does not wait for.
func spareTasks(processes int) int { return processes + 32 }

// chooseGroup decides whether the run gets a cgroup. Making one takes time, so
// that happens only where something needs it: a limit, or somebody who asks.
func (p *plan) chooseGroup() error {
	asked := p.opts.Cgroup == On || slices.Contains(p.opts.Require, "cgroup")
	limits := p.opts.Limits
	switch {
	case p.opts.Cgroup == Off:
		p.noGroup = "switched off"
		return p.chooseCPUs(nil)
	case !asked && limits.Memory <= 0 && limits.Processes <= 0 && !limits.cpus():
		p.noGroup = "no limit of this run needs one"
		return nil
	}
	tree, err := hostTree()
	if err != nil {
		p.noGroup = err.Error()
		return errors.Join(p.groupMissing(), p.chooseCPUs(nil))
	}
	if err := p.chooseCPUs(tree); err != nil {
		return err
	}
	can := tree.Can()
	p.noGroup, _ = tree.Why()
	if limits.Memory > 0 && can.Limit {
		p.groupLimits.Memory = limits.Memory
	}
	if limits.Processes > 0 && can.Tasks {
		p.groupLimits.PIDs = limits.Processes + spareTasks(limits.Processes)
	}
	if p.groupLimits != (cgroup.Limits{}) || asked && (can.Limit || can.Time) {
		p.tree = tree
	}
	if p.noGroup == "" && p.groupLimits.Memory > 0 {
		p.noGroup = tree.Swap()
	}
	if limits.Memory > 0 && !can.Limit || limits.Processes > 0 && !can.Tasks || p.tree == nil {
		return p.groupMissing()
	}
	return nil
}

// cpus reports whether a limit is about which CPUs are used, and how much of
// them.
func (l *Limits) cpus() bool { return l.CPUs != 0 || l.CPUSet != "" }

// chooseCPUs gives the limits on CPUs to the run's cgroup. Nothing but one can
// keep them, so a run without, where tree is nil or lacks the controller, is
// refused.
func (p *plan) chooseCPUs(tree *cgroup.Tree) error {
	limits := p.opts.Limits
	for _, c := range []struct {
		controller, field string
		asked             bool
	}{
		{cgroup.CPU, "CPUs", limits.CPUs != 0},
		{cgroup.CPUSet, "CPUSet", limits.CPUSet != ""},
	} {
		if !c.asked {
			continue
		}
		why, fix := p.noGroup, ""
		if tree != nil {
			why, fix = tree.Lacks(c.controller)
		}
		if fix != "" {
			why += "; try: " + fix
		}
		if why != "" {
			return &FeatureError{Feature: "the limit " + c.field, Why: "only a cgroup can keep it, and there is none: " + why}
		}
	}
	p.groupLimits.CPUs, p.groupLimits.CPUSet = limits.CPUs, limits.CPUSet
	if err := p.groupLimits.Check(); err != nil {
		return fmt.Errorf("limit on CPUs: %w", err)
	}
	return nil
}

// groupMissing is the error for who demands a cgroup that cannot be had.
func (p *plan) groupMissing() error {
	if p.opts.Cgroup != On {
		return nil
	}
	return &FeatureError{Feature: "cgroup", Why: p.noGroup}
}

// groupLayer reports what the run's cgroup does.
func (p *plan) groupLayer() Layer {
	switch {
	case p.tree == nil:
		return Layer{"cgroup", LayerOff, p.noGroup}
	case p.noGroup != "":
		return Layer{"cgroup", LayerPartial, p.noGroup}
	case p.uid == syscall.Geteuid() && p.root == nil:
		return Layer{"cgroup", LayerPartial, "the program's user may change its own group, as far as the policy lets it write there"}
	}
	return Layer{"cgroup", LayerOn, ""}
}

// makeGroup makes the run's cgroup. Where that does not work, although it
// looked as if it would, the run goes on without and says so, unless it was
// demanded.
func (s *session) makeGroup() error {
	if s.tree == nil {
		return nil
	}
	group, err := s.tree.New(s.groupLimits)
	if err == nil {
		s.group = group
		return nil
	}
	if s.opts.Cgroup == On || slices.Contains(s.opts.Require, "cgroup") || s.opts.Limits.cpus() {
		return &SetupError{Step: "cgroup", Err: err}
	}
	s.tree, s.noGroup, s.groupLimits = nil, err.Error(), cgroup.Limits{}
	s.layers = slices.Clone(s.layers)
	s.layers[slices.IndexFunc(s.layers, func(l Layer) bool { return l.Name == "cgroup" })] = s.groupLayer()
	return nil
}

// enterGroup lets the program be in its cgroup, and with namespaces see that as
// the root of all cgroups.
func (s *session) enterGroup(program *launch.Process) {
	if s.group == nil {
		return
	}
	if s.root != nil {
		program.Steps = append([]launch.Step{{Name: "unshare", Nr: syscall.SYS_UNSHARE,
			Args: []launch.Arg{launch.Named(sys.CloneNewcgroup, "CLONE_NEWCGROUP")}}}, program.Steps...)
	}
	s.group.Enter(program)
}

// keepsMemory reports whether the kernel keeps the memory limit.
func (s *session) keepsMemory() bool { return s.group != nil && s.groupLimits.Memory > 0 }

// checkGroup ends the run if the kernel has killed one of its processes for its
// memory limit: version 1 leaves the others alive.
func (s *session) checkGroup() (next time.Duration) {
	events, err := s.group.Events()
	switch {
	case err != nil:
		s.fail(&SetupError{Step: "cgroup", Err: err})
		return time.Hour
	case events.MemoryLimit():
		s.end("memory")
		return time.Hour
	}
	return pollMax
}

// endGroup kills what the tracer may not know of and reads the group's numbers.
func (s *session) endGroup() error {
	if s.group == nil {
		return nil
	}
	if err := s.group.Kill(); err != nil {
		return err
	}
	var err error
	if s.events, err = s.group.Events(); err != nil {
		return err
	}
	if s.events.OOMKills > 0 && !s.events.MemoryLimit() && s.endedBy() == "" {
		return errors.New("the kernel killed the program because memory ran out elsewhere, not by its own limit")
	}
	s.usage, err = s.group.Usage()
	return err
}

// closeGroup removes the group. Nothing of the run is left in it.
func (s *session) closeGroup() error {
	if s.group == nil {
		return nil
	}
	group := s.group
	s.group = nil
	if err := group.Remove(); err != nil {
		return &SetupError{Step: "cgroup", Err: err}
	}
	return nil
}

// measured puts the group's numbers in the place of the tracer's.
func (s *session) measured(r *Result) {
	if u := s.usage; u.CPUSource != "" {
		r.CPU, r.User, r.System, r.CPUSource = u.CPU, u.User, u.System, u.CPUSource
	}
	if u := s.usage; u.MemorySource != "" {
		r.MemoryPeak, r.MemorySource = u.MemoryPeak, u.MemorySource
	}
}

// groupFinding is what the doctor says.
func groupFinding() Finding {
	tree, err := hostTree()
	if err != nil {
		return Finding{Layer: "cgroup", State: LayerOff, Why: err.Error()}
	}
	can := tree.Can()
	why, fix := tree.Why()
	if why != "" {
		f := Finding{"cgroup", LayerOff, why + "; limits are kept by the tracer, rlimits and /proc", fix}
		if can.Limit || can.Tasks {
			f.State = LayerPartial
		}
		return f
	}
	if swap := tree.Swap(); swap != "" {
		return Finding{"cgroup", LayerPartial, swap, "boot with swapaccount=1, or sudo swapoff -a"}
	}
	memory := tree.With(cgroup.Memory)
	return Finding{Layer: "cgroup", State: LayerOn, Why: fmt.Sprintf("version %d limits memory; groups are made in %s", memory.Version, memory.Dir)}
}

// cpusFinding is what the doctor says of limits on CPUs.
func cpusFinding() Finding {
	tree, err := hostTree()
	if err != nil {
		return Finding{Layer: "cpus", State: LayerOff, Why: err.Error()}
	}
	for _, controller := range []string{cgroup.CPU, cgroup.CPUSet} {
		if why, fix := tree.Lacks(controller); why != "" {
			return Finding{"cpus", LayerOff, why + "; runs with a limit on CPUs are refused", fix}
		}
	}
	return Finding{Layer: "cpus", State: LayerOn, Why: "a cgroup limits bandwidth, and which CPUs are used"}
}
