"""A compressed model, made dense again by `convert`, is in transformers what it is here; as it is, transformers refuses it."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.apps.convert import convert
from albert_np.compress.job import Plan, compress_model
from albert_np.io.packed_checkpoint import save_packed

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

SIZES = dict(
    vocab_size=97, embedding_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=24, num_labels=3,
)  # fmt: skip
PLANS = {
    "int8": dict(weights="int8"),
    "int4, pruned": dict(weights="int4", sparsity=0.5),
    "bfloat16": dict(weights="bfloat16"),
    "cut": dict(heads=0.5, neurons=0.5),
    "factored": dict(energy=0.4),
    "all": dict(heads=0.75, neurons=0.5, energy=0.5, weights="int8"),
}


def small_model(plan):
    model = ab.AlbertForSequenceClassification(ab.AlbertConfig(**SIZES), seed=2)
    for name, array in model.params.items():
        array += 0.1 * np.random.default_rng(sum(map(ord, name))).standard_normal(array.shape).astype(np.float32)
    rng = np.random.default_rng(0)
    batches = [
        model.pack_batch(
            ids=rng.integers(5, 97, 8), lengths=np.array([8]), token_types=np.zeros(8, int), positions=np.arange(8),
            labels=[(np.arange(1), rng.integers(3, size=1))],
        )
        for _ in range(4)
    ]  # fmt: skip
    return compress_model(model, Plan(**plan), batches, batches)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_dense_again(plan, tmp_path):
    found = small_model(plan)
    save_packed(tmp_path / "small", found.model.config, found.model.params, "AlbertForSequenceClassification", found.packing)
    convert(tmp_path / "small", tmp_path / "hf", "hf")
    theirs = transformers.AlbertForSequenceClassification.from_pretrained(tmp_path / "hf").eval()
    ids = np.random.default_rng(1).integers(5, 97, (3, 9))
    with torch.no_grad():
        logits = theirs(torch.tensor(ids)).logits.numpy()
    np.testing.assert_allclose(found.model(ids).logits, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_as_it_is_it_is_refused(plan, tmp_path):
    found = small_model(plan)
    save_packed(tmp_path, found.model.config, found.model.params, "AlbertForSequenceClassification", found.packing)
    with pytest.raises((RuntimeError, ValueError, OSError)):
        transformers.AlbertForSequenceClassification.from_pretrained(tmp_path)
