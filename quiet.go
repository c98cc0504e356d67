package belljar

import (
	"path"
	"slices"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/unshare"
)

// quiet reports whether a program with one task has no memory that somebody outside the
// run could write, as long as it opens no file that is neither its own nor the system's: such a
// file, mapped, would be memory in common. Where there is one, the engine looks at what is opened
// (EngineConfig.Strangers), by its path and its owner, so it must not be where the system's are.
func (p *plan) quiet() bool {
	return p.root == nil || p.root.Dir == "" && !slices.ContainsFunc(p.root.Mounts, func(m unshare.Mount) bool {
		target := path.Clean("/" + m.Target)
		return p.isOthers(m) && (supervise.OfSystem(target) || target == "/" || target == "/dev")
	})
}

// strangers reports whether the program can open what is neither the system's,
// nor the run's own, nor the program.
func (p *plan) strangers() bool {
	return p.root == nil || p.root.Dir != "" || slices.ContainsFunc(p.root.Mounts, p.isOthers)
}

// isOthers reports whether a mount shows such files.
func (p *plan) isOthers(m unshare.Mount) bool {
	own := kernel.ExecDeniesWrite.Have() && m.Source == p.path
	return m.Kind == unshare.Bind && (m.Writable || !own && !supervise.OfSystem(m.Source))
}
