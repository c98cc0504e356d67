// Command seccomp prints how long filters are and how many instructions calls
// take, ours beside those that libseccomp and elastic/go-seccomp-bpf make from
// the same rules. The counts are exact: filters are run in an interpreter.
//
// It compiles testdata/libseccomp.c, so it needs a C compiler and libseccomp's headers
// (Debian: libseccomp-dev). Docker's default profile is read from the module
// github.com/moby/profiles/seccomp (Apache License 2.0).
package main
