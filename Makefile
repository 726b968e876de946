# The project's commands. `make demo` and `make test` need Python 3.11+, make and git, nothing else.
.DEFAULT_GOAL := help
# The first Python on the path that is new enough; `make PYTHON=/path/to/python demo` names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
SEED ?= 0
TRIALS ?= 1000
TESTS = $(BIN)/python -m pytest -n 2 --dist worksteal
COVERAGE = --cov --cov-report=
# Percent of lines that the quick tests cover (96.1 on a CPU without bf16); only ever raised.
QUICK_COVERAGE = 95.5

# Data for the benchmarks; `benchmarks/suite.py` describes them.
CIFAR ?=
MNIST ?=
PHOTOS ?=
SQUEEZENET ?=
BENCH = benchmarks/suite.py --runs build/benchmarks --cifar '$(CIFAR)' --mnist '$(MNIST)' \
	--photos '$(PHOTOS)' --squeezenet '$(SQUEEZENET)' $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: help demo lint types test run-tests test-quick coverage test-all test-reliability bench bench-peers docs format clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Rebuilt whenever the declared dependencies change.
.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; install one or name it: make PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv .venv
# --no-compile: most modules are never imported, and to compile all takes half of the time.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/ready  ## train LeNet-5 on real handwritten digits (SEED=0) and show its predictions
	$(BIN)/onestop train --seed $(SEED)

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy

test: lint  ## everything CI runs: format, lint, strict types, tests, coverage of the quick ones
	$(MAKE) --no-print-directory -j 2 types run-tests

# Types are checked beside it, while tests wait for processes that they have started.
run-tests: .venv/ready
	$(TESTS) -m 'not slow' $(COVERAGE) --cov-fail-under=$(QUICK_COVERAGE)

test-quick: lint  ## for daily work, in about a minute: format, lint, and the tests that are not thorough
	$(TESTS) -m 'not slow and not thorough'

coverage: .venv/ready  ## the tests that CI runs, and what all of them cover
	ONESTOP_TEST_COVERAGE=all $(TESTS) -m 'not slow' $(COVERAGE)

test-all: lint types coverage  ## the same, plus the slow tests
	$(BIN)/python -m pytest -m slow

test-reliability: .venv/ready  ## kill and resume a thousand runs, and the rest of docs/reliability.md (TRIALS=1000)
	$(BIN)/python -m tests.reliability.card --trials $(TRIALS)

bench: .venv/ready  ## compare OneStop with tutorials and the machine's limit (CIFAR= MNIST= PHOTOS= SQUEEZENET=)
	$(BIN)/python $(BENCH)

build/peers/ready: .venv/ready benchmarks/peers.txt
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt -e .
	@touch $@

bench-peers: build/peers/ready  ## the same, plus Lightning, Hugging Face's Trainer and fastai
	build/peers/bin/python $(BENCH) --peers

docs: .venv/ready  ## build the documentation as a static site; a broken link is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs build/docs
	@echo "open build/docs/index.html"

format: .venv/ready  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove the environment and caches (never your runs)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
