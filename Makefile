# make test: the tests.   make demo: train a small ALBERT, three to four minutes on two cores.   Everything lives in .venv.
PYTHON ?= python3
VENV   ?= .venv
RUN     = $(VENV)/bin/

.PHONY: test demo lint check clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

test: $(VENV)/installed
	$(RUN)pytest -q -m "not slow and not gpu"

demo: $(VENV)/installed
	$(RUN)albert-np demo --out demo

lint: $(VENV)/installed
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

check: lint test

clean:
	rm -rf $(VENV) demo build *.egg-info
