"""notebooks/data/fused_or_not.py: its variants are what notebook 09 says of them, and the stored results are complete."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

import albert_np as ab

SCRIPT = Path(__file__).parents[1] / "notebooks" / "data" / "fused_or_not.py"
if not SCRIPT.is_file():
    pytest.skip("the notebooks are not beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fused_or_not", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fusion_and_the_wider_network_have_the_same_number_of_parameters(script):
    counts = {
        name: ab.AlbertForMaskedLM(ab.AlbertConfig(**script.SIZES | changes)).params.count()
        for name, changes in script.VARIANTS.items()
    }
    assert counts["levels 2 and 4 fused"] == counts["wider feed-forward"] > counts["plain"] == counts["two layers"]


def test_runs_with_the_same_seed_differ_in_the_variant_alone(script, monkeypatch):
    for name, value in {"STEPS": 2, "EVERY": 2, "PAIRS": 4, "TEST_PAIRS": 8}.items():
        monkeypatch.setattr(script, name, value)
    lines = script.read_lines()[:500]
    plain = script.train(lines, {}, seed=0)
    assert plain == script.train(lines, {}, seed=0) and len(plain) == 2
    assert plain != script.train(lines, {}, seed=1)
    shared = [ab.AlbertForMaskedLM(ab.AlbertConfig(**script.SIZES | changes), seed=3).params
              for changes in ({}, script.VARIANTS["levels 2 and 4 fused"])]  # fmt: skip
    first, second = (dict(params.items()) for params in shared)
    assert all((second[name] == array).all() for name, array in first.items())


def test_the_stored_results_are_complete(script):
    stored = json.loads(script.STORE.read_text(encoding="utf-8"))
    assert set(stored) == set(script.VARIANTS)
    for by_seed in stored.values():
        assert list(by_seed) == [str(seed) for seed in script.SEEDS]
        assert all(len(losses) == script.STEPS // script.EVERY + 1 for losses in by_seed.values())
