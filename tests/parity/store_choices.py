"""Store what transformers computes for multiple choice, for runs without torch.

    python tests/parity/store_choices.py tests/io/fixtures/hf/multiple_choice        the model as they save it, and expected.npz

Logits, loss and every gradient in float64, of three questions with four choices each, padded and unlabelled ones among them.
`tests/test_parity.py` compares ours with the file.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import transformers

SIZES = dict(
    vocab_size=61, embedding_size=8, hidden_size=18, num_hidden_layers=4, num_attention_heads=3, intermediate_size=28,
    max_position_embeddings=16, initializer_range=0.2, num_hidden_groups=2, hidden_act="gelu_new", pad_token_id=0,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
B, K, T = 3, 4, 9


def store(folder: Path) -> None:
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    model = transformers.AlbertForMultipleChoice(transformers.AlbertConfig(**SIZES))
    with torch.no_grad():  # gammas, betas and biases away from 1 and 0
        for p in model.parameters():
            if p.ndim == 1:
                p.add_(torch.tensor(0.2 * rng.standard_normal(p.shape), dtype=p.dtype))
    model.save_pretrained(folder)
    model = model.double().eval()
    mask = (np.arange(T) < rng.integers(4, T + 1, (B, K, 1))).astype(np.int64)
    given = {
        "input_ids": rng.integers(5, SIZES["vocab_size"], (B, K, T)) * mask, "attention_mask": mask,
        "token_type_ids": (np.arange(T) >= 3) * mask, "labels": np.array([2, -100, 0]),
    }  # fmt: skip
    out = model(**{name: torch.tensor(array) for name, array in given.items()})
    out.loss.backward()
    gradients = {f"grad/{name}": p.grad.numpy() for name, p in model.named_parameters()}
    values = {"logits": out.logits.detach().numpy(), "loss": out.loss.detach().numpy(), **gradients}
    np.savez_compressed(folder / "expected.npz", **given, **values, versions=f"{torch.__version__} {transformers.__version__}")


if __name__ == "__main__":
    store(Path(sys.argv[1]))
