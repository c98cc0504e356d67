// Command gen writes the tables of package syscalls from the files that
// golang.org/x/sys/unix generated from the kernel's headers. It reads them as
// source text, because a program can import only its own architecture's file.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// arches are the tables to write. suffix is x/sys's GOARCH.
var arches = []struct{ variable, name, suffix, audit string }{
	{"AMD64", "amd64", "amd64", "AUDIT_ARCH_X86_64"},
	{"I386", "386", "386", "AUDIT_ARCH_I386"},
	{"ARM64", "arm64", "arm64", "AUDIT_ARCH_AARCH64"},
	{"ARM", "arm", "arm", "AUDIT_ARCH_ARM"},
	{"RISCV64", "riscv64", "riscv64", "AUDIT_ARCH_RISCV64"},
}

// families are the constants that conditions of policies have a use for.
var families = regexp.MustCompile(`^(` + strings.Join([]string{
	"ADJ_", "AF_", "ARCH_", "AT_", "BPF_", "CLOCK_", "CLONE_", "EFD_", "EPOLL", "F_", "FALLOC_", "FAN_",
	"FD_", "FIO", "FS_IOC", "FUTEX_", "GRND_", "IN_", "IPC_", "IPPROTO_", "ITIMER_", "IP_", "IPV6_",
	"KEYCTL_", "LOCK_", "MADV_", "MAP_", "MCL_", "MEMBARRIER_", "MFD_", "MLOCK_", "MNT_", "MREMAP_",
	"MS_", "MSG_", "NS_", "O_", "P_", "PERF_", "PIDFD_", "PR_", "PRIO_", "PROT_", "PTRACE_", "RENAME_",
	"RESOLVE_", "RLIM_", "RLIMIT_", "RUSAGE_", "RWF_", "S_", "SCHED_", "SECCOMP_", "SEEK_", "SFD_",
	"SHUT_", "SIOC", "SO_", "SOCK_", "SOL_", "SPLICE_", "STATX_", "SYNC_", "TC", "TCP_", "TFD_", "TIMER_",
	"TIO", "UMOUNT_", "W[A-Z]+$", "XATTR_",
}, "|") + `)`)

// extra are constants that x/sys has no name for. They come from the kernel's
// uapi headers asm/prctl.h, asm-generic/ioctls.h, linux/fcntl.h, linux/futex.h, linux/ipc.h and linux/wait.h.
var extra = map[string]uint64{
	"ARCH_SET_GS": 0x1001, "ARCH_SET_FS": 0x1002, "ARCH_GET_FS": 0x1003, "ARCH_GET_GS": 0x1004,
	"ARCH_CET_STATUS": 0x3001, "ARCH_SHSTK_ENABLE": 0x5001, "ARCH_SHSTK_DISABLE": 0x5002,
	"ARCH_SHSTK_LOCK": 0x5003, "ARCH_SHSTK_STATUS": 0x5005,
	"FUTEX_WAIT": 0, "FUTEX_WAKE": 1, "FUTEX_FD": 2, "FUTEX_REQUEUE": 3, "FUTEX_CMP_REQUEUE": 4,
	"FUTEX_WAKE_OP": 5, "FUTEX_LOCK_PI": 6, "FUTEX_UNLOCK_PI": 7, "FUTEX_TRYLOCK_PI": 8,
	"FUTEX_WAIT_BITSET": 9, "FUTEX_WAKE_BITSET": 10, "FUTEX_PRIVATE_FLAG": 128, "FUTEX_CLOCK_REALTIME": 256,
	"IPC_RMID": 0, "IPC_SET": 1, "IPC_STAT": 2, "IPC_CREAT": 0o1000, "IPC_EXCL": 0o2000, "IPC_PRIVATE": 0,
	"SEEK_SET": 0, "SEEK_CUR": 1, "SEEK_END": 2, "SEEK_DATA": 3, "SEEK_HOLE": 4,
	"SHUT_RD": 0, "SHUT_WR": 1, "SHUT_RDWR": 2,
	"F_OK": 0, "X_OK": 1, "W_OK": 2, "R_OK": 4,
	"FIONREAD": 0x541b, "FIONBIO": 0x5421, "FIONCLEX": 0x5450, "FIOCLEX": 0x5451, "FIOASYNC": 0x5452,
	// x/sys gives the C library's names for 64-bit locks; these are the kernel's.
	"F_GETLK": 5, "F_SETLK": 6, "F_SETLKW": 7, "F_GETLK64": 12, "F_SETLK64": 13, "F_SETLKW64": 14,
	"PR_SET_PTRACER_ANY": 1<<64 - 1,
	"P_ALL":              0, "P_PID": 1, "P_PGID": 2, "P_PIDFD": 3,
}

