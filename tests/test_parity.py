"""The same numbers as transformers, on stored files: hidden states, logits, losses, every gradient, ten optimiser steps.

Four models lie here, their expected numbers trimmed; the others are in the folder that ALBERT_NP_DATA names. transformers drops
the lookup gradient of the padding row: ours is the true one, and pad_row_gradient=False is theirs. Both are held to the files.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from reference import Reference

import albert_np as ab

DATA = os.environ.get("ALBERT_NP_DATA")
HERE = Path(__file__).parent / "io" / "fixtures" / "hf"
FIXTURES = ["base_12_layers", "groups_2_inner_2", "e_equals_h", "act_gelu"]
STORED = ["base_12_layers", "groups_2", "inner_2", "groups_2_inner_2", "act_relu", "act_gelu", "act_gelu_new", "e_equals_h",
          "fp16", "bf16", "sharded"]  # fmt: skip
TABLE = "albert.embeddings.word_embeddings.weight"


def folders():
    yield from (pytest.param(HERE / name, id=name) for name in FIXTURES)
    for name in STORED:
        folder = Path(DATA or "") / "weights" / "hf_tiny_random" / name
        mark = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: not all reference files are here")
        yield pytest.param(folder, id=f"whole {name}", marks=mark)


@pytest.fixture(params=folders())
def folder(request):
    return request.param


@pytest.fixture
def expected(folder):
    return Reference(folder / "expected.npz")


def inputs(expected):
    return {name: expected[name] for name in ("input_ids", "attention_mask", "token_type_ids")}


def batch(expected):
    return {**inputs(expected), "labels": expected["labels"], "sentence_order_label": expected["sentence_order_label"]}


def test_forward(folder, expected):
    model = ab.AlbertForPreTraining.from_pretrained(folder, dtype="float64")
    out = model(**inputs(expected), output_hidden_states=True, output_attentions=True)
    visible = expected["attention_mask"] == 1
    assert len(out.hidden_states) == model.config.num_hidden_layers + 1
    assert len(out.attentions) == model.config.num_hidden_layers * model.config.inner_group_num
    for i, hidden in enumerate(out.hidden_states):
        expected.check(hidden, f"hidden_{i:02d}", rows=visible)
    expected.check(out.pooler_output, "pooler")
    expected.check(out.prediction_logits, "prediction_logits", rows=visible)
    expected.check(out.sop_logits, "sop_logits")


def test_forward_in_float32(folder, expected):
    model = ab.AlbertForPreTraining.from_pretrained(folder)
    out = model(**inputs(expected), output_hidden_states=True)
    visible = expected["attention_mask"] == 1
    for i, hidden in enumerate(out.hidden_states):
        assert hidden.dtype == np.float32
        expected.check(hidden, f"hidden_{i:02d}", within=5e-6, rows=visible)


@pytest.mark.parametrize("pad_row_gradient", [True, False])
def test_loss_and_every_gradient(folder, expected, pad_row_gradient):
    model = ab.AlbertForPreTraining.from_pretrained(folder, dtype="float64", pad_row_gradient=pad_row_gradient)
    loss, grads = model.loss_and_gradients(**batch(expected))
    expected.check(loss, "loss")
    ours = ab.to_hf(model.config, grads)
    assert sorted(ours) == expected.names("grad/")
    pad = model.config.pad_token_id
    for name, gradient in ours.items():
        if name.endswith("attention.key.bias"):  # mathematically zero: noise
            expected.check(gradient, "grad/" + name, within=1e-14, absolute=True)
        elif name == TABLE and pad_row_gradient and pad is not None:
            expected.check(gradient[pad], f"grad_no_padding_idx/{TABLE}_row_pad")
        else:
            expected.check(gradient, "grad/" + name)


@pytest.mark.parametrize(("pad_row_gradient", "stored"), [(False, "adamw"), (True, "adamw_no_padding_idx")])
def test_ten_steps_of_adamw(folder, expected, pad_row_gradient, stored):
    """torch.optim.AdamW with one group of parameters: everything decays, and the moments are corrected."""
    model = ab.AlbertForPreTraining.from_pretrained(folder, dtype="float64", pad_row_gradient=pad_row_gradient)
    state = ab.optim.init("adamw", model.params, bias_correction=True, decay_all=True, eps=1e-6, weight_decay=0.01)
    losses = []
    for _ in range(10):
        loss, grads = model.loss_and_gradients(**batch(expected))
        losses.append(float(loss))
        ab.optim.step(model.params, grads, state, lr=1e-3)
    losses.append(float(model.loss_and_gradients(**batch(expected))[0]))
    np.testing.assert_allclose(losses, expected[f"{stored}/losses"], rtol=0, atol=1e-6)
    if stored == "adamw":
        for name, array in ab.to_hf(model.config, model.params).items():
            np.testing.assert_allclose(np.linalg.norm(array), expected[f"adamw/l2_after/{name}"], rtol=1e-6, err_msg=name)


def test_the_other_half_of_the_table(folder, expected):
    """The two settings of pad_row_gradient differ in one row of one tensor, and there by what was looked up."""
    grads = []
    for flag in (True, False):
        model = ab.AlbertForPreTraining.from_pretrained(folder, dtype="float64", pad_row_gradient=flag)
        grads.append(model.loss_and_gradients(**batch(expected))[1])
    pad = model.config.pad_token_id
    for (name, a), (_, b) in zip(grads[0].items(), grads[1].items()):
        rows = np.flatnonzero((a != b).any(-1)) if name == "embeddings.word" else []
        assert name == "embeddings.word" or np.array_equal(a, b), name
        assert name != "embeddings.word" or list(rows) == ([] if pad is None else [pad])


def test_multiple_choice():
    """The model and the numbers are transformers', see parity/store_choices.py."""
    expected = Reference(HERE / "multiple_choice" / "expected.npz")
    model = ab.AlbertForMultipleChoice.from_pretrained(
        HERE / "multiple_choice", dtype="float64", pad_row_gradient=False, require_heads=True
    )
    expected.check(model(**inputs(expected)).logits, "logits", within=1e-11)
    loss, grads = model.loss_and_gradients(**inputs(expected), labels=expected["labels"])
    expected.check(loss, "loss", within=1e-12)
    ours = ab.to_hf(model.config, grads)
    assert sorted(ours) == expected.names("grad/")
    for name, gradient in ours.items():
        nothing = name.endswith("attention.key.bias") or name == "classifier.bias"  # mathematically zero: noise
        expected.check(gradient, "grad/" + name, within=1e-14 if nothing else 1e-11, absolute=nothing)
