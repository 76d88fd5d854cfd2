import math
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from data_tools import LetterTokenizer, make_corpus, text

from albert_np.data import Corpus, Example, PretrainingData, collate, split_batch, split_corpus

CLS, SEP, MASK = 2, 3, 4
STYLES = ["google", "paper"]
OBJECTIVES = ["sop", "nsp", "none"]


def make(corpus, units=None, **options):
    return PretrainingData(corpus, units, **({"max_length": 64, "tokens_per_batch": 600, "seed": 1} | options))


def same(a, b):
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)


def test_collate():
    first = Example(7, np.array([CLS, 9, MASK, SEP, 8, SEP], np.int32), 4, np.array([2]), np.array([10], np.int32), 1)
    second = Example(3, np.array([CLS, 5, SEP, MASK, 6, SEP], np.int32), 3, np.array([1, 3]), np.array([5, 11], np.int32), 0)
    batch = collate([first, second])
    expected = {
        "ids": [CLS, 9, MASK, SEP, 8, SEP, CLS, 5, SEP, MASK, 6, SEP],
        "token_types": [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1],
        "positions": [0, 1, 2, 3, 4, 5] * 2,
        "lengths": [6, 6],
        "examples": [7, 3],
        "masked_rows": [2, 7, 9],
        "masked_labels": [10, 5, 11],
        "order_labels": [1, 0],
    }
    assert {name: array.tolist() for name, array in batch.items()} == expected
    wide = {"lengths": np.intp, "examples": np.int64, "masked_rows": np.intp}
    assert all(array.dtype == wide.get(name, np.int32) for name, array in batch.items())
    with pytest.raises(ValueError, match="at least one example"):
        collate([])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_epoch(corpus, style, objective):
    data = make(corpus, style=style, objective=objective)
    word_ids = np.flatnonzero(~corpus.vocabulary.special)
    indices = []
    for step in range(data.steps_per_epoch(0)):
        batch = data.batch(0, step)
        N, B, M = len(batch["ids"]), len(batch["lengths"]), len(batch["masked_rows"])
        assert N == batch["lengths"].sum() <= 600
        assert batch["token_types"].shape == batch["positions"].shape == (N,) and batch["examples"].shape == (B,)
        assert batch["lengths"].max() <= 64
        assert np.array_equal(batch["lengths"], data.lengths(0)[batch["examples"]]), "the sampler used other lengths"
        starts = np.cumsum(batch["lengths"]) - batch["lengths"]
        assert (batch["ids"][starts] == CLS).all() and (batch["positions"][starts] == 0).all()
        assert (batch["ids"] == CLS).sum() >= B and (batch["ids"] == SEP).sum() >= 2 * B
        ends = starts + batch["lengths"] - 1
        assert (batch["ids"][ends] == SEP).all() and (batch["token_types"][ends] == 1).all()
        change = np.flatnonzero(np.diff(batch["token_types"]) == 1)
        assert len(change) == B and (batch["ids"][change] == SEP).all(), "segment 0 ends with the first [SEP]"
        assert (np.diff(batch["masked_rows"]) > 0).all() and batch["masked_labels"].shape == (M,)
        assert np.isin(batch["masked_labels"], word_ids).all()
        assert ("order_labels" in batch) == (objective != "none")
        indices += batch["examples"].tolist()
    assert sorted(indices) == list(range(len(data)))
    report = data.report(0)
    assert report["each_exactly_once"] and 0 <= report["single_segment_share"] < 1


@pytest.mark.parametrize("style", STYLES)
def test_labels_are_the_text(corpus, style):
    """With the labels put back an example is a run of the corpus."""
    data = make(corpus, style=style)
    every = LetterTokenizer().decode(corpus.tokens).replace(" ", "")
    for example in data.examples(0, range(40)):
        ids = example.ids.copy()
        ids[example.masked_positions] = example.labels
        for half in (ids[1 : example.first_length - 1], ids[example.first_length : -1]):
            assert len(half) and LetterTokenizer().decode(half).replace(" ", "") in every


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("batches", ["balanced", "random"])
def test_a_batch_is_a_pure_function_of_epoch_and_step(corpus, style, batches):
    data, fresh = (make(corpus, style=style, batches=batches) for _ in range(2))
    first = data.batch(0, 2)
    data.batch(1, 0)
    assert same(first, data.batch(0, 2)) and same(first, fresh.batch(0, 2))
    assert not same(first, data.batch(1, 2)) and not same(first, make(corpus, style=style, seed=2).batch(0, 2))


