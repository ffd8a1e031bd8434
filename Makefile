# make demo    build the example mesh, query it, and serve it (options in ARGS, as ARGS=--exit)
# make test    install the servers the tests need, and run every test, one process a core
#              (options in ARGS, as ARGS="-k words", or ARGS="-n 0 --pdb" for one process)
# make lint    ruff and mypy
# make bench   the benchmarks (options in ARGS)
# make clean   remove what the others have made

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Compiled modules are kept: without them every process that a test starts needs four times as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint bench clean

demo: $(VENV)/ready
	$(BIN)/meshgate demo $(ARGS)

test: $(VENV)/ready
	scripts/install-services
	$(BIN)/python -m pytest -n logical --maxprocesses 4 $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready
	scripts/install-services
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv sync --frozen --all-extras --inexact --quiet
	touch $@
