PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TOOLS  := $(VENV)/tools

.PHONY: install demo examples package cluster-demo test faults fuzz bench lock audit lint format clean check-tools
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(VENV)/.installed $(VENV)/.bench ## .venv with everything needed to run, test and benchmark

check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python >= 3.11 is needed (found: $$($(PYTHON) --version 2>&1)). On Debian or Ubuntu: apt-get install python3 python3-venv; or name another with make PYTHON=..."; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is needed. On Debian or Ubuntu: apt-get install python3-venv"; exit 2; }
	@version=$$("$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p'); \
	  [ "$${version:-0}" -ge 17 ] || { \
	  echo "Java >= 17 is needed (found: $${version:-none}). On Debian or Ubuntu: apt-get install openjdk-17-jre-headless; or point JAVA_HOME at one"; exit 2; }

# What all commands but bench need: the versions and hashes of locks/, nothing else, also for what is built here (pyspark
# is). Written last, so that an interrupted installation is done again.
$(VENV)/.installed: pyproject.toml locks/build.lock locks/test.lock | check-tools
	@echo "Installing into $(VENV) (log: $(VENV)/install.log)"
	@$(PYTHON) -m venv $(VENV)
	@{ $(LOCKED) -r locks/build.lock && $(LOCKED) -r locks/test.lock \
	  && $(BIN)/python -m pip install --no-deps --no-build-isolation --editable . ; } > $(VENV)/install.log 2>&1 \
	  || { tail -20 $(VENV)/install.log; exit 1; }
	@touch $@

LOCKED = $(BIN)/python -m pip install --require-hashes --no-build-isolation --use-pep517

# Each job is what a user would type; conf/*.yaml are made for this data. Their summaries are gathered at the end.
demo: $(VENV)/.installed ## churn of 7,043 telecom customers: train, score, evaluate
	@$(BIN)/python -m examples.churn.prepare data/churn
	@$(BIN)/python jobs/train.py --config conf/train.yaml --set output.overwrite=true > /dev/null
	@$(BIN)/python jobs/score.py --config conf/score.yaml --set output.run_date=2026-11-21
	@$(BIN)/python jobs/evaluate.py --config conf/evaluate.yaml
	@$(BIN)/python examples/churn/show.py

# Each application is prepared, trained, scored and evaluated by the same jobs.
examples: $(VENV)/.installed ## every application in examples/: train, score, evaluate; one screen of figures
	@$(BIN)/python -m examples

package: $(VENV)/.installed ## dist/logreg_dist.zip, for spark-submit --py-files
	@$(BIN)/python examples/cluster/package.py

cluster-demo: $(VENV)/.installed ## the demo on a Spark master and two workers on this machine
	@examples/cluster/run.sh

test: $(VENV)/.installed ## all tests, on a fresh clone too
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests logreg_dist

# What takes minutes: soaks, kills by the hundred, tables larger than memory. One at a time, each on the whole machine.
faults: $(VENV)/.installed ## the slow tests of docs/reliability.md: soaks, kills, memory
	@$(BIN)/python -m pytest -m faults -v tests

# An environment of its own: nothing else needs atheris, which has no wheel for every platform.
fuzz: | check-tools ## every parser under a coverage-guided fuzzer, three minutes each
	@$(PYTHON) -m venv .venv-fuzz && .venv-fuzz/bin/pip install --quiet atheris --editable .
	@for parser in yaml set env formula model; do \
	  mkdir -p build/fuzz/$$parser; echo "fuzzing $$parser"; \
	  .venv-fuzz/bin/python -m tests.fuzz $$parser build/fuzz/$$parser -max_total_time=180 -timeout=20 \
	    -rss_limit_mb=1500 -artifact_prefix=build/fuzz/$$parser- > build/fuzz/$$parser.log 2>&1 \
	    || { tail -30 build/fuzz/$$parser.log; exit 1; }; tail -1 build/fuzz/$$parser.log; done

# Processes with a Spark of their own each: two cores are idle half of the time with one.
WORKERS ?= 3

bench: $(VENV)/.bench ## compare fits with other tools on D30; others: make bench CASES="CRM AIR"
	@$(BIN)/python -m benchmarks fit --case $(CASES)

CASES ?= D30

$(VENV)/.bench: $(VENV)/.installed locks/bench.lock
	@$(LOCKED) -r locks/bench.lock > $(VENV)/bench.log 2>&1 || { tail -20 $(VENV)/bench.log; exit 1; }
	@touch $@

# The newest versions within the ranges of pyproject.toml, for every Python from 3.11 on and every platform.
lock: $(TOOLS)/.uv ## the newest versions that pyproject.toml allows, with their hashes, into locks/
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "wheel", sep="\n")' \
	  | $(RESOLVE) - -o locks/build.lock
	@$(RESOLVE) pyproject.toml --extra demo --extra test --extra lint -c locks/build.lock -o locks/test.lock
	@$(RESOLVE) pyproject.toml --extra bench -c locks/build.lock -c locks/test.lock -o locks/bench.lock

RESOLVE = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
  --generate-hashes --no-emit-index-url --no-header

audit: $(TOOLS)/.pip-audit ## known vulnerabilities of what locks/ names; asks a service on the network
# PYSEC-2023-163 is of what LangChain lets others evaluate by numexpr, and of all its versions; a peer of benchmarks/ needs it.
	@for lock in locks/*.lock; do echo "$$lock"; $(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip --ignore-vuln PYSEC-2023-163 $(AUDIT_FLAGS) -r $$lock || exit 1; done

# Tools that change or judge the locks are not in them.
$(TOOLS)/.%: $(VENV)/.installed
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install $* > $(TOOLS)/$*.log 2>&1 || { tail -20 $(TOOLS)/$*.log; exit 1; }
	@touch $@

lint: $(VENV)/.installed ## ruff and mypy, as CI runs them
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.installed
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## everything that a command made
	@rm -rf $(VENV) .venv-fuzz build dist *.egg-info data artifacts metastore_db derby.log spark-warehouse
