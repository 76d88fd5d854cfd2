"""Compress a trained folder (`albert-np compress`), and measure the cost in accuracy."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.compress.job import CompressedModel, Plan, compress_model
from albert_np.compress.zeros import sparsity
from albert_np.core.batch import Batch
from albert_np.data.formats.lines import read_lines
from albert_np.io import sources
from albert_np.io.files import write_folder
from albert_np.io.load import get_architecture, open_checkpoint, read_params, with_architecture
from albert_np.io.packed_checkpoint import expected_bytes, save_packed
from albert_np.models.base import Model
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import shapes
from albert_np.models.vocabulary import check_vocabulary
from albert_np.tasks import batches
from albert_np.tasks.finetune import new_folder
from albert_np.tasks.inferred import names_task
from albert_np.tasks.task import Item
from albert_np.tasks.trained import FILE, Trained
from albert_np.text import AlbertTokenizer
from albert_np.text.copy import copy_tokenizer
from albert_np.training.finetune import numeric_scores
from albert_np.training.units import get_units

CALIBRATION, IMPORTANCE = 512, 256  # maximum numbers of examples
TOKENS = 4096  # per batch
TIMED, ROUNDS = 64, 5  # examples of a time measurement, and its repetitions


def compress(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    plan: Plan,
    examples: Any = None,
    dev: Any = None,
    note: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Compress the trained model of a folder and write it to the new folder `out`.

    model     a trained folder, or any checkpoint: with examples or dev one that transformers trained for a task, else see
              `compress_checkpoint`
    examples  of the task, a file or a list: for the importance of heads and neurons, and for calibration
    dev       examples to score before and after
    note      called with a line for each file of examples

    Returns sizes, parameters, zeros, scores, the share of answers that changed, and the summaries of the files.
    Raises ValueError, FileNotFoundError, FileExistsError.
    """
    folder = new_folder(out)
    if not has_task(sources.as_path(model), plan.needs_labels or examples is not None or dev is not None):
        return compress_checkpoint(model, folder, plan, examples, dev)
    trained = Trained.from_pretrained(model)
    train, held_out = (trained.read(each) if each is not None else [] for each in (examples, dev))
    files = trained.task.summarize({"examples": (examples, train), "dev": (dev, held_out)}, note)
    labelled, calibration = make_batches(trained, train) if train else ([], [])
    result = compress_model(trained.model, plan, labelled, calibration)
    small = Trained(trained.task, result.model, trained.tokenizer, trained.about, result.packing)
    summary = summarise(result, plan) | {
        "parameters_before": trained.model.params.count(),
        "bytes_before": weights_bytes(Path(model)),
    }
    if held_out:
        summary |= compare(trained, small, held_out)
    small.about = {**small.about, "compression": summary}
    small.save_pretrained(folder)
    return {**summary, "bytes": weights_bytes(folder), "folder": str(folder), "files": files}


def has_task(model: Path, is_needed: bool) -> bool:
    """Return whether a folder is compressed as a model of a task: it was trained for one here, or, where the task is needed,
    elsewhere, with its class in config.json."""
    if (model / FILE).is_file():
        return True
    return is_needed and model.is_dir() and names_task(AlbertConfig.from_pretrained(model))


class _AnyModel(Model):
    """A model with any heads; its config is not changed."""

    @classmethod
    def own(cls, config: AlbertConfig) -> AlbertConfig:
        return config


def compress_checkpoint(
    model: str | os.PathLike[str], folder: Path, plan: Plan, texts: Any = None, dev: Any = None
) -> dict[str, Any]:
    """Compress a checkpoint without a task, such as a pretrained one. texts: a file with one text per line, for calibration."""
    if dev is not None or plan.needs_labels:
        what = "scored" if dev is not None else "cut: the importance of heads and neurons is measured by a task's loss"
        raise ValueError(f"{model} was not trained for a task, so it cannot be {what}")
    with sources.local(model, "model") as local:
        checkpoint = with_architecture(open_checkpoint(local, AlbertConfig))
        params, _ = read_params(checkpoint, shapes(checkpoint.config, checkpoint.heads), np.dtype("float32"))
        before = checkpoint.weights.file.stat().st_size if checkpoint.weights.file.is_file() else None
    config, calibration = checkpoint.config, []
    check_tokenizer(model, config)
    if texts is not None:
        tokenizer, most = AlbertTokenizer.from_pretrained(model), config.max_position_embeddings
        lines = sample([line for _, line in read_lines(Path(texts)) if line.strip()], CALIBRATION)
        rows = [tokenizer(line, max_length=min(128, most), truncation=True)["input_ids"][0].tolist() for line in lines]
        calibration = pack_unlabelled([Item(row, [0] * len(row)) for row in rows], params.flat)
    small = compress_model(_AnyModel.of(config, params), plan, None, calibration)
    with write_folder(folder) as writing:
        save_packed(writing, small.model.config, small.model.params, get_architecture(config, params), small.packing)
        copy_tokenizer(model, writing, "hf")
    summary = summarise(small, plan) | {"parameters_before": params.count(), "bytes_before": before}
    return {**summary, "bytes": weights_bytes(folder), "folder": str(folder)}


