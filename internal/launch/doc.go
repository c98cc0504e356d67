// Package launch starts a program through a list of steps: plain data that
// says, system call by system call, what the new processes do between clone
// and exec. Because it is data it can be printed, tested and read.
package launch
