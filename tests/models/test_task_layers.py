"""The layers that only fine-tuning uses: gradients, dtypes, and forward passes compared with known values."""

import math

import numpy as np
import pytest
from helpers import check_layer

from albert_np.core import layers
from albert_np.core.sequences import Sequences
from albert_np.models import layers as task_layers

WEIGHTS = np.array([0.5, 2.0, 1.0], np.float32)


@pytest.mark.parametrize("name", ["squared_error", "binary_cross_entropy"])
@pytest.mark.parametrize("C", [1, 4])
def test_loss_of_every_element(name, C):
    labels = np.linspace(0, 1, 3 * C).reshape(3, C)  # float64, whatever the logits are
    forward, backward = getattr(task_layers, name), getattr(task_layers, name + "_backward")
    check_layer(lambda x: forward(x, labels, WEIGHTS.astype(x.dtype), 3.0), backward, {"x": (3, C)})


@pytest.mark.parametrize("lengths", [[3, 1, 4], [1], [2, 2]])
def test_pad_packed(lengths):
    packed = Sequences.of_lengths(lengths)

    def forward(x):
        y, cache = task_layers.pad_packed(x, packed)
        return np.maximum(y, -9), cache  # the smallest number is another one in each dtype

    check_layer(forward, task_layers.pad_packed_backward, {"x": (sum(lengths), 2)})


def test_pad_packed_has_a_row_per_sequence():
    x = np.arange(12.0, dtype=np.float32).reshape(6, 2)
    y, _ = task_layers.pad_packed(x, Sequences.of_lengths([3, 1, 2]))
    m = np.finfo(np.float32).min
    assert y.dtype == np.float32
    assert y[0].tolist() == [[0, 2, 4], [6, m, m], [8, 10, m]] and y[1].tolist() == [[1, 3, 5], [7, m, m], [9, 11, m]]
    probs, _ = layers.softmax(y)
    assert probs[0, 1].tolist() == [1, 0, 0] and np.isfinite(probs).all()


def test_squared_error_by_hand():
    x, labels = np.array([[1.0, 3.0], [0.0, -2.0]]), np.array([[0, 1], [0, 2]])  # integers are allowed
    loss, cache = task_layers.squared_error(x, labels, np.array([1.0, 3.0]), 5.0)
    assert loss == pytest.approx((1 * (1 + 4) / 2 + 3 * (0 + 16) / 2) / 5, rel=1e-15)
    dx = task_layers.squared_error_backward(1.0, cache)
    np.testing.assert_allclose(dx, [[2 / 10, 4 / 10], [0, -24 / 10]], rtol=1e-15)


def test_binary_cross_entropy_by_hand():
    x, labels = np.array([[0.0, math.log(3)]]), np.array([[1.0, 0.25]])
    loss, cache = task_layers.binary_cross_entropy(x, labels, np.array([1.0]), 2.0)
    second = -0.25 * math.log(0.75) - 0.75 * math.log(0.25)
    assert loss == pytest.approx((math.log(2) + second) / 4, rel=1e-14)
    np.testing.assert_allclose(task_layers.binary_cross_entropy_backward(1.0, cache), [[-0.5 / 4, 0.5 / 4]], rtol=1e-14)


def test_binary_cross_entropy_far_out_is_finite():
    x = np.array([[1e4, -1e4, 1e4, -1e4]], np.float32)
    loss, cache = task_layers.binary_cross_entropy(x, np.array([[1.0, 0.0, 0.0, 1.0]]), np.ones(1, np.float32), 1)
    assert loss == 5e3
    assert task_layers.binary_cross_entropy_backward(1.0, cache).tolist() == [[0, 0, 0.25, -0.25]]


def test_mean_over_rows_is_torchs_mean_over_all_elements():
    rng = np.random.default_rng(0)
    x, labels, ones = rng.standard_normal((5, 3)), rng.random((5, 3)), np.ones(5)
    assert task_layers.squared_error(x, labels, ones, 5)[0] == pytest.approx(((x - labels) ** 2).mean(), rel=1e-14)
    p = 1 / (1 + np.exp(-x))
    expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean()
    assert task_layers.binary_cross_entropy(x, labels, ones, 5)[0] == pytest.approx(expected, rel=1e-13)
