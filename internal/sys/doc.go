// Package sys makes raw system calls. It is the only package of Belljar that
// imports unsafe or golang.org/x/sys/unix, so that what could corrupt memory
// is in one place.
package sys
