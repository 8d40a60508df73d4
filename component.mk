# What `make` does in a component's folder; each component's Makefile only sets NAME and includes this.
SHELL := bash
ROOT := $(dir $(lastword $(MAKEFILE_LIST)))
BIN := $(abspath $(ROOT))/venv/bin
T ?= tests
