# Two commands for a new machine: `make demo` and `make test`. Python 3.11 to 3.13 and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(if $(GPU),gpu,cpu)
INSTALLED := $(VENV)/.installed-$(LOCK)
UV_VERSION := 0.13.9

.PHONY: demo paper-mini ablations-mini label-efficiency-mini test test-published test-faults torture test-browser test-cluster test-storage lint bench doctor install locks format

demo: install
	$(BIN)/snakemake

# Miniatures of the published comparison, of its ablations, and of the curve over labels: on the phantom, in minutes.
paper-mini ablations-mini label-efficiency-mini: install
	$(BIN)/snakemake --configfile config/$(subst -,_,$@).yaml

test: install
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not (browser or published or cluster or torture or storage)"

# The paper's and the first real configuration, whole, on miniatures of the published data over the real protocols.
test-published: install
	$(BIN)/python -m pytest -n auto --dist loadgroup -m published

# Whole runs that are killed at every stage, starved of room, started twice: about ten minutes.
test-faults: install
	$(BIN)/python -m pytest -n auto --dist loadgroup -m torture tests/faults

# The same kills, many more: docs/reliability.md. About half an hour; ends with one line, also in results/torture.txt.
KILLS ?= 200
SEED ?= 0
torture: install
	$(BIN)/python -m tests.faults.torture --kills $(KILLS) --seed $(SEED) --out results/torture.txt

# Needs Debian's chromium, chromium-driver and npm, or says so and skips; with CLIPIT_NEED_BROWSER=1 it fails without.
AXE := tests/browser/node_modules/axe-core/axe.min.js
test-browser: install $(AXE)
	$(BIN)/python -m pytest -m browser tests/browser

$(AXE): tests/browser/package.json
	-cd tests/browser && npm install --silent --no-package-lock --no-audit --no-fund && touch node_modules/axe-core/axe.min.js

# Needs Debian's slurm-wlm and munge, and root, or says so and skips; with CLIPIT_NEED_CLUSTER=1 it fails without.
test-cluster: install
	$(BIN)/python -m pytest -m cluster tests/cluster

# Reads from a server that speaks S3, installed in an environment of its own beside the others.
STORAGE := $(VENV)/storage/.installed
test-storage: install $(STORAGE)
	CLIPIT_NEED_STORAGE=1 $(BIN)/python -m pytest -m storage tests/artifacts

$(STORAGE): envs/storage.txt
	test -x $(VENV)/storage/bin/python || $(BIN)/python -m venv --without-pip $(VENV)/storage
	$(BIN)/uv pip sync --quiet --python $(VENV)/storage/bin/python envs/storage.txt
	touch $@

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python envs/audit.py envs/cpu.txt

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile rules

bench: install
	$(BIN)/python benchmarks/run.py $(ONLY)

doctor: install
	$(BIN)/clipit doctor $(foreach config,$(CONFIG),--config $(config))

install: $(INSTALLED)

$(INSTALLED): envs/$(LOCK).txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "clipit needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + ": call make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --python $(BIN)/python --compile-bytecode envs/$(LOCK).txt
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --quiet --editable .
	rm -f $(VENV)/.installed-*
	touch $@

# Resolves envs/*.in anew; commit the result.
locks: install
	for lock in cpu gpu storage; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header envs/$$lock.in -o envs/$$lock.txt; \
	done
	$(BIN)/python envs/conda.py
