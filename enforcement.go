package belljar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belljar/belljar/internal/kernel"
)

// States of a layer.
const (
	LayerOn      = "on"
	LayerPartial = "partial"
	LayerOff     = "off"
)

// enforcement reports what each layer does in this run.
func (p *plan) enforcement() []Layer {
	layers := []Layer{
		{Name: "seccomp", State: LayerOn},
		{Name: "no-new-privs", State: LayerOn},
		{Name: "capabilities", State: LayerOn},
		p.credentialLayer(),
		{Name: "rlimits", State: LayerOn},
		p.ptraceLayer(),
		p.fileLayer(),
		p.networkLayer(),
	}
	layers = append(layers, p.namespaceLayers()...)
	return append(layers,
		p.groupLayer(),
		p.landlockLayer(),
		p.notifyLayer())
}

func (p *plan) credentialLayer() Layer {
	if p.setIDs() {
		return Layer{"credentials", LayerOn, ""}
	}
	return Layer{"credentials", LayerPartial, ownUserOnly()}
}

func (p *plan) ptraceLayer() Layer {
	switch p.supervisor {
	case NoOne:
		return Layer{"ptrace", LayerPartial, "follows processes, decides no calls"}
	case Notify:
		return Layer{"ptrace", LayerPartial, "follows processes, and decides the calls that notify cannot answer"}
	}
	return Layer{"ptrace", LayerOn, ""}
}

func (p *plan) notifyLayer() Layer {
	switch {
	case p.supervisor == Notify:
		return Layer{"notify", LayerOn, ""}
	case !kernel.Notify.Have():
		return Layer{"notify", LayerOff, "needs Linux " + kernel.Notify.Since + ", or a container forbids it"}
	}
	return Layer{"notify", LayerOff, "another supervisor decides: " + string(p.supervisor)}
}

// fileLayer says who keeps the policy's file rules.
func (p *plan) fileLayer() Layer {
	switch {
	case !p.policy.Files.Decides():
		return Layer{"files", LayerOff, "the policy has no file rules"}
	case p.supervisor == NoOne:
		return Layer{"files", LayerPartial, "the private root decides which files exist and which can be written"}
	default:
		return Layer{"files", LayerOn, ""}
	}
}

func (p *plan) landlockLayer() Layer {
	state, why := p.landlock.Report()
	return Layer{"landlock", state, why}
}

func (p *plan) namespaceLayers() []Layer {
	names := []string{"namespaces", "private-root", "network-namespace"}
	layers := make([]Layer, 0, len(names)+1)
	for _, name := range names {
		l := Layer{Name: name, State: LayerOn}
		if p.root == nil {
			l.State, l.Why = LayerOff, p.whyNoNamespaces()
		}
		if name == "network-namespace" && p.root != nil && p.opts.HostNetwork {
			l.State, l.Why = LayerOff, "the host's network is kept"
		}
		layers = append(layers, l)
	}
	user := Layer{"user-namespace", LayerOff, "root needs none"}
	if p.userNS {
		user = Layer{"user-namespace", LayerOn, ""}
	} else if p.root == nil {
		user.Why = p.whyNoNamespaces()
	}
	return append(layers, user)
}

func (p *plan) whyNoNamespaces() string {
	if p.opts.Unshare == Off {
		return "switched off"
	}
	return p.noNamespaces
}

// require fails if a layer that must be on is not.
func (p *plan) require() error {
	for _, name := range p.opts.Require {
		i := slices.IndexFunc(p.layers, func(l Layer) bool { return l.Name == name })
		if i < 0 {
			return fmt.Errorf("no layer is called %q; there are %s", name, strings.Join(p.layerNames(), ", "))
		}
		if l := p.layers[i]; l.State != LayerOn {
			return &FeatureError{Feature: "layer " + name, Why: strings.TrimSpace(l.State + ": " + l.Why)}
		}
	}
	return nil
}

func (p *plan) layerNames() []string {
	names := make([]string, len(p.layers))
	for i, l := range p.layers {
		names[i] = l.Name
	}
	return names
}
