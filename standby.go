package belljar

import (
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/unshare"
)

// standsBy reports whether the launches of commands like this one can begin
// before their programs are known. The first half knows no cgroup, since a run
// has one of its own, and no listener, since its process would have to answer.
func (p *plan) standsBy() bool {
	return p.cmd.Dir == "" && p.tree == nil && p.supervisor != Notify && p.setIDs() && p.uid != 0
}

// goesOn reports whether a program can be the second half of a launch.
func (s *session) goesOn(program *launch.Program) bool {
	return s.standsBy() && s.group == nil && len(program.Files) <= launch.StandbyFiles
}

// rest makes a program the second half of a launch.
func (s *session) rest(program *launch.Program) (*launch.Program, error) {
	token, err := launch.PlainToken(s.path, s.cmd.Args, s.cmd.Env)
	if err != nil {
		return nil, err
	}
	s.token, program.Token = token, token
	program.Restrict = s.landlock.With(s.path, landlock.Held(s.files.fds)).End(s.landlock, launch.StandbyDomain)
	return program, nil
}

// kept is a plan without what only its own run needs.
func (p *plan) kept() *plan {
	k := *p
	k.cmd = Command{}
	return &k
}

// begin starts the first half of the next launch in a container.
func (p *plan) begin(c *unshare.Parked) error {
	defer keepDumpable()()
	life, err := launch.Self()
	if err != nil {
		return err
	}
	next, err := c.Former()
	if err != nil {
		return err
	}
	former := next != nil
	if !former {
		if next, err = launch.NewStandby(); err != nil {
			return err
		}
	}
	filters, err := p.standbyFilters(next.Pass)
	if err != nil {
		next.Close()
		return err
	}
	next.Arm(filters)
	if former {
		return c.Begin(next, nil)
	}
	return c.Begin(next, func(enter []launch.Step) *launch.Process {
		once, each, ruleset := p.landlock.Begin(p.uid, p.gid, launch.StandbyFree, launch.StandbyAside)
		return next.Stem(enter, p.dir, life, once, each, ruleset)
	})
}

// again begins the next launch in a container that the last run left as it was.
func (p *plan) again(c *unshare.Parked) bool {
	return !p.runner.leavesObjects && !p.runner.leavesSockets && c.Again()
}
