// Package trace shows what a run did: every call of every process with its
// arguments and its result in words, signals, and the lives of processes. A
// Recorder watches a run and turns what it sees into events; writers turn
// events into text, lines of JSON, and files that viewers open.
package trace
