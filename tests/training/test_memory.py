"""The estimate of memory against what a step really takes."""

import tracemalloc

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import reference
from albert_np.engine import threads
from albert_np.training.memory import empty_tree, estimate


@pytest.mark.parametrize("rate", [0.0, 0.1])
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("T", [64, 384])
def test_a_step_takes_about_what_is_estimated(recompute, rate, T, version):
    config = ab.AlbertConfig.preset(
        "tiny",
        vocab_size=500,
        max_position_embeddings=512,
        recompute=recompute,
        hidden_dropout_prob=rate,
        attention_probs_dropout_prob=rate,
    )
    model = ab.AlbertForPreTraining(config)
    lengths = np.full(1536 // T, T)
    N, masked = 1536, np.arange(0, 1536, 7)
    batch = model.pack_batch(
        ids=np.arange(N) % 500, lengths=lengths, token_types=np.zeros(N, int), positions=np.tile(np.arange(T), len(lengths)),
        masked_rows=masked, masked_labels=masked % 500, order_labels=np.zeros(len(lengths), int),
    )  # fmt: skip
    with threads.one_blas_thread():  # in one part: threads do not reach their peaks at the same time
        expected = estimate(config, N, T)
        tracemalloc.start()
        model.packed_loss_and_gradients(batch, dropout_key=ab.Dropout(0))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak == pytest.approx(expected["activations"] + expected["gradients"], rel=0.25)


def test_recomputing_and_the_kernels_take_less():
    config = ab.AlbertConfig.preset("base")
    with_kernels = estimate(config, 1024, 128)["activations"]
    assert estimate(config.replace(recompute=True), 1024, 128)["activations"] < 0.4 * with_kernels
    with reference():
        assert with_kernels < 0.7 * estimate(config, 1024, 128)["activations"]


def test_an_empty_tree_has_the_form_and_takes_nothing():
    config = ab.AlbertConfig.preset("xxlarge")
    tree = empty_tree(config)
    assert 220e6 < tree.count() < 240e6  # paper, Table 1: 235M, and the heads
    assert tree.flat.strides == (0,)


def test_parameters_gradients_and_moments():
    config = ab.AlbertConfig.preset("tiny")
    found = estimate(config, 1000, 64)
    assert found["parameters"] == found["gradients"] == 4 * ab.AlbertForPreTraining(config).params.count()
    assert found["moments"] == 2 * found["parameters"]
