"""Parity of translation with an installed transformers: its AlbertForMaskedLM under a mask of our pattern is the same function.

There is no sequence-to-sequence ALBERT there. But its masked-language model takes a (B, T, T) mask of which token sees which, and
what is learned is cross-entropy over its logits: so torch's gradients are what ours must be. In float64.
"""

import numpy as np
import pytest

import albert_np as ab

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

SIZES = dict(
    vocab_size=97, embedding_size=10, hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=32, initializer_range=0.2, num_hidden_groups=2, inner_group_num=2, pad_token_id=0,
)  # fmt: skip
B, T = 3, 11
IDS = np.random.default_rng(0).integers(5, 97, (B, T))
SOURCES, LENGTHS = np.array([4, 2, 6]), np.array([11, 7, 9])
MASK = (np.arange(T) < LENGTHS[:, None]).astype(int)
TYPES = ((np.arange(T) >= SOURCES[:, None]) & (MASK == 1)).astype(int)


def pattern():
    """(B, T, T): whether query row may see key column, written out token by token."""
    seen = np.zeros((B, T, T))
    for b in range(B):
        for query in range(LENGTHS[b]):
            for key in range(LENGTHS[b]):
                source = key < SOURCES[b]
                seen[b, query, key] = source if query < SOURCES[b] else source or key <= query
        seen[b, LENGTHS[b] :, 0] = 1  # padding must see something, or its softmax is of nothing
    return seen


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_same_logits_loss_and_gradients(tmp_path, smoothing):
    ours = ab.AlbertForTranslation(ab.AlbertConfig(**SIZES), seed=1, dtype="float64")
    ours.params.mlm.b[...] = np.linspace(-0.5, 0.5, 97)
    ours.save_pretrained(tmp_path)
    theirs = transformers.AlbertForMaskedLM.from_pretrained(tmp_path, dtype=torch.float64, attn_implementation="eager").eval()
    bias = torch.tensor(np.where(pattern()[:, None] == 1, 0.0, -1e300))  # (B, 1, T, T), added to the scores
    out = theirs(input_ids=torch.tensor(IDS), token_type_ids=torch.tensor(TYPES), attention_mask=bias)
    found = ours(IDS, MASK, TYPES)
    there = MASK == 1
    np.testing.assert_allclose(found.logits[there], out.logits.detach().numpy()[there], rtol=0, atol=1e-9)

    follows = np.where(np.roll(TYPES, -1, axis=1) == 1, np.roll(IDS, -1, axis=1), -100)
    follows[:, -1] = -100
    expected = torch.nn.functional.cross_entropy(
        out.logits.reshape(-1, 97), torch.tensor(follows.reshape(-1)), ignore_index=-100, label_smoothing=smoothing
    )
    expected.backward()
    loss, grads = ours.loss_and_gradients(IDS, MASK, TYPES, label_smoothing=smoothing)
    assert float(loss) == pytest.approx(expected.item(), rel=1e-12)
    mine = ab.to_hf(ours.config, grads)
    compared = 0
    for name, parameter in theirs.named_parameters():
        if name in mine and parameter.grad is not None:
            np.testing.assert_allclose(mine[name], parameter.grad.numpy(), rtol=0, atol=1e-10, err_msg=name)
            compared += 1
    assert compared > 30
