"""Every kernel compared with its reference: outputs, gradients, and that it writes only to its own arrays."""

import inspect
from importlib import import_module

import numpy as np
import pytest
from helpers import arrays, scattered

import albert_np as ab
from albert_np.core import dispatch, layers, reference
from albert_np.core.params import Tree, flat_size
from albert_np.core.random import RandomKey
from albert_np.engine import cpu
from albert_np.engine.sequences import PackedSequences
from albert_np.gradcheck import CHECKS, parameters
from albert_np.models.batch import PrefixSequences
from albert_np.models.layers import attention_probabilities

# float64: other orders of summation. float32: products of some 50 terms; gelu's erf is good to 1.5e-7.
CLOSE = {np.float64: dict(rtol=1e-11, atol=1e-12), np.float32: dict(rtol=2e-4, atol=2e-5)}
LINEAR = {"w": (12, 12), "b": (12,)}
LENGTHS = {
    "one token": [1],
    "one sequence": [7],
    "equal": [4, 4, 4],
    "nearly equal": [9, 10, 8, 10],
    "very different": [1, 17, 2, 16, 5],
}


@pytest.fixture(params=["large blocks", "small blocks"])
def sizes(request, monkeypatch):
    """Run a test with the kernels' block sizes, and with blocks so small that every array has several."""
    if request.param == "small blocks":
        small = dict(blocks=("BLOCK_BYTES", 100), optim=("BLOCK", 7), philox=("COUNTERS", 3), tiles=("TILE_BYTES", 1))
        for module, (name, size) in {**small, "attention": ("TILE_BYTES", 1)}.items():
            monkeypatch.setattr(import_module(f"albert_np.engine.cpu.{module}"), name, size)


def token_rows(lengths):
    """Return (example, token) of each token, the key of its dropout."""
    return np.stack([np.repeat(np.arange(len(lengths)) + 5, lengths), np.concatenate([np.arange(n) for n in lengths])], axis=1)


def make_dropout_key(lengths):
    return RandomKey(3, 1).for_rows(token_rows(lengths)).fold_in("here", 2)


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


ACTIVATIONS = {
    act: lambda N, act=act: (
        lambda x: layers.activation(x, act), lambda dy, c: layers.activation_backward(dy, c, act), {"x": 3 * normal(N, 5)}, None
    )
    for act in ("gelu_new", "gelu", "relu", "tanh")
}  # fmt: skip
OPERATIONS = {  # name -> of N rows: forward, backward, inputs, form of the parameters
    **ACTIVATIONS,
    **{
        f"feed_forward, {act}": lambda N, act=act: (
            lambda x, p: layers.feed_forward(x, p, act), lambda dy, c, p, g: layers.feed_forward_backward(dy, c, p, g, act),
            {"x": normal(N, 4)}, {"intermediate": {"w": (4, 9), "b": (9,)}, "output": {"w": (9, 4), "b": (4,)}},
        )
        for act in ACTIVATIONS
    },
    "linear": lambda N: (layers.linear, layers.linear_backward, {"x": normal(N, 12)}, LINEAR),
    "layer_norm": lambda N: (layers.layer_norm, layers.layer_norm_backward, {"x": normal(N, 7)}, {"gamma": (7,), "beta": (7,)}),
    "softmax": lambda N: (layers.softmax, layers.softmax_backward, {"x": normal(2, N, 6)}, None),
    "dropout": lambda N: (
        lambda x: layers.dropout(x, 0.3, make_dropout_key([N])), layers.dropout_backward, {"x": normal(N, 13)}, None
    ),
    "cross_entropy": lambda N: (
        lambda x: layers.cross_entropy(x, np.arange(N) % 5, np.linspace(0.5, 2, N).astype(x.dtype), 3.0),
        layers.cross_entropy_backward, {"x": 30 * normal(N, 5)}, None,
    ),
    "embedding": lambda N: (
        lambda p: layers.embedding(np.arange(N) % 3, np.arange(N), np.arange(N) % 2, p),
        lambda dy, c, p, g: layers.embedding_backward(dy, c, g),
        {}, {"word": (4, 3), "position": (N, 3), "token_type": (2, 3)},
    ),
    "embedding, padding_idx": lambda N: (
        lambda p: layers.embedding(np.arange(N) % 3, np.arange(N), np.arange(N) % 2, p, 1),
        lambda dy, c, p, g: layers.embedding_backward(dy, c, g),
        {}, {"word": (4, 3), "position": (N, 3), "token_type": (2, 3)},
    ),
}  # fmt: skip


