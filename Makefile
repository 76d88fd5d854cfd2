# make demo    train a small ALBERT: four to five minutes on two cores       make test        the quick tests: a few minutes
# make lint    ruff and mypy                                                 make docs        the site, in build/docs/html
# make bench   times, compared with PyTorch's                                make notebooks   execute the notebooks again, in place
# make live    the site with a copy of the runtime of its live pages, in build/live: they load nothing from elsewhere
# make test-wasm   the quick tests under WebAssembly
# make dist    wheel and sdist of the last commit, in dist                   make sbom    their bill of materials
# Each target creates the environment that it needs (.venv for most) and installs its dependencies. It needs Python 3.10 or newer.
PYTHON ?= python3
VENV   ?= .venv
CHROMIUM ?= chromium
RUN     = $(VENV)/bin/

.PHONY: test test-wasm demo bench notebooks docs live editor links pdf sheet lint check torture fuzz dependencies dist sbom clean

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

test: $(VENV)/installed
	$(RUN)pytest -q -m "not slow and not gpu"

# In Pyodide, started by Node; needs npm and the network once. Left out: tests/wasm/left_out.toml
test-wasm: $(VENV)/installed
	$(RUN)python tests/wasm/run.py

demo: $(VENV)/installed
	$(RUN)albert-np demo --out demo

# About ten minutes on two cores. To read and change the notebooks: make .venv/notebooks && .venv/bin/jupyter lab notebooks
notebooks: $(VENV)/notebooks
	$(RUN)python notebooks/run.py

$(VENV)/notebooks: $(VENV)/installed
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[notebooks]'
	touch $@

# On the CPU, compared with transformers, torch.compile and onnxruntime, in a separate environment: half an hour.
bench: .venv-bench/installed
	.venv-bench/bin/python tests/benchmarks/run.py --out tests/benchmarks/results/cpu.json

.venv-bench/installed: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -e '.[parity]' onnx onnxscript onnxruntime
	touch $@

# Kill runs at random moments and resume them, 100 times each: they must end with the same bytes.
torture: $(VENV)/installed
	ALBERT_NP_TORTURE=100 $(RUN)pytest -q tests/robustness/test_torture.py

# Damaged files and requests, a minute of each kind, with a new seed each time; a failure prints how to repeat it.
fuzz: $(VENV)/installed
	ALBERT_NP_FUZZ_SECONDS=60 ALBERT_NP_FUZZ_SEED=$${ALBERT_NP_FUZZ_SEED:-$$(date +%s)} $(RUN)pytest -q -rP tests/fuzz

# Build wheel and sdist, and test them with the lowest and the newest releases of all dependencies.
dependencies:
	.ci/dependencies

# Build wheel and sdist of the last commit, with their hashes: the same bytes from the same commit, by the same Python.
dist: .venv-release/installed
	.venv-release/bin/python .ci/dist.py dist

# List what the wheel in dist/ installs and contains, with licences and hashes: dist/albert_np-VERSION.cdx.json (CycloneDX).
sbom: .venv-release/installed
	.venv-release/bin/python .ci/sbom.py dist

.venv-release/installed: .ci/tools.txt
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/pip install --quiet --disable-pip-version-check -r .ci/tools.txt
	touch $@

# Build the site, in a separate environment. Warnings are errors; links within the site and sizes of pages are checked. Five minutes.
docs: .venv-docs/installed
	rm -rf build/docs/html
	.venv-docs/bin/sphinx-build -q -E -W --keep-going -n -b html docs build/docs/html
	.venv-docs/bin/python docs/made/links.py build/docs/html

# The site, with a copy of Pyodide beside it, checked against docs/live/runtime.json. Any static server can serve the folder. Needs npm.
live: docs
	.venv-docs/bin/python docs/made/live/runtime.py build/docs/html build/live

# Bundle the editor of the live pages, docs/live/editor.js, from the packages that its lock file pins. Needs npm.
editor:
	cd docs/live/editor && npm ci --ignore-scripts --no-audit --no-fund && npm run build
	rm -rf docs/live/editor/node_modules

# Print the notebooks, with their solutions: build/docs/derivations.pdf. Needs a headless Chromium. Links to other pages are plain there.
pdf: .venv-docs/installed
	.venv-docs/bin/sphinx-build -q -E -b singlehtml -D root_doc=printed -D exclude_patterns=made,static \
	  -D include_patterns=printed.md,notebooks/* -D suppress_warnings=myst.xref_missing docs build/docs/printed
	timeout 300 $(CHROMIUM) --headless=new --no-sandbox --disable-gpu --user-data-dir=build/docs/chromium --no-pdf-header-footer \
	  --allow-file-access-from-files --virtual-time-budget=120000 --print-to-pdf=build/docs/derivations.pdf \
	  "file://$(CURDIR)/build/docs/printed/printed.html"
	rm -rf build/docs/chromium

# Print every operation on two pages: build/docs/sheet.pdf. Needs a headless Chromium.
sheet: .venv-docs/installed
	CHROMIUM=$(CHROMIUM) .venv-docs/bin/python docs/made/sheet build/docs/sheet.pdf

# Check the external links of the site. Needs the network.
links: .venv-docs/installed
	.venv-docs/bin/sphinx-build -q -b linkcheck docs build/docs/links

.venv-docs/installed: pyproject.toml
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

lint: $(VENV)/installed
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

check: lint test

clean:
	rm -rf $(VENV) .venv-bench .venv-docs .venv-release demo build dist *.egg-info
