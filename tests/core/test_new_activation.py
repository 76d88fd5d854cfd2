"""A new activation is a pair of functions and an entry in ACTIVATIONS; everything else follows from it."""

import numpy as np
import pytest
from helpers import check_layer

import albert_np as ab
from albert_np.core import layers, reference
from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.io.onnx import Graph

SIZES = dict(
    vocab_size=61, embedding_size=12, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=30,
    max_position_embeddings=16, hidden_act="swish",
)  # fmt: skip


def swish(x):
    s = 0.5 * (1 + np.tanh(0.5 * x))
    return x * s, (x, s)


def swish_backward(dy, cache):
    x, s = cache
    return dy * (s + x * s * (1 - s))


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "swish", (swish, swish_backward))


def test_the_layers_apply_it(version):
    check_layer(lambda x: layers.activation(x, "swish"), lambda dy, c: layers.activation_backward(dy, c, "swish"), {"x": (5, 7)})
    check_layer(
        lambda x, p: layers.feed_forward(x, p, "swish"),
        lambda dy, c, p, g: layers.feed_forward_backward(dy, c, p, g, "swish"),
        {"x": (5, 4)}, {"intermediate": {"w": (4, 6), "b": (6,)}, "output": {"w": (6, 4), "b": (4,)}},
    )  # fmt: skip
    assert layers.activation(np.ones((1, 1)), name="swish")[0] == pytest.approx(swish(1.0)[0])  # its name given by name


def test_a_model_has_it_with_and_without_kernels(version):
    model = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES), dtype="float64")
    batch = ab.gradcheck.batch(model.config)
    rows = list(ab.gradcheck.check_model(model.params, model.config, batch))
    assert rows and all(row.passed for row in rows)
    recomputed = model.config.replace(recompute=True)
    assert all(row.passed for row in ab.gradcheck.check_model(model.params, recomputed, batch))


def test_kernels_and_reference_agree_and_the_activation_matters(tmp_path):
    model = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES), seed=2)
    ids = np.arange(5, 21).reshape(2, 8)
    with reference():
        expected = model(ids).last_hidden_state
    np.testing.assert_allclose(model(ids).last_hidden_state, expected, rtol=1e-5, atol=1e-5)
    other = ab.AlbertForPreTraining(ab.AlbertConfig(**{**SIZES, "hidden_act": "relu"}), seed=2)
    assert np.abs(other(ids).last_hidden_state - expected).max() > 1e-4
    model.save_pretrained(tmp_path)
    loaded = ab.AlbertForPreTraining.from_pretrained(tmp_path)
    assert loaded.config.hidden_act == "swish" and np.array_equal(loaded(ids).sop_logits, model(ids).sop_logits)


def test_formats_that_do_not_have_it_say_so():
    model = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES))
    for name in ("swish", "gelu_of_my_own"):
        with pytest.raises(ValueError, match=f"the activation '{name}' cannot be written as ONNX, only gelu_new, gelu"):
            Graph(model.params).activation("x", name)


def test_an_unknown_one_is_refused_with_the_names_of_all():
    with pytest.raises(ValueError, match="hidden_act must be one of gelu_new, gelu, relu, tanh, swish, not 'swich'; did"):
        ab.AlbertConfig(**{**SIZES, "hidden_act": "swich"})
