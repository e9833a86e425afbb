# Stop Press. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
COVERAGE := $(VENV)/coverage.json
COVERED := --cov --cov-report= --cov-report=json:$(COVERAGE)
# What readers load, and what it is built from.
SCRIPT := client_demo/stop-press.js
MODULES := $(wildcard client_demo/stop-press/*.js server/stoppress/web/pages/static/reader/*.js) \
    client_demo/stop-press/package.json
# What npm installs for tests/foreign.
CLIENTS := tests/foreign/node/node_modules/.package-lock.json
# The Nu HTML checker, which only `make markup` needs.
VNU := $(VENV)/vnu/node_modules/vnu-jar/build/dist/vnu.jar
# Lighthouse, which only `make lighthouse` needs.
LIGHTHOUSE := $(VENV)/lighthouse/node_modules/.bin/lighthouse
# Address and data folder of the demo newsroom.
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= demo-data
# `make faults`: RUNS seeds of each of KINDS (default: all), JOBS at once.
RUNS ?= 1
JOBS ?= 1
SEED ?=
KINDS ?=
# `make bench`: ROWS to measure (all: all but the soak), and in how many rounds.
ROWS ?= all
ROUNDS ?= 5

.PHONY: help run check test coverage lint unit audit schema foreign quiet xss calm markup lighthouse faults fuzz guided schedule interleavings desk-figures desk-tasks desk-views cuts bench clean system

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp $(SCRIPT) ## Set up, serve the demo newsroom, print its addresses
	@exec $(BIN)/stoppress demo --host '$(HOST)' --port '$(PORT)' --data '$(DATA)'

check: $(VENV)/test.stamp ## Before each commit: style, types, unit and property tests
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint unit

unit: $(VENV)/test.stamp $(SCRIPT)
	@$(PYTEST) tests/unit tests/property $(ARGS)

test: system lint $(SCRIPT) $(CLIENTS) ## Set up, check, and run every test, on up to four cores
	@$(PYTEST) $(if $(ARGS),,$(COVERED)) $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m tests.coverage_gate $(COVERAGE))

coverage: $(VENV)/test.stamp system $(SCRIPT) ## Coverage of unit, property and store tests, by package
	@$(PYTEST) $(COVERED) tests/unit tests/property tests/contract/store $(ARGS)
	@$(BIN)/python -m tests.coverage_gate $(COVERAGE)

lint: $(VENV)/test.stamp ## Style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

audit: $(VENV)/test.stamp ## The packages: licences, known vulnerabilities; risky calls of ours
	@$(PIP) install --editable '.[audit]'
	@$(BIN)/python -m tests.licences
	@$(BIN)/bandit -q -r server/stoppress -ll -s B104,B704 # these two: line by line, for ruff
	@found=$$($(BIN)/pip-audit --progress-spinner off --disable-pip --no-deps \
	    -r constraints.txt 2>&1); code=$$?; \
	if echo "$$found" | grep -qE "could not be audited|ServiceError|ConnectionError"; then \
	    echo "known vulnerabilities: the data can't be reached from here, for" \
	        "$$(echo "$$found" | grep -c 'could not be audited') packages"; \
	    code=0; echo "$$found" | grep -E "PYSEC|GHSA|CVE" && code=1; \
	else echo "$$found"; fi; exit $$code

foreign: $(VENV)/test.stamp system $(SCRIPT) $(CLIENTS) ## Clients of others, through every proxy: ARGS="-k curl"
	@FOREIGN=all $(PYTEST) tests/foreign $(ARGS)

quiet: $(VENV)/test.stamp system ## Lines that idle for 11 minutes behind every proxy
	@$(BIN)/python -m tests.foreign.quiet_lines $(ARGS)

faults: $(VENV)/test.stamp system $(SCRIPT) ## Break every part on purpose: RUNS=1 JOBS=1 SEED= KINDS=
	@$(BIN)/python -m tests.faults.suite --runs $(RUNS) --jobs $(JOBS) \
	    $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds $(KINDS)) $(ARGS)

calm: $(VENV)/test.stamp system $(SCRIPT) ## Layout shift of arrivals, on an idle machine
	@CALM=1 $(BIN)/python -m pytest tests/browser/test_calm.py $(ARGS)

markup: $(VENV)/test.stamp $(SCRIPT) $(VNU) ## Every kind of page by the Nu HTML checker (npm, Java)
	@VNU_JAR='$(abspath $(VNU))' $(BIN)/python -m pytest tests/foreign/test_markup.py $(ARGS)

lighthouse: $(VENV)/test.stamp system $(SCRIPT) $(LIGHTHOUSE) ## Every kind of page by Lighthouse, on an idle machine (npm)
	@LIGHTHOUSE='$(abspath $(LIGHTHOUSE))' $(BIN)/python -m pytest tests/foreign/test_lighthouse.py $(ARGS)

xss: $(VENV)/test.stamp system $(SCRIPT) ## Open 1,600 hostile texts wherever posts are shown, in Chromium
	@XSS_STRIDE=1 $(PYTEST) tests/browser/test_xss.py $(ARGS)

schema: $(VENV)/test.stamp system $(SCRIPT) ## All checks of schemathesis, 200 examples per call: ARGS="--examples 50"
	@$(BIN)/python -m tests.contract.server.schema_run $(ARGS)

fuzz: $(VENV)/test.stamp system $(SCRIPT) ## A million malformed inputs for each parser: ARGS="--targets frames"
	@$(BIN)/python -m tests.fuzz.campaign $(ARGS)

guided: $(VENV)/test.stamp ## The same guided by coverage, with atheris (Linux): ARGS="--targets bodies"
	@$(PIP) install --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.guided $(ARGS)

schedule: $(VENV)/test.stamp system $(SCRIPT) ## 2,200 scheduled posts, one server killed, one with a wrong clock
	@$(BIN)/python -m tests.faults.schedule $(ARGS)

interleavings: $(VENV)/test.stamp system $(SCRIPT) ## Editors in drawn orders: 1,000 in a model, 50 in Chromium: SEED=1
	@node tests/javascript/interleavings.mjs --count 1000 --seed $(or $(SEED),1)
	@DRAWN=50 DRAWN_SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/browser/test_interleavings.py $(ARGS)

desk-figures: $(VENV)/test.stamp system $(SCRIPT) ## The desk with 5,000 posts: opens, keys, search, to a reader's screen
	@$(BIN)/python -m tests.bench.desk_figures $(ARGS)

desk-tasks: $(VENV)/test.stamp system $(SCRIPT) ## Clicks of an editor's tasks, seconds from news to readers, five minutes offline
	@$(BIN)/python -m tests.bench.desk_tasks $(ARGS)

desk-views: $(VENV)/test.stamp system $(SCRIPT) ## Every view of the desk, in every look: axe, and pictures in FOLDER=desk-views
	@$(BIN)/python -m tests.browser.desk_views $(or $(FOLDER),desk-views)

cuts: $(VENV)/test.stamp system $(SCRIPT) ## Disconnect readers 10,000 times in a model, 1,000 on sockets
	@$(BIN)/python -m tests.faults.model --cuts 10000 --run 500 $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.faults.sockets --cuts 1000 --restarts 20 $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.faults.kills --publishes 1000 $(if $(SEED),--seed $(SEED))

bench: $(VENV)/test.stamp $(SCRIPT) ## Measure beside other servers, on an idle machine: ROWS=all ROUNDS=5
	@$(BIN)/python -m tests.bench.long_feed
	@$(BIN)/python -m tests.bench.latency
	@$(BIN)/python -m tests.bench.many_posts
	@$(BIN)/python -m tests.bench.arrival_by_engine
	@$(BIN)/python -m tests.bench.rows $(ROWS) --rounds $(ROUNDS) --write docs/benchmarks $(ARGS)

clean: ## Remove all that make made, the demo's data too
	@rm -rf $(VENV) $(SCRIPT) client_demo/stop-press-more.js client_demo/stop-press-page.js client_demo/stop-press*.js.br tests/foreign/node/node_modules \
	    demo-data build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# System packages for the tests: installed as root on Debian, else named.
system:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v firefox-esr >/dev/null || command -v firefox >/dev/null || missing="$$missing firefox-esr"; \
	command -v WebKitWebDriver >/dev/null || missing="$$missing webkit2gtk-driver"; \
	command -v Xvfb >/dev/null || missing="$$missing xvfb"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	PATH="$$PATH:/usr/sbin" command -v haproxy >/dev/null || missing="$$missing haproxy"; \
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

# Installing builds it too, with the minifiers; here they are used where they are.
$(SCRIPT): $(MODULES) server/bundle_widget.py | $(VENV)/run.stamp
	@$(BIN)/python server/bundle_widget.py

# Each stamp marks a finished step.
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

# Without npm its clients are left out, and the tests say so.
$(CLIENTS): tests/foreign/node/package-lock.json
	@if command -v npm >/dev/null; then \
	    echo "installing clients for Node and browsers that tests/foreign drives"; \
	    npm ci --silent --no-audit --no-fund --prefix tests/foreign/node && touch $@; \
	fi

$(VNU): $(VENV)/made.stamp
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(VENV)/vnu vnu-jar@26.9.27

$(LIGHTHOUSE): $(VENV)/made.stamp
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(VENV)/lighthouse lighthouse@12.8.2

$(VENV)/run.stamp: $(VENV)/made.stamp $(INPUTS)
	@echo "installing Stop Press"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/made.stamp $(INPUTS)
	@echo "installing Stop Press and what its tests need"
	@$(PIP) install --constraint constraints.txt --editable '.[test,foreign]'
	@touch $(VENV)/run.stamp $@
