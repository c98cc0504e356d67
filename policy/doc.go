// Package policy says what a program may do, as pure data: rules on system
// calls, files and network, presets, and their YAML spelling.
//
// A policy is flat: the first of its rules that matches a call decides it, and
// Decide is the direct reading of that sentence. Everything that enforces a
// policy, such as a compiled seccomp filter, is tested against Decide.
package policy
