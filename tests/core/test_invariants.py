"""Invariants of the whole model in every configuration (see invariants.py), and relations between its parts."""

import math

import invariants
import numpy as np
import pytest
from helpers import floats
from invariants import DROPOUT, close, gradients, make_batch

import albert_np as ab
from albert_np.core.batch import Batch
from albert_np.core.layers import cross_entropy_backward
from albert_np.core.model.albert import encode, encode_backward, pretraining, pretraining_backward
from albert_np.core.model.heads import mlm_head_backward, order_head_backward
from albert_np.core.random import RandomKey
from albert_np.gradcheck.examples import TINY, parameters
from albert_np.models.shapes import shapes

CONFIGS = {
    "shared": DROPOUT,
    "groups": DROPOUT.replace(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2),
    "sharing attention": DROPOUT.replace(sharing="attention"),
    "sharing ffn": DROPOUT.replace(sharing="ffn"),
    "sharing none": DROPOUT.replace(sharing="none"),
    "fusion": DROPOUT.replace(fusion_layers=(0, 1, 3)),
    "fusion below the top": DROPOUT.replace(fusion_layers=(1, 2)),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@every_config
@pytest.mark.parametrize(
    "invariant",
    ["recomputing_changes_nothing", "order_of_sequences_changes_nothing", "every_sequence_by_itself", "micro_batches_add_up"],
)
def test_invariant(invariant, config, version):
    getattr(invariants, invariant)(config)


@every_config
def test_threads_change_nothing(config):
    invariants.threads_change_nothing(config)


@every_config
def test_kernels_change_nothing(config):
    invariants.kernels_change_nothing(config)
    invariants.kernels_change_nothing(config.replace(recompute=True))


def test_masks_differ_wherever_they_should(version):
    invariants.masks_differ_wherever_they_should()


@pytest.mark.parametrize(
    "invariant",
    ["adamw_follows_the_paper", "lamb_follows_the_paper", "clipping_keeps_the_direction", "the_learning_rate_rises_and_falls"],
)
def test_updates(invariant, version):
    getattr(invariants, invariant)()


@every_config
def test_backward_twice_adds_twice_and_forgets_nothing(config, version):
    p = parameters(shapes(config), 3)
    _, once = gradients(config, make_batch(0, 1, 2), p=p)
    _, twice = gradients(config, make_batch(0, 1, 2), p=p, grads=once.copy())
    close(twice.flat, 2 * once.flat)
    cache = pretraining(make_batch(0, 1, 2), p, config)[1]
    for _ in range(2):  # the cache may be used again
        g = p.zeros_like()
        pretraining_backward(1.0, cache, p, g, config, make_batch(0, 1, 2))
        assert np.array_equal(g.flat, once.flat)


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        (dict(sharing="all"), 3),
        (dict(sharing="attention"), 1),
        (dict(sharing="ffn"), 1),
        (dict(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2), 2),
    ],
)
def test_a_shared_gradient_is_the_sum_of_the_unshared(changes, places):
    """A model that shares, and one that has a copy for every use of a tensor."""
    config = DROPOUT.replace(**changes)
    apart = config.replace(sharing="none", num_hidden_groups=1)
    p, copies = parameters(shapes(config), 3), parameters(shapes(apart), 3)
    used = {name: array for name, array in p.paths()}
    home = {
        name: name
        if not name.startswith("groups.")
        else f"groups.{config.group_of(int(name.split('.')[1]))}.{name.split('.', 2)[2]}"
        for name, _ in copies.items()
    }
    for name, array in copies.items():
        array[...] = used[home[name]]
    key = RandomKey(2, step=5)
    loss, g = gradients(config, make_batch(0, 1, 2, 3), key, p=p)
    apart_loss, g_copies = gradients(apart, make_batch(0, 1, 2, 3), key, p=copies)
    assert loss == apart_loss
    sums, first = {}, {id(array): name for name, array in reversed(list(p.paths()))}
    for name, array in g_copies.items():
        shared = first[id(used[home[name]])]
        sums[shared] = sums.get(shared, 0) + array
    assert sums.keys() == {name for name, _ in g.items()}
    for name, array in g.items():
        np.testing.assert_allclose(array, sums[name], rtol=0, atol=1e-12, err_msg=name)


def test_the_tied_table_gets_the_lookups_gradient_and_the_decoders():
    p, b = parameters(shapes(TINY), 3), make_batch(0, 1, 2)
    _, whole = gradients(TINY, b, p=p)
    _, cache = pretraining(b, p, TINY)
    (c_mlm, c_mlm_loss), (c_sop, c_sop_loss) = cache.c_mlm, cache.c_sop

    heads, lookup = p.zeros_like(), p.zeros_like()
    dh = mlm_head_backward(cross_entropy_backward(1.0, c_mlm_loss), c_mlm, p, heads, TINY)
    decoder = heads.embeddings.word
    dh = dh + order_head_backward(cross_entropy_backward(1.0, c_sop_loss), c_sop, p, heads)
    encode_backward(dh, cache.c_encode, p, lookup, TINY, b)
    close(whole.embeddings.word, decoder + lookup.embeddings.word)
    looked_up = np.unique(b.ids)
    assert np.abs(decoder).max() > 1e-3 and np.abs(lookup.embeddings.word).max() > 1e-3
    assert not np.delete(lookup.embeddings.word, looked_up, axis=0).any()  # rows that were not looked up


