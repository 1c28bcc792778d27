# Drover. `make demo` shows it working, `make test` checks all of it; both set up what they need on Debian 12.

SWIFT_FLAGS := --explicit-target-dependency-import-check error
PACKAGES := libffi-dev libjemalloc-dev libsqlite3-dev zlib1g-dev pkg-config gcc iproute2 iptables curl jq docker.io \
	openjdk-17-jdk-headless qemu-system-x86 busybox-static containernetworking-plugins

.PHONY: help setup build release demo tour cluster test soak fuzz bench format lint abi-hash clean

help: ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 16

setup: ## Installs the Debian packages that building and testing need.
	@Tests/Scripts/setup $(PACKAGES)
	@Tests/Scripts/guest-kernel .build/guest

build: setup ## Builds everything for debugging.
	swift build $(SWIFT_FLAGS) --build-tests

release: setup ## Builds the optimised agent and plug-ins.
	swift build $(SWIFT_FLAGS) -c release

demo: release ## Starts an agent, runs a service, a batch and a system job, shows them, and stops.
	@Tests/Demo/demo "$$(swift build -c release --show-bin-path)"

tour: release ## Runs one group with an exec, a docker, a java and a qemu task side by side; needs root.
	@Tests/Demo/tour "$$(swift build -c release --show-bin-path)"

cluster: release ## Starts three servers and two clients, kills, parts and replaces some, and says what it verified; needs root.
	@Tests/Cluster/cluster "$$(swift build -c release --show-bin-path)"

test: build ## Runs every test.
	Tests/Scripts/run-tests

soak: build ## Plays SEEDS=1000 simulated clusters, from seed FIRST=1 on; a seed that breaks a promise prints how to see it again.
	@SIM_FIRST="$(or $(FIRST),1)" SIM_SEEDS="$(or $(SEEDS),1000)" SWIFT_BACKTRACE=enable=no \
		swift test --skip-build $(SWIFT_FLAGS) --filter ClusterTests/promisesHold

fuzz: setup ## Fuzzes what reads others' bytes, SECONDS=60 for each target.
	DROVER_FUZZ_BUILD=1 swift build $(SWIFT_FLAGS) -c release --scratch-path .build-fuzz --sanitize fuzzer \
		--product drover-fuzz -Xswiftc -enable-testing
	Tests/Fuzz/run .build-fuzz/release/drover-fuzz $(or $(SECONDS),60)

bench: release ## Runs every benchmark; the figures are the last line of each.
	@bin="$$(swift build -c release --show-bin-path)"; for name in $$("$$bin/drover-bench" list); do "$$bin/drover-bench" $$name; done

format: ## Formats all Swift code in place.
	swift format --in-place --recursive Package.swift Sources Plugins SDK Tests

lint: ## Checks the formatting and the ABI's header hash.
	swift format lint --strict --recursive Package.swift Sources Plugins SDK Tests
	SDK/abi-hash --check

clean: ## Removes what was built.
	rm -rf .build .build-fuzz SDK/.build
