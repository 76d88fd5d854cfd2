"""The CUDA kernels compared with the reference in float64, compiled for the host by a C++ compiler; with `-m gpu`, on a GPU."""

from importlib import import_module

import numpy as np
import pytest
from devices import DEVICES, on_device, placed, put, to_host

import albert_np as ab
from albert_np.compress.layers.factored import FactoredForm
from albert_np.core import dispatch, layers, reference
from albert_np.core.random import RandomKey
from albert_np.core.sequences import Sequences
from albert_np.engine import cpu, gpu
from albert_np.engine.gpu.embedding import add_rows
from albert_np.engine.loss_scale import LossScale
from albert_np.engine.sequences import PackedSequences
from albert_np.engine.step_graphs import DeviceRandomKey
from albert_np.gradcheck import parameters
from albert_np.models.batch import PrefixSequences
from albert_np.models.layers import attention_probabilities

# relative to the largest number of each array. float16 has 11 bits, and products of some dozens of terms.
CLOSE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2}
LENGTHS = {"one token": [1], "equal": [4, 4, 4], "nearly equal": [9, 10, 8, 10], "very different": [1, 40, 2, 16, 5, 39]}
LINEAR = {"w": (12, 12), "b": (12,)}


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch):
    with reference(False):
        yield on_device(request.param, monkeypatch)


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def token_rows(lengths):
    return np.stack(
        [np.repeat(np.arange(len(lengths)) + 2**33, lengths), np.concatenate([np.arange(n) for n in lengths])], axis=1
    )


def activation_case(act, N):
    return (lambda x: layers.activation(x, act)), (lambda dy, c: layers.activation_backward(dy, c, act)), [3 * normal(N, 5)], None


def feed_forward_case(act, N):
    form = {"intermediate": {"w": (4, 9), "b": (9,)}, "output": {"w": (9, 4), "b": (4,)}}
    return (
        lambda x, p: layers.feed_forward(x, p, act), lambda dy, c, p, g: layers.feed_forward_backward(dy, c, p, g, act),
        [normal(N, 4)], form,
    )  # fmt: skip


def add_norm_case(N, W, rate):
    rows = token_rows([N])
    return (
        lambda x, f, p: layers.add_norm(x, f, p, 1e-6, rate, RandomKey(3, 1).for_rows(put(rows, x)).fold_in("here", 2)),
        layers.add_norm_backward, [normal(N, W), 2 * normal(N, W)], {"gamma": (W,), "beta": (W,)},
    )  # fmt: skip


def dropout_case(N, W):
    rows = token_rows([N])
    return (
        lambda x: layers.dropout(x, 0.3, RandomKey(3, 1).for_rows(put(rows, x)).fold_in("here", 2)),
        layers.dropout_backward, [normal(N, W)],
        None,
    )  # fmt: skip


def cross_entropy_case(N, C, smoothing):
    def forward(x):
        weights = put(np.linspace(0.5, 2, N), x).astype(x.dtype)
        return layers.cross_entropy(x, put(np.arange(N) % C, x), weights, 3.0, smoothing)

    return forward, layers.cross_entropy_backward, [9 * normal(N, C)], None


def embedding_case(N, padding_idx):
    ids = np.arange(N) * 7 % 5
    return (
        lambda p: layers.embedding(
            put(ids, p.word), put(np.arange(N) % 11, p.word), put(np.arange(N) % 2, p.word), p, padding_idx
        ),
        lambda dy, c, p, g: layers.embedding_backward(dy, c, g),
        [], {"word": (5, 3), "position": (11, 3), "token_type": (2, 3)},
    )  # fmt: skip


def gather_case(N, W):
    rows = np.arange(2 * N) * 5 % N
    return (lambda x: layers.gather(x, put(rows, x))), layers.gather_backward, [normal(N, W)], None


def pooler_case(lengths):
    return (
        lambda x, p: layers.pooler(x, p, Sequences(lengths, first_rows=put(np.cumsum(lengths) - lengths, x))),
        layers.pooler_backward,
        [normal(sum(lengths), 6)], {"w": (6, 6), "b": (6,)},
    )  # fmt: skip


