# make test: the tests.   make demo: train a small ALBERT, four to five minutes on two cores.   Everything lives in .venv.
# make bench: the times beside PyTorch's.   make notebooks: execute the notebooks again, in place.   make docs: the site, in build/docs/html.
PYTHON ?= python3
VENV   ?= .venv
CHROMIUM ?= chromium
RUN     = $(VENV)/bin/

.PHONY: test demo bench notebooks docs links pdf lint check torture fuzz dependencies clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

test: $(VENV)/installed
	$(RUN)pytest -q -m "not slow and not gpu"

demo: $(VENV)/installed
	$(RUN)albert-np demo --out demo

# Some ten minutes on two cores. To read and change them: make .venv/notebooks && .venv/bin/jupyter lab notebooks
notebooks: $(VENV)/notebooks
	$(RUN)python notebooks/run.py

$(VENV)/notebooks: $(VENV)/installed
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[notebooks]'
	touch $@

# The CPU beside transformers, torch.compile and onnxruntime, with a Python of its own: half an hour.
bench: .venv-bench/installed
	.venv-bench/bin/python tests/benchmarks/run.py --out tests/benchmarks/results/cpu.json

.venv-bench/installed: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -e '.[parity]' onnx onnxscript onnxruntime
	touch $@

# Runs that are killed at any moment and resumed, 100 times each: the end must be the same, byte for byte.
torture: $(VENV)/installed
	ALBERT_NP_TORTURE=100 $(RUN)pytest -q tests/robustness/test_torture.py

# Damaged files and requests, a minute of each kind, others every time; a failure says how to have it again.
fuzz: $(VENV)/installed
	ALBERT_NP_FUZZ_SECONDS=60 ALBERT_NP_FUZZ_SEED=$${ALBERT_NP_FUZZ_SEED:-$$(date +%s)} $(RUN)pytest -q tests/fuzz

# The wheel and the sdist, with the lowest and the newest releases of all dependencies.
dependencies:
	.ci/dependencies

# The site, with a Python of its own; any warning is an error, and every link within it is followed. A minute.
docs: .venv-docs/installed
	rm -rf build/docs/html
	.venv-docs/bin/sphinx-build -q -E -W --keep-going -n -b html docs build/docs/html
	.venv-docs/bin/python docs/made/links.py build/docs/html

# The notebooks on paper, solutions open: build/docs/derivations.pdf. A headless Chromium prints it.
pdf: .venv-docs/installed
	.venv-docs/bin/sphinx-build -q -E -b singlehtml -D root_doc=printed -D exclude_patterns=made,static \
	  -D include_patterns=printed.md,notebooks/* docs build/docs/printed
	timeout 300 $(CHROMIUM) --headless=new --no-sandbox --disable-gpu --user-data-dir=build/docs/chromium --no-pdf-header-footer \
	  --allow-file-access-from-files --virtual-time-budget=120000 --print-to-pdf=build/docs/derivations.pdf \
	  "file://$(CURDIR)/build/docs/printed/printed.html"
	rm -rf build/docs/chromium

# The links that lead out of it: needs the network.
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
	rm -rf $(VENV) .venv-bench .venv-docs demo build *.egg-info