@every_config
def test_every_dtype_is_kept(config):
    p = parameters(shapes(config), 3)
    for dtype in (np.float32, np.float64):
        q = p.astype(dtype)
        g = q.zeros_like()
        results, cache = pretraining(make_batch(0, 1, 2), q, config, None, RandomKey(1))
        pretraining_backward(1.0, cache, q, g, config, make_batch(0, 1, 2))
        assert floats([cache, g.flat]) == {np.dtype(dtype)}
        assert {results.loss.dtype, results.mlm_loss.dtype, results.sop_loss.dtype} == {np.dtype(dtype)}


def test_float32_agrees_with_float64():
    p = parameters(shapes(DROPOUT), 3)
    key = RandomKey(1)
    loss, g = gradients(DROPOUT, make_batch(0, 1, 2, 3), key, p=p)
    loss32, g32 = gradients(DROPOUT, make_batch(0, 1, 2, 3), key, p=p.astype(np.float32))
    assert loss32 == pytest.approx(loss, rel=1e-5)
    for (name, a), (_, b) in zip(g.items(), g32.items()):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-5 * max(1, np.abs(a).max()), err_msg=name)


@pytest.mark.parametrize("V", [50, 4000])
def test_a_fresh_models_loss_is_that_of_guessing(V):
    config = ab.AlbertConfig.preset("tiny", vocab_size=V)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, V, (8, 32))
    model = ab.AlbertForPreTraining(config, seed=1)
    loss, _ = model.loss_and_gradients(ids, labels=rng.integers(0, V, (8, 32)), sentence_order_label=rng.integers(0, 2, 8))
    assert abs(float(loss) - math.log(V) - math.log(2)) < 0.05


def test_hidden_states_are_one_a_layer_and_fusion_makes_the_representation():
    config = TINY.replace(fusion_layers=(0, 2, 3))
    p, b = parameters(shapes(config), 3), make_batch(0, 1)
    (h, hidden), _ = encode(b, p, config)
    assert len(hidden) == config.num_hidden_layers + 1 and all(x.shape == h.shape for x in hidden)
    fused = hidden[0]
    for level, fusion in zip((2, 3), p.fusion):
        fused = np.tanh(np.concatenate([fused, hidden[level]], axis=1) @ fusion.w + fusion.b)
    close(h, fused)
    (plain, plain_hidden), _ = encode(b, p, TINY)
    assert plain is plain_hidden[-1]


def test_the_loss_is_the_sum_of_its_parts_and_counts_are_counts():
    p, b = parameters(shapes(TINY), 3), make_batch(0, 1, 2, 3)
    results, _ = pretraining(b, p, TINY)
    close(results.loss, results.mlm_loss + results.sop_loss)
    assert results.masked == len(b.masked) and results.sequences == 4
    assert 0 <= int(results.mlm_correct) <= results.masked and 0 <= int(results.sop_correct) <= 4
    p.mlm.norm.gamma[...], p.mlm.norm.beta[...], p.sop.w[...] = 0, 0, 0  # now only the biases are left
    p.mlm.b[...], p.sop.b[...] = np.eye(TINY.vocab_size)[int(b.masked.labels[0])], [0, 1]
    results, _ = pretraining(b, p, TINY)
    assert int(results.mlm_correct) == (b.masked.labels == b.masked.labels[0]).sum() and int(results.sop_correct) == 2


def test_a_batch_without_items_has_loss_zero_and_no_gradient():
    b = make_batch(0, 1)
    none = np.zeros(0, np.int64)
    for labels in ({}, dict(masked_rows=none, masked_labels=none), dict(masked_rows=none, masked_labels=none, order_labels=None)):
        empty = Batch.pack(b.ids, b.sequences.lengths, b.token_types, b.positions, **labels)
        loss, g = gradients(TINY, empty)
        assert loss == 0 and not g.flat.any()


def test_one_sequence_of_one_token():
    one = Batch.pack(*(np.array([1]),) * 2, np.array([0]), np.array([0]), masked_rows=np.array([0]), masked_labels=np.array([3]),
                     order_labels=np.array([1]))  # fmt: skip
    loss, g = gradients(TINY, one)
    assert math.isfinite(loss) and np.isfinite(g.flat).all() and g.embeddings.word[1].any()


def test_the_forward_pass_writes_to_nothing_it_was_given():
    p, b = parameters(shapes(DROPOUT), 3), make_batch(0, 1, 2)
    p.flat.flags.writeable = False
    for array in (b.ids, b.positions, b.token_types, b.masked.rows, b.masked.labels, b.order.labels, b.random_rows):
        array.flags.writeable = False
    frozen = p.zeros_like()
    _, cache = pretraining(b, p, DROPOUT, None, RandomKey(1))
    pretraining_backward(1.0, cache, p, frozen, DROPOUT, b)
    assert frozen.flat.any()


def test_dropout_belongs_to_the_example_not_to_its_position():
    one, two = make_batch(2), make_batch(0, 2)
    assert np.array_equal(one.random_rows, two.random_rows[5:]) and one.random_rows[0].tolist() == [102, 0]


def test_examples_are_numbered_in_their_order_by_default():
    b = Batch.pack(np.zeros(5, int), np.array([2, 3]), np.zeros(5, int), np.zeros(5, int))
    assert b.random_rows.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]] and len(b.ids) == 5
