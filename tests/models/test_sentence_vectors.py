"""Sentence vectors are those of a plain call of the model, whatever the layer, the pooling, the batch and the device."""

import numpy as np
import pytest
from devices import DEVICES, on_device

import albert_np as ab
from albert_np.core import reference
from albert_np.engine import shards
from albert_np.engine.inference import encoder as inference_encoder
from albert_np.models.embedder import find_layer, sentence_vectors

CONFIG = ab.AlbertConfig(
    vocab_size=31, embedding_size=6, hidden_size=12, num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2,
    num_attention_heads=3, intermediate_size=20, max_position_embeddings=9, initializer_range=0.1,
)  # fmt: skip
LENGTHS = (7, 7, 5, 1, 9, 1)
LAYERS = (-5, -4, -2, -1, 0, 1, 3, 4)


def rows(seed=0):
    """The ids and token types of six sequences, two of them of a pair."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, CONFIG.vocab_size, length) for length in LENGTHS]
    return ids, [(np.arange(length) > 3).astype(int) * (i % 2) for i, length in enumerate(LENGTHS)]


def plainly(model, ids, types, pooling, layer):
    """One call of the model for each sequence."""
    vectors = []
    for row, kinds in zip(ids, types):
        out = model([row], token_type_ids=[kinds], output_hidden_states=True)
        h = out.last_hidden_state if layer == -1 else out.hidden_states[layer]
        vectors.append({"mean": h[0].mean(0), "cls": h[0, 0], "pooler": out.pooler_output[0]}[pooling])
    return np.array(vectors)


@pytest.mark.parametrize("fusion", [(), (1, 4), (0, 2)])
@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_vectors_are_those_of_a_plain_call(pooling, fusion, dtype, tolerance, version):
    model = ab.AlbertModel(CONFIG.replace(fusion_layers=fusion), seed=1, dtype=dtype)
    model.params.pooler.b[...] = 0.1
    ids, types = rows()
    for layer in LAYERS if pooling != "pooler" else (-1,):
        vectors = sentence_vectors(model, ids, types, pooling, layer)
        expected = plainly(model, ids, types, pooling, layer)
        assert vectors.shape == (6, 12) and vectors.dtype == dtype
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=tolerance * np.abs(expected).max(), err_msg=str(layer))


def test_the_layers_above_are_not_computed(monkeypatch):
    model, computed, original = ab.AlbertModel(CONFIG), [], inference_encoder.Layers.block

    def count(layers, p, parts):
        computed.append(p)
        original(layers, p, parts)

    monkeypatch.setattr(inference_encoder.Layers, "block", count)
    for layer, expected in ((0, []), (1, [0]), (-2, [0, 1, 2]), (-1, [0, 1, 2, 3])):
        computed.clear()
        sentence_vectors(model, *rows(), "mean", layer)
        assert len(computed) == len(expected) * CONFIG.inner_group_num
    computed.clear()
    sentence_vectors(ab.AlbertModel(CONFIG.replace(fusion_layers=(0, 2))), *rows(), "mean")
    assert len(computed) == 2 * CONFIG.inner_group_num


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
def test_the_division_among_threads_does_not_matter(pooling, monkeypatch):
    model = ab.AlbertModel(CONFIG, seed=1, dtype="float64")
    expected = sentence_vectors(model, *rows(), pooling)
    split = []
    monkeypatch.setattr("albert_np.models.embedder.number_of_shards", lambda lengths, like: 3)
    monkeypatch.setattr(
        "albert_np.models.embedder.split", lambda batch, k: split.append(k) or shards.split(batch, k)
    )  # fmt: skip
    np.testing.assert_allclose(sentence_vectors(model, *rows(), pooling), expected, rtol=0, atol=1e-12)
    assert split == [3]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
def test_on_a_device(device, pooling, monkeypatch):
    host = ab.AlbertModel(CONFIG.replace(fusion_layers=(1, 4)), seed=1)
    expected = sentence_vectors(host, *rows(), pooling)
    on_device(device, monkeypatch)
    with reference(False):
        vectors = sentence_vectors(host.to(device), *rows(), pooling)
    assert type(vectors) is np.ndarray and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_of_a_model_with_half_precision():
    """The mean of many numbers is computed in float32."""
    config = CONFIG.replace(max_position_embeddings=400)
    half = ab.AlbertModel(config, seed=1, dtype="float16")
    ids = [np.random.default_rng(0).integers(1, 31, 400)]
    types = [np.zeros(400, int)]
    h = half(ids).last_hidden_state[0]
    np.testing.assert_allclose(sentence_vectors(half, ids, types)[0], h.astype(np.float64).mean(0), rtol=0, atol=1e-6)


def test_layers():
    assert [find_layer(CONFIG, layer) for layer in LAYERS] == [0, 1, 3, None, 0, 1, 3, None]
    assert find_layer(CONFIG.replace(fusion_layers=(1, 4)), 4) == 4  # not the model's output
    for wrong in (5, -6, True, 1.0, "1", None):
        with pytest.raises(ValueError, match=r"layer: expected 0 \(the embeddings\) to 4, or -1 to -5 from the end, got"):
            find_layer(CONFIG, wrong)


def test_what_cannot_be_pooled():
    model = ab.AlbertModel(CONFIG)
    with pytest.raises(ValueError, match="pooling: expected one of mean, cls, pooler, got 'max'"):
        sentence_vectors(model, *rows(), "max")
    with pytest.raises(ValueError, match=r"layer: the pooler reads the model's output, so .* it must be -1, not 2"):
        sentence_vectors(model, *rows(), "pooler", 2)
    with pytest.raises(ValueError, match=r"this model has no pooler .*: choose mean or cls"):
        sentence_vectors(ab.AlbertForMaskedLM(CONFIG), *rows(), "pooler")
    assert sentence_vectors(ab.AlbertForMaskedLM(CONFIG), *rows(), "cls").shape == (6, 12)
