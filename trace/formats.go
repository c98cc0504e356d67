package trace

import (
	"sync"

	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// byKind shows the arguments of calls that have no row in formats.
var byKind = map[syscalls.Kind]argument{
	syscalls.Long: bits, syscalls.Ptr: address, syscalls.Path: path, syscalls.Str: text, syscalls.Addr: address, syscalls.FD: file,
	syscalls.DirFD: directory, syscalls.Int: number, syscalls.Flags: bits32, syscalls.AtFlags: flags(atSet), syscalls.PID: number,
	syscalls.ID: id, syscalls.Sig: signal, syscalls.Mode: mode,
}

var (
	unnamedMu sync.Mutex
	unnamed   = map[string]*known{}
)

// formatOf returns how a call is shown.
func formatOf(t *supervise.Trap, call string) *known {
	if f := formats()[call]; f != nil {
		return f
	}
	unnamedMu.Lock()
	defer unnamedMu.Unlock()
	k := unnamed[call]
	if k == nil {
		f := &format{call: call, ret: decimal}
		for _, kind := range syscalls.Args(call) {
			if a, ok := byKind[kind]; ok {
				f.args = append(f.args, a)
			}
		}
		if t.Name() == "" {
			f.args = args{bits, bits, bits, bits, bits, bits}
		}
		k = f.known()
		unnamed[call] = k
	}
	return k
}