func main() {
	log.SetFlags(0)
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		log.Fatalf("find golang.org/x/sys: %v", err)
	}
	unix := filepath.Join(strings.TrimSpace(string(dir)), "unix")
	common := read(filepath.Join(unix, "zerrors_linux.go"), filepath.Join(unix, "ztypes_linux.go"))

	var calls bytes.Buffer
	constants := map[string][]value{}
	for _, a := range arches {
		own := read(filepath.Join(unix, "zerrors_linux_"+a.suffix+".go"))
		writeTable(&calls, a.variable, a.name, common[a.audit].number,
			read(filepath.Join(unix, "zsysnum_linux_"+a.suffix+".go")))
		for name, v := range common {
			constants[name] = append(constants[name], v)
		}
		for name, v := range own {
			constants[name] = append(constants[name], v)
		}
	}
	amd64 := read(filepath.Join(unix, "zsysnum_linux_amd64.go"))
	writeTable(&calls, "X32", "x32", common["AUDIT_ARCH_X86_64"].number, x32(amd64))
	save("zcalls.go", calls.Bytes())
	save("zconstants.go", constantTables(constants))
}

// x32Header has the x32 numbers, which x/sys lacks; Debian's package
// linux-libc-dev installs it.
const x32Header = "/usr/include/x86_64-linux-gnu/asm/unistd_x32.h"

// x32Bit is what all numbers of x32 have in common.
const x32Bit = 0x40000000

// x32 returns the numbers of the x32 ABI. From 335 on both ABIs number alike
// (arch/x86/entry/syscalls/syscall_64.tbl), so calls that are younger than the
// header are amd64's; the ones from 512 on are x32's alone.
func x32(amd64 map[string]value) map[string]value {
	src, err := os.ReadFile(x32Header)
	if err != nil {
		log.Fatalf("read the x32 numbers (Debian: apt install linux-libc-dev): %v", err)
	}
	found := map[string]value{}
	for _, m := range regexp.MustCompile(`#define __NR_(\w+) \(__X32_SYSCALL_BIT \+ (\d+)\)`).FindAllStringSubmatch(string(src), -1) {
		nr, err := strconv.ParseUint(m[2], 10, 64)
		if err != nil {
			log.Fatal(err)
		}
		found["SYS_"+strings.ToUpper(m[1])] = value{number: x32Bit | nr}
	}
	const alike = 335
	for name, v := range amd64 {
		if v.number >= alike {
			found[name] = value{number: x32Bit | v.number}
		}
	}
	return found
}

// value is a constant: its number and the type that x/sys gives it, such as
// syscall.Errno, or "".
type value struct {
	number uint64
	typ    string
}

// read returns the integer constants that files declare.
func read(files ...string) map[string]value {
	found := map[string]value{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.ValueSpec)
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						if v, ok := evaluate(spec.Values[i]); ok {
							found[name.Name] = v
						}
					}
				}
			}
		}
	}
	return found
}