def attention_case(lengths, translation, rate):
    sources = np.array([1 + n // 2 for n in lengths]) if translation else None
    rows = token_rows(lengths)

    def packed(x):
        kind = PrefixSequences if translation else PackedSequences
        return kind(lengths, first_rows=put(np.cumsum(lengths) - lengths, x), prefix_lengths=sources)

    return (
        lambda x, p: layers.attention(x, p, packed(x), 3, rate, RandomKey(3, 1).for_rows(put(rows, x)).fold_in("here", 1)),
        lambda dy, c, p, g: layers.attention_backward(dy, c, p, g, packed(dy), 3),
        [normal(sum(lengths), 12)], {name: dict(LINEAR) for name in ("query", "key", "value", "output")},
    )  # fmt: skip


OPERATIONS = {
    **{act: lambda N, act=act: activation_case(act, N) for act in ("gelu_new", "gelu", "relu", "tanh")},
    "feed_forward, gelu_new": lambda N: feed_forward_case("gelu_new", N),
    "feed_forward, relu": lambda N: feed_forward_case("relu", N),
    "linear": lambda N: (layers.linear, layers.linear_backward, [normal(N, 12)], LINEAR),
    "linear, in factors": lambda N: (
        lambda x, p: layers.linear(x, p.map), lambda dy, c, p, g: layers.linear_backward(dy, c, p.map, g.map), [normal(N, 12)],
        {"map": FactoredForm(12, 7, 3)},
    ),
    "layer_norm": lambda N: (
        lambda x, p: layers.layer_norm(x, p, 1e-6), layers.layer_norm_backward, [normal(N, 7)], {"gamma": (7,), "beta": (7,)}
    ),
    "layer_norm, wide": lambda N: (
        lambda x, p: layers.layer_norm(x, p, 1e-6), layers.layer_norm_backward, [normal(N, 2061)],
        {"gamma": (2061,), "beta": (2061,)},
    ),
    "add_norm": lambda N: add_norm_case(N, 13, 0.0),
    "add_norm, dropout": lambda N: add_norm_case(N, 13, 0.3),
    "softmax": lambda N: (layers.softmax, layers.softmax_backward, [normal(2, N, 6)], None),
    "dropout": lambda N: dropout_case(N, 13),
    "cross_entropy": lambda N: cross_entropy_case(N, 5, 0.0),
    "cross_entropy, many classes": lambda N: cross_entropy_case(N, 700, 0.1),
    "embedding": lambda N: embedding_case(N, None),
    "embedding, padding_idx": lambda N: embedding_case(N, 1),
    "gather": lambda N: gather_case(N, 5),
    "pooler": lambda N: pooler_case([N, 3, 1]),
    "fuse": lambda N: (layers.fuse, layers.fuse_backward, [normal(N, 6), normal(N, 6) + 1], {"w": (12, 6), "b": (6,)}),
}  # fmt: skip


def run(operation, dtype, device):
    """Return y, dx (a list) and g on the host, of the reference in float64 (device None) or of the kernels."""
    forward, backward, inputs, form = operation
    inputs = [x.astype(dtype).astype("float64") if device is None else x.astype(dtype) for x in inputs]
    trees = []
    if form:
        p = parameters(form, 7).astype(dtype)
        trees = [p.astype("float64")] if device is None else [placed(p, device.like(dtype))]
    with reference(device is None):
        x = inputs if device is None else [device.put(each) for each in inputs]
        y, cache = forward(*x, *trees)
        dy = np.cos(to_host(y).astype("float64")).astype(y.dtype) if y.ndim else y.dtype.type(1)
        if device is not None and y.ndim:
            dy = device.put(dy)
        in_float32 = device is not None and dtype == "float16"  # gradients are added up in float32 where values are float16
        g = [tree.astype("float32").zeros_like() if in_float32 else tree.zeros_like() for tree in trees]
        for tree in g:
            tree.flat[...] = 0.5
        dx = backward(dy if y.ndim else 1.0, cache, *(trees + g if form else []))
        if device is not None:
            assert y.dtype == dtype or y.ndim == 0, y.dtype
    dx = dx if isinstance(dx, tuple) else (dx,)
    grads = [to_host(array).astype("float64") for tree in g for _, array in tree.items()]
    return to_host(y).astype("float64"), [to_host(d).astype("float64") for d in dx if d is not None], grads


def same(operation, dtype, device):
    y0, dx0, g0 = run(operation, dtype, None)
    y, dx, g = run(operation, dtype, device)
    for results, expected in zip([y, *dx, *g], [y0, *dx0, *g0], strict=True):
        assert results.shape == expected.shape
        size = max(1e-3, np.abs(expected).max(initial=0))
        assert np.abs(results - expected).max(initial=0) <= CLOSE[dtype] * size


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("N", [1, 70])
@pytest.mark.parametrize("name", OPERATIONS)
def test_kernels_equal_their_reference(name, N, dtype, device):
    same(OPERATIONS[name](N), dtype, device)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_attention_equals_its_reference(lengths, translation, rate, dtype, device):
    same(attention_case(lengths, translation, rate), dtype, device)


@pytest.mark.parametrize("name", ["layer_norm", "add_norm, dropout"])
def test_layer_norm_with_several_rows_per_block(name, device, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.layer_norm"), "PARTS", 16)
    same(OPERATIONS[name](70), "float64", device)


def test_attention_in_tiles_of_one_sequence(device, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.tiles"), "TILE_BYTES", 1)
    same(attention_case([9, 10, 8, 10], False, 0.3), "float64", device)


def test_the_attention_weights(device):
    forward, _, inputs, form = attention_case([3, 9, 8], False, 0.0)
    p = parameters(form, 7)
    with reference():
        expected = attention_probabilities(forward(inputs[0], p)[1])
    on_it = placed(p, device.like("float64"))
    results = attention_probabilities(forward(device.put(inputs[0]), on_it)[1])
    for a, b in zip(results, expected, strict=True):
        np.testing.assert_allclose(to_host(a), b, rtol=1e-12, atol=1e-14)


def test_sequences_that_are_too_long_are_refused(device, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.attention"), "MAX_LENGTH", 8)
    with pytest.raises(ValueError, match="expected sequences of at most 8 tokens for attention on a GPU, got one of 9"):
        run(attention_case([9], False, 0.0), "float64", device)


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 40])
def test_the_same_elements_are_dropped(columns, device):
    x, rows = np.ones((11, columns), np.float32), token_rows([4, 7])
    with reference():
        expected = layers.dropout(x, 0.4, RandomKey(3, 1).for_rows(rows))[0]
    results = layers.dropout(device.put(x), 0.4, RandomKey(3, 1).for_rows(device.put(rows)))[0]
    assert to_host(results).tobytes() == expected.tobytes()


def test_a_step_that_only_the_device_has(device):
    x, rows = device.put(np.ones((5, 9), np.float32)), device.put(token_rows([5]))
    known = RandomKey(3, 17).for_rows(rows)
    words = device.put(np.array(known.step_words(), np.uint32))
    on_device = DeviceRandomKey(3, 0, rows=rows, device_step_words=words)
    assert to_host(layers.dropout(x, 0.4, known)[0]).tobytes() == to_host(layers.dropout(x, 0.4, on_device)[0]).tobytes()


def test_rows_add_up_in_the_same_order_each_time(device):
    rng = np.random.default_rng(0)
    rows, values = rng.integers(0, 3, 300), rng.standard_normal((300, 4)).astype(np.float32)
    results = []
    for _ in range(2):
        table = device.put(np.zeros((3, 4), np.float32))
        add_rows(table, device.put(rows), device.put(values))
        results.append(to_host(table).tobytes())
    assert results[0] == results[1]
    expected = np.zeros((3, 4))
    np.add.at(expected, rows, values.astype(np.float64))
    np.testing.assert_allclose(np.frombuffer(results[0], np.float32).reshape(3, 4), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["adamw", "lamb"])
@pytest.mark.parametrize("options", [{}, {"bias_correction": True}, {"decay_all": True}, {"weight_decay": 0.0}], ids=str)
def test_optimisers_equal_their_reference(name, options, device, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.optim"), "CHUNK", 64)  # so that the larger tensors have several
    form = {"layer": {"w": (15, 9), "b": (9,)}, "norm": {"gamma": (33,)}, "zero": {"w": (3, 2)}}
    ends = []
    for on_host in (True, False):
        with reference(on_host):
            params = parameters(form, 1)
            params.zero.w[...] = 0  # LAMB's ratio is 1 there
            if not on_host:
                params = placed(params, device.like("float64"))
            state = ab.optim.init(name, params, **options)
            for number in range(4):
                grads = params.zeros_like()
                for array in dict(grads.items()).values():
                    array[...] = put(normal(*array.shape, number + 1).sum(-1), array)
                ab.optim.step(params, grads, state, 0.05, {"layer.b": 0.5})
            ends.append([to_host(tree.flat) for tree in (params, state.m, state.v)])
    for kernel, book in zip(ends[1], ends[0], strict=True):
        np.testing.assert_allclose(kernel, book, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_a_skipped_update(name, device):
    """A gradient that is not finite changes nothing but the scale, and does not count as an update."""
    form, ends = {"layer": {"w": (5, 9), "b": (9,)}}, []
    for with_a_bad_one in (False, True):
        params = parameters(form, 1).astype("float32")
        params = placed(params, device.like("float32"))
        state, scale = ab.optim.init(name, params, bias_correction=True), LossScale(params.flat, patience=2)
        for number in (1, 2, 3) if with_a_bad_one else (1, 3):
            grads = params.zeros_like()
            grads.flat[...] = float("nan") if number == 2 else number
            scale.update(ab.optim.clip(grads, 1.0))
            state.loss_scale = scale
            ab.optim.step(params, grads, state, 0.05)
        ends.append((to_host(params.flat), to_host(state.m.flat), scale.state()))
    assert np.array_equal(ends[0][0], ends[1][0]) and np.array_equal(ends[0][1], ends[1][1])
    assert ends[0][2] == {"scale": 2.0**16, "good": 0, "skipped": 0}  # two good ones: doubled
    assert ends[1][2] == {"scale": 2.0**14, "good": 1, "skipped": 1}


def test_the_gpu_has_every_kernel_of_the_cpu():
    # the CPU's encoder stores less for `recompute`; on a GPU the reference's runs, which stores the input of each layer
    assert set(cpu.KERNELS) - {"encoder"} <= set(gpu.KERNELS)
    assert all(name in dispatch.operations for name in gpu.KERNELS)


def test_an_activation_without_a_kernel_runs_as_the_reference(device, monkeypatch):
    def swish(x):
        s = 0.5 * (1 + np.tanh(0.5 * x))
        return x * s, (x, s)

    backward = lambda dy, cache: dy * (cache[1] + cache[0] * cache[1] * (1 - cache[1]))  # noqa: E731
    monkeypatch.setitem(layers.activations.ACTIVATIONS, "swish", (swish, backward))
    for case in (activation_case("swish", 9), feed_forward_case("swish", 9)):
        same(case, "float64", device)
