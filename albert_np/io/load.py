"""Load weight files into a config and a parameter tree."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Form, Tree, fill, flat_size, zero_tree
from albert_np.io import sources
from albert_np.io.files import DataError
from albert_np.io.fit import HEADS, find_heads, find_task, fit, get_head, normalise_name, task_names, unwrap_names
from albert_np.io.locate import Weights, locate
from albert_np.io.model_config import C, ModelConfig
from albert_np.io.names import TASK_TABLES, Names, get_declared_task, get_head_task, get_named_classes, name_table

# The class of a checkpoint with a task head whose config names no class
ARCHITECTURES = {
    "question answering": "AlbertForQuestionAnswering",
    "classification": "AlbertForSequenceClassification",
    "relation": "AlbertForRelationClassification",
    "multiple choice": "AlbertForMultipleChoice",
}
HEAD_NAMES = {
    "pooler": "the pooler", "mlm": "the masked-language-model head", "sop": "the sentence-order head", "task": "the task's head",
    "relation": "the head of relations", "choice": "the head of multiple choice",
}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint(Generic[C]):
    """An opened checkpoint: its files, its config, and its tensors under the file's names without wrappers' prefixes."""

    weights: Weights
    config: C
    tensors: dict[str, np.ndarray]

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads in the file, those of HEADS; without a head of another task than the config's."""
        return find_heads(self.tensors, self.weights.naming, self.config)

    @property
    def task(self) -> str:
        """The task whose head is in the file; "" for none."""
        return find_task(self.tensors, self.weights.naming, self.config)


def open_checkpoint(
    path: Path, config_class: type[C], config: C | str | os.PathLike[str] | None = None, changes: dict[str, Any] | None = None
) -> Checkpoint[C]:
    """Open the weights at a local path, with the given config (or its path) or the one beside them, and some fields changed."""
    weights = locate(path)
    if not isinstance(config, config_class):
        source: Any = weights.file.parent if config is None else config
        config = config_class.from_pretrained(source, weights="tf" if weights.format == "tf" else "torch")
    if config.sharing != "all":
        config = config.replace(num_hidden_groups=1)  # the groups in the file only express the sharing to other programs
    if changes:
        config = config.replace(**_drop_old_labels(config, changes))
    tensors = weights.read()
    if weights.is_run:
        tensors = rename_run(config, tensors)
    return Checkpoint(weights, config, unwrap_names(tensors) if weights.naming == "hf" else tensors)


