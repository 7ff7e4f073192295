# Two commands: `make demo` and `make test`. Both set up all they need, once; then they start within seconds.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
NODE_READY := node_modules/.ready
PARTS_READY := $(VENV)/.ready-parts

.PHONY: demo test test-journeys test-others check clean lock evidence
.DELETE_ON_ERROR:

demo: $(READY) $(NODE_READY)
	$(BIN)/kabine demo

# Journeys go by themselves, beside all others: they wait more than they work (and a browser's driver keeps an event loop running in its process).
# They come first where both want a processor, and behind them what else waits for sockets and devices, so that both lanes end at once.
# `make test TESTS=tests/scripts` runs a part.
test: $(READY_DEV) $(NODE_READY) $(PARTS_READY)
ifdef TESTS
	$(BIN)/python -m pytest $(TESTS)
else
	$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line test-journeys test-others
endif

BEHIND_JOURNEYS := tests/cloud tests/contracts tests/hardware

test-journeys:
	ended=0; $(BIN)/python -m pytest tests/journeys || ended=$$?; nice -n 10 $(BIN)/python -m pytest $(BEHIND_JOURNEYS) && exit $$ended

# What both ends must agree about is covered in every branch, from its own tests. The simulation comes last: it works with every processor, and the
# journeys are done by then.
test-others:
	nice -n 10 $(BIN)/coverage run --branch --source=protocol --omit='protocol/runtime/*' -m pytest tests/protocol tests/scripts
	$(BIN)/coverage report --skip-covered --fail-under=100
	nice -n 10 $(BIN)/python -m pytest $(filter-out tests/protocol/ tests/scripts/ tests/vectors/ tests/journeys/ tests/simulation/ $(BEHIND_JOURNEYS:=/),$(wildcard tests/*/)) tests/simulation

check: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/tidy

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
