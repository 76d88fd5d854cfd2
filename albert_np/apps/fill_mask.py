"""The most probable tokens at each [MASK] of a text."""

import re
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.model.heads import mlm_head
from albert_np.engine import inference, threads
from albert_np.engine.shards import number_of_shards, split_points
from albert_np.io.files import read_json
from albert_np.io.load import MissingHeads
from albert_np.models import AlbertForMaskedLM
from albert_np.models.batch import TaskBatch
from albert_np.models.vocabulary import check_vocabulary
from albert_np.training.trained_length import read_trained_length

OTHER_MASKS = re.compile(r"\[ *mask *\]|< *mask *>|\{ *mask *\}|_{2,}", re.IGNORECASE)  # as other programs and people write it
SHOWN = 60  # characters of a text in a message


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
    ids = encode_masked(model, tokenizer, text, repr(textwrap.shorten(text, SHOWN, placeholder="...")))
    logits = mask_logits(model, [ids], [[position for position, i in enumerate(ids) if i == tokenizer.mask_token_id]])
    return [top_tokens(row, tokenizer, k) for row in logits]


def mask_logits(model: Any, ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the logits (M, V) at positions of texts, a host array; nothing else is computed in the last layer.

    ids, positions: of each text. The texts are packed into one batch, which is divided among threads.
    """
    p, config = model.params, model.config
    lengths = np.array([len(row) for row in ids])  # (B,)
    k = number_of_shards(lengths, p.embeddings.projection.b)
    workers = inference.number_of_workers(lengths, p, config, k)

    def work(part: tuple[int, int]) -> np.ndarray:
        some = slice(*part)
        starts = np.cumsum(lengths[some]) - lengths[some]
        rows = np.concatenate([start + np.array(each, np.intp) for start, each in zip(starts, positions[some])])
        batch = TaskBatch.pack(
            ids=np.concatenate(ids[some]), lengths=lengths[some], token_types=np.zeros(lengths[some].sum(), np.int64),
            positions=np.concatenate([np.arange(length) for length in lengths[some]]), output_rows=rows, like=p.flat,
        )  # fmt: skip
        with inference.blas_threads(workers):
            h = inference.encode(batch, p, config, workers=workers)  # (N, H)
            return backend.to_host(mlm_head(h, backend.asarray_like(rows, h), p, config)[0])

    return np.concatenate(threads.run(work, split_points(lengths, k)))


def encode_masked(model: Any, tokenizer: Any, text: str, name: str) -> list[int]:
    """Return the ids of a text with [MASK], a list of T. name: of the text, in messages

    ValueError if it has no [MASK], with what was probably meant for one, or more tokens than the model takes.
    """
    ids = [int(i) for i in tokenizer(text)["input_ids"][0]]
    if tokenizer.mask_token_id not in ids:
        other = OTHER_MASKS.search(text)
        raise ValueError(f"there is no [MASK] in {name}" + (f": write [MASK] instead of {other[0]}" if other else ""))
    if len(ids) > (most := model.config.max_position_embeddings):
        raise ValueError(f"{name} has {len(ids)} tokens, and the model takes {most}: shorten the text")
    return ids


def describe_doubts(path: str, tokenizer: Any, text: str, pair: str | None = None) -> list[str]:
    """Return a line for each reason to doubt the answers for a text or a pair: characters that the vocabulary lacks, and more
    tokens than the rows had on which the model in `path` was trained."""
    from albert_np.text.coverage import Coverage

    lines = []
    texts = [each.replace(tokenizer.mask_token, " ") for each in (text, pair) if each is not None]
    coverage = Coverage.measure(tokenizer, texts)
    if coverage.unknown:
        lines.append(coverage.describe()[-1])
    length, trained = len(tokenizer(text, pair)["input_ids"][0]), read_trained_length(path)
    if trained is not None and length > trained:
        lines.append(
            f"the text has {length} tokens, and the model was trained on rows of at most {trained}: the answers may be poor"
        )
    return lines


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
