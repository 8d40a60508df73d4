# Racetrack: `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

COMPONENTS := racetrack_client racetrack_commons lifecycle lifecycle_supervisor image_builder pub job_wrapper
BIN := venv/bin

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)


constraints: ## compile constraints.txt anew from the pyproject files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
	  --upgrade --group dev $(COMPONENTS:%=%/pyproject.toml) | grep -v '^-e\|^\./\|racetrack' >constraints.txt

.PHONY: setup
setup: venv/.installed ## create venv/ with every component and the tools

venv/.installed: constraints.txt pyproject.toml $(COMPONENTS:%=%/pyproject.toml)
	test -x $(BIN)/uv || { python3 -m venv venv && $(BIN)/pip install --quiet uv; }
	VIRTUAL_ENV=venv $(BIN)/uv pip install --quiet --constraint constraints.txt --group dev $(COMPONENTS:%=--editable ./%)
	touch $@
