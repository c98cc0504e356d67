package belljar

import (
	"github.com/belljar/belljar/container"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/unshare"
)

// pool returns the pool of parked sandboxes if one of them could be that of
// spec, or nil.
func (r *Runner) pool(spec *unshare.Spec) *container.Pool {
	if r.opts.Containers <= 0 || spec.User || spec.Root.Dir != "" || r.leavesKeys() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.base == nil {
		return nil
	}
	if r.containers == nil {
		shared := *spec
		shared.Root, shared.HostCgroup = r.base, false
		r.containers = container.New(container.Options{Spec: shared, Idle: r.opts.Containers})
	}
	return r.containers
}

// leavesKeys reports whether a program could leave keys in its user's keyring,
// which is none of the things that a container has for itself.
func (r *Runner) leavesKeys() bool {
	return r.policy.Lets("add_key") || r.policy.Lets("request_key") || r.policy.Lets("keyctl")
}

// parked returns the processes of a sandbox in a container of the pool.
func parked(pool *container.Pool, spec *unshare.Spec, program *launch.Process, life *launch.Lifeline) (*unshare.Sandbox, error) {
	c, err := pool.Get()
	if err != nil {
		return nil, err
	}
	if !c.Fits(spec) {
		pool.Put(c)
		return spec.Sandbox(program, life)
	}
	box, err := c.Sandbox(spec, program, life, func(ok bool) {
		if ok {
			pool.Put(c)
		} else {
			pool.Discard(c)
		}
	})
	if err != nil {
		pool.Put(c)
	}
	return box, err
}
