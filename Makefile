# Set up, run, check: the same targets for people and for .ci/run. `make help` lists them.
# PYTHON=<path> names the Python to start with; it is also the one of .venv, if it is 3.12 or newer.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.set-up
DEMO := build/demo
# A pyenv shim may stand for nothing, so a Python counts only if it runs; any from 3.8 on can do the set-up.
FIRST_PYTHON = $(or $(PYTHON),$(shell for python in python3 python3.12 python3.13 python3.14 python /usr/bin/python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && echo "$$python" && break; done))

.PHONY: help set-up openhands demo test coverage slow check fast format-check lint types imports format docs pins upgrade clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

set-up: $(READY) ## make .venv with what requirements/dev.txt pins

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml tools/set_up.py
	@test -n "$(FIRST_PYTHON)" || { echo "no Python was found that runs: install one, or set PYTHON=<its path>" >&2; exit 1; }
	$(FIRST_PYTHON) tools/set_up.py $(if $(PYTHON),--python "$(PYTHON)")
	@touch $@

openhands: $(READY) ## build OpenHands' own environment in your cache folder, unless it is there (about 750 MB, a minute or two)
	$(BIN)/spec2prod openhands install

demo: openhands ## the main job on the calculator: async, real agent server, scripted model; everything happens in build/demo
	rm -rf $(DEMO)
	mkdir -p $(DEMO)/specs $(DEMO)/src/test_components/calculator
	cp tools/demo.toml $(DEMO)/pyproject.toml
	cp specs/calculator_operations.md $(DEMO)/specs/
	cp src/test_components/calculator/operations.py $(DEMO)/src/test_components/calculator/
	@cd $(DEMO) || exit; PATH="$(CURDIR)/$(BIN):$$PATH"; code=0; \
	python -m spec2prod.testing --script calculator -- \
	  spec2prod run --spec specs/calculator_operations.md --component calculator_operations \
	  --target development --async --enable-openhands || code=$$?; \
	echo "report: $(DEMO)/workflow_report_calculator_operations.json"; exit $$code

test: openhands ## the tests, with branch coverage (a few minutes; without the slow ones)
	rm -f .coverage .coverage.*
	@# pytest's bytecode of the tests: made once, not by each worker anew, under measurement, which takes five times as long
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -q --collect-only >/dev/null || true
	$(PY) -m pytest -n 3 --dist loadfile -m "not slow" --cov --cov-branch --cov-report=term

coverage: openhands ## the same with what the command line's own processes run, the slow tests, and more examples of each law (half an hour)
	rm -f .coverage .coverage.*
	$(PY) -m pytest -n 2 --dist loadfile --cov --cov-branch --cov-config=tools/coverage.toml --cov-report=term --hypothesis-profile=thorough

slow: openhands ## the tests that take long
	$(PY) -m pytest -m slow

check: format-check lint types imports test ## everything that must hold: CI runs this

fast: $(READY) ## the tests that take no time
	$(PY) -m pytest -q -m "not integration and not openhands and not slow"

format-check: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

format: $(READY) ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## write the pages of docs/reference/ that are made from the code
	$(PY) tools/reference.py

pins: $(READY) ## resolve again after a change of pyproject.toml, keeping the versions that still fit
	$(PY) tools/pin.py

upgrade: $(READY) ## resolve again to the newest versions
	$(PY) tools/pin.py --upgrade

clean: ## remove what can be made again
	rm -rf $(VENV) .tools build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
