package supervise

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

func TestScriptInterpreter(t *testing.T) {
	for head, want := range map[string]string{
		"#!/bin/sh\n":                          "/bin/sh",
		"#! \t/bin/sh -e\nrest":                "/bin/sh",
		"#!/bin/sh":                            "/bin/sh",
		"#!/bin/sh\x00x\n":                     "/bin/sh",
		"#!\n":                                 "",
		"#!":                                   "",
		"#!" + strings.Repeat("x", 254):        "",
		"#!/x " + strings.Repeat("y", 251):     "/x",
		"#!" + strings.Repeat("x", 253) + "\n": strings.Repeat("x", 253),
	} {
		if got := scriptInterpreter([]byte(head)); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

func FuzzInterpreter(f *testing.F) {
	for _, name := range []string{"/proc/self/exe", "/bin/sh"} {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b[:min(len(b), 4096)])
		}
	}
	f.Add([]byte("#!/bin/sh\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		head := file[:min(len(file), scriptHead)]
		var got string
		if bytes.HasPrefix(head, []byte("#!")) {
			got = scriptInterpreter(head)
		} else {
			got = elfInterpreter(head, func(b []byte, off int64) bool {
				return off >= 0 && off <= int64(len(file)) && copy(b, file[off:]) == len(b)
			})
		}
		if strings.ContainsRune(got, 0) || got != "" && !bytes.Contains(file, []byte(got)) {
			t.Errorf("interpreter %q", got)
		}
	})
}

// execEngine allows to execute what the patterns name, and to read all.
func execEngine(t *testing.T, dir string, patterns ...string) *Engine {
	files := policy.Files{Default: eacces, Rules: []policy.FileRule{{Pattern: "/**", Grant: policy.Read}}}
	for _, p := range patterns {
		files.Rules = append(files.Rules, policy.FileRule{Pattern: p, Grant: policy.Exec})
	}
	return newEngine(t, EngineConfig{Dir: dir, Policy: &policy.Policy{Files: files}})
}

// onlyExec allows to execute what the patterns name, and nothing else.
func onlyExec(t *testing.T, patterns ...string) *Engine {
	files := policy.Files{Default: eacces}
	for _, p := range patterns {
		files.Rules = append(files.Rules, policy.FileRule{Pattern: p, Grant: policy.Exec})
	}
	return newEngine(t, EngineConfig{Dir: "/", Policy: &policy.Policy{Files: files}})
}

// TestExecChain proves that every program which the kernel would run for a
// file must be granted, and that chains end where the kernel ends them.
func TestExecChain(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	last := "/bin/true"
	for i := range 7 {
		name := fmt.Sprintf("%s/s%d", dir, i)
		must(t, os.WriteFile(name, []byte("#!"+last+"\n"), 0o755))
		last = name
	}
	must(t, os.WriteFile(dir+"/lost", []byte("#!"+dir+"/none\n"), 0o755))
	everything := execEngine(t, dir, "/**")
	for name, want := range map[string]syscall.Errno{"/s0": 0, "/s4": 0, "/s5": syscall.ELOOP, "/s6": syscall.ELOOP, "/lost": syscall.ENOENT} {
		err := osexec.Command(dir + name).Run()
		if (err == nil) != (want == 0) {
			t.Fatalf("%s: the kernel says %v, want %v", name, err, want)
		}
		if d := everything.Decide(trapOf("execve", dir+name, 0, 0)); d.Errno != want {
			t.Errorf("%s: %+v, want %v", name, d, want)
		}
	}
	if d := execEngine(t, dir, "./*").Decide(trapOf("execve", dir+"/s0", 0, 0)); d.Kind != Deny || d.Errno != syscall.EACCES {
		t.Errorf("#! of an unlisted program: %+v", d)
	}
	if d := execEngine(t, dir, "./s1").Decide(trapOf("execve", dir+"/s1", 0, 0)); d.Path != dir+"/s0" || d.Kind != Deny {
		t.Errorf("#! of an unlisted script: %+v", d)
	}
}

// TestExecELFInterpreter proves that PT_INTERP needs a grant of its own: Exec, or
// Read, with which a program can map it itself.
func TestExecELFInterpreter(t *testing.T) {
	program, err := filepath.EvalSymlinks("/bin/true")
	must(t, err)
	fd, err := os.Open(program)
	must(t, err)
	defer fd.Close()
	loader, script, errno := interpreter(&object{fd: int(fd.Fd())})
	if errno != 0 || script {
		t.Fatal(errno)
	}
	if loader == "" {
		t.Skip("/bin/true is static here")
	}
	if d := onlyExec(t, program).Decide(trapOf("execve", program, 0, 0)); d.Kind != Deny {
		t.Errorf("without its loader: %+v", d)
	}
	if d := execEngine(t, "/", program).Decide(trapOf("execve", program, 0, 0)); d.Kind != Allow {
		t.Errorf("with a loader that may be read: %+v", d)
	}
	if d := onlyExec(t, program, loader).Decide(trapOf("execve", program, 0, 0)); d.Kind != Allow {
		t.Errorf("with its loader: %+v", d)
	}
}

