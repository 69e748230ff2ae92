# make demo    set up .venv and decode 32 tokens on mram-22nm
# make test    set up likewise and run everything that CI runs
# make bench   print the speed of simulation, and of the junction models beside a peer
# make docs    build the documentation into docs/_build/html
# make clean   remove .venv, runs and build outputs (the simulator cache of the user stays)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt

.PHONY: demo test lint docs bench clean need
.DELETE_ON_ERROR:

demo: $(VENV)/ready-demo
	$(BIN)/spinstream decode mram-22nm --tokens 32

test: lint docs
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: $(VENV)/ready-test
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b doctest docs docs/_build/doctest

bench: $(VENV)/ready-bench
	$(BIN)/python -m sim.bench

clean:
	rm -rf $(VENV) runs dist build sim_build docs/_build .pytest_cache .hypothesis .ruff_cache .import_linter_cache

# The stamps: a second `make` finds them newer than what they were made from, and installs nothing.
$(VENV)/ready-demo: pyproject.toml constraints.txt | need
	@echo "spinstream: setting up $(VENV) with the pinned packages (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready-demo
	@echo "spinstream: adding the packages that the tests and the documentation need"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

$(VENV)/ready-bench: $(VENV)/ready-demo
	@echo "spinstream: adding the peers that the benchmark compares with"
	@$(PIP) --no-build-isolation --editable '.[bench]'
	@touch $@

need:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "spinstream: '$(PYTHON)' is not Python 3.11 or newer: install python3 (Debian 12 has 3.11) or say 'make PYTHON=/path/to/python3.11'." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "spinstream: $(PYTHON) cannot make virtual environments: install its venv module (Debian package python3-venv)." >&2; exit 2; }
	@for tool in g++ make perl; do command -v $$tool >/dev/null || \
	  { echo "spinstream: $$tool is missing, and Verilator cannot build a simulator without it: install it (Debian package $$tool)." >&2; exit 2; }; done
