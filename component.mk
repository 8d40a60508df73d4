# What `make` does in a component's folder; each component's Makefile sets SERVICE (if it runs) and includes this.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
COMPONENT := $(notdir $(CURDIR))
PACKAGE ?= $(COMPONENT)
BIN := $(ROOT)/venv/bin
T ?= tests

.PHONY: help run test lint format typecheck
help:
	@echo "make run | test [T=tests/...] | lint | format | typecheck   in $(COMPONENT)"

run:
	@if [ -z "$(SERVICE)" ]; then echo "$(COMPONENT) is not a service" >&2; exit 2; fi
	@exec $(ROOT)/embedded/stack run $(SERVICE)

test:
	cd $(ROOT) && $(BIN)/pytest -q $(COMPONENT)/$(T)

lint:
	cd $(ROOT) && $(BIN)/ruff format --check $(COMPONENT) && $(BIN)/ruff check $(COMPONENT) && $(BIN)/lint-imports

format:
	cd $(ROOT) && $(BIN)/ruff format $(COMPONENT) && $(BIN)/ruff check --fix $(COMPONENT)

typecheck:
	cd $(ROOT) && $(BIN)/mypy -p $(PACKAGE)