def check_tokenizer(model: str | os.PathLike[str], config: AlbertConfig) -> None:
    """Raise ValueError if the checkpoint's tokenizer, which is copied, has more pieces than the model. There may be none."""
    with contextlib.suppress(FileNotFoundError, ImportError):
        check_vocabulary(config, len(AlbertTokenizer.from_pretrained(model)))


def summarise(small: CompressedModel, plan: Plan) -> dict[str, Any]:
    """Return the sizes of a compressed model and the plan, ready for JSON."""
    config, params = small.model.config, small.model.params
    return {
        "plan": asdict(plan), "parameters": params.count(), "zeros": sparsity(params), "heads": config.num_attention_heads,
        "neurons": config.intermediate_size, "ranks": small.ranks, "expected_bytes": expected_bytes(params, small.packing),
    }  # fmt: skip


def weights_bytes(folder: Path) -> int | None:
    """Return the size of model.safetensors; None if the weights are in another file."""
    file = folder / "model.safetensors"
    return file.stat().st_size if file.is_file() else None


def make_batches(trained: Trained, examples: list[Any]) -> tuple[list[Batch], list[Batch]]:
    """Return batches of one labelled unit each (at most IMPORTANCE), and batches of CALIBRATION examples for calibration."""
    task = trained.task
    rows = [task.items(example, trained.tokenizer) for example in sample(examples, CALIBRATION)]
    labelled = [trained.model.pack_batch(**task.collate(unit)) for unit in sample(get_units(task, rows), IMPORTANCE)]
    return labelled, pack_unlabelled([item for example in rows for item in example], trained.model.params.flat)


def pack_unlabelled(items: list[Any], like: Any) -> list[Batch]:
    """Pack rows into batches of similar lengths, without labels."""
    groups = batches.group_by_length(items, TOKENS)
    return [TaskBatch.pack(**batches.pack_items([items[i] for i in group]), like=like) for group in groups]


def sample(values: list[Any], most: int) -> list[Any]:
    """Return at most this number of values, evenly spaced."""
    if len(values) <= most:
        return values
    return [values[i] for i in np.linspace(0, len(values) - 1, most).astype(int)]


# ---- before and after ----


def compare(before: Trained, after: Trained, examples: list[Any]) -> dict[str, Any]:
    """Return the scores of two models on the same examples, and the share of answers that differ, unless these are numbers."""
    answers = [each.task.answers(each.model, each.tokenizer, examples) for each in (before, after)]
    scores = [numeric_scores(before.task.score(examples, each)) for each in answers]
    changed = share_changed(before, examples, *answers)
    return {"before": scores[0], "after": scores[1], **({} if changed is None else {"changed": changed})}


def share_changed(trained: Trained, examples: list[Any], old: list[Any], new: list[Any]) -> float | None:
    """Return the share of answers that differ in anything other than numbers such as probabilities; None if they are numbers."""
    if trained.task.options.get("kind") == "number":
        return None
    sides = ([without_numbers(trained.task.as_json(e, a)) for e, a in zip(examples, answers)] for answers in (old, new))
    return statistics.fmean(a != b for a, b in zip(*sides))


def without_numbers(value: Any) -> Any:
    """Return an answer without its floats."""
    if isinstance(value, dict):
        return {key: without_numbers(each) for key, each in value.items() if key not in ("n_best", "probabilities")}
    if isinstance(value, list | tuple):
        return [without_numbers(each) for each in value]
    return None if isinstance(value, float) else value


def measure_times(models: list[Trained], examples: list[Any]) -> list[float]:
    """Return the median seconds of each model for the same examples, measured in turns."""
    few = sample(examples, TIMED)
    rows = [item for example in few for item in models[0].task.items(example, models[0].tokenizer)]
    seconds: list[list[float]] = [[] for _ in models]
    for turn in range(ROUNDS + 1):
        for model, measured in zip(models, seconds):
            start = time.perf_counter()
            model.task.run(model.model, rows)
            if turn:  # the first turn is a warm-up
                measured.append(time.perf_counter() - start)
    return [statistics.median(measured) for measured in seconds]
