"""A step with `recompute`: the bits of the plain step for every model; how little is stored, and how little computed again."""

import inspect

import numpy as np
import pytest
from helpers import arrays
from invariants import DROPOUT, in_threads, make_batch

import albert_np as ab
from albert_np.core import layers, override, reference
from albert_np.core.dispatch import untagged
from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.core.layers.attention import attend
from albert_np.core.model.albert import encode, encode_backward, pretraining, pretraining_backward
from albert_np.core.model.block import block
from albert_np.core.model.encoder import EncoderCache, layer
from albert_np.core.random import RandomKey
from albert_np.engine.blas import products_by
from albert_np.engine.cpu import attention, encoder, feed_forward
from albert_np.gradcheck.examples import batch as example_batch
from albert_np.gradcheck.examples import parameters
from albert_np.models.config import FACTORED
from albert_np.models.distillation import DistillConfig, attach_teacher
from albert_np.models.shapes import shapes

KEY = RandomKey(4, step=6)
MODELS = {
    "without dropout": dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
    "dropout": {},
    "hidden dropout alone": dict(attention_probs_dropout_prob=0.0),
    "attention dropout alone": dict(hidden_dropout_prob=0.0),
    "fusion with the embeddings": dict(fusion_layers=(0, 1, 3)),
    "fusion, the top left out": dict(fusion_layers=(1, 2)),
    "three blocks in a layer": dict(inner_group_num=3),
    "groups of two blocks": dict(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2),
    "sharing attention": dict(sharing="attention"),
    "sharing ffn": dict(sharing="ffn"),
    "sharing none": dict(sharing="none"),
    "one layer": dict(num_hidden_layers=1),
    "heads cut away": dict(num_attention_heads=3, attention_head_size=6),
    "weights in factors": dict(ranks=dict(zip(FACTORED, (7, 5, 6, 4, 9, 8)))),
    **{act: dict(hidden_act=act) for act in ACTIVATIONS},
}


def step(config, recompute, batch, dtype="float64", key=KEY):
    """Return the bits of loss and gradients, and the cache of the encoder."""
    config = config.replace(recompute=recompute)
    p = parameters(shapes(config), 3).astype(dtype)
    g = p.zeros_like()
    results, cache = pretraining(batch, p, config, None, key)
    pretraining_backward(1.0, cache, p, g, config, batch)
    return results.loss.tobytes(), g.flat.tobytes(), untagged(untagged(cache.c_encode).c_encoder)


def assert_same_bits(config, batch, dtype="float64"):
    """Return the cache of the step that recomputes."""
    for key in (KEY, None):
        loss, grads, plain = step(config, False, batch, dtype, key)
        again, recomputed, cache = step(config, True, batch, dtype, key)
        assert type(plain) is EncoderCache
        assert (loss, grads) == (again, recomputed)
    return cache


@pytest.fixture
def kernels():
    with reference(False):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_the_bits_of_the_plain_step(name, dtype, kernels):
    cache = assert_same_bits(DROPOUT.replace(**MODELS[name]), make_batch(0, 1, 2, 3), dtype)
    assert type(cache) is encoder.CompactCache and None not in cache.c_layers
    assert [x is None for x in cache.inputs] == [False] + [True] * (len(cache.inputs) - 1)


@pytest.mark.parametrize("options", [dict(mlm=False), dict(sop=False), dict(translation=True)], ids=str)
def test_other_batches(options, kernels):
    assert type(assert_same_bits(DROPOUT, example_batch(DROPOUT, 1, **options))) is encoder.CompactCache


def test_products_of_scipy(kernels):
    with products_by("scipy"):
        assert type(assert_same_bits(DROPOUT, make_batch(0, 1, 2, 3))) is encoder.CompactCache


def test_shards(kernels):
    made = [ab.AlbertForPreTraining(DROPOUT.replace(recompute=recompute), seed=1) for recompute in (False, True)]
    with in_threads(3):
        (plain, grads), (again, recomputed) = (
            each.packed_loss_and_gradients(make_batch(0, 1, 2, 3), dropout_key=KEY) for each in made
        )
    assert plain.loss == again.loss and grads.flat.tobytes() == recomputed.flat.tobytes()


def test_gradients_into_every_hidden_state(kernels):
    batch, found = make_batch(0, 1, 2, 3), []
    for recompute in (False, True):
        config = DROPOUT.replace(recompute=recompute)
        p = parameters(shapes(config), 3)
        g = p.zeros_like()
        (h, hidden), cache = encode(batch, p, config, KEY)
        encode_backward(np.cos(h), cache, p, g, config, batch, [np.cos(x) for x in hidden])
        encode_backward(np.cos(h), cache, p, g, config, batch, [np.cos(x) for x in hidden])  # a cache can be used again
        found.append(([x.tobytes() for x in hidden], g.flat.tobytes()))
    assert found[0] == found[1]


# ---- operations that are not the kernels': they run again whole ----


def own(operation):
    """Return the functions of the reference, to be used as if somebody else had written them."""
    module = inspect.getmodule(operation)
    return [inspect.unwrap(getattr(module, operation.__name__ + ending)) for ending in ("", "_backward")]


OVERRIDDEN = [
    layers.linear, layers.attention, layers.feed_forward, layers.add_norm, layers.layer_norm, layers.dropout, layers.activation,
    attend,
]  # fmt: skip


