# All work is done in .venv/, which the first target makes and keeps. `make` alone lists the targets.

# That of .venv, so that it stays what it was made by, or the first that will do; another one by `make setup PYTHON=…`.
PYTHON ?= $(shell for python in .venv/bin/python python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo "$$python" && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
MODEL := .venv/.model
PIP := -m pip install --quiet --quiet --disable-pip-version-check
# Tests start our commands some hundred times: what Python compiled is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
WHOLE := --group dev --editable '.[all]' --editable compat/nemo

.PHONY: help setup demo test bench simulate chaos soak check format constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(INSTALLED) $(MODEL) ## make .venv with all extras and the embedded model; the second time nothing is left to do

demo: setup ## judge fifty answers of known quality with the embedded model; the report goes to demo-out/
	@$(BIN)/referee demo

test: setup ## run the tests on all cores; ARGS=… goes to pytest
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

bench: setup ## measure engine, statistics, reward servers and platform against their bars; LARGE=1: a million rows, INSTALL=1: an installation's size, RECORD=1 keeps it
	@$(BIN)/python benchmarks/evaluation.py $(if $(LARGE),--large) $(if $(RECORD),--record)
	@$(BIN)/python benchmarks/agreement.py $(if $(RECORD),--record)
	@$(BIN)/python benchmarks/gym.py $(if $(RECORD),--record)
	@$(BIN)/python benchmarks/rewards.py $(if $(RECORD),--record)
	@$(BIN)/python benchmarks/jobs.py $(if $(INSTALL),--install) $(if $(RECORD),--record)

simulate: $(INSTALLED) ## measure how often the intervals cover the truth, a quarter of an hour; RECORD=1 keeps it
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/simulate_coverage.py $(if $(RECORD),--into docs/statistics.md)

chaos: setup ## kill -9 a run and a job's server, 20 times each; and requests of every kind to the server; RECORD=1 keeps it
	@$(BIN)/python chaos/evaluation.py $(if $(RECORD),--record)
	@$(BIN)/python chaos/jobs.py $(if $(RECORD),--record)
	@$(BIN)/python chaos/routes.py

soak: setup ## 50,000 rollouts with faults and two kills, every row accounted for; RECORD=1 keeps it
	@$(BIN)/python soak/rollouts.py $(if $(RECORD),--record)

interop: $(INSTALLED) ## let the real nemo-platform and nemo-gym talk to our servers and ours to theirs, and trainers call our rewards (downloads 3 GB); RECORD=1
	@$(BIN)/python interop/platform_clients.py $(if $(RECORD),--record) $(ARGS)
	@$(BIN)/python interop/real_gym.py $(if $(RECORD),--record) $(if $(RAY),--ray $(RAY)) $(ARGS)
	@$(BIN)/python interop/trainers.py $(if $(RECORD),--record)

check: $(INSTALLED) ## look at format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright

format: $(INSTALLED) ## bring the code into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

constraints: ## pin the newest versions of everything, from a fresh environment
	@"$(PYTHON)" -m venv build/newest
	@build/newest/bin/python $(PIP) --upgrade pip
	@build/newest/bin/python $(PIP) $(WHOLE)
	@{ sed -n '/^#/p' constraints.txt; build/newest/bin/python -m pip freeze --all --exclude-editable | \
	grep -iv '^setuptools=='; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -r build/newest

clean: ## remove what the targets made
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis demo-out

# pip first: groups of dependencies (PEP 735) need version 25.1.
$(INSTALLED): pyproject.toml compat/nemo/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "referee needs Python 3.11, 3.12 or 3.13, and there is none on the PATH: \
	install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	echo "referee needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not one of them: name one by PYTHON=…" >&2; exit 1; }
	@echo "installing referee and what it needs into .venv (a minute or two)"
	@version=$$("$(PYTHON)" -c 'import sys; print(sys.version_info[:2])'); \
	$(BIN)/python -c 'import pip, sys; sys.exit(str(sys.version_info[:2]) != sys.argv[1])' "$$version" 2>/dev/null || \
	"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python $(PIP) --constraint constraints.txt 'pip>=25.1'
	@$(BIN)/python $(PIP) --constraint constraints.txt $(WHOLE)
	@touch $@

$(MODEL): $(INSTALLED)
	@$(BIN)/python -c 'from referee.inference.embedded.weights import pull; pull(progress=print)'
	@$(BIN)/python -c "from referee.pages.script import chart_script; chart_script()"
	@touch $@
