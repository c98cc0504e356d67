package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/belljar/belljar/policy"
)

// decide times decisions on paths by n rules. The paths are spread over all
// rules, as a program's are that has its own few among many.
func decide(args []string) (float64, error) {
	if len(args) != 1 {
		return 0, errors.New("how many rules?")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of rules", args[0])
	}
	files := policy.Files{Rules: manyRules(n)}
	set, err := files.Compile("/", nil)
	if err != nil {
		return 0, err
	}
	paths := []string{
		files.Rules[0].Pattern, "/data/1/1/a/b/c", "/data/2/2/name.txt", "/data/0/0/other", "/usr/lib/libc.so", files.Rules[n-1].Pattern,
	}
	const length = 100 * time.Millisecond
	start, decisions := time.Now(), 0
	for time.Since(start) < length {
		for range 100 {
			for _, path := range paths {
				set.Decide(path, policy.Read)
			}
		}
		decisions += 100 * len(paths)
	}
	return float64(time.Since(start).Nanoseconds()) / float64(decisions), nil
}
