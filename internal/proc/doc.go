// Package proc reads what the kernel says about processes in a proc file
// system, wherever that is mounted.
package proc
