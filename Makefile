# make test: the tests.   make demo: train a small ALBERT, two to three minutes on two cores.   Everything lives in .venv.
# make bench: the times beside PyTorch's.   make notebooks: execute the notebooks again, in place.
PYTHON ?= python3
VENV   ?= .venv
RUN     = $(VENV)/bin/

.PHONY: test demo bench notebooks lint check torture fuzz dependencies clean

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

lint: $(VENV)/installed
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

check: lint test

clean:
	rm -rf $(VENV) .venv-bench demo build *.egg-info
