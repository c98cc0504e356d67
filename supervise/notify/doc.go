// Package notify is the supervisor that answers calls by seccomp's user
// notification: a trapped call waits in the kernel, a thread of Belljar's
// receives it, decides it, and answers it with a value, an error or an open
// file, without a stop of the thread that made it.
//
// It knows calls and not lives. Who makes a call, how many may live and when
// the run is over it asks a tracer (Lives).
package notify
