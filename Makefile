# make demo and make test do all their set-up themselves: they need python3, pip and make.
PYTHON ?= python3
BIN := .venv/bin
DEMO := demo
BRIEF := --recipe quick --epochs 10 --suite clean calibration anomalies

.PHONY: demo test test-all lint types format docs wheel lowest pythons breakages clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

# A mixing set, baseline and PixMix trained and measured on digits, one table, one page: a minute and a half on 2 cores.
demo: .venv/installed
	$(BIN)/mixset make fractals --count 1024 --size 64 --seed 0 $(DEMO)/fractals
	$(BIN)/mixset sheet $(DEMO)/fractals $(DEMO)/fractals.png
	$(BIN)/pixmix train digits $(BRIEF) --method baseline --out $(DEMO)/baseline --resume
	$(BIN)/pixmix train digits $(BRIEF) --method pixmix --mixing-set $(DEMO)/fractals --out $(DEMO)/pixmix --resume
	$(BIN)/pixmix report $(DEMO)/baseline $(DEMO)/pixmix --out $(DEMO)/report.html

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m "not slow"

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/python checks/types.py

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Before a release: the wheel tried outside the checkout; the lowest versions promised; every Python promised.
wheel lowest pythons: .venv/installed
	$(BIN)/python checks/installs.py $@

# Thirty small changes, drawn by a seed: do the tests notice?
breakages: .venv/installed
	$(BIN)/python checks/breakages.py

# The documentation as a site, in build/docs/index.html; a warning, as of a link that leads nowhere, is an error.
docs: .venv/docs-installed
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs

.venv/docs-installed: .venv/installed
	$(BIN)/pip install --quiet --editable ".[docs]"
	touch $@

clean:
	rm -rf .venv build demo *.egg-info
