package supervise

import "github.com/belljar/belljar/policy"

// memoryFiles are the names under which a process can write memory, its own or
// another's, whatever its mappings permit.
var memoryFiles = []string{"/proc/self/mem", "/proc/self/task/1/mem", "/proc/1/mem", "/proc/1/task/1/mem"}

// WritesMemory reports whether the policy lets the program write memory by way
// of procfs. Then nothing that lies in its memory, read-only or not, is safe
// from it.
func (e *Engine) WritesMemory() bool {
	for _, file := range memoryFiles {
		if action, _ := e.rules.set.Decide(file, write); action.Kind == policy.Allow {
			return true
		}
	}
	return false
}
