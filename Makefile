# Belljar: `make` lists the targets.

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
PURE        := ./policy/... ./syscalls ./seccomp ./seccomp/bpf

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/belljar, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/belljar ./cmd/belljar

.PHONY: demo
demo: build ## build, then run honest and hostile programs and print their verdicts
	./bin/belljar demo

.PHONY: test
test: test-tools ## install what tests need (as root, where missing) and run all tests
	$(GO) test -timeout 13m ./...
	cd bench && $(GO) test -timeout 2m . ./internal/...

.PHONY: test-tools
test-tools: ## install the compilers that the tests' programs need, where missing
	@test/install-tools

.PHONY: test-unprivileged
test-unprivileged: test-tools ## run all tests again as uid 65534 (needs root)
	test/unprivileged

KERNEL ?= 6.1
ARCH   ?= amd64

.PHONY: vm
vm: ## run the tests on another kernel: KERNEL=5.10|6.1|6.12|latest ARCH=amd64|arm64 PACKAGES=a,b RUN=expression
	@test/install-tools vm-$(ARCH)
	$(GO) run ./test/vm -kernel $(KERNEL) -arch $(ARCH) $(if $(PACKAGES),-packages $(PACKAGES)) $(if $(RUN),-run '$(RUN)') $(VMFLAGS)

.PHONY: kernels
kernels: ## run the tests on every kernel and write docs/kernels.md
	@test/install-tools vm-amd64
	@test/install-tools vm-arm64
	$(GO) run ./test/vm -all $(VMFLAGS)

.PHONY: races
races: test-tools ## let every race of test/escapes try for a minute
	BELLJAR_RACE_SECONDS=60 $(GO) test -timeout 60m -count=1 -run 'TestEscapes/escapes-races' ./test/escapes

.PHONY: roundtrip
roundtrip: test-tools ## learn policies for real programs and run them, go build among them
	BELLJAR_LONG=1 $(GO) test -timeout 20m -count=1 -v -run TestRoundTrip ./learn

.PHONY: bench-trace
bench-trace: ## compare what tracing costs with what strace costs
	cd bench && CGO_ENABLED=0 $(GO) run ./trace

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## staticcheck, at a pinned version
	$(GO) run $(STATICCHECK) ./...

.PHONY: fmt-check
fmt-check: ## fail if a file is not gofmt'ed
	@files=$$(find . -name '*.go' -not -path './.git/*' | xargs gofmt -l); \
	if [ -n "$$files" ]; then echo "not gofmt'ed:"; echo "$$files"; exit 1; fi

.PHONY: arm64
arm64: ## build, vet and compile the tests for arm64
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...

.PHONY: pure
pure: ## build the pure packages for other systems
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build $(PURE)
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build $(PURE)

.PHONY: bench
bench: ## measure everything beside floors and peers, in a quarter of an hour, and write docs/benchmarks.md
	@test/install-tools bench
	cd bench && CGO_ENABLED=0 $(GO) run . $(BENCHFLAGS)

.PHONY: evidence
evidence: ## measure limits and numbers in every sandbox, as root and as uid 65534 (a quiet machine; half an hour)
	cd bench && CGO_ENABLED=0 $(GO) run ./verdicts

.PHONY: bench-quick
bench-quick: ## measure what must hold, in three minutes, and fail if a ratio is worse than bench/bands.txt allows
	@test/install-tools bench
	cd bench && CGO_ENABLED=0 $(GO) run . -quick $(BENCHFLAGS)

.PHONY: bench-accept
bench-accept: ## do as bench does, and make what it measured what bench-quick compares with
	$(MAKE) bench BENCHFLAGS='-accept $(BENCHFLAGS)'

.PHONY: bench-go
bench-go: ## run the benchmarks of Go functions
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 1s ./...

.PHONY: benchstat
benchstat: ## compare benchmarks of Go functions with another state's: REF=main PACKAGES=./policy RUN=expression COUNT=6
	bench/compare "$(or $(REF),main)" "$(or $(COUNT),6)" "$(or $(RUN),.)" $(or $(PACKAGES),./...)

.PHONY: bench-seccomp
bench-seccomp: ## compare filters with those of other makers (needs libseccomp-dev)
	cd bench && CGO_ENABLED=0 $(GO) run ./seccomp

.PHONY: fuzz
fuzz: ## 10 million decisions of random filters, then each fuzz target of seccomp for a minute
	$(GO) test ./seccomp -run 'TestFilterEqualsPolicy' -rounds 17000
	test/fuzz 1m ./seccomp ./seccomp/bpf

.PHONY: clean
clean: ## remove what build made
	rm -rf bin