// evaluate understands the three shapes that x/sys uses: a literal, a negated
// literal (kept as two's complement), and a conversion of one.
func evaluate(e ast.Expr) (value, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		n, ok := constant.Uint64Val(constant.ToInt(constant.MakeFromLiteral(e.Value, e.Kind, 0)))
		return value{number: n}, ok && e.Kind == token.INT
	case *ast.UnaryExpr:
		v, ok := evaluate(e.X)
		v.number = -v.number
		return v, ok && e.Op == token.SUB
	case *ast.CallExpr:
		sel, ok := e.Fun.(*ast.SelectorExpr)
		if !ok || len(e.Args) != 1 {
			return value{}, false
		}
		v, ok := evaluate(e.Args[0])
		v.typ = sel.Sel.Name
		return v, ok
	}
	return value{}, false
}

func writeTable(w *bytes.Buffer, variable, arch string, audit uint64, numbers map[string]value) {
	type call struct {
		name string
		nr   uint64
	}
	var calls []call
	for name, v := range numbers {
		name = strings.ToLower(strings.TrimPrefix(name, "SYS_"))
		// Marks in the numbering of arm64 and arm, not calls.
		if name != "arch_specific_syscall" && name != "syscall_mask" {
			calls = append(calls, call{name, v.number})
		}
	}
	slices.SortFunc(calls, func(a, b call) int { return int(a.nr) - int(b.nr) })
	base := uint64(0)
	if arch == "x32" {
		base = x32Bit
	}
	fmt.Fprintf(w, "// %s numbers the calls of %s.\nvar %s = &Table{\nGOARCH: %q, Audit: %#x, base: %#x,\nnames: []string{\n",
		variable, arch, variable, arch, audit, base)
	for _, c := range calls {
		fmt.Fprintf(w, "%d: %q,\n", c.nr-base, c.name)
	}
	fmt.Fprint(w, "},\nsorted: []uint16{\n")
	slices.SortFunc(calls, func(a, b call) int { return strings.Compare(a.name, b.name) })
	for i, c := range calls {
		fmt.Fprintf(w, "%d,", c.nr-base)
		if i%16 == 15 {
			fmt.Fprintln(w)
		}
	}
	fmt.Fprint(w, "},\n}\n\n")
}

// constantTables writes the errnos, the signals and the plain constants.
func constantTables(all map[string][]value) []byte {
	errnos, signals, plain := map[string]uint64{}, map[string]uint64{}, maps.Clone(extra)
	var varying []string
	for name, values := range all {
		first := values[0]
		same := !slices.ContainsFunc(values, func(v value) bool { return v != first })
		_, known := extra[name]
		switch {
		case known:
		case first.typ == "Errno" && same:
			errnos[name] = first.number
		case first.typ == "Signal" && same:
			signals[name] = first.number
		case first.typ != "" || !families.MatchString(name):
		case same && len(values) == len(arches):
			plain[name] = first.number
		default:
			varying = append(varying, name)
		}
	}
	slices.Sort(varying)
	var w bytes.Buffer
	write := func(comment, name string, table map[string]uint64) {
		fmt.Fprintf(&w, "// %s\nvar %s = []named{\n", comment, name)
		for _, k := range slices.Sorted(maps.Keys(table)) {
			fmt.Fprintf(&w, "{%q, %#x},\n", k, table[k])
		}
		fmt.Fprint(&w, "}\n\n")
	}
	write("errnos are equal on all architectures here.", "errnos", errnos)
	write("signals are equal on all architectures here.", "signals", signals)
	write("constants have one value on all architectures here.", "constants", plain)
	fmt.Fprintf(&w, "// varying are constants whose value depends on the architecture.\nvar varying = []string{\n")
	for _, name := range varying {
		fmt.Fprintf(&w, "%q,\n", name)
	}
	fmt.Fprint(&w, "}\n")
	return w.Bytes()
}

func save(name string, body []byte) {
	head := "// Code generated by internal/gen from golang.org/x/sys/unix; DO NOT EDIT.\n\npackage syscalls\n\n"
	src, err := format.Source(append([]byte(head), body...))
	if err != nil {
		log.Fatalf("format %s: %v", name, err)
	}
	if err := os.WriteFile(name, src, 0o644); err != nil {
		log.Fatal(err)
	}
}
