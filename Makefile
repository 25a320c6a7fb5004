# Two commands do all the set-up: `make bench` and `make test`.
# Everything is installed into .venv by plain pip; nothing is installed again until a pyproject changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PROJECTS := pyproject.toml plugins/image/pyproject.toml plugins/audio/pyproject.toml plugins/text/pyproject.toml
INSTALLED := -e . -e plugins/image -e "plugins/audio[voices]" -e "plugins/text[minilm]"
TESTED := -e ".[lora,track,ray,serve,docs,test]" -e "plugins/image[efficientnet,hf]" -e "plugins/audio[voices,ge2e,speech-embedding,ecapa,hf]" -e "plugins/text[minilm,test]"
# A worker has a core to itself: more threads would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal
GPU := $(PYTEST) -p tests.pretended -m gpu

.PHONY: bench test test-slow test-gpu speed audit docs lint install install-test clean
.DELETE_ON_ERROR:

bench: install
	$(BIN)/kshot bench configs/quickstart.yaml

test: install-test lint
	$(PYTEST) -m "not slow"

test-slow: install-test
	$(PYTEST) -m slow
	$(GPU) --ignore tests/matrix/test_pairings.py

# Tests of GPUs, on a pretended one where there is none; every learner with every encoder takes long there.
test-gpu: install-test
	$(GPU)

# Minutes to hours of an otherwise idle machine; it refuses to measure beside other work.
speed: install .venv-peers/bin/python
	$(BIN)/python benchmarks/speed/harness.py --page docs/results/speed.md

.venv-peers/bin/python: benchmarks/speed/peers.sh
	benchmarks/speed/peers.sh $(PYTHON) .venv-peers
	touch $@

# Asks for known vulnerabilities of what is installed; needs the network, so neither tests nor CI depend on it.
audit: install-test .venv-audit/bin/pip-audit
	.venv-audit/bin/pip-audit --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') --skip-editable

.venv-audit/bin/pip-audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --disable-pip-version-check --quiet "pip-audit>=2.7,<3"

# Into build/site, which opens from the disk.
docs: install-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

install: $(STAMPS)/run
install-test: $(STAMPS)/test

$(STAMPS)/venv:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("kshot needs Python 3.11 or newer; choose one by make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/run: $(STAMPS)/venv $(PROJECTS)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(INSTALLED)
	touch $@

# The test extras hold all of the others, so the run's stamp is made with them.
$(STAMPS)/test: $(STAMPS)/venv $(PROJECTS)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(TESTED)
	touch $(STAMPS)/run $@

clean:
	rm -rf $(VENV) .venv-peers .venv-audit runs build
