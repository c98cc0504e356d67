package trace

import (
	"fmt"
	"strings"

	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// sigset appends a set of signals, of which the smaller half is named.
func (v *view) sigset(bits uint64) {
	set := 0
	for b := bits; b != 0; b &= b - 1 {
		set++
	}
	if set > 32 {
		bits = ^bits
		v.add("~")
	}
	v.add("[")
	first := true
	for n := 1; n <= 64; n++ {
		if bits>>(n-1)&1 == 0 {
			continue
		}
		if !first {
			v.add(" ")
		}
		first = false
		v.add(strings.TrimPrefix(signalName(n), "SIG"))
	}
	v.add("]")
}

func sigsetText(v *view, b []byte) { v.sigset(ne.Uint64(b)) }

var (
	sigset       = in(structure(8, sigsetText))
	sigsetOut    = structureOut(8, sigsetText)
	maskHow      = in(func(v *view, i int) { v.out = maskHows.appendOne(v.out, uint64(v.trap.Flags(i))) })
	sigaction    = in(structure(sigactionSize, sigactionText))
	sigactionOut = structureOut(sigactionSize, sigactionText)
	altstack     = in(structure(24, stackText))
	altstackOut  = structureOut(24, stackText)
)

// sigactionSize is that of the kernel's struct sigaction where it has a
// restorer, as on amd64 and arm64.
const sigactionSize = 32

func sigactionText(v *view, b []byte) {
	handler, flags := ne.Uint64(b), ne.Uint64(b[8:])
	restorer, mask := ne.Uint64(b[16:]), ne.Uint64(b[24:])
	v.add("{sa_handler=")
	switch handler {
	case 0:
		v.add("SIG_DFL")
	case 1:
		v.add("SIG_IGN")
	default:
		v.hex(handler)
	}
	v.add(", sa_mask=")
	v.sigset(mask)
	v.add(", sa_flags=")
	v.out = actionSet.appendFlags(v.out, flags)
	if flags&0x4000000 != 0 {
		v.add(", sa_restorer=")
		v.pointer(restorer)
	}
	v.add("}")
}

func stackText(v *view, b []byte) {
	sp, flags, size := ne.Uint64(b), ne.Uint32(b[8:]), ne.Uint64(b[16:])
	v.add("{ss_sp=")
	v.pointer(sp)
	v.add(", ss_flags=")
	v.out = stackSet.appendFlags(v.out, uint64(flags))
	v.printf(", ss_size=%d}", size)
}

// signalCodes name si_code: those of any signal, and of some.
var signalCodes = map[string]map[int32]string{
	"": {0: "SI_USER", 0x80: "SI_KERNEL", -1: "SI_QUEUE", -2: "SI_TIMER", -3: "SI_MESGQ", -4: "SI_ASYNCIO", -5: "SI_SIGIO",
		-6: "SI_TKILL"},
	"SIGCHLD": {1: "CLD_EXITED", 2: "CLD_KILLED", 3: "CLD_DUMPED", 4: "CLD_TRAPPED", 5: "CLD_STOPPED", 6: "CLD_CONTINUED"},
	"SIGSEGV": {1: "SEGV_MAPERR", 2: "SEGV_ACCERR", 3: "SEGV_BNDERR", 4: "SEGV_PKUERR"},
	"SIGBUS":  {1: "BUS_ADRALN", 2: "BUS_ADRERR", 3: "BUS_OBJERR"},
	"SIGFPE":  {1: "FPE_INTDIV", 2: "FPE_INTOVF", 3: "FPE_FLTDIV", 4: "FPE_FLTOVF", 5: "FPE_FLTUND", 6: "FPE_FLTRES", 7: "FPE_FLTINV"},
	"SIGILL":  {1: "ILL_ILLOPC", 2: "ILL_ILLOPN", 3: "ILL_ILLADR", 5: "ILL_PRVOPC", 6: "ILL_PRVREG"},
	"SIGTRAP": {1: "TRAP_BRKPT", 2: "TRAP_TRACE"},
	"SIGSYS":  {1: "SYS_SECCOMP", 2: "SYS_USER_DISPATCH"},
}

// signalText shows a signal as strace does.
func signalText(s supervise.SignalInfo) string {
	name := signalName(int(s.Signal))
	code, ok := signalCodes[""][s.Code]
	if !ok {
		code, ok = signalCodes[syscalls.SignalName(int(s.Signal))][s.Code]
	}
	if !ok {
		code = fmt.Sprint(s.Code)
	}
	text := fmt.Sprintf("{si_signo=%s, si_code=%s", name, code)
	switch {
	case s.Code == 0x80:
	case name == "SIGCHLD" && s.Code > 0:
		status := fmt.Sprint(s.Status)
		if s.Code != 1 {
			status = signalName(int(s.Status))
		}
		text += fmt.Sprintf(", si_pid=%d, si_uid=%d, si_status=%s", s.PID, s.UID, status)
	case s.Code > 0:
		text += fmt.Sprintf(", si_addr=%s", map[bool]string{true: "NULL", false: fmt.Sprintf("%#x", s.Addr)}[s.Addr == 0])
	case s.Code == 0 || s.Code == -6 || s.Code == -1:
		text += fmt.Sprintf(", si_pid=%d, si_uid=%d", s.PID, s.UID)
	}
	return text + "}"
}
