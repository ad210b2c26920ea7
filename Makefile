# The front door. Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test e2e crash chaos check docs audit sbom bench clean lock

export VIGIE_TARGET ?= dev
# Where Dagster keeps runs, partitions and cursors: a folder that lasts, one per target.
export VIGIE_HOME ?= $(CURDIR)/.vigie
export DAGSTER_HOME ?= $(VIGIE_HOME)/$(VIGIE_TARGET)/dagster
# Dagster starts many processes: compiled modules make each start three times as fast.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 3000
UV = $$(command -v uv || echo $(BIN)/uv)
ARGS ?=
# Tests in so many processes, for much of their time is waiting; WORKERS=0 for one, where a debugger is to stop in it.
WORKERS ?= 3
MINUTES ?= 30

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.ready ## install everything into .venv from requirements.lock

# uv where it is on the PATH, else brought into .venv.
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "Vigie needs Python 3.11, 3.12 or 3.13; found $$($(PYTHON) --version). Try: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { command -v uv >/dev/null && uv venv --quiet --python $(PYTHON) .venv; } || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || { \
		echo "bringing uv into .venv"; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@echo "installing into .venv"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

demo: setup ## run the main job offline on a site of its own, and show the result
	@$(BIN)/vigie demo

dev: setup ## start the Dagster UI and daemon (VIGIE_TARGET=dev, PORT=3000)
	@$(BIN)/vigie dev --port $(PORT)

test: setup ## run the tests (ARGS="-k word" chooses)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

e2e: setup ## run the commands and the demo as a user does, and look at the pages in a browser
	@$(BIN)/python -m pytest -m "e2e and not crash" -n 2 --dist loadfile $(ARGS)

crash: setup ## kill workers before every step of a change: nothing is launched twice
	@$(BIN)/python -m pytest -m crash $(ARGS)

chaos: setup ## kill and cut off everything under load (MINUTES=30 SEED=n); its last line is JSON
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

check: setup ## format, lint, types, direction of imports, definitions, dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vigie prepare
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@$(MAKE) --no-print-directory sbom
	@.ci/audit --if-it-answers

docs: setup ## write the reference anew, build the documentation as a site in build/site
	@$(BIN)/python -m reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "the site is at build/site/index.html"

audit: setup ## ask a vulnerability database about every locked package; fails where none answers
	@.ci/audit

sbom: setup ## write the bills of materials, of what is installed and of the image: build/sbom.json, sbom-fleet.json
	@mkdir -p build
	@$(BIN)/cyclonedx-py environment --no-validate --pyproject pyproject.toml --of JSON -o build/sbom.json $(BIN)/python
	@count=$$(grep -c '"purl": "pkg:pypi/' build/sbom.json); echo "sbom: $$count components in build/sbom.json"; test $$count -gt 200
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --no-validate --of JSON -o build/sbom-fleet.json requirements-fleet.lock
	@count=$$(grep -c '"purl": "pkg:pypi/' build/sbom-fleet.json); echo "sbom: $$count components in build/sbom-fleet.json"; test $$count -gt 200

bench: setup ## run a benchmark: make bench NAME=overhead
	@test -n "$(NAME)" || { echo "which one? make bench NAME=$$(ls benchmarks | sed -n 's/\.py$$//p' | paste -sd'|')"; exit 2; }
	@$(BIN)/python benchmarks/$(NAME).py

lock: setup ## resolve pyproject.toml anew into requirements.lock and requirements-fleet.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --extra dev pyproject.toml -o requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra fleet --extra metrics --extra lineage pyproject.toml deploy/image.in \
		-c requirements.lock -o requirements-fleet.lock

clean: ## remove .venv, .vigie and everything built (asks nothing)
	@rm -rf .venv .vigie .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
		dbt_project/target dbt_project/logs build
