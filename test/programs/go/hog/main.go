// Keeps memory in Go, whose runtime reserves far more than it uses.
//
// run: policy=compile args="16" memory=64M verdict=ok stdout="16\n"
// run: policy=compile args="100000" memory=64M verdict=memory-limit limit=memory
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	var kept [][]byte
	for range n {
		kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
	}
	fmt.Println(len(kept))
}
