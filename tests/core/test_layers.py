"""Each layer: gradients, dtypes, arrays that are not contiguous, and its forward pass against numbers that are known."""

import math

import numpy as np
import pytest
from helpers import check_layer

from albert_np.core import layers
from albert_np.core.layers.activations import gelu, gelu_new, relu, tanh
from albert_np.core.layers.dropout import threshold
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.gradcheck.examples import sequences
from albert_np.models.config import ACTIVATIONS
from albert_np.models.layers import attention_probabilities

pytestmark = pytest.mark.usefixtures("version")  # every test runs twice: with the operations of core, and with the kernels

ATTENTION = {name: {"w": (12, 12), "b": (12,)} for name in ("query", "key", "value", "output")}


def dropout_rows(N):
    return RandomKey(3, 1, ("test", 0), np.stack([np.arange(N), np.arange(N) % 5], axis=1))


# ---- gradients, layouts and dtypes: one line per layer, see `check_layer` ----


def test_linear():
    check_layer(layers.linear, layers.linear_backward, {"x": (5, 4)}, {"w": (4, 3), "b": (3,)})


def test_layer_norm():
    check_layer(layers.layer_norm, layers.layer_norm_backward, {"x": (5, 7)}, {"gamma": (7,), "beta": (7,)})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    check_layer(
        lambda x: layers.activation(x, name),
        lambda dy, c: layers.activation_backward(dy, c, name),
        {"x": (5, 7)},
        kinks=name == "relu",
    )


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6)])
def test_softmax(shape):
    check_layer(layers.softmax, layers.softmax_backward, {"x": shape})


def test_dropout():
    check_layer(lambda x: layers.dropout(x, 0.4, dropout_rows(9)), layers.dropout_backward, {"x": (9, 13)})


def test_gather():
    check_layer(lambda x: layers.gather(x, np.array([2, 0, 2])), layers.gather_backward, {"x": (5, 3)})


def test_embedding():
    ids, positions, types = np.array([[4, 2, 4, 4], [0, 1, 2, 0], [0, 1, 1, 0]])
    check_layer(
        lambda p: layers.embedding(ids, positions, types, p),
        lambda dy, cache, p, g: layers.embedding_backward(dy, cache, g),
        {}, {"word": (7, 3), "position": (5, 3), "token_type": (2, 3)},
    )  # fmt: skip


@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_attention(translation, rate):
    here = sequences(translation)
    check_layer(
        lambda x, p: layers.attention(x, p, here, 3, rate, dropout_rows(18)),
        lambda dy, cache, p, g: layers.attention_backward(dy, cache, p, g, here, 3),
        {"x": (18, 12)}, ATTENTION,
    )  # fmt: skip


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_feed_forward(act):
    form = {"intermediate": {"w": (4, 9), "b": (9,)}, "output": {"w": (9, 4), "b": (4,)}}
    check_layer(
        lambda x, p: layers.feed_forward(x, p, act),
        lambda dy, cache, p, g: layers.feed_forward_backward(dy, cache, p, g, act),
        {"x": (5, 4)}, form, kinks=act == "relu",
    )  # fmt: skip


def test_fuse():
    check_layer(layers.fuse, layers.fuse_backward, {"low": (5, 4), "high": (5, 4)}, {"w": (8, 4), "b": (4,)})


def test_pooler():
    check_layer(lambda x, p: layers.pooler(x, p, sequences()), layers.pooler_backward, {"x": (18, 4)}, {"w": (4, 4), "b": (4,)})


@pytest.mark.parametrize("M", [1, 6])
def test_cross_entropy(M):
    labels, weights = np.arange(M) % 5, np.linspace(0.5, 2, M).astype(np.float32)
    check_layer(lambda x: layers.cross_entropy(x, labels, weights, 3.0), layers.cross_entropy_backward, {"x": (M, 5)})


@pytest.mark.parametrize("N", [1, 2])
def test_few_rows(N):
    check_layer(layers.linear, layers.linear_backward, {"x": (N, 4)}, {"w": (4, 3), "b": (3,)})
    check_layer(layers.layer_norm, layers.layer_norm_backward, {"x": (N, 5)}, {"gamma": (5,), "beta": (5,)})


# ---- forward passes against what is known ----


