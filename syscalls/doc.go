// Package syscalls holds what Linux's system calls are called: per
// architecture their numbers and names, and for all of them their groups, the
// kinds of their arguments, and the names of errnos, signals and constants.
//
// It is data. It makes no system call and builds on every GOOS, so a policy
// can be checked and compiled on a machine that cannot enforce it.
package syscalls

//go:generate go run ./internal/gen
