"""The benchmark of sentence vectors: its pairs, its AUC, and a run from a file to the table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab

pytest.importorskip("sklearn")
FOLDER = Path(__file__).parent / "benchmarks"
VOCABULARY = Path(__file__).parents[1] / "notebooks" / "data" / "kjv-albert"
TOPICS = "the river and the boat on the water", "a soldier with his sword in the war", "bread and wine and oil for supper"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import embeddings

    return embeddings


@pytest.fixture
def text(tmp_path):
    """Nine documents about three topics."""
    written = [
        "\n".join(f"They saw {topic} {i} times {j}. Then it was {topic} {j} of {i}." for j in range(4))
        for i in range(3)
        for topic in TOPICS
    ]
    (tmp_path / "text.txt").write_text("\n\n".join(written) + "\n", encoding="utf-8")
    return tmp_path / "text.txt"


@pytest.fixture
def tiny():
    """A small model and its tokenizer."""
    tokenizer = ab.AlbertTokenizer.from_pretrained(VOCABULARY)
    sizes = dict(embedding_size=8, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
    return ab.AlbertModel(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **sizes)), tokenizer


def test_pairs(benchmark, text):
    found = benchmark.documents(text, 1)
    assert len(found) == 9 and all(len(document) > 3 for document in found)
    assert [len(document) for document in benchmark.documents(text, 2)] == [len(document) // 2 for document in found]
    passages, pairs = benchmark.choose_pairs(found, 50, 0)
    owner = {passage: {i for i, document in enumerate(found) if passage in document} for passage in passages}
    assert len(set(passages)) == len(passages) and len({tuple(row) for row in pairs}) > 40
    for a, b, c in pairs:
        assert a != b and owner[passages[a]] == owner[passages[b]] != owner[passages[c]]
    (text.parent / "known.txt").write_text("\n\n".join(text.read_text(encoding="utf-8").split("\n\n")[:7]), encoding="utf-8")
    assert len(benchmark.documents(text, 1, text.parent / "known.txt")) == 2


def test_auc(benchmark):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    same, other = rng.integers(0, 9, 40) / 8, rng.integers(0, 7, 40) / 8  # with ties
    expected = roc_auc_score([1] * 40 + [0] * 40, np.concatenate([same, other]))
    assert benchmark.auc(same, other) == pytest.approx(expected, abs=1e-12)


def test_treatments(benchmark):
    vectors = np.random.default_rng(0).normal(size=(30, 6)) * [1, 1, 9, 1, 1, 1] + 5
    assert benchmark.treat(vectors, "plain") is vectors
    assert np.allclose(benchmark.treat(vectors, "centred").mean(0), 0)
    without = benchmark.treat(vectors, "all but the top")
    assert np.allclose(without.mean(0), 0) and without.std(0)[2] < 1  # one direction less


@pytest.mark.parametrize("fusion", [(), (0, 2)])
def test_vectors_are_those_of_the_embedder(benchmark, tiny, fusion):
    model, tokenizer = tiny
    model = ab.AlbertModel(model.config.replace(fusion_layers=fusion), seed=1)
    passages = [f"In the beginning {'and so on ' * (i % 7)}{i}." for i in range(150)]
    found = benchmark.model_vectors(model, tokenizer, passages, [0, 1, 2])
    assert set(found) == {("mean", 0), ("mean", 1), ("mean", 2), ("cls", -1), ("pooler", -1)} | (
        {("mean", -1)} if fusion else set()
    )
    model.params.pooler.b[0] = 1e-30  # so that it counts as trained
    for (pooling, layer), vectors in found.items():
        expected = ab.Embedder(model, tokenizer, pooling=pooling, layer=layer).encode(passages)
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_from_a_file_to_the_table(benchmark, text, tiny, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "r.json"

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["embeddings.py", "--out", str(out), *map(str, arguments)])
        benchmark.main()
        return capsys.readouterr().out

    for part in tiny:
        part.save_pretrained(tmp_path / "model")
    settings = ["--model", tmp_path / "model", "--pairs", 20, "--layers", 0, 1]
    assert run(*settings, "--texts", text).startswith("text: ")
    methods = json.loads(out.read_text(encoding="utf-8"))["files"]["text"]["methods"]
    for name in ("TF-IDF", "mean, layer 1", "cls", "pooler", "best", "best minus TF-IDF", "random mean, layer 0", "random best"):
        assert len(methods[name]["plain"]) == 2
    assert methods["TF-IDF"]["plain"][0] > 0.6 and set(methods["mean, layer 0"]) == {"plain", "centred", "all but the top"}
    (tmp_path / "again.txt").write_bytes(text.read_bytes())
    run(*settings, "--texts", tmp_path / "again.txt")
    assert list(json.loads(out.read_text(encoding="utf-8"))["files"]) == ["text", "again"]  # added
    table = run("--table")
    assert (
        table.startswith("| AUC | text | again |") and "| mean, layer 1, centred |" in table and "all but the top |" not in table
    )
    assert len(run("--table", "--all")) > len(table)