def test_activations_at_known_points():
    x = np.array([[-1.0, 0.0, 1.0, 2.0]])
    np.testing.assert_allclose(gelu(x)[0][0], [-0.15865525393145707, 0, 0.8413447460685429, 1.9544997361036416], rtol=1e-14)
    np.testing.assert_allclose(gelu_new(x)[0][0], [-0.15880800939172324, 0, 0.8411919906082768, 1.954597694087775], rtol=1e-12)
    assert relu(x)[0].tolist() == [[0, 0, 1, 2]] and np.array_equal(tanh(x)[0], np.tanh(x))
    far = np.linspace(-6, 6, 4001)[None]
    assert 4.6e-4 < np.abs(gelu(far)[0] - gelu_new(far)[0]).max() < 4.8e-4


@pytest.mark.parametrize("act", [gelu, gelu_new, relu, tanh])
def test_activations_far_out_are_finite(act):
    x = np.array([[-1e4, 1e4]], np.float32)
    y, cache = act(x)
    assert np.isfinite(y).all() and np.isfinite(layers.activation_backward(np.ones_like(x), cache, act.__name__)).all()


def test_softmax_sums_to_one_and_survives_large_and_missing_scores():
    y, _ = layers.softmax(np.array([[1000.0, 1001.0, -np.inf], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(y, [[1 / (1 + math.e), math.e / (1 + math.e), 0], [1 / 3] * 3], rtol=1e-14)


def test_linear_by_hand():
    p = parameters({"w": (2, 3), "b": (3,)}, 0)
    p.w[...], p.b[...] = [[1, 2, 3], [4, 5, 6]], [10, 20, 30]
    y, _ = layers.linear(np.array([[1.0, -1.0]]), p)
    np.testing.assert_allclose(y, [[1 - 4 + 10, 2 - 5 + 20, 3 - 6 + 30]], rtol=1e-15)


def test_layer_norm_by_hand():
    p = parameters({"gamma": (4,), "beta": (4,)}, 0)
    p.gamma[...], p.beta[...] = [1, 2, 3, 4], [0.5, 0, 0, -0.5]
    y, _ = layers.layer_norm(np.array([[1.0, 3.0, 1.0, 3.0]]), p, eps=0.0)  # mean 2, variance 1
    np.testing.assert_allclose(y, [[-1 + 0.5, 2, -3, 4 - 0.5]], rtol=1e-14)


def test_pooler_reads_the_first_token_of_each_sequence():
    p, x = parameters({"w": (4, 4), "b": (4,)}, 0), np.random.default_rng(0).standard_normal((18, 4))
    y, _ = layers.pooler(x, p, sequences())  # lengths 8, 1, 9
    np.testing.assert_allclose(y, np.tanh(x[[0, 8, 9]] @ p.w + p.b), rtol=1e-12)


def test_attention_by_its_formula():
    """Sequence by sequence and head by head: softmax(q kᵀ / √D) v, the heads side by side, then the output's linear map."""
    p, x = parameters(ATTENTION, 0), np.random.default_rng(0).standard_normal((18, 12))
    q, k, v = (x @ part.w + part.b for part in (p.query, p.key, p.value))
    context = np.empty_like(x)
    for rows in (slice(0, 8), slice(8, 9), slice(9, 18)):
        for head in (slice(0, 4), slice(4, 8), slice(8, 12)):
            e = np.exp(q[rows, head] @ k[rows, head].T / 2)  # D = 4
            context[rows, head] = e / e.sum(-1, keepdims=True) @ v[rows, head]
    y, _ = layers.attention(x, p, sequences(), 3)
    np.testing.assert_allclose(y, context @ p.output.w + p.output.b, rtol=1e-11)


def test_layer_norm_rows_have_mean_0_and_biased_variance_1(version):
    p = parameters({"gamma": (50,), "beta": (50,)}, 0)
    p.gamma[...], p.beta[...] = 1, 0
    y, _ = layers.layer_norm(np.random.default_rng(0).normal(5, 3, (4, 50)), p)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-12)
    flat, _ = layers.layer_norm(np.ones((1, 50)), p)
    # A constant row is 0, not nan: eps. The kernel's mean is Σ x (1 / W), whose 50 terms are rounded: each by u = 2⁻⁵³ of itself,
    # and their sum by at most 50 u once more, depending on its order. What is left is divided by √eps.
    left = 0 if version == "reference" else 51 * 2.0**-53 / math.sqrt(1e-12)
    assert np.abs(flat).max() <= left


def test_layer_norm_gradient_has_no_part_along_the_row_nor_along_ones():
    """Shifting or scaling a row does not change its normalised value, so the derivative in these two directions is 0."""
    p = parameters({"gamma": (9,), "beta": (9,)}, 0)
    x = np.random.default_rng(0).standard_normal((4, 9))
    _, cache = layers.layer_norm(x, p, eps=0.0)
    dx = layers.layer_norm_backward(np.cos(x), cache, p, p.zeros_like())
    np.testing.assert_allclose(dx.sum(-1), 0, atol=1e-14)
    np.testing.assert_allclose((dx * (x - x.mean(-1, keepdims=True))).sum(-1), 0, atol=1e-13)


def test_cross_entropy_by_hand_and_its_gradient_sums_to_zero():
    x, labels, weights = np.array([[0.0, math.log(3.0)], [2.0, 2.0]]), np.array([1, 0]), np.array([2.0, 1.0])
    loss, cache = layers.cross_entropy(x, labels, weights, 4.0)
    np.testing.assert_allclose(loss, (2 * math.log(4 / 3) + math.log(2)) / 4, rtol=1e-14)
    dx = layers.cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dx, [[0.25 * 2 / 4, -0.25 * 2 / 4], [-0.5 / 4, 0.5 / 4]], rtol=1e-14)
    np.testing.assert_allclose(dx.sum(-1), 0, atol=1e-16)


def test_cross_entropy_of_large_logits_is_finite():
    loss, _ = layers.cross_entropy(np.array([[1e4, -1e4]], np.float32), np.array([1]), np.ones(1, np.float32), 1)
    assert loss == pytest.approx(2e4)


def test_dropout_keeps_the_mean_and_the_share():
    x = np.ones((400, 96))
    y, _ = layers.dropout(x, 0.25, dropout_rows(400))
    keep, scale = y > 0, y.max()
    assert abs(keep.mean() - 0.75) < 0.01 and set(np.unique(y)) == {0.0, scale} and scale == pytest.approx(4 / 3, rel=1e-4)
    assert abs(keep.mean(0) - 0.75).max() < 0.12  # each column: 5.5 standard deviations of a mean of 400
    assert abs(y.mean() - 1) < 0.02


def test_no_dropout_without_rng_or_rate():
    x = np.ones((2, 3))
    assert layers.dropout(x, 0.5, None)[0] is x and layers.dropout(x, 0.0, dropout_rows(2))[0] is x
    assert layers.dropout_backward(x, None) is x


def test_dropout_compares_16_bits():
    assert threshold(0.1) == 6554  # round(0.1 · 2¹⁶)


def test_attention_looks_only_where_it_may():
    p, x = parameters(ATTENTION, 0), np.random.default_rng(0).standard_normal((18, 12))
    here = sequences(translation=True)  # lengths 8, 1, 9, of which 3, 1, 5 are the source
    y, cache = layers.attention(x, p, here, 3)
    probs = attention_probabilities(cache)[0]  # (3, 8, 8)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-12)
    visible = (probs > 0).all(0)
    # the source, 3 tokens, is visible to every query; of the target a query sees itself and those before it
    expected = np.array([[key < 3 or key <= query for key in range(8)] for query in range(8)])
    assert np.array_equal(visible, expected)
    x[7] += 1  # the last target token of the first sequence: only it sees itself
    again, _ = layers.attention(x, p, here, 3)
    assert np.array_equal(again[:7], y[:7]) and np.array_equal(again[8:], y[8:]) and not np.allclose(again[7], y[7])


def test_the_key_bias_has_no_gradient():
    """It adds q·b to every score of a query alike, which the softmax ignores."""
    p, g = parameters(ATTENTION, 1), parameters(ATTENTION, 1).zeros_like()
    x = np.random.default_rng(1).standard_normal((18, 12))
    y, cache = layers.attention(x, p, sequences(), 3)
    layers.attention_backward(np.cos(3 * y), cache, p, g, sequences(), 3)
    assert np.abs(g.key.b).max() < 1e-14 * np.abs(g.query.b).max() and np.abs(g.query.b).max() > 0.01


def test_a_sequence_of_one_token_attends_to_itself():
    p, x = parameters(ATTENTION, 0), np.random.default_rng(0).standard_normal((18, 12))
    y, _ = layers.attention(x, p, sequences(), 3)
    alone = (x[8:9] @ p.value.w + p.value.b) @ p.output.w + p.output.b
    np.testing.assert_allclose(y[8:9], alone, rtol=1e-12)


def test_sequences_are_slices_and_first_rows():
    s = Sequences([3, 1, 2])
    assert list(s) == [slice(0, 3), slice(3, 4), slice(4, 6)] and len(s) == 3
    assert s.first_rows.tolist() == [0, 3, 4] and s.visible(0) is None
