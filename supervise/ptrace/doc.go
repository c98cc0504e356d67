// Package ptrace is the supervisor that traces: it follows every descendant
// of a program, decides the calls at which the program's filter stops it, and
// knows how each process ended and what it used.
package ptrace
