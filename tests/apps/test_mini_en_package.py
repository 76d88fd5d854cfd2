"""The folder of a packaged model, built from a tiny run of two stages: weights, card, checksums, and the errors."""

import json
import sys

import pytest

import albert_np as ab
from albert_np.apps.cli import main
from albert_np.apps.mini_en import card as card_of
from albert_np.apps.mini_en import package
from albert_np.io.files import sha256

SIZES = "--embedding-size 8 --hidden-size 16 --num-hidden-layers 1 --num-attention-heads 2 --intermediate-size 32".split()
WORDS = "the sun rises in the east and sets in the west while birds sing songs of days gone by".split()
SCORES = {"tasks": {"SST-2": {"metric": "accuracy", "mean": 0.8512, "deviation": 0.003, "seeds": 5, "from_scratch": 0.8011}}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a text as make_text.py writes it, and two stages of training; the second starts from the first."""
    folder = tmp_path_factory.mktemp("runs")
    lines = [" ".join(WORDS[i % 7 : 9 + i % 11]).capitalize() + "." for i in range(120)]
    (folder / "text" / "held_out").mkdir(parents=True)
    (folder / "text" / "train.txt").write_text("\n\n".join(lines))
    (folder / "text" / "held_out" / "fiction.txt").write_text("\n".join(lines[:20]))
    (folder / "text" / "attribution.tsv").write_text(
        "source\tlicence\tdocuments\tcharacters\na\tCC0 1.0\t1\t900\nb\tMIT (x)\t2\t99\n"
    )
    register = {"documents": 120, "characters": 999, "written": 999, "share": 1.0}
    (folder / "text" / "text.json").write_text(
        json.dumps({"sha256": sha256(folder / "text" / "train.txt"), "characters": 999, "registers": {"fiction": register}})
    )
    common = ["--tokens-per-batch", "64", "--sentence-objective", "none", "--checkpoint-every", "3", "--quiet"]
    text = str(folder / "text" / "train.txt")
    first, second = str(folder / "short"), str(folder / "plateau")
    sizes = ["--vocab-size", "38", *SIZES]
    assert main(["pretrain", text, "--out", first, *sizes, *common, "--steps", "6", "--max-length", "16"]) == 0
    more = ["--steps", "4", "--max-length", "24", "--num-hidden-layers", "2"]
    assert main(["pretrain", text, "--out", second, "--model", first, *common, *more]) == 0
    return folder


def build(monkeypatch, capsys, *arguments):
    """Run the command -> (what it printed, its error)."""
    monkeypatch.setattr(sys, "argv", ["package", *map(str, arguments)])
    try:
        package.main()
        error = ""
    except SystemExit as exit:
        error = str(exit)
    return capsys.readouterr().out, error


def test_the_folder(runs, tmp_path, monkeypatch, capsys):
    (tmp_path / "scores.json").write_text(json.dumps(SCORES))
    out = tmp_path / "tiny-en"
    given = [runs / "plateau", "--text", runs / "text", "--out", out, "--scores", tmp_path / "scores.json"]
    said, error = build(monkeypatch, capsys, *given)
    assert error == "" and "the pooler and the sentence-order head were not trained, and are left out" in said
    assert "int8 changes the held-out loss by" in said and "model_max_length" in said
    hashes = dict(line.split()[::-1] for line in (out / "SHA256SUMS").read_text().splitlines())
    assert hashes == {path.name: sha256(path) for path in out.iterdir() if path.name != "SHA256SUMS"}

    model = ab.AlbertForMaskedLM.from_pretrained(out, require_heads=True)
    trained = ab.AlbertForPreTraining.from_pretrained(runs / "plateau").params
    for name, array in model.params.items():
        exact = dict(trained.items())[name]
        assert abs(array - exact).max() <= 0.51 * abs(exact).max() / 127, name  # half a step of the largest scale
    ids = ab.AlbertTokenizer.from_pretrained(out)("The sun rises.")["input_ids"]
    assert (ids == ab.AlbertTokenizer.from_pretrained(runs / "plateau")("The sun rises.")["input_ids"]).all()

    card, text = json.loads((out / "card.json").read_text()), (out / "README.md").read_text()
    assert card["name"] == "tiny-en" and card["parameters"] == model.params.count()
    stages = [(stage["name"], stage["layers"], stage["steps"], stage["max_length"]) for stage in card["stages"]]
    assert stages == [("short", 1, 6, 16), ("plateau", 2, 4, 24)]
    tokens = [line.get("tokens", 0) for name in ("short", "plateau") for line in read_lines(runs / name / "metrics.jsonl")]
    assert card["tokens"] == sum(tokens) and card["environment"]["numpy"]
    assert card["licences"] == {"CC0 1.0": 900, "MIT": 99} and card["longest"] == 24
    assert "| SST-2 | accuracy | 0.851 ± 0.003 | 5 | 0.801 |" in text and "| fiction, 1908-1965 |" in text
    assert "# tiny-en\n" in text and f"{card['tokens']:,} tokens in" in text
    # a stage may have started from a checkpoint of the one before: what was trained after it does not count
    (earlier, step), limit = card_of.find_stage(runs / "plateau", "elsewhere/short/checkpoints/step-00000003"), 3
    assert (earlier, step) == (runs / "short", limit) and card_of.read_stage(earlier, step)["steps"] == limit
    assert card_of.read_stage(earlier, step)["tokens"] < card_of.read_stage(earlier)["tokens"]
    assert main(["info", str(out), "--quiet"]) == 0
    assert "SST-2 accuracy 0.851" in capsys.readouterr().out


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_checkpoint_alone_says_what_is_not_known(runs, tmp_path, monkeypatch, capsys):
    import shutil

    newest = sorted((runs / "plateau" / "checkpoints").iterdir())[-1]
    shutil.copytree(newest, tmp_path / "step")
    out = tmp_path / "tiny-en"
    said, error = build(monkeypatch, capsys, tmp_path / "step", "--text", runs / "text", "--out", out, "--weights", "float32")
    assert error == "" and "has no run.json: the card names no earlier stage and no machine" in said
    card = json.loads((out / "card.json").read_text())
    assert len(card["stages"]) == 1 and card["weights"] == "float32"
    trained = ab.AlbertForPreTraining.from_pretrained(runs / "plateau").params
    assert (ab.AlbertForMaskedLM.from_pretrained(out).params.embeddings.word == trained.embeddings.word).all()


def test_errors_are_one_line_and_leave_nothing(runs, tmp_path, monkeypatch, capsys):
    out, text = tmp_path / "out", ["--text", runs / "text"]
    _, error = build(monkeypatch, capsys, runs / "plateau", *text, "--out", out, "--most", "0.001")
    assert "more than --most 0.001: nothing is written" in error and not out.exists()
    assert list(tmp_path.iterdir()) == []
    _, error = build(monkeypatch, capsys, runs / "text", *text, "--out", out)
    assert "is neither the folder of a run nor that of a checkpoint" in error
    _, error = build(monkeypatch, capsys, runs / "plateau", "--text", tmp_path, "--out", out)
    assert "has no such text" in error and not out.exists()
    (tmp_path / "bad.json").write_text('{"tasks": {"SST-2": {"mean": 0.8}}}')
    _, error = build(monkeypatch, capsys, runs / "plateau", *text, "--out", out, "--scores", tmp_path / "bad.json")
    assert 'SST-2 must have "metric", a text, and "mean", a number' in error
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    _, error = build(monkeypatch, capsys, runs / "plateau", *text, "--out", tmp_path / "full")
    assert "is not an empty folder: nothing is overwritten" in error
