"""The examples in the docstrings: what they show is what comes."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import albert_np

PACKAGE = Path(albert_np.__file__).parent
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if re.search(r"^ *>>> ", path.read_text(encoding="utf-8"), re.M)]


def test_there_are_examples():
    assert {path.name for path in WITH_EXAMPLES} >= {
        "base.py",
        "config.py",
        "pretraining.py",
        "checker.py",
        "names.py",
    }
    assert "optim.step(" in (PACKAGE / "models" / "pretraining.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
    assert not list(tmp_path.iterdir())
