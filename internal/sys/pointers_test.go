package sys_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// numbers are the functions that may turn a pointer into a number without
// handing it to the kernel in the same expression, and why.
var numbers = map[string]string{
	"Address":     "the caller keeps what is on the heap",
	"WordAddress": "the caller keeps what is on the heap",
	"Prepare":     "a Proc is part of a launch, which is on the heap until it is over; stacks come from a pool",
	"top":         "a stack comes from a pool",
}

// TestPointersGoStraightToTheKernel keeps the rule of package unsafe: the
// number of a pointer must be made in the arguments of the system call. Passed
// through another function, whose frame may make the stack grow and move,
// it can be that of memory which has become somebody else's.
func TestPointersGoStraightToTheKernel(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && numbers[f.Name.Name] == "" {
				looseNumbers(f, func(pos token.Pos) {
					t.Errorf("%v: %s makes a number of a pointer outside of a system call", set.Position(pos), f.Name.Name)
				})
			}
		}
	}
}

// looseNumbers finds conversions of pointers to numbers that are not an
// argument of a system call.
func looseNumbers(f *ast.FuncDecl, found func(token.Pos)) {
	direct := map[ast.Node]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if fun, ok := call.Fun.(*ast.SelectorExpr); ok && strings.Contains(fun.Sel.Name, "Syscall") {
			for _, arg := range call.Args {
				direct[arg] = true
			}
		}
		if fun, ok := call.Fun.(*ast.Ident); ok && fun.Name == "uintptr" && !direct[call] && isPointer(call.Args[0]) {
			found(call.Pos())
		}
		return true
	})
}

// isPointer reports whether an expression is unsafe.Pointer(...).
func isPointer(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	return ok && fun.Sel.Name == "Pointer"
}

// TestStackMoves reads about a stopped tracee on stacks that are about to grow,
// wherever in the reading that happens: what is read must be there.
func TestStackMoves(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.StopSignal() != syscall.SIGTRAP {
		t.Fatalf("%#x, %v", status, err)
	}
	// The thread is this goroutine's, so a new stack comes with a coroutine.
	for depth := range 400 {
		next, stop := iter.Pull(func(yield func(syscall.Signal) bool) { yield(deepSignal(pid, depth)) })
		if got, _ := next(); got != syscall.SIGTRAP {
			t.Errorf("%d frames deep: signal %d, want SIGTRAP", depth, got)
		}
		stop()
	}
}

// deepSignal asks for the signal that pid stopped for, below a number of frames.
//
//go:noinline
func deepSignal(pid, depth int) syscall.Signal {
	if depth > 0 {
		return deepSignal(pid, depth-1)
	}
	var info sys.SignalInfo
	if err := sys.ReadSignalInfo(pid, &info); err != nil {
		return -1
	}
	return syscall.Signal(info.Signo)
}
