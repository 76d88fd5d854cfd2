"""ab.Embedder: the order of the texts, odd inputs, notes, and comparisons."""

import json

import numpy as np
import pytest
from examples import examples

import albert_np as ab
from albert_np.core import backend
from albert_np.training import encoding_progress

SIZES = dict(
    embedding_size=8, hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
    max_position_embeddings=40, initializer_range=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def texts():
    return [each.text for each in examples("classification", 40)] + ["", "Anna.", "In Rome, in Oslo and in Lima."]


@pytest.fixture(scope="module")
def model(tokenizer):
    return ab.AlbertForPreTraining(ab.AlbertConfig(vocab_size=len(tokenizer), **SIZES), seed=1, dtype="float64")


@pytest.fixture
def embedder(model, tokenizer):
    return ab.Embedder(model, tokenizer, progress=False)


def plainly(model, tokenizer, text, max_length=40):
    """The mean of the last hidden state over the attention mask."""
    batch = tokenizer(text, max_length=max_length, truncation=True)
    return backend.to_host(model(**batch).last_hidden_state)[0].mean(0)


def test_each_text_has_its_vector_in_the_order_of_the_texts(embedder, texts, model, tokenizer):
    vectors = embedder.encode(texts)
    assert vectors.shape == (43, 12) and vectors.dtype == np.float64
    np.testing.assert_allclose(vectors, [plainly(model, tokenizer, text) for text in texts], rtol=0, atol=1e-12)
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_allclose(embedder.encode([texts[i] for i in order]), vectors[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("limits", [dict(batch_size=1), dict(batch_size=3), dict(tokens_per_batch=1), dict(tokens_per_batch=40)])
def test_batches_do_not_matter(limits, embedder, texts, model, tokenizer, monkeypatch):
    sizes = []
    compute = ab.tasks.embedder.sentence_vectors
    monkeypatch.setattr(
        "albert_np.tasks.embedder.sentence_vectors",
        lambda model, ids, *rest: sizes.append([len(row) for row in ids]) or compute(model, ids, *rest),
    )
    vectors = ab.Embedder(model, tokenizer, progress=False, **limits).encode(texts)
    np.testing.assert_allclose(vectors, embedder.encode(texts), rtol=0, atol=1e-12)
    batches = sizes[:-1]
    if "batch_size" in limits:
        assert max(map(len, batches)) == limits["batch_size"]
    else:
        assert all(sum(batch) <= limits["tokens_per_batch"] or len(batch) == 1 for batch in batches)
    lengths = [length for batch in batches for length in batch]
    assert len(batches) > 3 and lengths == sorted(lengths, reverse=True)  # similar lengths in a batch, the longest first


@pytest.mark.parametrize("tokenised", [1, 7, 512])
def test_texts_are_tokenised_in_portions(tokenised, embedder, texts, monkeypatch):
    expected = embedder.encode(texts)
    monkeypatch.setattr("albert_np.tasks.embedder.TOKENISED", tokenised)
    assert np.array_equal(embedder.encode(texts), expected)


def test_forms_of_the_texts(embedder, texts):
    expected = embedder.encode(texts[:3])
    for given in (tuple(texts[:3]), (text for text in texts[:3]), np.array(texts[:3]), dict.fromkeys(texts[:3]).keys()):
        np.testing.assert_array_equal(embedder.encode(given), expected)
    assert embedder.encode(texts[0]).shape == (1, 12)
    np.testing.assert_allclose(embedder.encode(texts[0])[0], expected[0], rtol=0, atol=1e-12)
    assert embedder.encode([]).shape == (0, 12)


def test_a_column_of_a_table(embedder, texts):
    """Like a pandas Series: iterating gives the values, indexing goes by labels."""

    class Series:
        def __iter__(self):
            return iter(texts[:3])

        def __getitem__(self, label):
            raise KeyError(label)

    np.testing.assert_array_equal(embedder.encode(Series()), embedder.encode(texts[:3]))
    frame = type("DataFrame", (), {"columns": ["text"], "to_dict": None, "__iter__": lambda self: iter(["text"])})()
    with pytest.raises(ValueError, match="texts: expected a list of str, got a DataFrame: choose one of its columns"):
        embedder.encode(frame)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", None], r"texts\[1\]: expected a str, got NoneType None"),
        (["a", "b", float("nan")], r"texts\[2\]: expected a str, got float nan"),
        ([("a", "b")], r"texts\[0\]: expected a str, got tuple"),
        ([b"a"], r"texts\[0\]: expected a str, got bytes"),
        (["a", "\ud800"], r"texts\[1\]: the text is not Unicode"),
        (b"a", "texts: expected a str or a list of str, got bytes"),
        (3, "texts: expected a str or a list of str, got int 3"),
        (None, "texts: expected a str or a list of str, got NoneType None"),
        ({"a": 1}, "texts: expected a str or a list of str, got dict"),
        ({"a"}, "texts: expected a str or a list of str, got set"),
        (np.array([["a"]]), "texts: expected a str or a list of str, got ndarray"),
    ],
)
def test_what_is_not_a_list_of_texts(given, message, embedder):
    with pytest.raises(ValueError, match=message):
        embedder.encode(given)


def test_long_texts_are_cut_with_one_note(model, tokenizer, texts):
    embedder = ab.Embedder(model, tokenizer, max_length=6, progress=False)
    ids = [len(tokenizer.encode(text)) for text in texts]
    assert 6 in ids and max(ids) > 7  # a text that just fits is not cut
    many = sum(length > 6 for length in ids)
    with pytest.warns(
        UserWarning, match=rf"^{many} of 43 texts are longer than max_length 6 tokens: cut; set `max_length` for"
    ) as w:
        vectors = embedder.encode(texts)
    assert len(w) == 1
    np.testing.assert_allclose(vectors, [plainly(model, tokenizer, text, 6) for text in texts], rtol=0, atol=1e-12)
    with pytest.warns(UserWarning, match=r"^1 of 1 texts is longer than max_length 40 tokens: cut$"):
        ab.Embedder(model, tokenizer).encode("Anna sees the apple. " * 2000)


def test_arguments(model, tokenizer, tmp_path):
    for given, message in (
        (dict(pooling="max"), "pooling: expected one of mean, cls, pooler, got 'max'"),
        (dict(layer=4), "layer: expected 0 "),
        (dict(pooling="pooler", layer=1), "layer: the pooler reads the model's output"),
        (dict(max_length=41), "max_length: the model has 40 positions, got 41"),
        (dict(max_length=2), "max_length: expected an integer, 3 or more, got 2"),
        (dict(batch_size=0), "batch_size: expected an integer, 1 or more, got 0"),
        (dict(tokens_per_batch=1.5), "tokens_per_batch: expected an integer, 1 or more, got 1.5"),
    ):
        with pytest.raises(ValueError, match=message):
            ab.Embedder(model, tokenizer, **given)
    with pytest.raises(ValueError, match=r"model: expected a model such as AlbertModel, got 'runs'; Embedder.from_pretrained"):
        ab.Embedder("runs", tokenizer)
    for wrong in (None, "runs"):
        with pytest.raises(ValueError, match=f"tokenizer: expected one such as AlbertTokenizer, got {wrong!r}"):
            ab.Embedder(model, wrong)
    small = ab.AlbertModel(ab.AlbertConfig(**{**SIZES, "vocab_size": 9}))
    with pytest.raises(ValueError, match=r"the tokenizer has .* pieces, but the model's vocab_size is 9"):
        ab.Embedder(small, tokenizer)


def test_normalised(model, tokenizer, texts):
    unit = ab.Embedder(model, tokenizer, normalize=True, progress=False).encode(texts)
    plain = ab.Embedder(model, tokenizer, progress=False).encode(texts)
    np.testing.assert_allclose(unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), rtol=0, atol=1e-12)


