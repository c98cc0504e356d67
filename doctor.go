package belljar

import (
	"fmt"
	"os"
	"strings"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/unshare"
)

// Finding is what [Doctor] says about one layer on this host.
type Finding struct {
	Layer string `json:"layer"`
	State string `json:"state"` // on, partial or off
	Why   string `json:"why"`
	Fix   string `json:"fix"` // a command or setting that would mend it, "" if there is none
}

// Doctor reports what this host can enforce for this user.
func Doctor() []Finding {
	findings := []Finding{
		feature("seccomp", kernel.Seccomp, "boot a kernel with CONFIG_SECCOMP_FILTER"),
		ptraceFinding(),
		namespaceFinding(),
		credentialFinding(),
	}
	for _, f := range []*kernel.Feature{kernel.PidfdOpen, kernel.CloseRange, kernel.MountSetattr} {
		findings = append(findings, feature(f.Name, f, "a newer kernel"))
	}
	findings = append(findings, landlockFinding())
	findings = append(findings, feature("notify", kernel.Notify, "a newer kernel, outside of a container"), feature("mseal", kernel.Mseal, "a newer kernel: until then calls that map memory are trapped instead"))
	return append(findings, groupFinding(), cpusFinding())
}

func feature(layer string, f *kernel.Feature, fix string) Finding {
	if f.Have() {
		return Finding{Layer: layer, State: LayerOn, Why: f.Use}
	}
	return Finding{Layer: layer, State: LayerOff, Why: "needs Linux " + f.Since + ", or a container's filter forbids it", Fix: fix}
}

func landlockFinding() Finding {
	abi := kernel.LandlockABI()
	if abi == 0 {
		return Finding{"landlock", LayerOff, "the kernel lacks it (since " + kernel.Landlock.Since + ") or it is not among its security modules",
			"boot with lsm=landlock,... in front of the modules in /sys/kernel/security/lsm"}
	}
	return Finding{Layer: "landlock", State: LayerOn, Why: fmt.Sprintf("ABI %d: %s", abi, kernel.Landlock.Use)}
}

func ptraceFinding() Finding {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	scope := strings.TrimSpace(string(b))
	switch {
	case err == nil && scope == "3":
		return Finding{"ptrace", LayerOff, "kernel.yama.ptrace_scope is 3: nobody may trace", "boot with sysctl kernel.yama.ptrace_scope=1"}
	case err == nil && scope == "2" && os.Geteuid() != 0:
		return Finding{"ptrace", LayerOff, "kernel.yama.ptrace_scope is 2: only root may trace", "sudo sysctl kernel.yama.ptrace_scope=1"}
	case !kernel.Ptrace.Have():
		return Finding{"ptrace", LayerOff, "a filter on this process refuses ptrace, as some containers' do; without a tracer nothing runs",
			"start the container with --cap-add=SYS_PTRACE, or with --security-opt seccomp=FILE that allows ptrace"}
	}
	return Finding{Layer: "ptrace", State: LayerOn, Why: "a tracer may follow the programs it starts"}
}

// untraceable is the error of a run whose program cannot be traced.
func untraceable(err error) error {
	e := &SetupError{Step: "ptrace", Err: err, Hint: "every run needs a tracer; belljar doctor says what this host allows"}
	if f := ptraceFinding(); f.State == LayerOff {
		e.Hint = f.Why + "; " + f.Fix
	}
	return e
}

func namespaceFinding() Finding {
	user, err := unshare.Available()
	switch {
	case err != nil:
		return Finding{"namespaces", LayerOff, err.Error(), unshare.Fix(err)}
	case user:
		return Finding{Layer: "namespaces", State: LayerOn, Why: "through a user namespace"}
	}
	return Finding{Layer: "namespaces", State: LayerOn, Why: "as root"}
}

func credentialFinding() Finding {
	why := ownUserOnly()
	switch {
	case mustAskForRoot():
		return Finding{"credentials", LayerOff, why + "; " + asking(), ownUserFix()}
	case why != "":
		return Finding{"credentials", LayerPartial, why, ownUserFix()}
	}
	return Finding{Layer: "credentials", State: LayerOn, Why: fmt.Sprintf("programs run as uid %d", nobody)}
}
