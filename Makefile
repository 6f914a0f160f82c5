# make run    install, write the sample archive, and refine it: from nothing to Parquet
# make test   install, check, and run all tests
# make check  format, lint, types, layers, generated docs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UT1_WHEEL := datatrove==0.10.1

.PHONY: install assets run check test format docs clean

install: $(INSTALLED) assets

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# The UT1 blocklist is a download of 18 MB; it is kept in the user's cache, where other checkouts find it.
assets: $(INSTALLED)
	@$(BIN)/python -c "from refinery.assets import Asset; Asset('ut1').path()" 2>/dev/null || { \
	  $(BIN)/python -m pip download --quiet --no-deps --dest build/downloads $(UT1_WHEEL) && \
	  $(BIN)/refinery assets get ut1 --source build/downloads/datatrove-*.whl; }

run: $(INSTALLED)
	$(BIN)/python tools/make_sample.py --out demo
	$(BIN)/refinery run -c configs/tiny.yaml
	$(BIN)/refinery stats -c configs/tiny.yaml
	@echo "root: demo/root   Parquet of each stage: demo/root/*/kept"

check: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python tools/make_docs.py --check
	$(BIN)/pytest tests/engine/test_layers.py

test: install check
	$(BIN)/pytest -n 2

format: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(INSTALLED)
	$(BIN)/python tools/make_docs.py

clean:
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
