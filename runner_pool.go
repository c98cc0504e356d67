package belljar

import (
	"github.com/belljar/belljar/container"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/unshare"
)

// pool returns the pool of parked sandboxes if one of them could be that of
// spec, or nil.
func (r *Runner) pool(p *plan, spec *unshare.Spec) *container.Pool {
	if r.opts.Containers <= 0 || !spec.CanPark() || r.leavesKeys {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.base == nil {
		return nil
	}
	if r.containers == nil {
		shared := *spec
		shared.Root, shared.HostCgroup, shared.Room = r.base, false, r.base.Room(p.path)
		o := container.Options{Spec: shared, Idle: r.opts.Containers}
		if p.standsBy() {
			kept := p.kept()
			o.Begin, o.Again = kept.begin, kept.again
		}
		r.containers = container.New(o)
	}
	return r.containers
}

// parked returns the processes of a sandbox in a container of the pool, or nil if
// none of its containers could be that of spec.
func (s *session) parked(pool *container.Pool, spec *unshare.Spec, program *launch.Program) (*unshare.Sandbox, error) {
	c, err := pool.Get(func(c *unshare.Parked) bool { return c.Fits(spec) && c.Suits(spec) })
	if err != nil {
		return nil, err
	}
	if !c.Fits(spec) {
		pool.Put(c)
		return nil, nil
	}
	release := func(ok bool) {
		if ok {
			pool.Put(c)
		} else {
			pool.Discard(c)
		}
	}
	box, err := s.inContainer(c, spec, program, release)
	if err != nil {
		pool.Discard(c)
	}
	return box, err
}

func (s *session) inContainer(c *unshare.Parked, spec *unshare.Spec, program *launch.Program, release func(ok bool)) (*unshare.Sandbox, error) {
	if c.Standby() != nil && s.goesOn(program) && c.Suits(spec) {
		rest, err := s.rest(program)
		if err != nil {
			return nil, err
		}
		return c.Resume(spec, rest, release)
	}
	process, err := s.process(program)
	if err != nil {
		return nil, err
	}
	return c.Sandbox(spec, process, program.Parent, release)
}
