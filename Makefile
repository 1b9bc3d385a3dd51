# How Xylem is built and proved. `make` lists the targets.

SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
# Release that `xylem version` prints.
RELEASE ?=
# Runs of the simulation: how many seeds, and the first one.
SEEDS ?= 10000
FROM ?=
# When the simulation is given up, 0 for never.
TIMEOUT ?= 0
# How often `make elections` kills the root, freezes it (and moves it, and breaks more than it), and kills all; with what session
# time-out.
KILLS ?= 50
FREEZES ?= 20
RESTARTS ?= 5
SESSION ?= 4s
# How many seeds `make test` plays.
TEST_SEEDS ?= 1000
# How long each fuzz target runs.
FUZZTIME ?= 3s
# Arguments of the benchmarks.
BENCHFLAGS ?=

# The tools have a module file of their own: what they need is none of what Xylem needs.
TOOL := $(GO) tool -modfile=tools.mod

.PHONY: help
help: ## list the targets
	@echo 'usage: make TARGET'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

.PHONY: build
build: toolchain ## build bin/xylem (RELEASE=1.0.0 gives it a version)
	CGO_ENABLED=0 $(GO) build -trimpath $(if $(RELEASE),-ldflags '-X main.release=$(RELEASE)') -o bin/xylem ./cli

.PHONY: run
run: build ## build, then run a whole tree on this machine
	bin/xylem up

# The order is from quick to slow, but for the tests: their closing lines come last.
.PHONY: test
test: ## everything that proves it: lint, fuzz, simulation, tests
	@$(MAKE) lint
	@$(MAKE) fuzz
	@$(MAKE) sim SEEDS=$(TEST_SEEDS) FROM= TIMEOUT=30m
	@$(MAKE) unit

# The race detector is linked by a C compiler; who has none gets the tests without it.
.PHONY: unit
unit: toolchain zookeeper ## all tests, with the race detector
	@cc=$$($(GO) env CC); race=-race; \
	if [[ $$($(GO) env CGO_ENABLED) != 1 ]] || ! command -v "$${cc%% *}" >/dev/null; then \
		echo 'make: no C compiler, which the race detector needs: testing without it' >&2; race=; \
	fi; \
	echo "$(GO) test $$race -timeout=20m ./..."; \
	$(GO) test $$race -timeout=20m ./...

.PHONY: lint
lint: toolchain ## vet, staticcheck and gofumpt, none of which may say anything
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@echo '$(TOOL) gofumpt -l .'; \
	files=$$($(TOOL) gofumpt -l .) || exit; \
	if [[ -n $$files ]]; then \
		printf 'make: not formatted (make format does it):\n%s\n' "$$files" >&2; exit 1; \
	fi

.PHONY: format
format: toolchain ## format all Go files
	$(TOOL) gofumpt -w .

.PHONY: sim
sim: toolchain ## runs of the simulation (SEEDS=10000, FROM=first seed)
	$(GO) test ./sync/simulation -run '^TestSeeds$$' -seeds=$(SEEDS) $(if $(FROM),-from=$(FROM)) -count=1 -v -timeout=$(TIMEOUT)

# A seed is some ten seconds: SEEDS has another default here than for the simulation.
.PHONY: faults
faults: toolchain ## processes killed, paused and cut off (SEEDS=100, FROM=first seed)
	$(GO) test ./cli -run '^TestFaults$$' -fault.seeds=$(if $(filter file,$(origin SEEDS)),100,$(SEEDS)) $(if $(FROM),-fault.from=$(FROM)) -count=1 -v -timeout=$(TIMEOUT)

# Some twelve minutes with these figures. The session time-out is the nodes' default.
.PHONY: elections
elections: toolchain zookeeper ## roots killed, frozen and moved (KILLS=50, FREEZES=20, SESSION=4s)
	$(GO) test ./cli -run '^TestRootIs|^TestNextRoot|^TestAllNodesAreKilled' -count=1 -v -timeout=$(TIMEOUT) \
		-elect.kills=$(KILLS) -elect.freezes=$(FREEZES) -elect.moves=$(FREEZES) -elect.restarts=$(RESTARTS) -elect.rounds=$(FREEZES) -elect.session=$(SESSION)

.PHONY: fuzz
fuzz: toolchain ## every fuzz target for FUZZTIME=3s
	@GO='$(GO)' .ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: toolchain ## the benchmarks (BENCHFLAGS=-help lists what they take)
	$(GO) run ./bench $(BENCHFLAGS)

.PHONY: vuln
vuln: toolchain ## known vulnerabilities; asks a database on the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# The tests run against a real ZooKeeper. What is missing is installed where that is
# allowed without asking. The package zookeeper starts no server; zookeeperd would.
ZOOKEEPER_JARS := /usr/share/java/zookeeper.jar /usr/share/java/slf4j-simple.jar
ZOOKEEPER_PACKAGES := zookeeper default-jre-headless
.PHONY: zookeeper
zookeeper: ## install what the tests need of ZooKeeper, if it is missing
	@missing() { \
		! command -v java >/dev/null && return; \
		for jar in $(ZOOKEEPER_JARS); do [[ -e $$jar ]] || return 0; done; \
		return 1; \
	}; \
	missing || exit 0; \
	sudo=; (( EUID == 0 )) || sudo='sudo -n'; \
	if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
		echo 'make: installing $(ZOOKEEPER_PACKAGES)'; \
		$$sudo apt-get update -q; \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(ZOOKEEPER_PACKAGES); \
	fi; \
	if missing; then \
		echo 'make: the tests need Java and ZooKeeper, as Debian and Ubuntu package them, and they could not be installed from here. Do' >&2; \
		echo '  sudo apt-get install --no-install-recommends $(ZOOKEEPER_PACKAGES)' >&2; \
		echo 'or, elsewhere, put these files there, and java into the PATH: $(ZOOKEEPER_JARS)' >&2; \
		exit 1; \
	fi

.PHONY: toolchain
toolchain:
	@want=$$(sed -n 's/^go //p' go.mod); \
	if ! command -v $(GO) >/dev/null; then \
		echo "make: Go is missing: install Go $$want or newer" >&2; exit 1; \
	fi; \
	have=$$($(GO) env GOVERSION 2>/dev/null || GOTOOLCHAIN=local $(GO) env GOVERSION); \
	number='([0-9]+)\.([0-9]+)(\.([0-9]+))?'; \
	order() { [[ $$1 =~ $$number ]] && \
		echo $$((BASH_REMATCH[1] * 1000000 + BASH_REMATCH[2] * 1000 + $${BASH_REMATCH[4]:-0})) || echo 0; }; \
	if (( $$(order "$$have") < $$(order "$$want") )); then \
		echo "make: Go is too old: this is $$have; install Go $$want or newer" >&2; exit 1; \
	fi
