# What people do with this repository. `make` alone lists it.
#
#   make run                    a relay on a private chain that pays you, until Ctrl-C (ARGS="..." for options of the demo)
#   make mesh                   three relays that are one mesh, parted and healed, until Ctrl-C (ARGS="--once" ends by itself)
#   make run CONFIG=my.toml     a relay for your own node, with these settings
#   make test                   lint, types and every test, as the continuous integration runs them

PYTHON ?=
CONFIG ?= $(SDKRELAY_CONFIG)
ARGS ?=
N ?= 1000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := setup.py pyproject.toml $(shell find sdkrelay twisted -name '*.py' -o -name '*.mako' -o -name py.typed)
# Any Python from 3.11 on that can make virtual environments: the one named in PYTHON, else the first found.
FIND_PYTHON := for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; break; fi; done

.DEFAULT_GOAL := help
.PHONY: help run mesh test lint bench chaos mesh-chaos sample docs clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile
	@echo "also: make lint, bench, chaos N=1000, mesh-chaos N=1000, sample, docs, clean"

$(BIN)/python:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "sdkrelay needs Python 3.11 or newer with its venv module (on Debian: apt install python3-venv)." >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$python --version)"; $$python -m venv $(VENV)

# twistd --help writes the cache of plugins, so that a start by another user need not.
$(VENV)/installed: $(BIN)/python $(SOURCES)
	@echo "Installing sdkrelay into $(VENV) (the first time takes a minute)"
	@$(PIP) install --quiet --upgrade .
	@$(BIN)/twistd --help >/dev/null
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@echo "Installing what the tests need"
	@$(PIP) install --quiet '.[test]'
	@touch $@

$(BIN)/tox: | $(BIN)/python
	@echo "Installing tox into $(VENV)"
	@$(PIP) install --quiet 'tox>=4.60'

run: $(VENV)/installed
ifeq ($(strip $(CONFIG)),)
	@$(BIN)/sdkrelay demo $(ARGS)
else
	@$(BIN)/twistd --nodaemon --pidfile= sdkrelay --config "$(CONFIG)" $(ARGS)
endif

mesh: $(VENV)/installed
	@$(BIN)/sdkrelay mesh-demo $(ARGS)

test: $(BIN)/tox
	@$(BIN)/tox

lint: $(BIN)/tox
	@$(BIN)/tox -e lint

# Each question of bench/ that can be run by itself, one after the other.
bench: $(VENV)/installed-test
	@for file in $$(grep -l '__main__' bench/*.py); do \
		echo "== $$file"; $(BIN)/python -m bench.$$(basename $$file .py) $(ARGS) || exit 1; done

chaos: $(VENV)/installed-test
	@$(BIN)/python -m tests.live.chaos --kills $(N) $(ARGS)

mesh-chaos: $(VENV)/installed-test
	@$(BIN)/python -m tests.live.mesh_chaos --kills $(N) $(ARGS)

sample docs: $(VENV)/installed
	@$(BIN)/python -m sdkrelay.config.sample > etc/sdkrelay.toml
	@$(BIN)/python -m sdkrelay.build.protocol > docs/protocol.md

clean:
	@rm -rf $(VENV) .tox build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis twisted/plugins/dropin.cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