def test_the_pooler(model, tokenizer, texts):
    """A pooler that was never trained is a note, one that is missing an error."""
    with pytest.warns(UserWarning, match=r"the pooler was never trained \(all of its biases are 0\)"):
        ab.Embedder(model, tokenizer, pooling="pooler")
    model.params.pooler.b[0] = 0.1
    try:
        vectors = ab.Embedder(model, tokenizer, pooling="pooler", progress=False).encode(texts[:2])
    finally:
        model.params.pooler.b[0] = 0
    assert np.abs(vectors).max() < 1  # tanh
    masked = ab.AlbertForMaskedLM(model.config)
    with pytest.raises(ValueError, match="this model has no pooler"):
        ab.Embedder(masked, tokenizer, pooling="pooler")
    assert ab.Embedder(masked, tokenizer, progress=False).encode(texts[:2]).dtype == np.float32


CLASSES = (
    "AlbertModel", "AlbertForPreTraining", "AlbertForMaskedLM", "AlbertForSequenceClassification", "AlbertForTokenClassification",
    "AlbertForQuestionAnswering", "AlbertForRelationClassification", "AlbertForTranslation",
)  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_a_model_of_any_class_is_loaded(name, tokenizer, texts, tmp_path):
    model = getattr(ab, name)(ab.AlbertConfig(vocab_size=len(tokenizer), **SIZES), seed=2)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = ab.Embedder.from_pretrained(tmp_path, dtype="float64", layer=2, max_length=30, progress=False)
    assert loaded.layer == 2 and loaded.max_length == 30
    expected = ab.Embedder(model, tokenizer, layer=2, max_length=30, progress=False)
    np.testing.assert_allclose(loaded.encode(texts[:5]), expected.encode(texts[:5]), rtol=0, atol=1e-6)


