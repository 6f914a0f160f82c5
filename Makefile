# make run    install, write the sample archive, and refine it: from nothing to Parquet
# make test   install, check, and run the quick half of the tests: every module, few examples, about five minutes
# make test-all  make test, then the slow half: all examples, kills at every write, servers, Ray, browsers, reference kernels
# make check  format, lint, types, layers, sizes, words, generated docs
# make languages  derive the thresholds of the table of languages from LANGUAGES, a folder of pages, for review
# make site   build the documentation site: build/site/index.html
# make audit  look up known vulnerabilities of what refinery depends on; needs the network and pip-audit
# make benchmarks  install peers, run the benches of docs/benchmarks.md and write it; INPUTS has the options of tools/bench/page.py, NEWER a Python from 3.12 on
# make fuzz   compare native kernels with their twins on what libFuzzer finds; SECONDS=60 KERNELS=word_ids,components
# make wheels  build the sdist and the wheels into dist/, for x86-64 and, where rustc has its library, aarch64
# make wheel  build the wheel, and try it in a new environment of each Python of PYTHONS; DIST=dist: one of make wheels

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Images set it to 1: each process that a test starts would compile the package, and each pytest all tests.
export PYTHONDONTWRITEBYTECODE =
INSTALLED := $(VENV)/.installed
UT1_WHEEL := datatrove==0.10.1
DECON := decontaminate==0.3.0.post4
# A Python from 3.12 on, "" if there is none.
NEWER ?= $(shell for python in $(BIN)/python python3 python3.12 python3.13 python3.14; do \
  "$$python" -c "import sys; sys.exit(sys.version_info < (3, 12))" 2>/dev/null && command -v "$$python" && break; done)
PYTHONS ?= $(PYTHON)
SECONDS ?= 60
LANGUAGES ?= ../shared/languages
# Processes that run tests: one more than the cores of CI, since tests wait for servers, workers and Ray.
TESTERS ?= 3
# The tests that `make check` runs, and `make test` not again.
WORDS := tests/engine/test_layers.py tests/engine/test_shape.py tests/test_vocabulary.py
CRATE := $(wildcard native/Cargo.* native/build.rs) $(shell find native/src -type f)
# Where there is no Rust, the package works without the crate, and so do these rules.
CARGO := $(shell command -v cargo)
# The interpreter that the package is built with, so that cargo finds what that build left.
export PYO3_PYTHON = $(CURDIR)/$(BIN)/python
# Where the interpreter's shared library lies, "" where it has none: an extension needs none, a program of its own does.
LIBPYTHON = $(shell $(BIN)/python -c "import pathlib, sysconfig; at, name, shared = map(sysconfig.get_config_var, \
  ('LIBDIR', 'LDLIBRARY', 'Py_ENABLE_SHARED')); print(at if shared and pathlib.Path(at, name).exists() else '')")

.PHONY: install assets run check lint types words native clippy test test-all test-crate format docs site languages
.PHONY: audit wheel wheels benchmarks fuzz clean

install: $(INSTALLED) assets

# What compiles the crate needs no more than this.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml setup.cfg $(CRATE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	rm -f refinery/kernels/_native.*.so
	rm -rf $(VENV)/lib/*/site-packages/refinery-*.dist-info  # the distribution of before, whose entry points are others
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
	@echo "Parquet of each stage: demo/root/*/kept   next: source .venv/bin/activate; refinery report -c configs/tiny.yaml"

check: native lint types words

lint: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python tools/make_docs.py --check
	$(BIN)/python tools/audit.py

types: $(INSTALLED)
	$(BIN)/mypy

words: $(INSTALLED)
	$(BIN)/pytest $(WORDS)

# datatrove asks for an older trafilatura than refinery has; its chain runs with this one. decon needs a newer Python than refinery does.
benchmarks: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m pip install --quiet --no-deps $(UT1_WHEEL)
	$(if $(NEWER),$(NEWER) -m venv build/decon && build/decon/bin/python -m pip install --quiet $(DECON))
	$(BIN)/python -m tools.bench.page $(if $(NEWER),--decon build/decon/bin/python) $(INPUTS)

# A crate that does not build is no error of the installation, but it is one here.
native: $(INSTALLED) clippy
ifdef CARGO
	REFINERY_KERNELS=native $(BIN)/python -c "import refinery.kernels"
else
	@echo "no cargo: the native kernels are neither built nor checked"
endif

clippy: | $(BIN)/python
ifdef CARGO
	cargo fmt --check --manifest-path native/Cargo.toml
	cargo clippy --quiet --release --locked --manifest-path native/Cargo.toml -- --deny warnings
endif

test: install check
	$(BIN)/pytest -n $(TESTERS) --half quick $(addprefix --ignore=,$(WORDS))

# What calls kernels is tested in both modes; the engine sees no difference. The kernels' own tests compare the two with all examples.
test-all: test test-crate
	$(BIN)/pytest -n $(TESTERS) --half slow
ifdef CARGO
	REFINERY_KERNELS=reference $(BIN)/pytest -n $(TESTERS) --half quick tests/stages tests/test_pipeline.py tests/test_sample.py
endif

# The crate's own tests, with checks of overflow, which the extension is built without.
test-crate: | $(BIN)/python
ifdef CARGO
	$(if $(LIBPYTHON),LD_LIBRARY_PATH="$(LIBPYTHON):$$LD_LIBRARY_PATH" cargo test --quiet --locked --lib \
	  --no-default-features --manifest-path native/Cargo.toml,@echo "no libpython: the tests in native/src are not run")
endif

format: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
ifdef CARGO
	cargo fmt --manifest-path native/Cargo.toml
endif

docs: $(INSTALLED)
	$(BIN)/python tools/make_docs.py

# A warning is an error: a dead link, a page that no list has, a docstring that is no reStructuredText.
site: $(INSTALLED)
	$(BIN)/python tools/make_site.py
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --write-all -c docs build/site-source build/site
	@echo "build/site/index.html"

# The common words and names of the files stay; stages/languages is changed, so review the difference.
languages: $(INSTALLED)
	$(BIN)/refinery run -c configs/languages.yaml --set "inputs=$(LANGUAGES)/clean-*.warc.gz" --set write=every --until lines \
	  --root build/languages
	$(BIN)/refinery calibrate -q --root build/languages --out stages/languages \
	  $(notdir $(basename $(wildcard stages/languages/*.toml)))

audit: $(INSTALLED)
	$(BIN)/python tools/audit.py --online

wheel: $(INSTALLED)
	$(BIN)/python tools/check_wheel.py $(if $(DIST),--dist $(DIST)) $(PYTHONS)

wheels: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group wheels
	$(BIN)/python tools/make_wheels.py

fuzz: $(INSTALLED)
	native/fuzz/run.sh $(SECONDS) $(KERNELS)

clean:
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis native/target native/fuzz/target
	rm -f refinery/kernels/_native.*.so
