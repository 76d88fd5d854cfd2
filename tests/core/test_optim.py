"""AdamW and LAMB against a step worked by hand, their exclusions, clipping and the schedule."""

import math

import numpy as np
import pytest

import albert_np as ab
from albert_np.core.optim import OptimizerState
from albert_np.core.optim.adamw import norm, takes_decay, trust_ratio
from albert_np.core.params import QUANTUM, Tree, flat_size


def small_tree(**leaves):
    form = {"layer": {name: np.shape(value) for name, value in leaves.items()}}
    tree = Tree(form, np.zeros(flat_size(form)))
    for name, value in leaves.items():
        getattr(tree.layer, name)[...] = value
    return tree


@pytest.fixture
def one():
    return small_tree(w=[[3.0, 4.0]], b=[2.0]), small_tree(w=[[0.6, -0.8]], b=[0.5])


def test_two_lamb_steps_by_hand(one):
    params, grads = one
    state = ab.optim.init("lamb", params)
    w, b, m, v, m_b, v_b = np.array([3.0, 4.0]), 2.0, 0.0, 0.0, 0.0, 0.0
    g, g_b = np.array([0.6, -0.8]), 0.5
    for _ in range(2):
        m, v, m_b, v_b = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g, 0.9 * m_b + 0.1 * g_b, 0.999 * v_b + 0.001 * g_b * g_b
        u = m / (np.sqrt(v) + 1e-6) + 0.01 * w
        w = w - 0.1 * math.hypot(*w) / math.hypot(*u) * u
        b = b - 0.1 * m_b / (math.sqrt(v_b) + 1e-6)  # a bias: no decay, ratio 1
        ab.optim.step(params, grads, state, 0.1)
    np.testing.assert_allclose(params.layer.w[0], w, rtol=1e-14)
    np.testing.assert_allclose(params.layer.b, b, rtol=1e-14)
    assert state.count == 2


def test_adamw_by_hand_with_and_without_correction(one):
    for correction, first in ((False, 0.1 / math.sqrt(0.001)), (True, 1.0)):
        params, grads = one[0].copy(), one[1]
        state = ab.optim.init("adamw", params, bias_correction=correction, eps=1e-12)
        ab.optim.step(params, grads, state, 0.1)
        np.testing.assert_allclose(params.layer.w[0], [3 - 0.1 * (first + 0.03), 4 - 0.1 * (-first + 0.04)], rtol=1e-9)
        np.testing.assert_allclose(params.layer.b, 2 - 0.1 * first, rtol=1e-9)


def test_decay_all_leaves_nothing_out(one):
    params, grads = one
    state = ab.optim.init("adamw", params, decay_all=True, bias_correction=True, eps=1e-12)
    ab.optim.step(params, grads, state, 0.1)
    np.testing.assert_allclose(params.layer.b, 2 - 0.1 * (1 + 0.02), rtol=1e-9)


def test_trust_ratio_is_1_where_a_norm_is_0():
    zero, ones = np.zeros(3), np.ones(3)
    assert trust_ratio(norm(zero), norm(ones)) == 1 and trust_ratio(norm(ones), norm(zero)) == 1
    assert trust_ratio(norm(2 * ones), norm(ones)) == 2


def test_what_is_excluded_from_decay():
    config = ab.AlbertConfig.preset("tiny", fusion_layers=(2, 4))
    state = OptimizerState(options={"decay_all": False})
    excluded = {name for name, _ in ab.AlbertForPreTraining(config).params.items() if not takes_decay(name, state)}
    for name, array in ab.AlbertForPreTraining(config).params.items():
        assert (name in excluded) == (array.ndim == 1), name  # every vector is a bias or of a layer norm
    assert "mlm.b" in excluded and "embeddings.word" not in excluded


def test_each_tensor_has_a_ratio_of_its_own():
    params, grads = small_tree(w=[[1.0, 1.0]], other=[[100.0, 100.0]]), small_tree(w=[[1.0, 1.0]], other=[[1.0, 1.0]])
    before = params.copy()
    ab.optim.step(params, grads, ab.optim.init("lamb", params, weight_decay=0.0), 0.1)
    moved = before.flat - params.flat
    np.testing.assert_allclose(moved[QUANTUM] / moved[0], 100, rtol=1e-12)  # where the next tensor begins


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_float32_stays_float32(name):
    params = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny")).params
    grads = params.zeros_like()
    grads.flat[:] = 0.01
    state = ab.optim.init(name, params)
    norm = ab.optim.clip(grads, 1.0)
    ab.optim.step(params, grads, state, 1e-3)
    assert params.flat.dtype == state.m.flat.dtype == norm.dtype == np.float32


def test_clipping(one):
    grads = one[1]
    norm = ab.optim.clip(grads, 10.0)
    np.testing.assert_allclose(norm, math.sqrt(1.25), rtol=1e-15)
    np.testing.assert_allclose(grads.layer.w[0], [0.6, -0.8])  # below the bound: untouched
    ab.optim.clip(grads, 0.5)
    np.testing.assert_allclose(np.linalg.norm(grads.flat), 0.5, rtol=1e-14)


def test_clipping_leaves_what_is_not_finite_to_be_seen(one):
    one[1].layer.b[0] = np.inf
    assert not np.isfinite(ab.optim.clip(one[1], 1.0)) and np.isinf(one[1].layer.b[0]) and one[1].layer.w[0, 0] == 0.6


def test_schedule():
    lr = [ab.optim.learning_rate(s, 0.00176, 3125, 125000) for s in (0, 1, 3124, 3125, 125000, 130000)]
    assert lr[0] == 0 and lr[1] == pytest.approx(0.00176 / 3125)
    assert lr[2] == pytest.approx(0.0017594, abs=1e-7) and lr[3] == pytest.approx(0.001716, abs=1e-6)
    assert lr[4] == lr[5] == 0
    assert ab.optim.learning_rate(0, 1.0, 0, 10) == 1


def test_mistakes_are_named(one):
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'"):
        ab.optim.init("sgd", one[0])
    with pytest.raises(ValueError, match="unknown option 'betas'"):
        ab.optim.init("lamb", one[0], betas=(0.9, 0.999))
