"""Nothing that computes takes int64 for an index where a 32-bit platform's NumPy would refuse it."""

import numpy as np
import pytest
from narrow_indices import Refused, narrow, wide

from albert_np import gradcheck, learn
from albert_np.core import reference
from albert_np.core.batch import Batch
from albert_np.core.model.albert import pretraining
from albert_np.data.blocks import cut_blocks
from albert_np.learn.exercises import LADDER
from albert_np.metrics.classification import classification_scores, confusion
from albert_np.models import AlbertConfig, AlbertForMaskedLM, AlbertForPreTraining, AlbertForTranslation
from albert_np.models.embedder import sentence_vectors

CONFIG = AlbertConfig(
    vocab_size=30, embedding_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
    max_position_embeddings=12, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _narrow():
    with narrow():
        yield


def test_the_stand_in_refuses_what_a_32_bit_platform_would():
    table, counts = np.zeros((5, 2)), wide([1, 2])
    for call in (
        lambda: np.take(table, counts, axis=0), lambda: np.take(table, indices=counts + np.arange(2), axis=0),
        lambda: np.repeat(np.arange(2), counts), lambda: np.bincount(counts), lambda: np.bincount(counts.astype(np.uint32)),
        lambda: np.add.reduceat(table, counts, axis=0), lambda: np.bincount(np.zeros(2, np.int64)),
    ):  # fmt: skip
        with pytest.raises(Refused, match="cannot be cast to intp"):
            call()
    assert np.take(table, np.flatnonzero(counts), axis=0).shape == (2, 2)
    assert np.repeat(np.arange(2), counts.astype(np.intp)).tolist() == [0, 1, 1] and np.add(counts, 1).tolist() == [2, 3]


def arguments():
    ids = wide(np.random.default_rng(0).integers(5, 30, (3, 7)))
    mask = wide([[1] * 7, [1, 1, 0, 1, 0, 0, 0], [1] * 5 + [0] * 2])
    return ids, {"attention_mask": mask, "token_type_ids": wide(np.tile([0, 0, 0, 1, 1, 1, 1], (3, 1)))}


@pytest.mark.usefixtures("version")
def test_the_pretraining_model_with_int64_inputs():
    ids, more = arguments()
    model = AlbertForPreTraining(CONFIG, seed=0)
    out = model(ids, **more, output_attentions=True)
    assert out.prediction_logits.shape == (3, 7, 30)
    loss, _ = model.loss_and_gradients(
        ids, **more, labels=np.where(more["attention_mask"] == 1, ids, -100), sentence_order_label=wide([0, 1, 0]), rng=1
    )
    assert np.isfinite(loss)


def test_a_batch_of_int64_arrays():
    lengths = wide([3, 4])
    batch = Batch.pack(
        wide(np.arange(7)), lengths, wide([0, 0, 1, 0, 0, 1, 1]), wide([0, 1, 2, 0, 1, 2, 3]), wide([5, 9]),
        masked_rows=wide([1, 4]), masked_labels=wide([7, 8]), order_labels=wide([1, 0]),
    )  # fmt: skip
    with reference():
        results, _ = pretraining(batch, AlbertForPreTraining(CONFIG, seed=0).params, CONFIG)
    assert np.isfinite(results.loss)


def test_generation_and_sentence_vectors():
    model = AlbertForTranslation(CONFIG, seed=0)
    assert len(model.generate(wide([[2, 7, 8, 3], [2, 9, 3, 0]]), num_beams=3, max_new_tokens=4)) == 2
    rows = [wide([2, 7, 3]), wide([2, 8, 9, 3])]
    assert sentence_vectors(AlbertForMaskedLM(CONFIG, seed=0), rows, [np.zeros_like(row) for row in rows]).shape == (2, 8)


LAYERS = [name for name in gradcheck.CHECKS if not name.startswith(("model", "distillation"))]
WHOLE = ["model: 12 shared layers, 3 levels fused, dropout, recompute", "model: relations", "model: multiple choice"]


@pytest.mark.parametrize("name", LAYERS + WHOLE)
def test_gradient_checks(name):
    assert all(report.passed for report in gradcheck.everything(names=[name]))


@pytest.mark.parametrize("name", LADDER)
def test_exercises(name):
    report = learn.check(learn.solution(name))
    assert report.passed, report


def test_metrics_do_not_overflow_32_bits():
    gold, predicted = wide(np.arange(100_000) % 2), wide(np.arange(100_000) % 3 % 2)
    assert confusion(gold, predicted, 2).sum() == 100_000
    assert -1 <= classification_scores(gold, predicted, 2)["matthews"] <= 1


def test_blocks_of_int64_units():
    class Corpus:
        segment_starts = wide(np.arange(0, 120, 6))

    blocks = cut_blocks(Corpus(), wide([[0, 9], [9, 19]]), 20, 0.1, 0, "google")
    assert len(blocks) and set(blocks.unit) == {0, 1}
