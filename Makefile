# Two commands matter: `make run` shows the crash of August 2024, `make test` proves the house.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out

.PHONY: run serve install develop test test-services test-browser screenshots check bench bench-rivals conformance clean help

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

run: install  ## Replay the crash of 4 to 6 August 2024 and write out/report.html.
	$(BIN)/seawall replay examples/crash-2024-08-05/scenario.toml --out $(OUT)

install: $(VENV)/.installed  ## Create the virtual environment and install the package.

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

serve: $(VENV)/.served  ## Serve the crash, ten minutes a second, on http://127.0.0.1:8750.
	$(BIN)/seawall serve --port 8931 --replay examples/crash-2024-08-05/scenario.toml --speed 600x

$(VENV)/.served: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[service]'
	touch $@

develop: $(VENV)/.developed  ## Install what tests, linters and benchmarks need.

$(VENV)/.developed: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

test: develop  ## Run every test, doctests included.
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

test-services: develop  ## Fifty kills and every fault on SQLite and on PostgreSQL, which is installed if absent.
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { apt-get update -q && apt-get install -y -q postgresql; }
	SEAWALL_KILLS=50 SEAWALL_NEEDS_POSTGRESQL=1 $(BIN)/python -m pytest -q -rs tests/service/test_service_kill.py tests/service/test_faults.py tests/service/test_notices.py tests/service/test_repairs.py tests/unit/test_notice_rules.py tests/unit/journal tests/unit/test_standby.py

test-browser: develop  ## Every page in a real headless Chromium, which is installed if absent.
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium; }
	SEAWALL_NEEDS_CHROMIUM=1 $(BIN)/python -m pytest -q -rs -n 2 --dist loadfile tests/browser

screenshots: develop  ## Take the pictures of the pages again, dark and light, into docs/.
	$(BIN)/python tests/browser/screenshots.py docs

check: develop  ## Lint, format, types and the import contracts.
	$(BIN)/ruff check src tests benches conformance
	$(BIN)/ruff format --check src tests benches conformance
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: develop  ## Measure what the documents claim, each as a ratio to a rival in the same run.
	$(BIN)/python benches/run.py

bench-rivals: develop  ## One cascade here and in Mesa, agentpy and radCAD, each in its own environment.
	$(BIN)/python benches/rivals/cascade_abm.py

conformance: develop  ## Hold the rules to the numbers of venues and papers below VECTORS.
	$(BIN)/python conformance/run.py $(VECTORS)

clean:  ## Remove what was built or written.
	rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .hypothesis .import_linter_cache
