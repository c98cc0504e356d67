// Command library is Belljar as a Go program uses it, for measuring: what it
// prints at the end is one number.
//
//	library run [flags] -- PROGRAM [ARG...]   nanoseconds of a run
//	library parked N PROGRAM                  bytes of a parked sandbox, if there are N
//	library running N [flags] -- PROGRAM      bytes of a supervisor whose program runs, if there are N
//	library prepare [flags] -- PROGRAM        nanoseconds of a runner's first run
//	library decide RULES                      nanoseconds of one decision on a path
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func(args []string) (float64, error){
		"run": run, "parked": parked, "running": running, "prepare": prepare, "decide": decide,
	}
	var command func([]string) (float64, error)
	if len(os.Args) > 1 {
		command = commands[os.Args[1]]
	}
	if command == nil {
		fmt.Fprintln(os.Stderr, "usage: library run|parked|running|prepare|decide ...")
		os.Exit(2)
	}
	result, err := command(os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "library %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if result > 0 {
		fmt.Printf("%.1f\n", result)
	}
}
