package sys

import "unsafe"

// stepsEntry is where runSteps begins, for the register ABI of Go. The child
// of rawClone jumps there itself: the wrapper that the compiler makes for a call
// from assembly reports to the race detector, on behalf of a goroutine that at
// the same time runs in the parent.
//
//lint:ignore U1000 the assembly reads it
var stepsEntry = func() uintptr {
	f := runSteps
	// A func value points to a pointer to its code.
	return **(**uintptr)(unsafe.Pointer(&f))
}()
