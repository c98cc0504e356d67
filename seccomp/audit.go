package seccomp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// Finding is something about a filter that is likely not meant.
type Finding struct {
	Rule string // which check found it, such as "x32-open"
	Text string
	// Warning is false for what is only good to know.
	Warning bool
}

// Audit looks for the mistakes that filters are known for. A filter that the
// kernel would not take has that as its only finding.
func Audit(p bpf.Program) []Finding {
	if err := p.Check(); err != nil {
		return []Finding{{"invalid", err.Error(), true}}
	}
	a := auditor{program: p}
	a.unreached()
	a.decided()
	sections, err := Explain(p)
	if err != nil {
		a.warn("opaque", "its rules cannot be recovered: %v; emulate single calls", err)
		return a.findings
	}
	for _, s := range sections {
		a.section(s, len(sections))
	}
	return a.findings
}

type auditor struct {
	program  bpf.Program
	findings []Finding
}

func (a *auditor) warn(rule, format string, args ...any) {
	a.findings = append(a.findings, Finding{rule, fmt.Sprintf(format, args...), true})
}

func (a *auditor) note(rule, format string, args ...any) {
	a.findings = append(a.findings, Finding{rule, fmt.Sprintf(format, args...), false})
}

// unreached finds instructions that no call comes to.
func (a *auditor) unreached() {
	l := lister{program: a.program, states: make([]state, len(a.program))}
	l.flow()
	var dead []string
	for i, s := range l.states {
		if !s.reached {
			dead = append(dead, fmt.Sprintf("%04d", i))
		}
	}
	if len(dead) > 0 {
		a.warn("dead-code", "%d instructions are never reached: %s", len(dead), abbreviate(dead))
	}
}

// decided finds rules that never count, since others come before them.
func (a *auditor) decided() {
	var dead []string
	for _, at := range deadTests(a.program) {
		dead = append(dead, fmt.Sprintf("%04d", at))
	}
	if len(dead) > 0 {
		a.warn("dead-rule", "%d tests always end in the same way, as earlier ones have decided them: %s", len(dead), abbreviate(dead))
	}
}

// lets reports whether an answer lets a call happen, now or on somebody's word.
func lets(answer uint32) bool { return answer&0xffff0000 == bpf.Allow || answer&0xffff0000 == bpf.Log }

func (s Span) lets() bool {
	return slices.ContainsFunc(s.Ways, func(w Way) bool { return lets(w.Answer) })
}

// span returns the span that decides a number.
func (s Section) span(nr uint32) Span {
	i := slices.IndexFunc(s.Spans, func(sp Span) bool { return nr <= sp.Last })
	return s.Spans[i]
}

func (a *auditor) section(s Section, sections int) {
	allowed := slices.ContainsFunc(s.Spans, Span.lets)
	switch {
	case s.Other && sections == 1:
		a.warn("arch-unchecked", "it never looks at the architecture: a number means another call in another ABI (int 0x80, x32)")
	case s.Other && allowed:
		a.warn("arch-open", "it allows calls of architectures that it does not name, whose numbers mean other calls")
	}
	if s.Other {
		return
	}
	tables := tablesOf(s.Audit)
	if len(tables) == 0 {
		a.note("arch-unknown", "%s is not known here, so its calls have no names", archName(s.Audit))
		return
	}
	if s.Audit == syscalls.AMD64.Audit {
		a.x32(s)
	}
	a.fallback(s, tables[0])
	a.doors(s, tables[0])
	a.siblings(s, tables[0])
	a.halves(s, tables[0])
	a.cached(s, tables[0])
}

// x32 looks at the calls that share amd64's AUDIT_ARCH.
func (a *auditor) x32(s Section) {
	for _, sp := range s.Spans {
		if sp.Last >= x32Bit && sp.First < all32 && sp.lets() {
			a.warn("x32-open", "calls of the x32 ABI (numbers from %#x on) are allowed; kernels with CONFIG_X86_X32 run them, past rules on the numbers below", x32Bit)
			return
		}
	}
}

// fallback looks at numbers that the architecture does not have yet.
func (a *auditor) fallback(s Section, t *syscalls.Table) {
	answer, ok := s.beyond()
	switch {
	case ok && lets(answer):
		a.warn("default-allow", "%s: calls that it does not name are allowed, and so will be those of newer kernels", t.GOARCH)
	case ok && answer&0xffff0000 == bpf.KillThread:
		a.note("kill-thread", "%s: calls that it does not name end the thread, not the process; the others go on", t.GOARCH)
	}
}

