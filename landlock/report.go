package landlock

import (
	"fmt"
	"strings"
)

// States of the layer, as in the enforcement report.
const (
	On      = "on"
	Partial = "partial" // what the policy says is kept by Landlock only in part
	Off     = "off"
)

// Report says what the kernel enforces of the union, and if that is not all,
// what is left out and why.
func (r Ruleset) Report() (state, why string) {
	if r.ABI == 0 {
		return Off, "the kernel has no Landlock (Linux " + ABIs[1].Kernel + "), or it was not chosen at boot (lsm=)"
	}
	reasons := append([]string(nil), r.gaps...)
	reasons = append(reasons, r.lacking()...)
	switch {
	case !r.Handles():
		if len(reasons) == 0 {
			reasons = append(reasons, "the policy leaves nothing to forbid")
		}
		return Off, strings.Join(reasons, "; ")
	case len(reasons) > 0:
		return Partial, strings.Join(append(reasons, r.notes...), "; ")
	}
	return On, strings.Join(r.notes, "; ")
}

// lacking says which ABI would bring what the kernel lacks, oldest first.
func (r Ruleset) lacking() []string {
	var list []string
	for abi := r.ABI + 1; abi <= MaxABI; abi++ {
		var names []string
		for _, f := range r.missing {
			if f.ABI == abi && f.Kind != Flag {
				names = append(names, f.Name)
			}
		}
		if len(names) > 0 {
			list = append(list, fmt.Sprintf("ABI %d (Linux %s) is needed for %s", abi, ABIs[abi].Kernel, strings.Join(names, " and ")))
		}
	}
	return list
}
