module github.com/belljar/belljar/bench

go 1.26.0

replace github.com/belljar/belljar => ../

require (
	github.com/belljar/belljar v0.0.0-00010101000000-000000000000
	github.com/criyle/go-sandbox v0.10.5
	github.com/elastic/go-seccomp-bpf v1.5.0
	github.com/moby/profiles/seccomp v0.2.3
	github.com/opencontainers/runtime-spec v1.3.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

require github.com/goccy/go-yaml v1.19.2 // indirect
