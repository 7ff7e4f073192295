# Two commands: `make demo` and `make test`. Both set up all they need, once; then they start within seconds.
SHELL := /bin/bash
# Debian's own where it will do: unlike what a version manager builds, it was built with profiles of what Python does.
PYTHON ?= $(shell tools/setup.sh python /usr/bin/python3 python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
NODE_READY := node_modules/.ready
PARTS_READY := $(VENV)/.ready-parts

.PHONY: demo test test-screens test-journeys test-others test-tortures check lint clean lock evidence
.DELETE_ON_ERROR:

# Demo and tests start the same programs over and over: what Python has compiled is kept, even on machines (containers, mostly) that forbid it.
unexport PYTHONDONTWRITEBYTECODE

demo: $(READY) $(NODE_READY)
	$(BIN)/kabine demo

# Four lanes on two cores: all but one wait more than they work, for a screen, a socket, a process that starts. Those of journeys come first where
# several want a processor; whenever they wait, tortures go on.
# `make test TESTS=tests/scripts` runs a part.
test: $(READY_DEV) $(NODE_READY) $(PARTS_READY)
ifdef TESTS
	$(BIN)/python -m pytest $(TESTS)
else
	$(MAKE) --no-print-directory --jobs=4 --keep-going --output-sync=line test-screens test-journeys test-others test-tortures
endif

SCREENS := $(wildcard tests/journeys/test_kiosk_*.py) tests/journeys/test_screen.py
BEHIND_JOURNEYS := tests/cloud tests/contracts tests/hardware
TORTURES := tests/tools/torture tests/simulation
APART := tests/vectors tests/__pycache__ tests/protocol tests/scripts tests/journeys $(BEHIND_JOURNEYS) $(TORTURES)

test-screens:
	$(BIN)/python -m pytest $(SCREENS)

test-journeys:
	ended=0; $(BIN)/python -m pytest $(SCREENS:%=--ignore=%) tests/journeys || ended=$$?; nice -n 10 $(BIN)/python -m pytest $(BEHIND_JOURNEYS) && exit $$ended

# What both ends must agree about is covered in every branch, from its own tests.
test-others:
	nice -n 10 $(BIN)/coverage run --branch --source=protocol --omit='protocol/runtime/*' -m pytest tests/protocol tests/scripts
	$(BIN)/coverage report --skip-covered --fail-under=100
	nice -n 10 $(BIN)/python -m pytest $(TORTURES:%=--ignore=%) $(filter-out $(APART:=/),$(wildcard tests/*/))

# The simulation comes last: it works with every processor; the other lanes have ended by then.
test-tortures:
	nice -n 10 $(BIN)/python -m pytest $(TORTURES)

check: lint
	$(BIN)/python -m pytest -q tests/tidy

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The large figures of docs/evidence.md: hours. `make evidence SHARE=0.01` takes a hundredth; another SEED adds to what is there.
evidence: $(READY_DEV)
	$(BIN)/kabine torture evidence --share $(or $(SHARE),1) --seed $(or $(SEED),1)

$(READY): requirements.lock pyproject.toml tools/setup.sh edge/capture/jbig2_fast.c
	tools/setup.sh venv "$(PYTHON)" requirements.lock
	touch $@

$(READY_DEV): requirements-dev.lock pyproject.toml tools/setup.sh edge/capture/jbig2_fast.c
	tools/setup.sh venv "$(PYTHON)" requirements-dev.lock
	touch $(READY) $@

$(NODE_READY): package-lock.json tools/setup.sh
	tools/setup.sh node
	touch $@

$(PARTS_READY): $(READY_DEV) tools/setup.sh
	tools/setup.sh parts
	touch $@

# New versions: edit pyproject.toml, then this. No address of an index goes into the lock files.
lock: $(READY_DEV)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  pyproject.toml --extra dev --extra build -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  pyproject.toml --extra build -c requirements-dev.lock -o requirements.lock

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