def rename_run(config: ModelConfig, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of a training run's checkpoint under HF's names and in HF's layout; unknown names stay."""
    names = name_table(config)
    named = [(*names.get(ours, (ours, False)), array) for ours, array in tensors.items()]
    return {theirs: array.T if transposed else array for theirs, transposed, array in named}


def _drop_old_labels(config: C, changes: dict[str, Any]) -> dict[str, Any]:
    """A new number of labels removes the names of the old labels, as in transformers."""
    if changes.get("num_labels", config.num_labels) == config.num_labels or "id2label" in changes:
        return changes
    extra = {key: value for key, value in config.extra.items() if key != "label2id"}
    return {"id2label": None, "extra": extra, **changes}


def load(
    path: str | os.PathLike[str],
    config_class: type[C],
    shapes: Callable[[C, tuple[str, ...]], Form],
    heads: tuple[str, ...],
    dtype: Any,
    optional: tuple[str, ...] = (),
    config: C | str | os.PathLike[str] | None = None,
    changes: dict[str, Any] | None = None,
    check_finite: bool = True,
    adapt_config: Callable[[C], C] = lambda config: config,
    require_heads: bool = False,
    **hub_options: Any,
) -> tuple[C, Tree, list[str]]:
    """Load a checkpoint: return its config, the parameters, and the names of the tensors that are left to initialise.

    path          see `sources.local` and `locate`
    config_class  the class that the config is built with
    shapes        (config, heads) -> the form of the parameter tree
    heads         other heads of the checkpoint are dropped; heads that it lacks are left to initialise, or left out if they are
                  `optional`. A warning names both.
    adapt_config  applied to the config before the parameters are built
    check_finite  refuse NaN and infinities
    require_heads refuse a checkpoint that lacks one of the heads that are not optional (`MissingHeads`)

    Raises ValueError that names each tensor that does not fit or is not finite; FileNotFoundError.
    """
    with sources.local(path, "model", **hub_options) as local:
        checkpoint = open_checkpoint(local, config_class, config, changes)
        checkpoint, other = set_aside_other_head(checkpoint, adapt_config(checkpoint.config))
        wanted = tuple(head for head in heads if head not in optional or head in checkpoint.heads)
        if require_heads:
            _check_heads(path, checkpoint, wanted, other)
        tree, missing = read_params(checkpoint, shapes(checkpoint.config, wanted), dtype, check_finite)
    dropped = [head for head in checkpoint.heads if head not in wanted] + ([f"a head for {other}"] if other else [])
    if checkpoint.task and checkpoint.task != get_head_task(checkpoint.config):
        dropped.append(f"a head for {checkpoint.task}")
    _warn_about_heads(path, missing, dropped)
    return checkpoint.config, tree, missing


def set_aside_other_head(checkpoint: Checkpoint[C], config: C) -> tuple[Checkpoint[C], str]:
    """Return a checkpoint with another config, and the task whose head it then lacks; "" for none.

    It is the head that the checkpoint's own config names, if the other class has one of the same names and shape for another
    purpose: a regression's for multiple choice, and the reverse.
    """
    own = checkpoint.task if get_declared_task(checkpoint.config) else ""
    changed = replace(checkpoint, config=config)
    if not own or changed.task == own:
        return changed, ""
    names = task_names(own, checkpoint.weights.naming)
    left = {k: v for k, v in checkpoint.tensors.items() if normalise_name(k, checkpoint.weights.naming) not in names}
    return replace(changed, tensors=left), own


class MissingHeads(ValueError):
    """A checkpoint lacks the weights of a head that was required.

    task   the task whose head it has instead, a key of TASK_TABLES; "" for none
    """

    task = ""


def _check_heads(path: Any, checkpoint: Checkpoint[Any], wanted: tuple[str, ...], other: str = "") -> None:
    """Raise MissingHeads unless the checkpoint has all heads that are wanted. other: the task of a head that was set aside."""
    task = other or checkpoint.task
    missing = [head for head in wanted if head not in checkpoint.heads]
    if missing:
        held = [head for head in checkpoint.heads if head not in map(get_head, TASK_TABLES)]
        held += [f"a head for {task}"] if task else []
        found = f"beside the body it holds {', '.join(held)}" if held else "it holds the body alone"
        error = MissingHeads(
            f"{path} has no weights for {', '.join(map(HEAD_NAMES.__getitem__, missing))} ({found}): "
            "a new head would answer at random"
        )
        error.task = task
        raise error


def read_params(checkpoint: Checkpoint[Any], form: Form, dtype: Any, check_finite: bool = True) -> tuple[Tree, list[str]]:
    """Return a tree of this form filled from a checkpoint, and the names of the tensors that it lacks, all in heads it lacks."""
    weights, config = checkpoint.weights, checkpoint.config
    tree = _allocate(checkpoint, form, dtype)
    try:
        result = fit(config, weights.naming, checkpoint.tensors, tree)
        with np.errstate(over="ignore"):  # numbers too large for the dtype are reported below
            for name, value in result.values.items():
                fill(result.targets[name], value)
        if check_finite and not np.isfinite(backend.to_host(tree.flat.sum())):  # one pass; tensors are searched only if needed
            _check_finite(tree, result.values, name_table(config, weights.naming))
    except ValueError as error:
        raise DataError(f"{weights.file} does not fit its config: {error}") from None
    if result.ignored and weights.naming == "hf":  # optimiser slots are normal in Google's checkpoints
        names = f"{result.ignored[0]}{' ...' if len(result.ignored) > 1 else ''}"
        warnings.warn(f"{weights.file}: ignored {len(result.ignored)} tensors that are not weights: {names}", stacklevel=4)
    return tree, [name for name, _ in tree.items() if name not in result.values]


def _allocate(checkpoint: Checkpoint[Any], form: Form, dtype: Any) -> Tree:
    """Return a tree of zeros. If memory does not suffice because the config belongs to another model, the error says so."""
    try:
        return zero_tree(form, dtype)
    except (MemoryError, ValueError):  # the latter: more than NumPy can count where integers have 32 bits
        expected, actual = flat_size(form), sum(tensor.size for tensor in checkpoint.tensors.values())
        if expected < 2 * actual:
            raise
        raise DataError(
            f"{checkpoint.weights.file} does not fit its config: "
            f"the config asks for {expected:,} numbers, the file has {actual:,}"
        ) from None


def _check_finite(tree: Tree, values: dict[str, np.ndarray], names: Names) -> None:
    """Raise ValueError for the first tensor with NaN or infinities (a sum of huge finite numbers passes)."""
    for ours, filled in tree.items():
        array = backend.to_host(filled)
        nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        name = names[ours][0]
        if nans:
            raise ValueError(f"{name} holds {nans} NaN")
        if infinite and np.isinf(values[ours]).any():
            raise ValueError(f"{name} holds {infinite} infinite number{'s' * (infinite > 1)}")
        if infinite:
            raise ValueError(f"{name} holds {infinite} numbers that are too large for {array.dtype}")


def with_architecture(checkpoint: Checkpoint[C]) -> Checkpoint[C]:
    """Return a checkpoint with a task head so that its config's `architectures` names a class of the task.

    The names of the head's tensors follow from that class.
    """
    config, task = checkpoint.config, checkpoint.task
    if not task or (task == get_head_task(config) and get_named_classes(config)):
        return checkpoint
    if task == "multiple choice":
        warnings.warn(
            f"{checkpoint.weights.file}: its head has one output, so it is read as multiple choice; if it is a regression, "
            'add "num_labels": 1 to its config', stacklevel=4,
        )  # fmt: skip
    return replace(checkpoint, config=config.replace(extra={**config.extra, "architectures": [ARCHITECTURES[task]]}))


def get_architecture(config: C, params: Tree) -> str:
    """Return the class that a config names, else the smallest class with the tree's heads."""
    if named := get_named_classes(config):
        return named[0]
    heads = params.form
    if task := next((task for task in ARCHITECTURES if task != "question answering" and get_head(task) in heads), ""):
        return ARCHITECTURES[task]
    if "mlm" not in heads and "sop" not in heads:
        return "AlbertModel"
    return "AlbertForMaskedLM" if "pooler" not in heads else "AlbertForPreTraining"


def widest_dtype(tensors: dict[str, np.ndarray]) -> str:
    """Return the name of the widest floating dtype among tensors; "float32" if there are none."""
    dtypes = {array.dtype for array in tensors.values() if array.dtype.kind == "f"}
    return str(max(dtypes, key=lambda dtype: dtype.itemsize, default=np.dtype("float32")))


def _warn_about_heads(path: Any, missing: list[str], dropped: list[str]) -> None:
    """One warning each for heads that are initialised afresh and heads that are dropped."""
    heads = [head for head in HEADS if any(name.split(".")[0] == head for name in missing)]
    if heads:
        warnings.warn(f"{path} has no weights for {', '.join(heads)}: initialised afresh, train before use", stacklevel=4)
    if dropped:
        warnings.warn(f"{path} also holds {', '.join(dropped)}, which this class does not use: left out", stacklevel=4)
