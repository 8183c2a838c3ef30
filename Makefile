# Entry points for people and CI. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One target folder outside the tree, shared by every checkout: the engine is compiled once per machine.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/clew/target
# Tools that `make lint` needs get a folder of their own, so that their features never rebuild ours.
TOOLS_TARGET := $(HOME)/.cache/clew/tools

# nextest where there is one: it runs tests of all crates side by side.
RUN_TESTS := $(if $(shell command -v cargo-nextest),cargo nextest run,cargo test)

DEMO ?=
BENCH ?=

.PHONY: help setup web demo test build bench bench-intake bench-identity bench-journey sdk lint crash truths

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## check for Rust, Node, and a browser; install what is missing where that is allowed
	@scripts/setup

web/node_modules/.package-lock.json: web/package-lock.json
	@# not `npm ci`: it refuses a lock file without the packages of every other platform, which a registry may not hold
	cd web && npm install --no-save --no-audit --no-fund
	@touch $@

# The server embeds web/dist: it is built before the binary.
web: setup web/node_modules/.package-lock.json ## the cockpit's assets in web/dist
	cd web && npm run build

build: web ## the release binary at $CARGO_TARGET_DIR/release/clew, cockpit inside
	cargo build --release --locked -p clew
	@echo "built $(CARGO_TARGET_DIR)/release/clew"

demo: build ## an invented company in the browser; DEMO="--people 2000 demo-folder" for options of `clew demo`
	"$(CARGO_TARGET_DIR)/release/clew" demo $(DEMO)

# One feature set builds the libraries, the binary and the tests that drive it.
test: web ## every test: Rust, web units, and the browser against the real binary
	@[ -d "$${CLEW_SHARED:-../shared}/data" ] || echo "skipped: the tests on real data: no $${CLEW_SHARED:-../shared}"
	@# real databases and buckets of this run's own, see scripts/services; a test that needs one starts it
	@export CLEW_SERVICES=$$(mktemp -d); trap 'scripts/services stop; rm -rf "$$CLEW_SERVICES"' EXIT; $(RUN_TESTS) --workspace --locked
	cd web && npm test
	CLEW_BIN="$(CARGO_TARGET_DIR)/debug/clew" scripts/e2e

crash: build ## kill import and run at 100 seeded moments, a server under load at 200, and fill its disk 20 times; nothing is lost or doubled (10, 10 and 2 in `make test`)
	CLEW_BIN="$(CARGO_TARGET_DIR)/release/clew" CLEW_CRASH_MOMENTS=100 $(RUN_TESTS) --workspace --locked --test crash
	CLEW_BIN="$(CARGO_TARGET_DIR)/release/clew" CLEW_CRASH_MOMENTS=200 CLEW_FULL_DISKS=20 $(RUN_TESTS) --workspace --locked --test tracking whenever

truths: build ## the planted truths of the demo company over five seeds (one of them runs in `make test`)
	CLEW_BIN="$(CARGO_TARGET_DIR)/release/clew" CLEW_TRUTH_SEEDS=5 $(RUN_TESTS) --workspace --locked --test truths

bench: build ## speed and memory of import and run, beside DuckDB; BENCH="--events 50000000" for options
	@python3 -c 'import duckdb' 2>/dev/null || { echo "bench: needs DuckDB to compare with: pip install duckdb"; exit 1; }
	CLEW="$(CARGO_TARGET_DIR)/release/clew" python3 benches/import.py $(BENCH)

bench-intake: build ## durable events a second over HTTP, beside PostgreSQL 15; BENCH="--seconds 60" for options
	cargo build --release --locked -p clew --example load
	CLEW="$(CARGO_TARGET_DIR)/release/clew" LOAD="$(CARGO_TARGET_DIR)/release/examples/load" python3 benches/intake.py $(BENCH)

bench-journey: build ## process map, paths, retention and funnel of 10 million events, beside ClickHouse, DuckDB, Polars, PM4Py and r4pm; BENCH="--native" for options
	@python3 -c 'import chdb, duckdb, polars, pyarrow' 2>/dev/null || { echo "bench-journey: needs peers to compare with: pip install chdb duckdb polars pyarrow numpy pandas pm4py r4pm"; exit 1; }
	CLEW="$(CARGO_TARGET_DIR)/release/clew" python3 benches/journey.py $(BENCH)

bench-identity: build ## matching beside Splink 5: accuracy, calibration, speed and memory; BENCH="--growth 100000,1000000" for options
	@python3 -c 'import splink' 2>/dev/null || { echo "bench-identity: needs Splink to compare with: pip install 'splink>=5,<6' pandas pyarrow duckdb"; exit 1; }
	CLEW="$(CARGO_TARGET_DIR)/release/clew" python3 benches/identity.py $(BENCH)

sdk: build ## Segment's and RudderStack's own libraries against the server, through a bad line
	CLEW_BIN="$(CARGO_TARGET_DIR)/release/clew" scripts/sdk

lint: web ## formatting, clippy, licences, bans, unused dependencies, web lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	command -v cargo-deny >/dev/null || CARGO_TARGET_DIR="$(TOOLS_TARGET)" nice cargo install --locked cargo-deny
	command -v cargo-machete >/dev/null || CARGO_TARGET_DIR="$(TOOLS_TARGET)" nice cargo install --locked cargo-machete
	cargo deny --offline check bans licenses sources
	cargo machete
	cd web && npm run lint
