# Racetrack: `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

COMPONENTS := racetrack_client racetrack_commons lifecycle lifecycle_supervisor image_builder pub dashboard job_wrapper
PACKAGES := racetrack_client racetrack_commons lifecycle lifecycle_supervisor image_builder pub dashboard racetrack_job_wrapper
# Python outside of the packages. mypy reads each group by itself, because a plugin's main module is always `plugin`.
SCRIPTS := conftest.py embedded docs job_types/bundle.py job_wrapper/hatch_build.py job_wrapper/tests/array_cases.py tests/browser/__init__.py tests/browser/bare_platform.py tests/browser/payloads.py tests/browser/seed_hostile.py tests/browser/watching.py tests/stacks tests/performance tests/stress
PLUGINS := job_wrapper/plugin job_types/dockerfile
BIN := venv/bin
T ?=

.PHONY: help
help: ## list the targets
	@on='' off=''; if [ -t 1 ]; then on='\033[36m' off='\033[0m'; fi; \
	  awk -v on="$$on" -v off="$$off" 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %s%-22s%s %s\n", on, $$1, off, $$2}' $(MAKEFILE_LIST)

# --- Set up -------------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: venv/.installed build/plugins/.bundled ## create venv/ with every component, the tools, and the bundled plugins
	@echo "Ready. Activate with: . venv/bin/activate"

venv/.installed: constraints.txt pyproject.toml $(COMPONENTS:%=%/pyproject.toml)
	@test -x $(BIN)/uv || { python3 -m venv venv && $(BIN)/pip install --quiet --disable-pip-version-check uv; }
	@echo "Installing the components and their dependencies into venv/"
	@VIRTUAL_ENV=venv $(BIN)/uv pip install --quiet --constraint constraints.txt --group dev --group embedded \
	  $(COMPONENTS:%=--editable ./%)
	@touch $@

build/plugins/.bundled: venv/.installed $(shell find job_wrapper job_types -name '*.py' -not -path '*/tests/*' -o -name '*.Dockerfile' -o -name '*.yaml')
	@$(BIN)/python job_types/bundle.py
	@touch $@

.PHONY: constraints
constraints: ## compile constraints.txt from the pyproject files
	printf -- '-e ./%s\n' $(COMPONENTS) | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --no-header --group dev --group embedded - >build/constraints.txt
	grep -v -e '^-e' -e '^\./' build/constraints.txt >constraints.txt

# --- Run: the embedded stack ----------------------------------------------------------------------------------------------

.PHONY: up down status logs quickstart
up: setup ## start Lifecycle, Image Builder, PUB and Supervisor on this machine, without Docker
	@embedded/stack up

down: ## stop them and the jobs; the data stays
	@embedded/stack down

status: ## what runs
	@embedded/stack status

logs: ## follow the services' logs
	@embedded/stack logs

quickstart: up ## set up, start, log in, deploy the sample adder and call it
	@embedded/quickstart

# --- Run: the compose stack -----------------------------------------------------------------------------------------------

.PHONY: compose-up compose-up-service compose-run compose-down compose-logs compose-deploy-sample
compose-up: ## build the images and start the platform on the Docker engine, with PostgreSQL
	@compose/stack up

compose-up-service: ## build and start one service and what it needs: service=pub
	@compose/stack up $(or $(service),$(error say which: make compose-up-service service=pub))

compose-run: ## the same as compose-up in the foreground, with the logs
	@compose/stack run

compose-down: ## stop it and remove its containers and those of jobs; the data stays
	@compose/stack down

compose-logs: ## follow the services' logs; service=pub for one
	@compose/stack logs $(service)

compose-deploy-sample: setup ## deploy the sample adder to it and call it
	@compose/deploy-sample

.PHONY: docker-build docker-clean-job registry registry-down
docker-build: ## build the images of the services
	@compose/stack build

docker-clean-job: ## remove the containers of jobs
	@compose/stack clean-jobs

registry: ## start a registry of images on port 5000
	@compose/stack registry

registry-down: ## remove it with its images
	@compose/stack registry-down

# --- Run: in a cluster ----------------------------------------------------------------------------------------------------

.PHONY: kube-up kube-down kube-status kube-logs kube-forward kube-deploy-sample
kube-up: setup ## set the platform up in the cluster of KUBECONFIG: images, objects, until all is ready
	@kustomize/stack up

kube-down: ## remove services and jobs there; the data stays
	@kustomize/stack down

kube-status: ## what runs there
	@kustomize/stack status

kube-logs: ## follow the services' logs there; service=pub for one
	@kustomize/stack logs $(service)

kube-forward: ## publish Lifecycle, PUB and the dashboard of the cluster on 127.0.0.1 until Ctrl-C
	@kustomize/stack forward

kube-deploy-sample: setup ## deploy the sample adder to it and call it
	@kustomize/stack deploy-sample

.PHONY: kind-up kind-down kind-redeploy kind-redeploy-force kind-restart kind-clear kind-delete-pods kind-logs kind-deploy-sample kind-test
kind-up: setup ## make a cluster on this machine with kind, and the platform in it, on ports 7001 to 7006
	@kustomize/stack kind-up

kind-down: ## remove that cluster with all data in it
	@kustomize/stack kind-down

kind-redeploy: setup ## after a change of code: replace what changed
	@kustomize/stack kind up

kind-redeploy-force: setup ## the same, and restart the rest, too
	@kustomize/stack kind redeploy-force

kind-restart: ## replace the pods of the services, one after the other
	@kustomize/stack kind restart

kind-clear: ## remove the platform with all data, after a question (FORCE=1: without); the cluster stays
	@kustomize/stack kind clear

