"""`albert-np compress`: one trained folder made smaller, and the sweep over many methods."""

import json

import numpy as np
import pytest
from examples import examples

import albert_np as ab
from albert_np.apps.cli import main
from albert_np.compress import sweep
from albert_np.compress.job import Plan
from albert_np.compress.models import compress, sample, without_numbers
from albert_np.tasks.trained import Trained

SMALL = dict(num_hidden_layers=2, hidden_size=32, intermediate_size=64, embedding_size=16, num_attention_heads=4)


@pytest.fixture(scope="module")
def trained(tokenizer, tmp_path_factory):
    """The folder of a small tagger that works."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    given = examples("ner", 60)
    ab.finetune(
        "ner", given, given[:20], config="tiny", tokenizer=tokenizer, changes=SMALL, options={"max_length": 64}, epochs=12,
        learning_rate=3e-3, tokens_per_batch=256, out=folder,
    )  # fmt: skip
    return folder


PLANS = {
    "rounded": dict(weights="int8"),
    "rounded to 4 bits": dict(weights="int4"),
    "pruned": dict(sparsity=0.6),
    "a pattern": dict(sparsity="2:4", weights="float16"),
    "cut": dict(heads=0.5, neurons=0.5),
    "factored": dict(energy=0.6),
    "all of it": dict(heads=0.5, neurons=0.5, energy=0.6, sparsity=0.5, scope="global", weights="int8"),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_compressed_folder_reproduces_its_scores(trained, tmp_path, plan):
    given = examples("ner", 60)
    told = compress(trained, tmp_path / "small", Plan(**plan), given, given[:20])
    small = Trained.from_pretrained(tmp_path / "small")
    assert {name: small.evaluate(given[:20])[name] for name in told["after"]} == told["after"]
    assert told["bytes"] == (tmp_path / "small" / "model.safetensors").stat().st_size < told["bytes_before"]
    assert (
        told["before"]["f1"] > 0.9 and 0 <= told["changed"] <= 1 and (told["changed"] == 0) == (told["before"] == told["after"])
    )
    assert told["parameters"] == small.model.params.count() <= told["parameters_before"]
    assert json.loads((tmp_path / "small" / "task.json").read_text())["compression"]["after"] == told["after"]
    assert small.predict("Anna takes the book in Paris.")


def test_a_plan_without_the_examples_it_needs_is_rejected(trained, tmp_path):
    with pytest.raises(ValueError, match="labelled examples: give `examples`"):
        compress(trained, tmp_path / "small", Plan(heads=0.5))
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (dict(heads=0), "heads: expected the share that stays"),
        (dict(neurons=1.5), "neurons: expected the share"),
        (dict(energy=2), "energy: expected a share"),
        (dict(weights="int3"), "weights: expected one of"),
        (dict(sparsity=2), "sparsity must be"),
        (dict(scope="row"), "layer or global"),
    ],
)
def test_invalid_plans_are_rejected(plan, said):
    with pytest.raises(ValueError, match=said):
        Plan(**plan)


def test_some_is_spread_over_all():
    assert sample(list(range(100)), 4) == [0, 33, 66, 99] and sample([1, 2], 5) == [1, 2]


def test_answers_are_compared_without_their_probabilities():
    answer = {"label": "a", "probabilities": {"a": 0.7}, "spans": [{"start": 1, "score": 0.5}], "n_best": [1]}
    assert without_numbers(answer) == {"label": "a", "spans": [{"start": 1, "score": None}]}


def test_a_sweep_reports_every_method(trained, tmp_path):
    given = examples("ner", 60)
    families = ("one-shot", "gradual", "rounded", "cut", "together")
    found = sweep.run(trained, tmp_path / "sweep", given, given[:20], families=families, epochs=1, learning_rate=1e-3)
    assert found == json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    rows = {(row["family"], row["name"]): row for row in found["rows"]}
    assert len(rows) == 1 + 4 + 4 + 4 + 3 + 6 and rows["dense", "float32"]["changed"] == 0
    assert [round(rows["gradual", f"{share:.0%}"]["zeros"], 2) for share in sweep.SHARES] == list(sweep.SHARES)
    assert rows["rounded", "int4"]["bytes"] < rows["rounded", "int8"]["bytes"] < rows["rounded", "float16"]["bytes"]
    best = found["best_at_a_tenth"]
    assert best is None or best["bytes"] <= 0.1 * rows["dense", "float32"]["bytes"]
    assert len(next(iter(found["heads"].values()))) == 4 and len(next(iter(found["outputs"].values()))) == 101
    names = {path.name for path in (tmp_path / "sweep").iterdir()}
    assert {"sweep.md", "figures", "gradual-80", "together-half-cut-80-int8"} <= names and "steps" not in names
    assert {path.name for path in (tmp_path / "sweep" / "figures").iterdir()} == {
        "size.png",
        "time.png",
        "zeros.png",
        "heads.png",
    }
    assert (tmp_path / "sweep" / "sweep.md").read_text().count("\n| gradual") == 4
    row = rows["gradual", "80%"]
    assert Trained.from_pretrained(tmp_path / "sweep" / "gradual-80").evaluate(given[:20])["f1"] == row["score"]


def test_families_have_names(trained, tmp_path):
    with pytest.raises(ValueError, match=r"families: expected some of one-shot, .*'slow'"):
        sweep.run(trained, tmp_path / "sweep", [], [], families=("slow",))


# ---- the command ----


def told(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_command(trained, tmp_path, capsys):
    code, out, _ = told(
        capsys, "compress", "--model", trained, "--out", tmp_path / "small", "--weights", "int8", "--sparsity", "2:4"
    )
    assert code == 0 and "model.safetensors, MB" in out and "50.0%" in out
    code, out, _ = told(capsys, "predict", "ner", "--model", tmp_path / "small", "--json", "Anna takes the book in Paris.")
    assert code == 0 and json.loads(out)
    code, out, _ = told(capsys, "convert", tmp_path / "small", tmp_path / "hf", "--to", "hf", "--json")
    assert code == 0 and json.loads(out)["dtype"] == "float32"
    small, whole = (ab.AlbertForTokenClassification.from_pretrained(tmp_path / name) for name in ("small", "hf"))
    ids = np.arange(6)[None] + 4
    assert (small(ids).logits == whole(ids).logits).all()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--sparsity", "much"], 2, "N:M such as 2:4, not 'much'"),
        (["--heads", "0.5"], 2, "give --examples"),
        (["--sweep"], 2, "--sweep needs --examples to train on and --dev"),
    ],
)
def test_wrong_usage_is_one_line(trained, tmp_path, capsys, options, code, said):
    got, _, err = told(capsys, "compress", "--model", trained, "--out", tmp_path / "small", *options)
    assert got == code and said in err and err.count("\n") == 1
    assert not (tmp_path / "small").exists()


def test_finetune_prunes_from_the_command_line(tokenizer, tmp_path, capsys):
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    lines = [f"{word}\t{tag}" if word else "" for e in examples("ner", 20) for word, tag in [*zip(e.words, e.tags), ("", "")]]
    (tmp_path / "train.conll").write_text("\n".join(lines), encoding="utf-8")
    code, out, err = told(
        capsys, "finetune", "ner", "--train", tmp_path / "train.conll", "--dev", tmp_path / "train.conll", "--config", "tiny",
        "--tokenizer", tmp_path / "tokenizer", "--out", tmp_path / "model", "--sparsity", "0.8", "--prune-by", "movement",
        "--prune-scope", "global", "--weights", "int8", "--epochs", "2", "--max-length", "64", "--json",
    )  # fmt: skip
    assert code == 0, err
    file = tmp_path / "model" / "model.safetensors"
    assert (
        json.loads(out)["epoch"] == 2
        and file.stat().st_size < 0.15 * 4 * Trained.from_pretrained(tmp_path / "model").model.params.count()
    )


# ---- a checkpoint without a task ----


@pytest.fixture(scope="module")
def checkpoint(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained") / "model"
    ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_pretrained_model_is_made_smaller(checkpoint, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("Anna takes the book.\n\nWho is in Paris?\n", encoding="utf-8")
    code, out, err = told(
        capsys, "compress", "--model", checkpoint, "--out", tmp_path / "small", "--weights", "int8", "--sparsity", "0.5",
        "--examples", tmp_path / "texts.txt",
    )  # fmt: skip
    assert code == 0 and "zeros" in out, err
    code, out, _ = told(capsys, "fill-mask", "--model", tmp_path / "small", "--json", "Anna [MASK] the book.")
    assert code == 0 and len(json.loads(out)["masks"][0]) == 5
    code, out, _ = told(capsys, "info", tmp_path / "small")
    assert code == 0 and "packed, int8" in out and "pooler, mlm, sop" in out
    again = ab.AlbertForPreTraining.from_pretrained(tmp_path / "small")
    assert 0.45 < (again.params.embeddings.word == 0).mean() < 0.6
    assert again.config.extra["architectures"] == ["AlbertForPreTraining"]


@pytest.mark.parametrize(
    ("plan", "dev", "said"), [(dict(heads=0.5), None, "cannot be cut"), (dict(weights="int8"), [], "be scored")]
)
def test_without_a_task_nothing_is_scored(checkpoint, tmp_path, plan, dev, said):
    with pytest.raises(ValueError, match=said):
        compress(checkpoint, tmp_path / "small", Plan(**plan), dev=dev)
    assert not (tmp_path / "small").exists()


def test_a_quantised_model_is_not_mistaken_for_a_pruned_one(tokenizer, trained, tmp_path):
    """Rounding to int4 makes a tenth of the weights 0; further training updates all of them."""
    compress(trained, tmp_path / "small", Plan(weights="int4"))
    done = ab.finetune("ner", examples("ner", 20), model=tmp_path / "small", epochs=1, options={"max_length": 64})
    weights = done.trained.model.params.groups[0].blocks[0].ffn.output.w
    assert done.trained.packing is None and (weights != 0).all()
