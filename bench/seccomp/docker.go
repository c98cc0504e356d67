package main

import (
	"encoding/json"

	moby "github.com/moby/profiles/seccomp"

	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/syscalls"
)

// docker imports Docker's default profile for a host without capabilities that
// are not its default.
func docker(t *syscalls.Table) (*seccomp.Profile, error) {
	src, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		return nil, err
	}
	return seccomp.ImportOCI("docker.json", src, seccomp.Host{Table: t, Kernel: [2]int{6, 1}})
}