kind-delete-pods: ## delete the pods of the services; they come back
	@kustomize/stack kind delete-pods

kind-logs: ## follow the services' logs; service=pub for one
	@kustomize/stack kind logs $(service)

kind-deploy-sample: setup ## deploy the sample adder and call it
	@kustomize/stack kind deploy-sample

kind-test: setup ## unit tests, and a deployment in the cluster of `make kind-up`
	@$(MAKE) --no-print-directory test-unit
	@kustomize/stack kind deploy-sample

# --- Check ----------------------------------------------------------------------------------------------------------------

.PHONY: check test test-unit test-contract test-browser test-e2e lint format typecheck
check: lint typecheck test-unit ## format and lint, strict types, import contracts, unit tests on SQLite and PostgreSQL

test: check test-browser ## check, then browser, contract and end-to-end tests, on Docker and kind, too, where they run
	@# Both wait more than they compute.
	@$(MAKE) --no-print-directory --jobs=2 test-contract test-e2e
	@$(MAKE) --no-print-directory compose-test-e2e
	@if kustomize/stack kind-runs; then kustomize/stack kind deploy-sample; fi

lint: setup ## ruff, the import contracts, and the rules of CONTRIBUTING.md
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/house

format: setup ## let ruff rewrite
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

typecheck: setup ## mypy, strict
	$(BIN)/mypy $(PACKAGES:%=-p %)
	$(BIN)/mypy $(SCRIPTS)
	$(foreach plugin,$(PLUGINS),$(BIN)/mypy $(plugin) &&) true

test-unit: setup ## unit tests; `make test-unit T=lifecycle/tests/job` for some
	tests/with-postgres $(BIN)/pytest -q -n 2 -m "not kubernetes" $(T)

.PHONY: test-kubernetes
test-kubernetes: setup ## the target `kubernetes` and the install on a real cluster, which ../shared/kubernetes/setup starts on this machine
	$(BIN)/pytest -q -x -rs -m kubernetes $(or $(T),lifecycle/tests/infrastructure/kubernetes tests/e2e/cluster)

.PHONY: test-packages
ARRAY_CASES := env PYTHONPATH=job_wrapper python -W error job_wrapper/tests/array_cases.py
test-packages: setup ## answers of numpy, pandas, polars, pyarrow and scipy, in environments of their own (half a gigabyte)
	$(BIN)/uv run --quiet --no-project --with 'numpy<2' --with 'pandas<3' $(ARRAY_CASES) numpy pandas
	$(BIN)/uv run --quiet --no-project --with pandas --with polars --with pyarrow --with scipy \
	  $(ARRAY_CASES) numpy pandas polars pyarrow scipy

ALONE := env -u MAKEFLAGS # so that a make that tests run does not look for the jobs of this one
test-contract: setup ## what older clients and plugins rely on; T=… for some
	$(ALONE) $(BIN)/pytest -q -x $(or $(T),tests/contract)

test-browser: setup ## pages of jobs in Chromium, where this machine has it; T=… for some
	$(BIN)/pytest -q -x -rs $(or $(T),tests/browser)

test-e2e: setup ## user journeys on an embedded stack of their own; T=… for some
	$(ALONE) $(BIN)/pytest -q -x -m "not docker and not kubernetes" $(or $(T),tests/e2e)

.PHONY: compose-test compose-test-e2e
compose-test: test-unit compose-test-e2e ## unit tests, then the journeys on compose

compose-test-e2e: setup ## user journeys on a compose stack of their own; T=… for some
	$(BIN)/pytest -q -x -m docker $(or $(T),tests/e2e)

.PHONY: bench bench-deploy bench-kubernetes bench-lists
bench: setup ## calls per second through the gateway, beside nginx and the job alone; BEFORE=commit for an older one beside them
	@$(BIN)/python tests/performance/bench_gateway.py --before "$(BEFORE)"

bench-deploy: setup ## seconds from `racetrack deploy` of changed code to the first 200, on the running stack; TARGET=docker for compose
	@$(BIN)/python tests/performance/bench_deploy.py --target $(or $(TARGET),process)

bench-kubernetes: setup ## how 5 000 jobs are watched in the cluster of KUBECONFIG, whose nodes run none of them; JOBS=… for another number
	@$(BIN)/python tests/performance/bench_kubernetes.py --jobs $(or $(JOBS),5000)

bench-lists: setup ## milliseconds of lists of 10 000 jobs on SQLite and PostgreSQL, and of the commit before; JOBS=… for another number
	@tests/with-postgres $(BIN)/python tests/performance/bench_lists.py --jobs $(or $(JOBS),10000)

# --- Document -------------------------------------------------------------------------------------------------------------

.PHONY: docs
docs: setup ## write the generated parts of docs/ again: commands, manifest, settings
	@$(BIN)/python -m racetrack_client.commands.reference docs/cli.md
	@$(BIN)/python docs/generate.py

# --- Clean ----------------------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## dismantle the stacks of this clone after a question (FORCE=1: without): jobs, containers, volumes, images, data/, build/
	@if [ -x $(BIN)/supervisorctl ]; then embedded/stack clean; fi
	@kustomize/stack clean
	@if docker info >/dev/null 2>&1; then compose/stack clean; else echo "No Docker engine answers: nothing is removed there."; fi
	@for folder in build .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache; do \
	  if [ -e $$folder ]; then rm -rf $$folder && echo "removed $$folder"; fi; done
	@if [ -e ~/.cache/racetrack ]; then \
	  echo "The cache of \`racetrack run-local\` stays, for all clones: $$(du -sh ~/.cache/racetrack | cut -f 1) in ~/.cache/racetrack"; fi
