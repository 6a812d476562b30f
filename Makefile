# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KERAS := .venv-tensorflow

.PHONY: help setup demo lesson test test-fast test-tensorflow lint format clean

help:  ## list what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

setup: $(STAMP)  ## make .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[torch,pretrained,dicom,export,dev]'
	@touch $(STAMP)

demo: setup  ## draw images, train, score, predict, write a report (about 3 minutes)
	$(BIN)/segmentare demo --out demo

test: setup  ## everything that CI checks: lint, types, import contracts, tests
	$(MAKE) lint
	$(BIN)/python -m pytest

test-fast: setup  ## the tests that take no training
	$(BIN)/python -m pytest -m 'not slow'

test-tensorflow: $(KERAS)/.installed  ## both frameworks, LiteRT: what needs TensorFlow, in .venv-tensorflow
	$(KERAS)/bin/python -m pytest tests/keras tests/parity tests/models/test_frameworks.py \
		tests/runtimes/test_same_maps.py

$(KERAS)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(KERAS)
	$(KERAS)/bin/pip install --quiet --constraint constraints.txt --editable \
		'.[torch,tensorflow,litert]' pytest hypothesis
	@touch $@

lesson: setup  ## run the lesson's notebooks; copies with outputs are in lesson/ (about 20 minutes)
	$(BIN)/python docs/lesson/run.py --out lesson

lint: setup  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the commands above made
	rm -rf $(VENV) $(KERAS) demo lesson build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
