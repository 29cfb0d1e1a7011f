# Every target sets up what it needs in .venv. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Extra arguments for pytest, as in: make test ARGS="-k browser"
ARGS   ?=

export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-docker check format bench evaluate train clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "glm-agent needs Python 3.11 or newer; name one, as in: make demo PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Where there is no GPU, one fixed torch release comes first: a range may fetch gigabytes of CUDA.
$(VENV)/.torch: $(VENV)/.python
	@if command -v nvidia-smi >/dev/null 2>&1; then echo "GPU found: torch comes with the other packages"; \
	else $(BIN)/python -m pip install --quiet torch==2.13.0; fi
	@touch $@

$(VENV)/.local: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[local]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.local

demo: $(VENV)/.local ## Watch an agent compute, call a function, and read pages, with the embedded model
	@sh scripts/demo.sh $(BIN)/glm-agent

test: $(VENV)/.dev ## Run the tests, but for the slow ones
	$(BIN)/python -m pytest -m "not slow and not gpu and not docker" $(ARGS)

test-slow: $(VENV)/.dev ## Run the slow tests: a real model server, the embedded model's score
	$(BIN)/python -m pytest -m "slow and not gpu and not docker" $(ARGS)

test-docker: $(VENV)/.dev ## Run the tests that need a Docker engine; scripts/ci_sandbox.sh starts one
	$(BIN)/python -m pytest -m "docker and not gpu" $(ARGS)

check: $(VENV)/.dev ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.dev ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Run the benchmarks
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

evaluate: $(VENV)/.dev ## Score the embedded model on 500 held-out tasks
	$(BIN)/python -m training.evaluate --tasks 500

train: $(VENV)/.dev ## Train the embedded model again (about two hours on two cores), into runs/model
	$(BIN)/python -m pip install --quiet '.[train]'
	$(BIN)/python -m training.train --out runs/model

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis runs dist
