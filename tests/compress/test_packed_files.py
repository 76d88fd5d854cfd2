"""Packed files: what is loaded is what was saved, to the bit, and they are as small as arithmetic says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import albert_np as ab
from albert_np.compress import SCHEMES, Sparsity, prune
from albert_np.compress.quantising import quantise_params, round_to_16_bits, write_dequantised
from albert_np.io.formats import packed, safetensors_file
from albert_np.io.formats.bfloat16 import from_bfloat16, to_bfloat16
from albert_np.io.matrices import quantisable
from albert_np.io.packed_checkpoint import Packing, expected_bytes, make_entries, save_packed


def packing_for(model, weights, share):
    """Prune and round a model in place -> how it is stored."""
    if share:
        prune(model.params, Sparsity(share))
    if weights in SCHEMES:
        found = quantise_params(model.params, SCHEMES[weights])
        write_dequantised(model.params, found)
        return Packing(weights, found)
    if weights != "float32":
        round_to_16_bits(model.params, weights)
    return Packing(weights)


@pytest.mark.parametrize("weights", ["float32", "float16", "bfloat16", "int8", "int4"])
@pytest.mark.parametrize("share", [0, 0.5, 0.9, "2:4"])
def test_what_is_loaded_is_what_was_saved(model, ids, tmp_path, weights, share):
    packing = packing_for(model, weights, share)
    size = save_packed(tmp_path, model.config, model.params, "AlbertForSequenceClassification", packing)
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path)
    assert (again.params.flat == model.params.flat).all()
    assert again(ids).logits.tobytes() == model(ids).logits.tobytes()
    header = int.from_bytes((tmp_path / "model.safetensors").read_bytes()[:8], "little") + 8
    assert size - header == pytest.approx(
        expected_bytes(model.params, packing), abs=len(quantisable(model.params))
    )  # whole bytes


@pytest.mark.parametrize(
    "form",
    [
        dict(sharing="attention"),
        dict(sharing="none"),
        dict(num_attention_heads=3, attention_head_size=6),
        dict(ranks={"ffn.output": 5, "attention.key": 3}),
        dict(fusion_layers=(1, 3)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is saved as")
def test_every_form_of_model(config, ids, tmp_path, form):
    model = ab.AlbertForSequenceClassification(config.replace(**form), seed=1)
    packing = packing_for(model, "int8", 0.5)
    save_packed(tmp_path, model.config, model.params, "AlbertForSequenceClassification", packing)
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path)
    assert (again.params.flat == model.params.flat).all() and again.config.ranks == model.config.ranks
    assert (again(ids).logits == model(ids).logits).all()


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "share", "most"), [("int8", 0, 12.5e6), ("int8", 0.8, 5e6), ("int4", 0, 7.5e6)])
def test_the_size_of_albert_base(tmp_path, weights, share, most):
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("base"), seed=0)
    packing = packing_for(model, weights, share)
    size = save_packed(tmp_path, model.config, model.params, "AlbertForPreTraining", packing)
    assert size <= most and size == pytest.approx(expected_bytes(model.params, packing), rel=0.01)


def test_a_mask_is_used_where_it_pays(model):
    prune(model.params, Sparsity(0.02))
    assert not any(name.endswith(".mask") for name in make_entries(model.config, model.params, Packing("float16"))[0])
    prune(model.params, Sparsity(0.1))
    arrays, described = make_entries(model.config, model.params, Packing("float16"))
    assert sum(name.endswith(".mask") for name in arrays) == sum(about["mask"] for about in described.values()) > 8


def test_convert_makes_it_dense_again(model, ids, tmp_path):
    from albert_np.apps.convert import convert

    save_packed(
        tmp_path / "small", model.config, model.params, "AlbertForSequenceClassification", packing_for(model, "int8", 0.5)
    )
    done = convert(tmp_path / "small", tmp_path / "hf", "hf")
    assert done["parameters"] == model.params.count()
    assert all(array.dtype == np.float32 for array in load_file(tmp_path / "hf" / "model.safetensors").values())
    config = ab.AlbertConfig.from_pretrained(tmp_path / "hf")
    assert "compressed" not in config.extra and config.to_dict()["model_type"] == "albert"
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path / "hf")
    assert (again(ids).logits == model(ids).logits).all()


def test_others_are_told_that_it_is_none_of_theirs(model, tmp_path):
    save_packed(tmp_path, model.config, model.params, "AlbertForSequenceClassification", packing_for(model, "int8", 0))
    assert '"model_type": "albert_np"' in (tmp_path / "config.json").read_text()
    for name, array in load_file(tmp_path / "model.safetensors").items():
        if name.endswith("weight") and "LayerNorm" not in name and "layer_norm" not in name and "classifier" not in name:
            assert array.ndim == 1 or "token_type" in name, "a matrix of the right shape would be taken for weights"


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 9), columns=st.integers(1, 40), bits=st.sampled_from([4, 8, 16, 32]), mask=st.booleans(),
    share=st.floats(0, 1), group=st.integers(0, 12), seed=st.integers(0, 999),
)  # fmt: skip
def test_any_matrix_comes_back(rows, columns, bits, mask, share, group, seed):
    rng = np.random.default_rng(seed)
    steps, values = None, rng.standard_normal((rows, columns)).astype({16: np.float16}.get(bits, np.float32))
    if bits < 16:
        values = rng.integers(-7, 8, (rows, columns)).astype(np.int8)
        steps = rng.random((rows, -(-columns // group) if group else 1)).astype(np.float32)
    values[rng.random(values.shape) < share] = 0
    parts, about = packed.pack(values, bits, mask, steps, group)
    found = packed.unpack({"a" + ending: part for ending, part in parts.items()}, packed.metadata({"a": about}))["a"]
    expected = values if bits >= 16 else values * (np.repeat(steps, group, 1)[:, :columns] if group else steps)
    assert (
        found.dtype == (values.dtype if bits >= 16 else np.float32)
        and found.tobytes() == (expected + found.dtype.type(0)).tobytes()
    )


@settings(max_examples=200, deadline=None)
@given(bits=st.integers(0, 2**32 - 1))
def test_bfloat16_is_the_nearest(bits):
    x = np.array([bits], np.uint32).view(np.float32)
    y = from_bfloat16(to_bfloat16(x))
    if np.isnan(x[0]):
        assert np.isnan(y[0])
    else:
        low, high = (
            from_bfloat16(np.array([bits >> 16], np.uint16))[0],
            from_bfloat16(np.array([min(0xFFFF, (bits >> 16) + 1)], np.uint16))[0],
        )
        assert y[0] in (low, high)
        if np.isfinite(high) and np.isfinite(low):
            assert abs(np.float64(y[0]) - x[0]) == min(abs(np.float64(low) - x[0]), abs(np.float64(high) - x[0]))


GOOD = {"shape": [2, 4], "bits": 8, "group": 0, "mask": True}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(about="nonsense"), "must have shape, bits, group and mask"),
        (dict(about={**GOOD, "bits": 3}), "is not valid"),
        (dict(about={**GOOD, "shape": [2, -4]}), "is not valid"),
        (dict(about={**GOOD, "shape": [8]}), "is not a matrix"),
        (dict(about={**GOOD, "shape": [2**20, 2**19]}), r"w.mask: expected uint8"),
        (dict(about={**GOOD, "group": 2}), r"w.steps: expected float32 of \(2, 2\)"),
        (dict(without="w.mask"), "lacks its mask or its steps"),
        (dict(without="w.steps"), "lacks its mask or its steps"),
        (dict(without="w"), "lacks its values"),
        (dict(values=np.zeros(7, np.int8)), r"w: expected int8 of \(3,\), file has int8 of \(7,\)"),
        (dict(values=np.zeros(3, np.float32)), "w: expected int8"),
        (dict(text="{"), "not JSON"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path, change, said):
    arrays = {
        "w": np.array([1, 2, 3], np.int8),
        "w.mask": np.array([0b10010100], np.uint8),
        "w.steps": np.ones((2, 1), np.float32),
    }
    arrays.pop(change.get("without"), None)
    if "values" in change:
        arrays["w"] = change["values"]
    metadata = packed.metadata({"w": change.get("about", GOOD)})
    if "text" in change:
        metadata["packed"] = change["text"]
    save_file(arrays, tmp_path / "model.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=rf"model.safetensors is not a whole safetensors file: .*{said}"):
        safetensors_file.read(tmp_path / "model.safetensors")


def test_numbers_too_large_for_float16_are_refused(model):
    model.params.pooler.w[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"pooler.w: 1e\+06 is too large for float16"):
        round_to_16_bits(model.params, "float16")
    round_to_16_bits(model.params, "bfloat16")


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"weights: expected one of float32, .*'int3'"):
        Packing("int3")