def test_masks_and_halves_differ_between_epochs_the_text_does_not(corpus):
    data = make(corpus)

    def pieces(example):
        ids = example.ids.copy()
        ids[example.masked_positions] = example.labels
        return sorted(ids.tolist())

    for number in range(30):
        a, b = data.example(0, number), data.example(1, number)
        assert a.ids.tolist() != b.ids.tolist()
        if len(a.ids) < 64:  # nothing was truncated
            assert pieces(a) == pieces(b)


def test_rate_and_labels_over_epochs(corpus):
    data = make(corpus, max_ngram=2)
    batches = [data.batch(epoch, step) for epoch in range(4) for step in range(data.steps_per_epoch(epoch))]
    tokens = sum(len(batch["ids"]) for batch in batches)
    masked = sum(len(batch["masked_rows"]) for batch in batches)
    assert 0.13 < masked / tokens < 0.16
    masks = sum((batch["ids"] == MASK).sum() for batch in batches) / masked
    assert abs(masks - 0.8) < 0.03
    labels = np.concatenate([batch["order_labels"] for batch in batches])
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / math.sqrt(len(labels))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_micro_batches_are_the_batch(corpus, k):
    data = make(corpus)
    batch, parts = data.batch(0, 1), data.micro_batches(0, 1, k)
    assert len(parts) == k
    assert sorted(np.concatenate([part["examples"] for part in parts]).tolist()) == sorted(batch["examples"].tolist())
    assert sum(len(part["masked_rows"]) for part in parts) == len(batch["masked_rows"])
    sizes = [len(part["ids"]) for part in parts]
    assert max(sizes) - min(sizes) <= 64
    if k == 1:
        assert same(parts[0], batch)


def test_more_micro_batches_than_examples(corpus):
    data = make(corpus, tokens_per_batch=64)
    parts = data.micro_batches(0, 0, 9)
    assert 1 <= len(parts) < 9 and len(split_batch(data.step_examples(0, 0), data.cost(data.lengths(0)), 9)) == 9


def test_train_and_held_out_share_no_text(corpus):
    train_units, held_units = split_corpus(corpus, 0.2, 0)
    train = make(corpus, train_units)
    held = train.held_out(held_units)

    def segments(data):
        return {s for a, b in zip(data.blocks.first, data.blocks.stop) for s in range(a, b)}

    assert segments(train) and segments(held) and not segments(train) & segments(held)


def test_held_out_is_fixed_and_paper_style(corpus):
    train_units, held_units = split_corpus(corpus, 0.2, 0)
    train = make(corpus, train_units, style="google")
    held = train.held_out(held_units, tokens_per_batch=1000)
    assert held.style == "paper" and held.max_length == 64
    first = list(held)
    train.batch(3, 0)
    held.lengths(5)
    assert all(same(a, b) for a, b in zip(first, held)) and len(first) == held.steps_per_epoch(0)
    assert sum(len(batch["lengths"]) for batch in first) == len(held)


def test_unigram_entropy(corpus):
    train_units, held_units = split_corpus(corpus, 0.2, 0)
    train = make(corpus, train_units)
    held = train.held_out(held_units)
    counts = np.zeros(corpus.vocabulary.size)
    for a, b in train_units:
        for piece in corpus.segment_ids(a, b):
            counts[piece] += 1
    p = (counts + 1) / (counts + 1).sum()
    labels = [int(label) for batch in held for label in batch["masked_labels"]]
    assert math.isclose(held.unigram_entropy(train), -np.mean([math.log(p[label]) for label in labels]), rel_tol=1e-12)
    assert 2 < held.unigram_entropy(train) < math.log(corpus.vocabulary.size)