// untilAsleep waits until a process sleeps: nobody has stopped it, so its loader maps and unmaps
// files before.
func untilAsleep(t *testing.T, pid int) {
	t.Helper()
	nr, _ := syscalls.ForGOARCH(runtime.GOARCH).Number("clock_nanosleep")
	for {
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		must(t, err)
		if strings.HasPrefix(string(call), fmt.Sprintf("%d ", nr)) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestVerifyExec proves that a running program is found to be what it is.
func TestVerifyExec(t *testing.T) {
	cmd := osexec.Command("/bin/sleep", "60")
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	untilAsleep(t, pid)
	program, err := filepath.EvalSymlinks("/bin/sleep")
	must(t, err)
	if d := execEngine(t, "/", "/**").VerifyExec(pid, pid); d.Kind != Allow || d.Path != program {
		t.Errorf("all allowed: %+v", d)
	}
	if d := execEngine(t, "/", "/bin/cat").VerifyExec(pid, pid); d.Kind != Deny || d.Path != program {
		t.Errorf("another program allowed: %+v", d)
	}
	if d := execEngine(t, "/", program).VerifyExec(pid, pid); d.Kind != Allow {
		t.Errorf("with libraries that may be read: %+v", d)
	}
	if d := onlyExec(t, program).VerifyExec(pid, pid); d.Kind != Deny || !strings.Contains(d.Path, "/l") {
		t.Errorf("without libraries: %+v", d)
	}
}

// elfImage is a program of one segment, which begins with its headers and names its loader.
// It fills pages: Linux 5.10 clears the rest of a loader's last page, and so executes nothing
// where that cannot be written.
func elfImage(t *testing.T, addr, entry uint64, executable bool, loader string) []byte {
	machines := map[string]struct {
		number  uint16
		forever []byte
	}{
		"amd64": {62, []byte{0xeb, 0xfe}},
		"arm64": {183, []byte{0, 0, 0, 0x14}},
	}
	m, ok := machines[runtime.GOARCH]
	if !ok {
		t.Skip("no machine code for " + runtime.GOARCH)
	}
	const head = 64 + 2*56 // then the code, then the name
	page := os.Getpagesize()
	size := uint64((head + 8 + len(loader) + page) / page * page)
	flags, first := uint32(elf.PF_R), uint32(elf.PT_NULL)
	if executable {
		flags |= uint32(elf.PF_X)
	}
	if loader != "" {
		first = uint32(elf.PT_INTERP)
	}
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: m.number, Version: 1,
			Entry: entry, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2},
		elf.Prog64{Type: first, Flags: uint32(elf.PF_R), Off: head + 8, Filesz: uint64(len(loader) + 1)},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: flags, Vaddr: addr, Filesz: size, Memsz: size, Align: 1 << 16},
		append(m.forever, make([]byte, 8-len(m.forever))...), append([]byte(loader), 0),
	} {
		must(t, binary.Write(&b, binary.LittleEndian, part))
	}
	return append(b.Bytes(), make([]byte, int(size)-b.Len())...)
}

// TestVerifyPassiveLoader proves that a loader is found which no segment of is executable: its
// first instruction is the program's.
func TestVerifyPassiveLoader(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	const addr, code = 0x400000, 0x400000 + 64 + 2*56
	program, loader := dir+"/program", dir+"/loader"
	must(t, os.WriteFile(program, elfImage(t, addr, code, true, loader), 0o755))
	must(t, os.WriteFile(loader, elfImage(t, 0x10000000, code, false, ""), 0o755))
	must(t, os.Chmod(loader, 0o777)) // whoever writes it writes the program's memory
	cmd := osexec.Command(program)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	if d := onlyExec(t, program).VerifyExec(pid, pid); d.Kind != Deny || d.Path != loader {
		t.Errorf("a loader that is not allowed: %+v", d)
	}
	files := policy.Files{Default: eacces, Rules: []policy.FileRule{{Pattern: dir + "/*", Grant: policy.Exec}}}
	e := newEngine(t, EngineConfig{Dir: "/", Policy: &policy.Policy{Files: files}, Program: program, Strangers: true})
	if d := e.VerifyExec(pid, pid); d.Kind != Allow || e.alone() {
		t.Errorf("a loader that others write: %+v, alone %v", d, e.alone())
	}
}
