"""The same numbers as transformers, on stored files: every hidden state, logit, loss and gradient, in float64.

The files are in the folder that ALBERT_NP_DATA names. transformers drops the lookup gradient of the padding row; ours is
the true gradient, which the files hold too.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab

DATA = os.environ.get("ALBERT_NP_DATA")
MODELS = ["base_12_layers", "groups_2", "inner_2", "groups_2_inner_2", "act_relu", "act_gelu", "act_gelu_new", "e_equals_h"]

pytestmark = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: no reference files to compare with")


@pytest.fixture(params=MODELS)
def reference(request):
    folder = Path(DATA) / "weights" / "hf_tiny_random" / request.param
    return ab.AlbertForPreTraining.from_pretrained(folder, dtype="float64"), np.load(folder / "expected.npz")


def close(ours, theirs):
    """Within 1e-9 of the tensor's largest value."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * np.abs(theirs).max())


def test_forward(reference):
    model, expected = reference
    out = model(expected["input_ids"], expected["attention_mask"], expected["token_type_ids"], output_hidden_states=True)
    visible = expected["attention_mask"] == 1
    assert len(out.hidden_states) == model.config.num_hidden_layers + 1
    for i, hidden in enumerate(out.hidden_states):
        close(hidden[visible], expected[f"hidden_{i:02d}"][visible])
    close(out.pooler_output, expected["pooler"])
    close(out.prediction_logits[visible], expected["prediction_logits"][visible])
    close(out.sop_logits, expected["sop_logits"])


def test_loss_and_every_gradient(reference):
    model, expected = reference
    inputs = [expected[name] for name in ("input_ids", "attention_mask", "token_type_ids")]
    labels = dict(labels=expected["labels"], sentence_order_label=expected["sentence_order_label"])
    loss, grads = model.loss_and_gradients(*inputs, **labels)
    close(loss, expected["loss"])
    table = "albert.embeddings.word_embeddings.weight"
    for name, gradient in ab.to_hf(model.config, grads).items():
        theirs = expected["grad/" + name].copy()
        if name == table:
            theirs[model.config.pad_token_id or 0] = expected[f"grad_no_padding_idx/{table}_row_pad"]
        if name.endswith("attention.key.bias"):  # mathematically zero: noise
            np.testing.assert_allclose(gradient, theirs, rtol=0, atol=1e-14)
        else:
            close(gradient, theirs)