def test_unknown_pieces_are_not_predicted_in_paper_style(tmp_path):
    data = make(make_corpus(tmp_path, "Öne twö. Thrée föur.\n" * 40))
    examples = [data.example(epoch, number) for epoch in range(5) for number in range(len(data))]
    assert any(1 in example.ids for example in examples)
    assert not any(1 in example.labels for example in examples)


# -- what goes wrong ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["paper"])
def test_too_small_for_a_pair(tmp_path, style):
    corpus = make_corpus(tmp_path, "Word.\n\nAnother.\n")
    with pytest.raises(ValueError, match=r"too small for one sentence pair: 2 of 2 documents \(2 sentences, 13 tokens"):
        make(corpus, style=style)


def test_nothing_held_out(corpus):
    with pytest.raises(ValueError, match="too small for one sentence pair: 0 of 40 documents"):
        make(corpus).held_out(split_corpus(corpus, 0, 0)[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "mine"}, "style must be one of paper, google, not 'mine'"),
        ({"objective": "mlm"}, "objective must be one of sop, nsp, none, not 'mlm'"),
        ({"max_length": 5}, "max_length must be at least 8, not 5"),
        ({"short_seq_prob": 2}, "short_seq_prob must be between 0 and 1"),
        ({"attention_cost": -1}, "attention_cost must not be negative"),
        ({"tokens_per_batch": 0}, "tokens_per_batch must be positive, not 0"),
        ({"max_ngram": 0}, "max_ngram must be at least 1"),
        ({"masked_lm_prob": 0}, "masked_lm_prob must be between 0 and 1"),
    ],
)
def test_wrong_settings(corpus, options, message):
    with pytest.raises(ValueError, match=message):
        make(corpus, **options)


def test_wrong_step_and_mode(corpus):
    data = make(corpus)
    with pytest.raises(ValueError, match=rf"epoch 0 has the steps 0 to {data.steps_per_epoch(0) - 1}, not 100000"):
        data.batch(0, 100_000)
    with pytest.raises(ValueError, match="batches must be one of balanced, random, not 'fair'"):
        make(corpus, batches="fair")


def test_a_cap_that_lowers_the_rate_is_said(corpus):
    with pytest.warns(UserWarning, match="max_predictions=4 lowers .* of 64 tokens 6.2% instead of 15.0%"):
        data = make(corpus, max_predictions=4)
    assert max(len(example.masked_positions) for example in data.examples(0, range(30))) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(corpus).masker.max_predictions == 10


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_balance_and_speed_on_real_text(tmp_path_factory, style):
    data = os.environ.get("ALBERT_NP_DATA")
    if not data:
        pytest.skip("ALBERT_NP_DATA is not set")
    folder = tmp_path_factory.getbasetemp() / "sotu"
    corpus = Corpus.prepare([Path(data) / "corpus" / "sotu.txt.xz"], LetterTokenizer(), folder, max_length=128)
    train, held = split_corpus(corpus, 0.02, 0)
    pretraining = make(corpus, train, style=style, max_length=128, tokens_per_batch=8 * 128, attention_cost=1e-3)
    for epoch in range(2):
        report = pretraining.report(epoch)
        assert report["each_exactly_once"]
        assert report["heaviest_over_mean_cost"] <= 1.05 and report["heaviest_over_mean_tokens"] <= 1.05
    start, tokens = time.process_time(), 0
    for step in range(200):
        tokens += len(pretraining.batch(1, step)["ids"])
    assert tokens / (time.process_time() - start) > 200_000
    assert len(pretraining.held_out(held)) > 100


def test_many_epochs_of_a_tiny_corpus(tmp_path):
    """Eight pairs, to be learned by heart: every epoch is there, also in one batch."""
    data = make(make_corpus(tmp_path, text(documents=4, sentences=(4, 5))), tokens_per_batch=10_000, short_seq_prob=0)
    assert {data.steps_per_epoch(epoch) for epoch in range(20)} == {1}
    assert len(data.batch(19, 0)["lengths"]) == len(data)
