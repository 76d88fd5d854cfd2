"""The demonstration, cut short: everything happens, nothing is judged."""

import json

import pytest

from albert_np.apps import demo
from albert_np.apps.cli import main


def test_the_targets_are_those_that_were_promised():
    assert demo.BELOW_UNIGRAM >= 0.6 and demo.AT_MASK >= 0.3 and demo.SOP_ACCURACY >= 0.62
    demo.Settings(**demo.SETTINGS)
    assert demo.Settings(**demo.SETTINGS).max_length <= demo.CONFIG["max_position_embeddings"]


@pytest.mark.slow
def test_a_short_demonstration(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--steps", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 4 and found["passed"] is None
    assert abs(found["mlm_loss"] - found["unigram_entropy"]) < 0.5  # where it starts
    assert found["unigram_entropy"] < found["ln_v"] - 1
    assert set(found["fillings"]) == set(demo.SENTENCES) and all(len(three) == 3 for three in found["fillings"].values())
    assert found["gradients"] > 10
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"model.safetensors", "metrics.jsonl", "figures", "spiece.model", "corpus.txt"} <= names
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 2
    assert "already holds a run" in capsys.readouterr().err
