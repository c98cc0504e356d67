// Package seccomp compiles a policy to the filter that seccomp(2) runs.
package seccomp