def attention_case(lengths, translation, rate):
    prefixes = np.array([1 + n // 2 for n in lengths]) if translation else None
    kind = PrefixSequences if translation else PackedSequences
    packed = kind(np.array(lengths), prefix_lengths=prefixes)
    rng = make_dropout_key(lengths)
    return (
        lambda x, p: layers.attention(x, p, packed, 3, rate, rng),
        lambda dy, c, p, g: layers.attention_backward(dy, c, p, g, packed, 3),
        {"x": normal(sum(lengths), 12)}, {name: dict(LINEAR) for name in ("query", "key", "value", "output")},
    )  # fmt: skip


def both(operation, dtype, layout=lambda x: x):
    """Return y, dx and gradients of (reference, kernel), and check that the kernel writes only to g."""
    forward, backward, inputs, form = operation
    inputs = [layout(x.astype(dtype)) for x in inputs.values()]
    p = parameters(form, 7).astype(dtype) if form else None
    trees = (p,) if p else ()
    results = []
    for on in (True, False):
        with reference(on):
            y, cache = forward(*inputs, *trees)
            dy = np.cos(np.asarray(y))
            watched = [*inputs, dy, *([p.flat] if p else []), y, *arrays(cache)]
            before = [array.copy() for array in watched]
            g = p.zeros_like() if p else None
            dx = backward(dy, cache, *((p, g) if p else ()))
            again = g.copy() if p else None
            twice = backward(dy, cache, *((p, again) if p else ()))  # the cache may be used again, and gradients add up
            assert all(np.array_equal(a, b) for a, b in zip(watched, before)), "wrote to an input, to the cache or to p"
            if form:
                np.testing.assert_allclose(again.flat, 2 * g.flat, rtol=1e-4 if dtype == np.float32 else 1e-10, atol=1e-6)
            assert dx is None or np.array_equal(dx, twice)
            assert {a.dtype for a in arrays([y, dx]) if a.dtype.kind == "f"} == {np.dtype(dtype)}
            assert not any(np.shares_memory(y, x) for x in inputs if y.ndim), "the output is an input"
            results.append((np.asarray(y), dx, g.flat if g else None))
    return results


def same(results, dtype):
    (y0, dx0, g0), (y, dx, g) = results
    for a, b in ((y, y0), (dx, dx0), (g, g0)):
        if b is not None:
            np.testing.assert_allclose(a, b, **CLOSE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N", [1, 3, 40])
@pytest.mark.parametrize("name", OPERATIONS)
def test_kernels_equal_their_reference(name, N, dtype, sizes):
    same(both(OPERATIONS[name](N), dtype), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_attention_equals_its_reference(lengths, translation, rate, dtype, sizes):
    same(both(attention_case(lengths, translation, rate), dtype), dtype)


@pytest.mark.parametrize("layout", [scattered, np.asfortranarray], ids=["scattered", "Fortran's order"])
@pytest.mark.parametrize("name", [name for name in OPERATIONS if "embedding" not in name])
def test_arrays_that_are_not_contiguous(name, layout):
    for dtype in (np.float32, np.float64):
        same(both(OPERATIONS[name](6), dtype, layout), dtype)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("translation", [False, True])
def test_the_attention_weights(lengths, translation, sizes):
    forward, _, inputs, form = attention_case(lengths, translation, 0.0)
    weights = []
    for on in (True, False):
        with reference(on):
            weights.append(attention_probabilities(forward(inputs["x"], parameters(form, 7))[1]))
    assert len(weights[0]) == len(weights[1]) == len(lengths)
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def count_subnormal(*found):
    return sum(int(((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).sum()) for x in found)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_sharp_attention_has_no_subnormal_numbers(lengths, sizes):
    """Products with them take many times as long. Scores are up to some hundred apart, in float32."""
    forward, backward, inputs, form = attention_case(lengths, False, 0.0)
    x, p = inputs["x"].astype(np.float32), parameters(form, 7).astype(np.float32)
    p.query.w *= 200
    results, counts = [], []
    for on in (True, False):
        with reference(on):
            y, cache = forward(x, p)
            g = p.zeros_like()
            results.append((y, backward(1e-4 * np.cos(y), cache, p, g), g.flat))
            counts.append(count_subnormal(*attention_probabilities(cache), *results[-1]))
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5 * np.abs(a).max())
    assert counts[1] == 0
    assert counts[0] > 0 or max(lengths) < 5, "these scores are not sharp enough for the test"


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 40])
def test_the_same_elements_are_dropped(columns, sizes):
    x, rng = np.ones((11, columns), np.float32), make_dropout_key([4, 7])
    masks = []
    for on in (True, False):
        with reference(on):
            masks.append(layers.dropout(x, 0.4, rng)[0])
    assert masks[0].tobytes() == masks[1].tobytes()


def test_gelu_in_float32_is_good_to_its_own_rounding():
    from scipy.special import ndtr

    x = np.linspace(-20, 20, 200_001).astype(np.float32)[:, None]
    exact = x * ndtr(x.astype(np.float64))
    y, cache = layers.activation(x, "gelu")
    slope = ndtr(x.astype(np.float64)) + x * np.exp(-0.5 * x.astype(np.float64) ** 2) / np.sqrt(2 * np.pi)
    eps = np.finfo(np.float32).eps
    assert np.abs(y - exact).max() < 20 * eps and (np.abs(y - exact) / np.maximum(1, np.abs(exact))).max() < 3 * eps
    assert np.abs(layers.activation_backward(np.ones_like(x), cache, "gelu") - slope).max() < 4 * eps


def test_cross_entropy_of_nothing_and_of_large_logits():
    for on in (True, False):
        with reference(on):
            loss, cache = layers.cross_entropy(np.zeros((0, 5), np.float32), np.zeros(0, int), np.zeros(0, np.float32), 1)
            assert loss == 0 and layers.cross_entropy_backward(1.0, cache).shape == (0, 5)
            assert layers.cross_entropy(np.array([[1e4, -1e4]], np.float32), np.array([1]), np.ones(1, np.float32), 1)[0] == 2e4


@pytest.mark.parametrize("name", ["adamw", "lamb"])
@pytest.mark.parametrize("options", [{}, {"bias_correction": True}, {"decay_all": True}, {"weight_decay": 0.0}], ids=str)
def test_optimisers_equal_their_reference(name, options, sizes):
    form = {"layer": {"w": (5, 9), "b": (9,)}, "norm": {"gamma": (33,)}, "zero": {"w": (3, 2)}}
    ends = []
    for on in (True, False):
        with reference(on):
            params = parameters(form, 1)
            params.zero.w[...] = 0  # LAMB's ratio is 1 there
            state = ab.optim.init(name, params, **options)
            for number in range(4):
                grads = Tree(form, np.zeros(flat_size(form)))
                for tensor, array in grads.items():
                    array[...] = normal(*array.shape, number + 1).sum(-1) * (tensor != "norm.gamma" or number > 1)
                before = grads.flat.copy()
                ab.optim.step(params, grads, state, 0.05)
                assert np.array_equal(grads.flat, before)
            ends.append((params.flat, state.m.flat, state.v.flat))
            assert state.count == 4
    for kernel, book in zip(ends[1], ends[0]):
        np.testing.assert_allclose(kernel, book, rtol=1e-12, atol=1e-15)


CHECKED = [
    "attention", "attention, dropout", "attention, translation, dropout", "layer_norm", "gelu", "gelu_new", "cross_entropy",
    "feed_forward, gelu_new", "embedding", "dropout", "model: dropout, recompute",
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKED)
def test_gradients_with_blocks_of_every_size(check, sizes):
    with reference(False):
        assert all(row.passed for row in CHECKS[check](3))


def test_a_kernel_has_the_arguments_of_its_reference():
    for name, version in cpu.KERNELS.items():
        operation = dispatch.operations[name]
        module = inspect.getmodule(operation)
        for each, kernel in version.functions.items():
            function = attention_probabilities if each == "attention_probabilities" else getattr(module, each)
            book = inspect.signature(function).parameters
            own = 2 if each.endswith("_backward") else 1  # dy and the cache: a kernel's cache may have another name
            assert list(inspect.signature(kernel).parameters)[own:] == list(book)[own:], each
        assert set(version.contains) <= set(dispatch.operations), name
