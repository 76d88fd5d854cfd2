"""albert-np inspect: one text in, a summary, a page, two pictures and the numbers out."""

import io
import json
import sys

import numpy as np
import pytest
import stories
from matplotlib.image import imread

import albert_np as ab
from albert_np.apps.cli import main

FILES = ["inspect.html", "attention.png", "hidden.png", "inspect.json"]
TEXT = "The cat [MASK] in the barn."


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from albert_np.text import AlbertTokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("model")
    train_tokenizer(stories.TEXT.splitlines(), folder / "spiece.model", 60)
    tokenizer = AlbertTokenizer(folder / "spiece.model")
    tokenizer.save_pretrained(folder)
    config = ab.AlbertConfig(
        vocab_size=60, embedding_size=8, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=40, initializer_range=0.2,
    )  # fmt: skip
    ab.AlbertForMaskedLM(config, seed=1).save_pretrained(folder)
    return folder


@pytest.fixture
def run(model, capsys):
    def inspect(*arguments, code=0):
        assert main(["inspect", "--model", str(model), *map(str, arguments)]) == code
        return capsys.readouterr()

    return inspect


def test_files_and_summary(run, model, tmp_path):
    out = tmp_path / "a" / "b"
    printed = run(TEXT, "--out", out, "--top-k", 2)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES) and printed.err == ""
    seen = ab.inspect(TEXT, model, top_k=2)
    assert printed.out == f"{seen.summary()}\n\n{', '.join(str(out / name) for name in FILES)}\n"
    assert (out / "inspect.html").read_text(encoding="utf-8") == seen.page()
    for name in ("attention.png", "hidden.png"):
        assert imread(out / name).std() > 0.01
    values = json.loads((out / "inspect.json").read_text(encoding="utf-8"))
    assert values == json.loads(json.dumps(seen.as_json())) and values["tokens"] == seen.tokens
    np.testing.assert_allclose(values["attentions"], seen.attentions, atol=1e-5)
    assert [len(layer["answers"]) for layer in values["fillings"][0]["layers"]] == [2, 2, 2]


def test_the_summary_has_a_line_for_each_head_and_layer(run):
    lines = run(TEXT, "--json").out
    assert len(json.loads(lines)["heads"]) == 4
    printed = ab.inspect(TEXT).summary().splitlines()
    assert printed[0].startswith("9 tokens: [CLS] the cat [MASK] in the barn") and "uniform attention" in printed[2]
    assert printed[3].split()[:6] == ["layer", "head", "distance", "keys", "looks", "like"]
    assert [line.split()[:2] for line in printed[4:28]] == [[str(l), str(a)] for l in range(1, 5) for a in range(1, 7)]
    assert [line[:10].strip() for line in printed[-5:]] == ["embeddings", "layer 1", "layer 2", "layer 3", "layer 4"]


def test_json_prints_one_object_and_writes_nothing(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = run(TEXT, "--json")
    values = json.loads(printed.out)
    assert printed.err == "" and not list(tmp_path.iterdir()) and "files" not in values
    assert {"previous", "[CLS]"} <= set(values["heads"][0]["shares"])
    assert json.loads(run(TEXT, "--json", "--out", tmp_path / "x").out)["files"] == [str(tmp_path / "x" / name) for name in FILES]


def test_the_folder_by_default(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(TEXT, "--quiet").out == ""
    run("The dog [MASK].", "--quiet")  # the next text takes its place
    assert sorted(path.name for path in (tmp_path / "inspect").iterdir()) == sorted(FILES)
    assert "The dog" in (tmp_path / "inspect" / "inspect.html").read_text(encoding="utf-8")


def test_standard_input_is_one_text(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfThe cat\nsleeps.\n")))
    assert json.loads(run("--json").out)["text"] == "The cat\nsleeps."


def test_a_pair_and_no_special_tokens(run):
    values = json.loads(run("The cat sleeps.", "--pair", "The dog [MASK].", "--no-special-tokens", "--json").out)
    assert values["pair"] == "The dog [MASK]." and set(values["token_types"]) == {0, 1}
    assert "[CLS]" not in values["tokens"] and "[MASK]" in values["tokens"] and "other text" in values["heads"][0]["shares"]


@pytest.mark.filterwarnings("ignore:the font of the figures")
def test_what_is_doubtful_is_said(run, tmp_path):
    printed = run("The cat 🍕 sleeps.", "--out", tmp_path)
    assert "the vocabulary lacks 1 of" in printed.err and "🍕" in printed.err
    assert "no [MASK], so there are no fillings by layer" in printed.out


def test_the_packaged_model_is_named(capsys, tmp_path):
    assert main(["inspect", "It was a cold [MASK].", "--out", str(tmp_path)]) == 0
    assert "the model is albert-np-mini-en, which is part of the package" in capsys.readouterr().err
    assert (tmp_path / "inspect.html").stat().st_size < 300_000


def test_mistakes(fails, model, tmp_path, monkeypatch):
    def inspect(*arguments, code=2):
        return fails("inspect", "--model", model, *arguments, code=code)

    out = "--out", tmp_path / "out"
    assert "text: it is empty" in inspect("", *out)
    assert "and the model takes 40: shorten the text" in inspect("cat " * 50, *out)
    (tmp_path / "file").touch()
    assert "is a file; --out needs a folder" in inspect("cat", "--out", tmp_path / "file")
    assert "page.html: --out is the name of a folder, " in inspect("cat", "--out", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    assert "cannot be created" in inspect("cat", "--out", "/proc/no/such", code=1)
    assert "no tokenizer" in fails("inspect", "--model", tmp_path, "cat", *out, code=1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n \n")))
    assert "there is no text on standard input" in inspect(*out)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    assert "standard input, line 1: it must be UTF-8" in inspect(*out, code=1)
    assert not (tmp_path / "out").exists()


def test_many_weights_are_left_out_of_the_numbers(run, tmp_path, monkeypatch):
    from albert_np.apps.inspect import summary

    monkeypatch.setattr(summary, "MOST_NUMBERS", 10)
    printed = run(TEXT, "--out", tmp_path)
    assert "has no attention weights, since there are" in printed.err
    assert json.loads((tmp_path / "inspect.json").read_text(encoding="utf-8"))["attentions"] is None


def test_help_has_an_example(capsys):
    assert main(["inspect", "--help"]) == 0
    assert "Example: albert-np inspect " in " ".join(capsys.readouterr().out.split())
