package main

import (
	"fmt"
	"os"
)

func main() {
	os.Exit(dispatch(os.Args[1:]))
}

// dispatch runs one command and returns the exit status.
func dispatch(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "run":
			return report(run(args[1:]))
		case "trace":
			return report(traceRun(args[1:]))
		case "learn":
			return report(learnRun(args[1:]))
		case victimCommand:
			// It runs under a policy for one small program, so it must not
			// do anything that such a program would not.
			return playVictim(args[1:])
		}
	}
	return report(executeTree(args))
}

// report prints a failure of Belljar's own as one line and returns the status.
func report(status int, err error) int {
	if err == nil {
		return status
	}
	fmt.Fprintf(os.Stderr, "belljar: %s\n", clean(err.Error()))
	return status
}
