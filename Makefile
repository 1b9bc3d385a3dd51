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
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

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

# The race detector is linked by a C compiler; who has none gets the tests without it. What runs nodes is tested with pushes
# passed on from node to node too; the simulation does that by itself. What stands in the environment of the processes that a test
# starts is nothing that a cached result is known by.
.PHONY: unit
unit: toolchain zookeeper deployers ## all tests, with the race detector
	@cc=$$($(GO) env CC); race=-race; \
	if [[ $$($(GO) env CGO_ENABLED) != 1 ]] || ! command -v "$${cc%% *}" >/dev/null; then \
		echo 'make: no C compiler, which the race detector needs: testing without it' >&2; race=; \
	fi; \
	echo "$(GO) test $$race -timeout=20m ./..."; \
	$(GO) -C deployments/kubernetes/check test ./... && \
	$(GO) test $$race -timeout=20m ./node -fanout=tree && \
	XYLEM_SYNC_FANOUT=tree $(GO) test $$race -count=1 -timeout=20m ./cli && \
	$(GO) test $$race -timeout=20m ./...

.PHONY: lint
lint: toolchain ## vet, staticcheck and gofumpt, none of which may say anything
	$(GO) vet -tags engine ./...
	$(TOOL) staticcheck -tags engine ./...
	$(GO) -C deployments/kubernetes/check vet ./...
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
bench: toolchain ## the benchmarks beside other servers (BENCHFLAGS=-help lists what they take)
	$(GO) run ./bench $(BENCHFLAGS)

# The packages also start servers of their own where services are started; the benchmarks
# use none of those.
.PHONY: rivals
rivals: ## install what the benchmarks compare with, if it is missing
	@.ci/need 'the benchmarks compare with Redis' 'command -v redis-server && command -v redis-benchmark' redis-server redis-tools
	@.ci/need 'the benchmarks compare with memcached' 'command -v memcached' memcached
	@.ci/need 'the benchmarks compare with etcd' 'command -v etcd' etcd-server
	@.ci/need 'the benchmarks compare with NATS' 'command -v nats-server' nats-server
	@.ci/need 'the benchmarks load HTTP with wrk' 'command -v wrk' wrk

.PHONY: vuln
vuln: toolchain ## known vulnerabilities; asks a database on the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# The tests run against a real ZooKeeper; the package zookeeper starts no server, as
# zookeeperd would. What is missing is installed where that is allowed without asking.
ZOOKEEPER_JARS := /usr/share/java/zookeeper.jar /usr/share/java/slf4j-simple.jar
.PHONY: zookeeper
zookeeper: ## install what the tests need of ZooKeeper, if it is missing
	@.ci/need 'the tests need Java in the PATH, and ZooKeeper as $(ZOOKEEPER_JARS)' \
		'command -v java && ls $(ZOOKEEPER_JARS)' zookeeper default-jre-headless

.PHONY: deployers
deployers: ## install what starts and checks the deployments, if it is missing
	@.ci/need 'the Vagrantfile is run by Vagrant' 'command -v vagrant' vagrant
	@.ci/need 'the compose file is run by docker-compose' 'command -v docker-compose' docker-compose
	@.ci/need 'the units are checked by systemd-analyze' 'command -v systemd-analyze' systemd

.PHONY: images
images: ## build the container images (needs a Docker engine)
	@deployments/docker/build

.PHONY: compose
compose: toolchain ## write deployments/compose/compose.yaml from the configuration
	@file=deployments/compose/compose.yaml; \
	$(GO) build -o bin/compose ./deployments/compose && bin/compose >$$file.new && mv $$file.new $$file || { rm -f $$file.new; exit 1; }
	@deployments/docker/secrets

.PHONY: plans
plans: toolchain deployers ## tests of the deployments that need no Docker engine
	$(GO) test -count=1 ./deployments/...
	$(GO) -C deployments/kubernetes/check test -count=1 ./...

# An engine is installed and started where there is none, and then stopped again.
.PHONY: deployments
deployments: toolchain deployers ## the deployments for real, in containers: Vagrant, compose, systemd, pods
	@docker info >/dev/null 2>&1 || { deployments/engine start && trap 'deployments/engine stop' EXIT; } && \
	deployments/docker/build && \
	echo '$(GO) test -tags engine ./deployments/trial' && \
	$(GO) test -tags engine -count=1 -v -timeout=40m ./deployments/trial

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