@pytest.mark.parametrize("operation", OVERRIDDEN, ids=lambda operation: operation.__name__)
def test_with_layers_of_somebody_else(operation, kernels):
    name = operation.__name__
    with override(operation, *own(operation)):
        cache = assert_same_bits(DROPOUT, make_batch(0, 1, 2, 3))
    whole = [each is None for each in cache.c_layers]
    assert whole == [name in ("add_norm", "layer_norm", "dropout")] * len(whole)
    first = None if whole[0] else untagged(cache.c_layers[0])[0]
    assert whole[0] or (first.c_attention is None) == (name in ("attend", "attention"))
    assert whole[0] or (first.c_ffn is None) == (name in ("feed_forward", "activation"))


@pytest.mark.parametrize("operation", [block, layer], ids=["block", "layer"])
def test_with_blocks_of_somebody_else(operation, kernels):
    with override(operation, *own(operation)):
        cache = assert_same_bits(DROPOUT, make_batch(0, 1, 2, 3))
    assert (None in cache.c_layers) == (operation is block)


def test_an_activation_without_a_kernel(kernels, monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "cube", (lambda x: (x * x * x, x), lambda dy, x: 3 * dy * x * x))
    cache = assert_same_bits(DROPOUT.replace(hidden_act="cube"), make_batch(0, 1, 2, 3))
    assert untagged(cache.c_layers[0])[0].c_ffn is None and untagged(cache.c_layers[0])[0].c_attention is not None


# ---- how much is stored, and computed again ----


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_two_arrays_of_a_block_are_stored_and_a_bit_of_each_mask(rate, kernels):
    config = ab.AlbertConfig.preset(
        "tiny", vocab_size=50, hidden_dropout_prob=rate, attention_probs_dropout_prob=rate, recompute=True
    )
    T, N, H, L = 64, 256, config.hidden_size, config.num_hidden_layers
    p = parameters(shapes(config), 3).astype("float32")
    batch = ab.AlbertForPreTraining(config).pack_batch(
        ids=np.arange(N) % 50, lengths=np.full(N // T, T), token_types=np.zeros(N, int), positions=np.tile(np.arange(T), N // T),
        order_labels=np.zeros(N // T, int),
    )  # fmt: skip
    _, cache = encode(batch, p, config, RandomKey(1).for_rows(batch.random_rows))
    stored = untagged(cache.c_encoder)
    size = sum(
        array.nbytes for layer in stored.c_layers for array in arrays(layer) if array.dtype.kind == "f" or array.dtype == np.uint8
    )
    masks = (2 * H + config.num_attention_heads * T) / 8 if rate else 0
    last = 1 - len(batch.sequences.output_rows) / N  # of the last block's second norm these rows alone
    numbers = L * (2 * H + 2) - last * (H + 1)  # x̂ and 1 / σ of both norms
    assert size == N * (4 * numbers + L * masks) - (last * N * H / 8 if rate else 0)
    assert sum(x.nbytes for x in stored.inputs if x is not None) == 4 * N * H


def test_four_of_the_six_linear_maps_of_a_block_run_again(kernels, monkeypatch):
    calls = []
    for module in (attention, feed_forward):
        monkeypatch.setattr(module, "linear", lambda x, p, inner=module.linear: (calls.append(p), inner(x, p))[1])
    config = DROPOUT.replace(recompute=True)
    batch, p = make_batch(0, 1, 2, 3), parameters(shapes(config), 3)
    _, cache = pretraining(batch, p, config, None, KEY)
    assert len(calls) == 6 * config.num_hidden_layers
    calls.clear()
    pretraining_backward(1.0, cache, p, p.zeros_like(), config, batch)
    block = p.groups[0].blocks[0]
    again = [block.ffn.intermediate, block.attention.query, block.attention.key, block.attention.value]
    assert [id(each) for each in calls] == [id(each) for each in again] * config.num_hidden_layers


def test_without_a_backward_pass_nothing_is_stored(kernels, monkeypatch):
    def compact(cache):
        raise AssertionError("stored")

    monkeypatch.setattr(encoder, "compact", compact)
    config = DROPOUT.replace(recompute=True)
    made = ab.AlbertForPreTraining(config, seed=1)
    batch = make_batch(0, 1, 2, 3)
    assert np.isfinite(made.packed_loss(batch).loss)
    made([[2, 7, 8, 3]], output_hidden_states=True)
    with pytest.raises(AssertionError, match="stored"):
        made.packed_loss_and_gradients(batch)


def test_a_teacher_stores_nothing_and_its_student_does(kernels, monkeypatch):
    stored = []
    monkeypatch.setattr(encoder, "compact", lambda cache, inner=encoder.compact: (stored.append(1), inner(cache))[1])
    config = DROPOUT.replace(recompute=True, num_labels=2)
    student, teacher = (ab.AlbertForSequenceClassification(config, seed=seed) for seed in (1, 2))
    attach_teacher(student, DistillConfig(teacher))
    labels = [(np.arange(4), np.array([0, 1, 1, 0]))]
    ids = np.arange(12) % 10 + 5
    batch = student.pack_batch(
        ids=ids, lengths=np.full(4, 3), token_types=np.zeros(12, int), positions=np.tile(np.arange(3), 4), labels=labels
    )
    student.packed_loss_and_gradients(batch, dropout_key=KEY)
    assert len(stored) == config.num_hidden_layers
