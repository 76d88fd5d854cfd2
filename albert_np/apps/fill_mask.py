"""What may stand at [MASK]: the likeliest pieces, for one text."""

from typing import Any

import numpy as np

from albert_np.core import backend


def fill(model: Any, tokenizer: Any, text: str, k: int) -> list[list[tuple[str, float]]]:
    """For each [MASK] of the text the k likeliest pieces with their probabilities, most likely first.

    ValueError: no [MASK] in it, or too long for the model.
    """
    ids = np.asarray(tokenizer(text)["input_ids"]).reshape(1, -1)  # (1, T)
    places = np.flatnonzero(ids[0] == tokenizer.mask_token_id)
    if not len(places):
        raise ValueError(f"there is no [MASK] in {text!r}")
    logits = backend.to_host(model(ids).prediction_logits)[0, places]  # (masks, V)
    return [likeliest(row, tokenizer, k) for row in logits]


def likeliest(logits: np.ndarray, tokenizer: Any, k: int) -> list[tuple[str, float]]:
    """logits (V,), host -> the k best pieces (all, if there are fewer) with their probabilities, most likely first"""
    logits = logits[: len(tokenizer)].copy()  # a model may have rows that no piece goes with
    logits[list(tokenizer.all_special_ids)] = -np.inf  # no word
    e = np.exp(logits - logits.max())
    some = np.argpartition(logits, -k)[-k:] if k < len(e) else np.arange(len(e))
    best, total = some[np.argsort(-logits[some], kind="stable")], e.sum(dtype=np.float64)
    return [(tokenizer.decode([int(i)]) or tokenizer.convert_ids_to_tokens([int(i)])[0], float(e[i] / total)) for i in best]
