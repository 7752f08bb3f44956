# Two commands for a newcomer: `make run` and `make test`. The rest is for those who work on it.
VENV   ?= .venv
BIN    := $(VENV)/bin
# Python 3.11 or newer, whatever it is called here
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
PIP_FLAGS ?= --quiet --disable-pip-version-check

.PHONY: run test full check docs clean help

help:
	@echo 'make run    make the virtual environment, install, train the sample bot and serve it'
	@echo 'make test   install what the tests need and run them all'
	@echo 'make full   as test, with the exhaustive matrices too'
	@echo 'make check  ruff, mypy, floors, docs (under a minute)'
	@echo 'make docs   write the generated parts of docs/ anew'

run: $(VENV)/.installed
	$(BIN)/python -m bot run $(ARGS)

test: $(VENV)/.tests-installed
	bash tests/system.sh
	$(BIN)/python -m tests.rasa.sdk
	$(BIN)/python -m pytest $(ARGS)

full: $(VENV)/.tests-installed
	bash tests/system.sh
	$(BIN)/python -m tests.rasa.sdk
	$(BIN)/python -m pytest -m 'full or not full' --timeout 3600 $(ARGS)

check: $(VENV)/.tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py tests/docs $(ARGS)

docs: $(VENV)/.tests-installed
	$(BIN)/python -m tests.docs.generate

clean:
	rm -rf $(VENV) .venv-rasa-sdk .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer with venv was found. On Debian or Ubuntu: apt install python3 python3-venv; on macOS: brew install python@3.11; or say which: make run PYTHON=/path/to/python3.11' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements.txt
	@touch $@

$(VENV)/.tests-installed: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements-dev.txt
	@touch $@ $(VENV)/.installed
