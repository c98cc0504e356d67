// Package parity proves that calls which Belljar makes in a program's place do
// what the kernel would have done for the program itself.
package parity
