// Command belljar runs programs that nobody trusts, and tells what became of
// them.
//
// "belljar run" is the path that must start fast: main dispatches it before
// the tree of the other commands exists, and one table of flags (flags.go)
// serves its parsing, its help and its completion.
//
// Whatever Belljar says about a run goes to standard error, one line, unless a
// flag names another place; standard output belongs to the program.
package main
