# Two commands on a fresh machine: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/python -m uv
export UV_PROJECT_ENVIRONMENT := .venv
# Where several versions of Python are, uv shall use the one of .venv.
export UV_PYTHON_PREFERENCE := only-system

.PHONY: setup demo test test-slow test-all test-full lint types format docs vllm-env bench lab clean

setup: .venv/ready

.venv/ready: pyproject.toml uv.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	$(UV) sync --quiet --locked --inexact
	touch $@

demo: setup
	$(BIN)/python scripts/demo.py

test: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow and not heavy and not host and not ray'

# Those of `test-all` that need nothing but Python.
test-slow: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'slow and not heavy and not host and not ray'

test-all: setup vllm-env
	bash scripts/debian-parts.sh
# A busy machine, not the code, may fail a test of real servers: such a one runs once more, and is listed as RERUN.
	$(BIN)/python -m pytest -n 3 --dist loadfile -m '(slow or host or ray) and not heavy' --reruns 1 -rfExXsR --durations 12
# Only these files: vLLM's environment lacks what others import.
	.vllm/venv/bin/python -m pytest -m heavy --reruns 1 -rfExXsR --durations 12 $$(grep -lr --include="*.py" mark.heavy tests)

# All cases, and not the few that CI has time for: hours.
test-full:
	FULL_COUNTS=1 $(MAKE) test test-all

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python scripts/sync_client.py --check
	$(BIN)/cog -P -I . --check README.md docs/*.md

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python scripts/sync_client.py

# The output that README.md and docs/ show is the program's own; this writes it anew.
docs: setup
	$(BIN)/python scripts/plot_limits.py
	$(BIN)/cog -P -I . -r README.md docs/*.md

vllm-env: .vllm/ready

.vllm/ready: scripts/vllm-env.sh pyproject.toml
	bash scripts/vllm-env.sh .vllm $(PYTHON)
	touch $@

bench: setup vllm-env
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.scale

lab: setup vllm-env
	bash scripts/lab.sh

clean:
	rm -rf .venv .vllm demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
