// Runs goroutines on threads of their own and collects garbage meanwhile.
//
// run: policy=compile verdict=ok stdout="36\n"
package main

import (
	"fmt"
	"runtime"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	sums := make([]int, 8)
	for i := range sums {
		wg.Go(func() {
			runtime.LockOSThread()
			sums[i] = len(make([]byte, 1<<20))>>20 + i
			runtime.GC()
		})
	}
	wg.Wait()
	total := 0
	for _, n := range sums {
		total += n
	}
	fmt.Println(total)
}
