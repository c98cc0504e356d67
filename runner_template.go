package belljar

import (
	"runtime"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/unshare"
)

// makeSandbox returns the processes of a sandbox around program. From the second
// one on, what sandboxes can share is mounted once for all.
func (s *session) makeSandbox(spec *unshare.Spec, program *launch.Program) (*unshare.Sandbox, error) {
	if pool := s.runner.pool(s.plan, spec); pool != nil {
		if box, err := s.parked(pool, spec, program); box != nil || err != nil {
			return box, err
		}
	}
	process, err := s.process(program)
	if err != nil {
		return nil, err
	}
	if t := s.runner.template(spec); t != nil && t.Fits(spec) {
		return t.Sandbox(spec, process, program.Parent)
	}
	return spec.Sandbox(process, program.Parent)
}

// template returns the mounts of the root for commands without a directory of
// their own. It makes sandboxes faster, not stronger, so that nothing is lost
// where there can be none.
func (r *Runner) template(spec *unshare.Spec) *unshare.Template {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mounts != nil && r.mounts.Fresh() {
		return r.mounts
	}
	if r.sandboxes++; r.sandboxes < 2 || r.noMore || r.base == nil {
		return nil
	}
	shared := *spec
	shared.Root = r.base
	var t *unshare.Template
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with what it started
		t, err = shared.Template()
	}()
	<-done
	if err != nil {
		r.noMore = true
		return nil
	}
	r.mounts = t // runs may still use the one before; the collector closes it
	return t
}

// Close frees what the runner holds. It must not be used afterwards.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.containers != nil {
		if err := r.containers.Close(); err != nil {
			return err
		}
		r.containers = nil
	}
	if r.mounts == nil {
		return nil
	}
	defer func() { r.mounts = nil }()
	return r.mounts.Close()
}
