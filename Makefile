# Everything a checkout needs, with nothing to type beside the target. Only python3 (3.11 or newer) and make are assumed.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
# Twice quiet: a machine's own extra indexes would otherwise remark on every package they do not hold. Errors still show.
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check
LOCKS := requirements.lock requirements-build.lock requirements-dev.lock requirements-bench.lock

# What was compiled once is kept: every process that tests would compile the same files again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := setup
.PHONY: setup demo test check lock clean

setup: .venv/.installed

# The stamp carries the time of the install, so that a second call does nothing until a lock or pyproject.toml changes.
.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "需要 Python 3.11 或更新版本 / Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@echo "安装锁定的依赖（首次约一分钟）… / installing the locked dependencies (about a minute the first time) …" >&2
	@$(PIP) --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/geo-service demo --port $(PORT)

# Whole files to each worker, so that what a file prepares is prepared once, in the order in which they are collected.
# Tests that take longest run where CI does.
test: setup
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(if $(CI),,-m "not slow")

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict geo_service
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

# One file for each use. The runtime pins come first and bind the other two, so that what is tested is what is shipped.
COMPILE = $(BIN)/uv pip compile --no-config --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header
lock: setup
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --group build -c requirements.lock -o requirements-build.lock
	$(COMPILE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) pyproject.toml --extra bench -c requirements-dev.lock -o requirements-bench.lock
	@! grep -nE 'https?://|index-url|find-links|file:' $(LOCKS)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
