// Prints a line.
//
// run: policy=interpreter verdict=ok stdout="hello, world\n"
// run: policy=compile verdict=ok stdout="hello, world\n"
package main

import "fmt"

func main() { fmt.Println("hello, world") }
