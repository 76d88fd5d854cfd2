"""Rewriting of pages and notebooks before Sphinx parses them."""

import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
if not DOCS.is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture(scope="module")
def made():
    sys.path.insert(0, str(DOCS))
    try:
        import made

        yield made
    finally:
        sys.path.remove(str(DOCS))


def test_links_are_turned_and_code_is_not(made):
    text = "[the layer](../albert_np/core/layers/linear.py), [`tasks`](tasks.md#own), [out](https://x.y)\n`f[0](x)`\n```python\nf[0](x)\n```\n"
    turned = "[the layer](source:albert_np/core/layers/linear.py), [`tasks`](tasks.md#own), [out](https://x.y)\n"
    assert made.rewrite_links(text, DOCS, DOCS) == turned + text.split("\n", 1)[1]


def test_a_notebook_keeps_its_code_and_its_outputs(made):
    shown = {"output_type": "display_data", "data": {"text/markdown": ["f[0](x)"]}}
    code = {"cell_type": "code", "source": ["f[0](4000)"], "outputs": [shown]}
    prose = {"cell_type": "markdown", "source": ["[next](05_layer_norm.ipynb),\n", "[code](../albert_np/core/layers/linear.py)"]}
    found = json.loads(made.rewrite_notebook(json.dumps({"cells": [code, prose]}), DOCS / "notebooks"))
    assert found["cells"][0] == code
    assert found["cells"][1]["source"] == "[next](05_layer_norm.ipynb),\n[code](source:albert_np/core/layers/linear.py)"
