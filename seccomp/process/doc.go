// Package process applies filters to the calling process, and reads those of
// other processes.
package process