def test_the_tokenizer_may_be_elsewhere(model, tokenizer, texts, tmp_path):
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "vocabulary")
    with pytest.raises(FileNotFoundError):
        ab.Embedder.from_pretrained(tmp_path / "model")
    loaded = ab.Embedder.from_pretrained(tmp_path / "model", tokenizer=tmp_path / "vocabulary", progress=False)
    assert loaded.encode(texts[:2]).shape == (2, 12)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["num_hidden_layers"] == 3


def test_comparisons(embedder, texts):
    vectors = embedder.encode(texts)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.similarity(texts), unit @ unit.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(embedder.similarity(texts[0], vectors[1:3]), unit[:1] @ unit[1:3].T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(embedder.similarity(vectors[0], vectors.tolist()), unit[:1] @ unit.T, rtol=0, atol=1e-12)
    indices, similarities = embedder.nearest(texts[3], texts, k=2)
    assert indices.shape == similarities.shape == (1, 2) and indices[0, 0] == 3 and similarities[0, 0] == pytest.approx(1)
    assert np.array_equal(embedder.nearest(texts[:4], vectors, 3).indices, np.argsort(-(unit[:4] @ unit.T), kind="stable")[:, :3])
    for given, message in (([None], r"corpus\[0\]: expected a str"), (np.zeros((2, 5)), "vectors of 12 and of 5 numbers")):
        with pytest.raises(ValueError, match=message):
            embedder.nearest(texts[0], given)


def test_sts(embedder, texts):
    from scipy.stats import spearmanr

    pairs = list(zip(texts[:10], texts[10:20]))
    gold = np.arange(10)[::-1] % 4
    vectors = embedder.encode(texts[:20])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (unit[:10] * unit[10:]).sum(1)
    assert embedder.score_sts(iter(pairs), gold)["spearman"] == pytest.approx(spearmanr(gold, cosines).statistic, abs=1e-12)
    for given, message in (
        (["ab"], r"pairs\[0\]: expected two texts, got 'ab'"),
        ([("a", "b"), ("a",)], r"pairs\[1\]: expected two texts"),
        ([("a", "b"), ("a", None)], r"pairs\[1\]\[1\]: expected a str, got NoneType"),
        ([("a", "b")] * 3, "as many scores as pairs"),
    ):
        with pytest.raises(ValueError, match=message):
            embedder.score_sts(given, [1, 2])
    for wrong, message in ((["1", "x"], "scores: expected a number for each pair.*'x'"), ([1, None], r"scores\[1\] is NaN")):
        with pytest.raises(ValueError, match=message):
            embedder.score_sts(pairs[:2], wrong)


def test_sts_of_a_table(embedder, texts):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed (the extra dev)")
    pairs = list(zip(texts[:5], texts[5:10]))
    table = pandas.DataFrame(pairs, columns=["one", "other"], index=range(7, 12))
    assert embedder.score_sts(table, pandas.Series(range(5))) == embedder.score_sts(pairs, range(5))
    with pytest.raises(ValueError, match=r"pairs\[0\]: expected two texts"):
        embedder.score_sts(table[["one"]], range(5))


def test_progress_of_a_long_pass(model, tokenizer, texts, capsys, monkeypatch):
    ab.Embedder(model, tokenizer, batch_size=1).encode(texts)
    assert capsys.readouterr() == ("", "")  # it takes only a moment
    monkeypatch.setattr(encoding_progress, "MOMENT", 0.0)
    ab.Embedder(model, tokenizer, batch_size=1).encode(texts)
    out, err = capsys.readouterr()
    assert out == "" and "encoding" in err and "100%" in err and len(err.splitlines()) < 4
    ab.Embedder(model, tokenizer, batch_size=1, progress=False).encode(texts)
    ab.Embedder(model, tokenizer, batch_size=1).encode(texts, progress=False)
    assert capsys.readouterr() == ("", "")


def test_repr(embedder):
    assert repr(embedder).startswith("Embedder(pooling='mean', layer=-1, normalize=False, max_length=40; AlbertForPreTraining(")
