"""The parameter tree: one flat buffer, views into it, sharing as identity, and fresh values by name."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.core.model.shapes import truncated_normal
from albert_np.core.params import QUANTUM
from albert_np.core.random import generator
from albert_np.engine.kernels import tensor_spans
from albert_np.models.shapes import initialise, shapes

CONFIG = ab.AlbertConfig(
    vocab_size=31, embedding_size=5, hidden_size=12, num_hidden_layers=4, num_attention_heads=3, intermediate_size=7,
    max_position_embeddings=11,
)  # fmt: skip


def tree(dtype="float32", seed=0, parts=("pooler", "mlm", "sop"), **changes):
    config = CONFIG.replace(**changes)
    return initialise(shapes(config, parts), config, seed, dtype)


def test_leaves_lie_at_the_same_places_in_every_dtype():
    spans = [tensor_spans(tree(dtype)) for dtype in ("float16", "float32", "float64")]
    assert spans[0] == spans[1] == spans[2]
    assert np.array_equal(tree("float64").astype("float32").flat, tree("float32").flat)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_leaves_are_views_that_start_on_64_byte_boundaries(dtype):
    p = tree(dtype)
    end = 0
    for name, array in p.items():
        offset = (array.ctypes.data - p.flat.ctypes.data) // p.flat.itemsize
        assert array.ctypes.data % 64 == 0 and array.flags.c_contiguous and array.dtype == dtype, name
        assert np.shares_memory(array, p.flat) and offset >= end and offset - end < QUANTUM, name
        end = offset + array.size
    assert end <= p.flat.size
    ones = p.zeros_like()
    ones.flat[...] = 1
    for name, array in ones.items():
        array -= 1
        assert not array.any(), name
    assert ones.flat.sum() == p.flat.size - p.count() and not p.flat[ones.flat == 1].any()  # the padding between leaves is zero


def test_what_is_done_to_the_flat_buffer_is_done_to_all():
    p = tree()
    g = p.zeros_like()
    g.flat += 1
    assert all((array == 1).all() for _, array in g.items()) and g.flat is not p.flat
    g.groups[0].blocks[0].attention.query.w[0, 0] = 5
    assert g.flat.max() == 5
    twin = p.copy()
    twin.flat *= 2
    assert np.array_equal(twin.pooler.w, 2 * p.pooler.w) and not np.shares_memory(twin.flat, p.flat)


def test_a_leaf_is_changed_in_place_and_never_replaced():
    p = tree()
    w = p.pooler.w
    p.pooler.w += 1
    p.pooler.w[...] = 3
    p.pooler.w -= p.pooler.w
    assert p.pooler.w is w and not w.any()
    with pytest.raises(AttributeError, match="'w' cannot be replaced"):
        p.pooler.w = np.zeros_like(w)
    with pytest.raises(AttributeError, match="'w' cannot be replaced"):
        p.pooler.w = p.pooler.w + 1
    with pytest.raises(AttributeError, match=r"no parameter is called 'weight'; there are w, b"):
        p.pooler.weight = w
    with pytest.raises(AttributeError, match="cannot be replaced"):
        p.flat = p.flat.copy()


@pytest.mark.parametrize(
    ("changes", "attentions", "ffns"),
    [
        ({}, 1, 1),
        (dict(num_hidden_groups=2), 2, 2),
        (dict(num_hidden_groups=2, inner_group_num=3), 6, 6),
        (dict(sharing="attention"), 1, 4),
        (dict(sharing="ffn"), 4, 1),
        (dict(sharing="none"), 4, 4),
        (dict(sharing="attention", inner_group_num=2), 2, 8),
    ],
)
def test_sharing_is_identity(changes, attentions, ffns):
    p, config = tree(**changes), CONFIG.replace(**changes)
    layers = [block for l in range(4) for block in p.groups[config.group_of(l)].blocks]
    assert len({id(block.attention.query.w) for block in layers}) == attentions
    assert len({id(block.attention_norm) for block in layers}) == attentions
    assert len({id(block.ffn.output.w) for block in layers}) == ffns
    names = [name for name, _ in p.items()]
    assert len(names) == len(set(names)) and len({id(array) for _, array in p.items()}) == len(names)
    assert sum(name.endswith("query.w") for name in names) == attentions and sum("ffn.output.w" in name for name in names) == ffns
    g = p.zeros_like()  # has the same identities
    assert len({id(block.attention.query.w) for group in g.groups for block in group.blocks}) == attentions
    assert p.count() == sum(array.size for _, array in p.items()) <= p.flat.size
    assert len(list(p.paths())) >= len(names)


def test_fusions_and_parts():
    p = tree(fusion_layers=(1, 2, 4))
    assert [f.w.shape for f in p.fusion] == [(24, 12)] * 2
    assert not hasattr(tree(parts=("mlm",)), "pooler") and tree(parts=("mlm",)).mlm.b.shape == (31,)


def test_astype_keeps_the_numbers_the_form_and_the_device():
    p = tree("float32", sharing="attention")
    q = p.astype("float64")
    assert q.flat.dtype == np.float64 and [name for name, _ in q.items()] == [name for name, _ in p.items()]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(p.items(), q.items()))
    assert np.array_equal(q.astype("float32").flat, p.flat)
    assert q.groups[0].blocks[0].attention is q.groups[1].blocks[0].attention


def test_fresh_values():
    config = ab.AlbertConfig.preset("tiny")
    p = initialise(shapes(config), config, 0, "float32")
    for name, array in p.items():
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "gamma":
            assert (array == 1).all(), name
        elif leaf in ("b", "beta"):
            assert not array.any(), name
        else:
            assert np.abs(array).max() <= 0.04 and abs(array.mean()) < 4 * 0.0176 / array.size**0.5, name
            assert array.std() == pytest.approx(0.8796 * 0.02, rel=4 / (2 * array.size) ** 0.5), name
    wide = initialise(shapes(config), config.replace(initializer_range=0.5), 0, "float32")
    np.testing.assert_allclose(wide.pooler.w, 25 * p.pooler.w, rtol=1e-6)


def test_truncated_normal_is_drawn_again_not_clipped():
    x = truncated_normal(generator(0, "test"), (100_000,), 1.0)
    assert np.abs(x).max() <= 2 and (np.abs(x) > 1.999).mean() < 0.001 and x.std() == pytest.approx(0.8796, abs=0.006)


def test_fresh_values_depend_on_the_seed_and_the_name_only():
    values = {name: array.copy() for name, array in tree(fusion_layers=(1, 2)).items()}
    for other in (tree(parts=()), tree(fusion_layers=(1, 2, 4)), tree(num_hidden_groups=2)):  # other heads, other layers
        assert all(np.array_equal(values.get(name, array), array) for name, array in other.items())
    assert not np.array_equal(tree(seed=1).pooler.w, values["pooler.w"])
    drawn = [array.tobytes() for name, array in values.items() if array.shape == (12, 12)]
    assert len(set(drawn)) == len(drawn)  # no two tensors alike
    np.testing.assert_array_equal(tree("float64").pooler.w.astype("float32"), tree("float32").pooler.w)
