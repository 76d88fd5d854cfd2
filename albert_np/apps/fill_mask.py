"""The most probable tokens at each [MASK] of a text."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.io.files import read_json
from albert_np.io.load import MissingHeads
from albert_np.models import AlbertForMaskedLM
from albert_np.models.vocabulary import check_vocabulary


def load_masked_model(path: str, seed: int = 0) -> tuple[AlbertForMaskedLM, Any]:
    """Return a masked language model and its tokenizer.

    ValueError if it has no weights for that head.
    """
    from albert_np.text import AlbertTokenizer

    tokenizer = AlbertTokenizer.from_pretrained(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*left out")  # the sentence-order head is not needed here
        try:
            model = AlbertForMaskedLM.from_pretrained(path, seed=seed, require_heads=True)
        except MissingHeads as error:
            raise ValueError(f"{error}{_suggest(path, error.task)}") from None
    return model, tokenizer


def _suggest(path: str, head: str) -> str:
    """Return what a model without a masked-language-model head can be used for. head: the task's head that it has instead."""
    from albert_np.models import AlbertConfig
    from albert_np.tasks.inferred import CLASSES, get_class
    from albert_np.tasks.trained import FILE

    named = get_class(AlbertConfig.from_pretrained(path))
    file, names = Path(path) / FILE, CLASSES.get(named, ())
    if file.is_file():
        return f"; it answers with albert-np predict {read_json(file).get('task')} --model {path}"
    if names:
        return f"; it answers with albert-np predict {names[0]} --model {path}"
    if named and head:
        return f"; its config names the class {named!r}, for which there is no task here"
    if head:
        return "; its config names no class, so name its task: albert-np predict TASK, or serve --task TASK"
    return "; name the pretrained model"


def fill_masks(model: Any, tokenizer: Any, text: str, k: int) -> list[list[tuple[str, float]]]:
    """Return for each [MASK] of the text the k most probable tokens with their probabilities, in descending order.

    ValueError if the text has no [MASK] or is too long for the model, or if the tokenizer has more pieces than the model.
    """
    check_vocabulary(model.config, len(tokenizer))
    ids = np.asarray(tokenizer(text)["input_ids"]).reshape(1, -1)  # (1, T)
    positions = np.flatnonzero(ids[0] == tokenizer.mask_token_id)
    if not len(positions):
        raise ValueError(f"there is no [MASK] in {text!r}")
    logits = backend.to_host(model(ids).prediction_logits)[0, positions]  # (masks, V)
    return [top_tokens(row, tokenizer, k) for row in logits]


def top_tokens(logits: np.ndarray, tokenizer: Any, k: int) -> list[tuple[str, float]]:
    """Return the k most probable tokens (all, if there are fewer) with their probabilities, in descending order.

    logits: (V,), on the host. Special tokens, and rows beyond the tokenizer's vocabulary, are left out.
    """
    logits = logits[: len(tokenizer)].copy()
    logits[list(tokenizer.all_special_ids)] = -np.inf
    e = np.exp(logits - logits.max())
    candidates = np.argpartition(logits, -k)[-k:] if k < len(e) else np.arange(len(e))
    best, total = candidates[np.argsort(-logits[candidates], kind="stable")], e.sum(dtype=np.float64)
    return [(tokenizer.decode([int(i)]) or tokenizer.convert_ids_to_tokens([int(i)])[0], float(e[i] / total)) for i in best]
