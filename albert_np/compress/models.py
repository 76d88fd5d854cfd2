"""Trained folders made smaller: `albert-np compress`, with the cost in accuracy beside the gain in size."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.apps.convert import architecture_of, copy_tokenizer, whole_folder
from albert_np.compress.files import expected_bytes, save
from albert_np.compress.job import Compressed, Plan, compressed
from albert_np.compress.tensors import sparsity
from albert_np.core.batch import Batch
from albert_np.data.formats.lines import read_lines
from albert_np.io import sources
from albert_np.io.load import named_by_its_task, opened, placed
from albert_np.models.base import Model
from albert_np.models.batch import TaskBatch
from albert_np.models.config import AlbertConfig
from albert_np.tasks import batches
from albert_np.tasks.finetune import new_folder
from albert_np.tasks.task import Item
from albert_np.tasks.trained import FILE, Trained
from albert_np.text import AlbertTokenizer
from albert_np.training.finetune import numeric_scores

CALIBRATION, IMPORTANCE = 512, 256  # examples that are looked at, at most
TOKENS = 4096  # of a batch of them
TIMED, ROUNDS = 64, 5  # examples that are timed, and how often


def compress(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    plan: Plan,
    examples: Any = None,
    dev: Any = None,
) -> dict[str, Any]:
    """Make the trained model of a folder smaller, and write it to another.

    model     a trained folder; or any checkpoint, as `from_pretrained` takes them, without a task: see `compress_checkpoint`
    examples  of the task, a file or a list: the worth of heads and neurons is measured on them, and rounding is calibrated
    dev       examples to score before and after; the share of answers that changed is told, too

    -> what was done: sizes, parameters, zeros, scores. Raises ValueError, FileNotFoundError, FileExistsError.
    """
    folder = new_folder(out)
    if not (Path(model) / FILE).is_file():
        return compress_checkpoint(model, folder, plan, examples, dev)
    trained = Trained.from_pretrained(model)
    given, held = (trained.read(each) if each is not None else [] for each in (examples, dev))
    labelled, seen = looked_at(trained, given) if given else ([], [])
    found = compressed(trained.model, plan, labelled, seen)
    small = Trained(trained.task, found.model, trained.tokenizer, trained.about, found.packing)
    told = about(found, plan) | {"parameters_before": trained.model.params.count(), "bytes_before": bytes_at(Path(model))}
    if held:
        told |= compared(trained, small, held)
    small.about = {**small.about, "compression": told}
    small.save_pretrained(folder)
    return {**told, "bytes": bytes_at(folder), "folder": str(folder)}


class Whole(Model):
    """A checkpoint with whatever heads it has."""

    @classmethod
    def own(cls, config: AlbertConfig) -> AlbertConfig:
        return config


def compress_checkpoint(
    model: str | os.PathLike[str], folder: Path, plan: Plan, texts: Any = None, dev: Any = None
) -> dict[str, Any]:
    """The same for a checkpoint without a task, such as a pretrained one; texts: a file with a text a line, to calibrate on."""
    if dev is not None or plan.needs_labels:
        what = "scored" if dev is not None else "cut: the worth of heads and neurons is measured by a task's loss"
        raise ValueError(f"{model} was trained for no task, so it cannot be {what}")
    with sources.local(model, "model") as local:
        found = named_by_its_task(opened(local))
        params, _ = placed(found, found.heads, np.dtype("float32"))
        before = found.weights.file.stat().st_size if found.weights.file.is_file() else None
    whole, seen = Whole.of(found.config, params), []
    if texts is not None:
        tokenizer, most = AlbertTokenizer.from_pretrained(model), found.config.max_position_embeddings
        lines = some([line for _, line in read_lines(Path(texts)) if line.strip()], CALIBRATION)
        rows = [tokenizer(line, max_length=min(128, most), truncation=True)["input_ids"][0].tolist() for line in lines]
        seen = calibration([Item(row, [0] * len(row)) for row in rows], params.flat)
    small = compressed(whole, plan, None, seen)
    architecture = (found.config.extra.get("architectures") or [architecture_of(found.config, params)])[0]
    with whole_folder(folder) as writing:
        save(writing, small.model.config, small.model.params, architecture, small.packing)
        copy_tokenizer(model, writing, "hf")
    told = about(small, plan) | {"parameters_before": params.count(), "bytes_before": before}
    return {**told, "bytes": bytes_at(folder), "folder": str(folder)}


def about(found: Compressed, plan: Plan) -> dict[str, Any]:
    """What a compressed model is."""
    config, params = found.model.config, found.model.params
    return {
        "plan": asdict(plan), "parameters": params.count(), "zeros": sparsity(params), "heads": config.num_attention_heads,
        "neurons": config.intermediate_size, "ranks": found.ranks, "expected_bytes": expected_bytes(params, found.packing),
    }  # fmt: skip


def bytes_at(folder: Path) -> int | None:
    """The bytes of model.safetensors; None where the weights are another file."""
    file = folder / "model.safetensors"
    return file.stat().st_size if file.is_file() else None


def looked_at(trained: Trained, examples: list[Any]) -> tuple[list[Batch], list[Batch]]:
    """Examples -> batches of one labelled row each (at most IMPORTANCE), and batches to calibrate on (of at most CALIBRATION)"""
    task = trained.task
    items = [item for example in some(examples, CALIBRATION) for item in task.items(example, trained.tokenizer)]
    told = some([item for item in items if item.target is not None], IMPORTANCE)
    labelled = [trained.model.pack_batch(**task.collate([item])) for item in told]
    return labelled, calibration(items, trained.model.params.flat)


def calibration(items: list[Any], like: Any) -> list[Batch]:
    """Rows -> batches of about equal lengths, without labels"""
    groups = batches.group_by_length(items, TOKENS)
    return [TaskBatch.pack(**batches.pack_items([items[i] for i in group]), like=like) for group in groups]


def some(things: list[Any], most: int) -> list[Any]:
    """At most so many of them, spread evenly."""
    if len(things) <= most:
        return things
    return [things[i] for i in np.linspace(0, len(things) - 1, most).astype(int)]


# ---- before and after ----


def compared(before: Trained, after: Trained, examples: list[Any]) -> dict[str, Any]:
    """The scores of two models on the same examples, and the share of answers that are not the same."""
    answers = [each.task.answers(each.model, each.tokenizer, examples) for each in (before, after)]
    scores = [numeric_scores(before.task.score(examples, given)) for given in answers]
    return {"before": scores[0], "after": scores[1], "changed": changed(before, examples, *answers)}


def changed(trained: Trained, examples: list[Any], old: list[Any], new: list[Any]) -> float:
    """The share of answers that differ in anything but numbers such as probabilities."""
    sides = ([without_numbers(trained.task.as_json(e, a)) for e, a in zip(examples, given)] for given in (old, new))
    return statistics.fmean(a != b for a, b in zip(*sides))


def without_numbers(value: Any) -> Any:
    """An answer without its floats."""
    if isinstance(value, dict):
        return {key: without_numbers(each) for key, each in value.items() if key not in ("n_best", "probabilities")}
    if isinstance(value, list | tuple):
        return [without_numbers(each) for each in value]
    return None if isinstance(value, float) else value


def times(models: list[Trained], examples: list[Any]) -> list[float]:
    """The median seconds that each model takes for the same examples, the models taking turns."""
    few = some(examples, TIMED)
    rows = [item for example in few for item in models[0].task.items(example, models[0].tokenizer)]
    found: list[list[float]] = [[] for _ in models]
    for turn in range(ROUNDS + 1):
        for model, own in zip(models, found):
            seconds = timed(lambda model=model: model.task.run(model.model, rows))  # type: ignore[misc]
            if turn:  # the first is for warming up
                own.append(seconds)
    return [statistics.median(own) for own in found]


def timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