// doors finds dangerous calls that are allowed whatever their arguments are.
func (a *auditor) doors(s Section, t *syscalls.Table) {
	dangerous, _ := syscalls.Group("@dangerous")
	var open []string
	for _, name := range dangerous {
		if answer, ok := s.constant(t, name); ok && lets(answer) {
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		a.warn("dangerous", "%s: it allows %s", t.GOARCH, abbreviate(open))
	}
}

// siblings are calls, and after each those that can do all that it does:
// refusing the first is of no use while one of the others is allowed.
var siblings = [][]string{
	{"open", "openat", "openat2"}, {"openat", "open", "openat2"}, {"stat", "newfstatat", "statx"}, {"lstat", "newfstatat", "statx"},
	{"unlink", "unlinkat"}, {"rmdir", "unlinkat"}, {"rename", "renameat", "renameat2"}, {"renameat", "renameat2"}, {"mkdir", "mkdirat"},
	{"link", "linkat"}, {"symlink", "symlinkat"}, {"mknod", "mknodat"}, {"chmod", "fchmodat", "fchmodat2"},
	{"chown", "fchownat"}, {"lchown", "fchownat"}, {"access", "faccessat", "faccessat2"}, {"readlink", "readlinkat"},
	{"execve", "execveat"}, {"fork", "clone", "clone3"}, {"vfork", "clone", "clone3"}, {"clone", "clone3"}, {"accept", "accept4"},
	{"sendmsg", "sendmmsg"}, {"sendto", "sendmsg", "sendmmsg"}, {"recvmsg", "recvmmsg"}, {"umount", "umount2"},
	{"init_module", "finit_module"}, {"kexec_load", "kexec_file_load"}, {"setrlimit", "prlimit64"}, {"unshare", "clone3"},
	{"setuid", "setresuid"}, {"setgid", "setresgid"}, {"setxattr", "setxattrat"}, {"settimeofday", "clock_settime"},
	{"clock_settime", "clock_settime64"}, {"ptrace", "process_vm_writev"},
}

// siblings looks for calls that are refused in vain. A call that the program is
// told does not exist is refused to make it take another.
func (a *auditor) siblings(s Section, t *syscalls.Table) {
	for _, family := range siblings {
		refused, ok := s.constant(t, family[0])
		if !ok || lets(refused) || isTrap(refused) || refused == bpf.Errno|enosys {
			continue
		}
		allowed := slices.DeleteFunc(slices.Clone(family[1:]), func(name string) bool {
			answer, ok := s.constant(t, name)
			return !ok || !lets(answer)
		})
		if len(allowed) > 0 {
			a.warn("sibling", "%s: %s is refused while %s, which can do the same, is allowed", t.GOARCH, family[0], strings.Join(allowed, ", "))
		}
	}
}

const enosys = 38

// constant is the answer to a call that has the same one always.
func (s Section) constant(t *syscalls.Table, name string) (answer uint32, ok bool) {
	nr, ok := t.Number(name)
	if !ok {
		return 0, false
	}
	sp := s.span(uint32(nr))
	return sp.Ways[0].Answer, len(sp.Ways) == 1
}

func isTrap(answer uint32) bool {
	action := answer & 0xffff0000
	return action == bpf.Trace || action == bpf.UserNotif || action == bpf.TrapSignal
}

// halves finds refusals that depend on bits which the kernel does not look at:
// with such a bit set the call does the same and the rule does not see it
// (CVE-2019-7303). The other way round, an argument of 64 bits of which only
// the low half is tested can be another value than the rule took it for.
func (a *auditor) halves(s Section, t *syscalls.Table) {
	for nr, name := range t.Calls() {
		sp := s.span(uint32(nr))
		tested := map[uint32]bool{}
		for _, w := range sp.Ways {
			for _, c := range w.When {
				tested[c.Offset] = true
			}
		}
		for arg := range 6 {
			low, high := tested[bpf.OffArg(arg)], tested[bpf.OffArg(arg)+4]
			switch bits := t.ArgBits(name, arg); {
			case high && bits <= 32 && evaded(sp, bpf.OffArg(arg)+4):
				a.warn("high-half", "%s: rules on argument %d of %s look at 64 bits, of which the kernel reads %d: setting others evades them",
					t.GOARCH, arg, name, bits)
			case low && !high && bits > 32 && lets(sp.Ways[0].Answer):
				a.warn("low-half", "%s: %s is allowed by the low half of argument %d, of which the kernel reads %d bits",
					t.GOARCH, name, arg, bits)
			}
		}
	}
}

// evaded reports whether some other value than 0 of a word that the kernel does
// not look at leads to a permission, past rules for 0.
func evaded(sp Span, word uint32) bool {
	asks := func(w Way, zero bool) bool {
		return slices.ContainsFunc(w.When, func(c Cond) bool {
			return c.Offset == word && (c.Ranges == nil || slices.ContainsFunc(c.Ranges, func(r Range) bool { return r.First == 0 }) == zero)
		})
	}
	for i, w := range sp.Ways {
		if lets(w.Answer) && (asks(w, false) || slices.ContainsFunc(sp.Ways[:i], func(earlier Way) bool {
			return !lets(earlier.Answer) && asks(earlier, true)
		})) {
			return true
		}
	}
	return false
}

// cached counts the calls for which the kernel need not run the filter.
func (a *auditor) cached(s Section, t *syscalls.Table) {
	cached, constant := 0, 0
	for nr := range t.Calls() {
		if sp := s.span(uint32(nr)); len(sp.Ways) == 1 && sp.Ways[0].Answer == bpf.Allow {
			constant++
			if a.program.ConstantAllow(int32(nr), s.Audit) {
				cached++
			}
		}
	}
	if cached < constant {
		a.warn("cache", "%s: of %d calls that are always allowed the kernel sees only %d as such, and runs the filter for the others",
			t.GOARCH, constant, cached)
		return
	}
	a.note("cache", "%s: %d calls are always allowed; since Linux 5.11 the filter is not run for them", t.GOARCH, cached)
}

// abbreviate lists names, and counts those beyond the first dozen.
func abbreviate(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
