"""The driver of the stages: what is there is not made again, an interrupted stage is resumed, another environment is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_mini_en_text import write_corpus

from albert_np.apps.mini_en import __main__ as pretrain

RECIPE = """
threads = 1
[text]
held_out = 0.05
held_out_characters = 1000
[[text.register]]
name = "a"
files = ["some"]
copies = 1
[vocabulary]
size = 50
[[stage]]
name = "first"
steps = 6
decay = 2
max_length = 16
tokens_per_batch = 64
checkpoint_every = 3
sentence_objective = "none"
bias_correction = true
[stage.model]
vocab_size = 50
embedding_size = 8
hidden_size = 16
intermediate_size = 32
num_attention_heads = 2
num_hidden_layers = 1
[[stage]]
name = "second"
steps = 4
max_length = 24
tokens_per_batch = 64
sentence_objective = "none"
model = {num_hidden_layers = 2}
"""


def test_options():
    settings = {
        "max_length": 64,
        "bias_correction": True,
        "recompute": False,
        "model": {"hidden_size": 16, "hidden_act": "gelu_new"},
    }
    expected = ["--max-length=64", "--bias-correction", "--set=hidden_size=16", '--set=hidden_act="gelu_new"']
    assert pretrain.to_options(settings) == expected


def test_the_recipe_is_one_that_pretrain_accepts():
    """Every stage of the recipe has known settings, and a model of less than 4.4 million parameters."""
    import albert_np as ab
    from albert_np.apps.experiments.commands import COMMANDS

    recipe = pretrain.tomllib.loads((pretrain.HERE / "recipe.toml").read_text(encoding="utf-8"))
    model = {}
    for stage in recipe["stage"]:
        settings = {key: value for key, value in stage.items() if key not in ("name", "model")}
        model |= stage.get("model", {})
        known = {COMMANDS["pretrain"].canonical_name(key): value for key, value in settings.items()}
        COMMANDS["pretrain"].check(
            {**known, **{key: value for key, value in model.items() if key != "vocab_size"}, "config": "small"}
        )
    config = ab.AlbertConfig.preset("small", **model)
    assert config.vocab_size == recipe["vocabulary"]["size"] and config.is_albert and config.hidden_act == "gelu_new"
    assert ab.AlbertForPreTraining(config).params.count() < 4.4e6


@pytest.mark.slow
def test_stages(tmp_path):
    data = tmp_path / "data" / "corpus" / "modern"
    data.mkdir(parents=True)
    words = "the sun rises in the east and sets in the west while birds sing songs of days gone by".split()
    lines = [[" ".join(words[i % 7 : 9 + i % 11]).capitalize() + ".", f"It was day {i} of the year."] for i in range(60)]
    write_corpus(data, "some", [(each, "CC0 1.0") for each in lines])
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "albert_np.apps.mini_en", "--recipe", tmp_path / "recipe.toml", "--out", out]
    environment = {**os.environ, "ALBERT_NP_DATA": str(tmp_path / "data"), "PYTHONPATH": str(Path(__file__).parents[2])}

    def run(*more):
        return subprocess.run([*command, *more], env=environment, capture_output=True, text=True)

    first = run("--stage", "first")
    assert first.returncode == 0, first.stderr
    assert (out / "first" / "model.safetensors").exists() and not (out / "second").exists()
    both = run()
    assert both.returncode == 0, both.stderr
    assert both.stdout.count("+") == 2 and "--resume" in both.stdout
    assert json.loads((out / "second" / "config.json").read_text())["num_hidden_layers"] == 2

    facts = json.loads((out / "environment.json").read_text())
    (out / "environment.json").write_text(json.dumps({**facts, "threads": 7}))
    refused = run()
    assert refused.returncode == 1 and "threads was 7 and is 1" in refused.stderr
