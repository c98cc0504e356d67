// Package syscalls holds what Linux's system calls are called: per
// architecture their numbers and names, and for all of them their groups, the
// kinds of their arguments, and the names of errnos, signals and constants.
//
// It is data. It makes no system call and builds on every GOOS, so a policy
// can be checked and compiled on a machine that cannot enforce it.
package syscalls

// The generator reads the module golang.org/x/sys, whose files are made from the
// kernel's headers, and for x32 the header of Debian's linux-libc-dev. It needs no
// network once the module is there.
//
//go:generate go run ./internal/gen
