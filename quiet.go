package belljar

import (
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/unshare"
)

// quiet reports whether a program with one task has no memory that somebody outside the
// run could write, as long as it opens no file that is neither its own nor the system's: such a
// file, mapped, would be memory in common. In a private root there is none, or it is known before the
// run; without one the engine looks at what is opened (EngineConfig.Strangers).
func (p *plan) quiet() bool {
	return p.root == nil || p.root.Dir == "" && !p.showsOthers()
}

// showsOthers reports whether the private root shows what is neither the
// system's, nor the run's own, nor the program.
func (p *plan) showsOthers() bool {
	stays := kernel.ExecDeniesWrite.Have()
	for _, m := range p.root.Mounts {
		if m.Kind == unshare.Bind && (m.Writable || !(stays && m.Source == p.path) && !supervise.OfSystem(m.Source)) {
			return true
		}
	}
	return false
}
