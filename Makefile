# Stop Press. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt
# What npm brings for tests/foreign.
CLIENTS := tests/foreign/node/node_modules/.package-lock.json
# Where the demo newsroom listens, and what keeps its posts.
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= demo-data
# What `make faults` runs: of each kind (all, if none is named) so many seeds, JOBS at once.
RUNS ?= 1
JOBS ?= 1
SEED ?=
KINDS ?=
# What `make bench` measures (all rows but the soak), and how often.
ROWS ?= all
ROUNDS ?= 5

.PHONY: help run test lint foreign faults fuzz guided cuts bench clean system

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Set up, serve the demo newsroom, print where it is
	@exec $(BIN)/stoppress demo --host '$(HOST)' --port '$(PORT)' --data '$(DATA)'

test: system lint $(CLIENTS) ## Set up, check, and run every test, on up to four cores
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: $(VENV)/test.stamp ## Style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

foreign: $(VENV)/test.stamp system $(CLIENTS) ## Clients that others wrote, through all that may lie between
	@FOREIGN=all $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
	    --dist worksteal tests/foreign $(ARGS)

faults: $(VENV)/test.stamp system ## Break every part on purpose: RUNS=1 JOBS=1 SEED= KINDS=
	@$(BIN)/python -m tests.faults.suite --runs $(RUNS) --jobs $(JOBS) \
	    $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds $(KINDS)) $(ARGS)

fuzz: $(VENV)/test.stamp system ## A million bent inputs for each parser: ARGS="--targets frames"
	@$(BIN)/python -m tests.fuzz.campaign $(ARGS)

guided: $(VENV)/test.stamp ## The same led by coverage, with atheris (Linux): ARGS="--targets bodies"
	@$(PIP) install --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.guided $(ARGS)

cuts: $(VENV)/test.stamp system ## Cut readers 10,000 times in a model, 1,000 times for real
	@$(BIN)/python -m tests.faults.model --cuts 10000 --run 500 $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.faults.sockets --cuts 1000 --restarts 20 $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.faults.kills --publishes 1000 $(if $(SEED),--seed $(SEED))

bench: $(VENV)/test.stamp ## Measure, beside peers, on a quiet machine: ROWS=all ROUNDS=5
	@$(BIN)/python -m tests.bench.long_feed
	@$(BIN)/python -m tests.bench.latency
	@$(BIN)/python -m tests.bench.many_posts
	@$(BIN)/python -m tests.bench.rows $(ROWS) --rounds $(ROUNDS) --write docs/benchmarks $(ARGS)

clean: ## Remove what was made here, the demo's data too
	@rm -rf $(VENV) tests/foreign/node/node_modules demo-data build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the tests need and pip does not bring: brought where that is allowed.
system:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v tsc >/dev/null || missing="$$missing node-typescript"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "error: the tests need$$missing: install that with the system's packages" \
	        "(Debian: apt-get install$$missing), then make test again" >&2; \
	    exit 1; \
	fi; \
	echo "installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq >/dev/null && \
	apt-get install -y -qq --no-install-recommends $$missing >/dev/null

# Each stamp says that the step before it was finished.
$(VENV)/made.stamp:
	@for python in python3.13 python3.12 python3.11 python3 python; do \
	    if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
	        2>/dev/null; then \
	        echo "setting up $(VENV) with $$($$python --version)"; \
	        $$python -m venv $(VENV) && touch $@; \
	        exit; \
	    fi; \
	done; \
	echo "error: Stop Press needs Python 3.11 or newer, with its venv module; none is here" \
	    "(Debian: apt-get install python3 python3-venv)" >&2; \
	exit 1

# Where npm is not installed, its clients are left out, and the tests say so.
$(CLIENTS): tests/foreign/node/package-lock.json
	@if command -v npm >/dev/null; then \
	    echo "installing clients that others wrote for Node and browsers"; \
	    npm ci --silent --no-audit --no-fund --prefix tests/foreign/node && touch $@; \
	fi

$(VENV)/run.stamp: $(VENV)/made.stamp $(INPUTS)
	@echo "installing Stop Press"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/made.stamp $(INPUTS)
	@echo "installing Stop Press and what its tests need"
	@$(PIP) install --constraint constraints.txt --editable '.[test,foreign]'
	@touch $(VENV)/run.stamp $@
