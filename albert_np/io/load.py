"""From files of weights to a config and a parameter tree."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, flat_size, zero_tree
from albert_np.io.fit import HEADS, fit, heads_of, task_in
from albert_np.io.locate import Weights, locate
from albert_np.io.names import Names, table, task_of
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import checked_dtype, first_value, shapes

# The class that a checkpoint with a task head belongs to, if its config says nothing
ARCHITECTURES = {
    "question answering": "AlbertForQuestionAnswering",
    "classification": "AlbertForSequenceClassification",
    "relation": "AlbertForRelationClassification",
}


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: where it was found, its config, and the file's tensors under the file's own names."""

    weights: Weights
    config: AlbertConfig
    tensors: dict[str, np.ndarray]

    @property
    def heads(self) -> tuple[str, ...]:
        """Which of pooler, mlm, sop and task it holds; a head of another task than the config's is none of these."""
        return heads_of(self.tensors, self.weights.form, self.config)

    @property
    def task(self) -> str:
        """The task whose head it holds, "" for none."""
        return task_in(self.tensors, self.weights.form)


def opened(path: Path, config: Any = None, changes: dict[str, Any] | None = None) -> Checkpoint:
    """Open the weights that a local path means and read the config beside them (or the one that is given)."""
    weights = locate(path)
    kind = "tf" if weights.format == "tf" else "torch"
    if not isinstance(config, AlbertConfig):
        config = AlbertConfig.from_pretrained(weights.file.parent if config is None else config, weights=kind)
    if config.sharing != "all":
        config = config.replace(num_hidden_groups=1)  # the groups of the file are how it says the sharing to others
    if changes:
        config = config.replace(**_without_old_labels(config, changes))
    return Checkpoint(weights, config, weights.read())


def _without_old_labels(config: AlbertConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """Another number of labels takes the old labels' names away, as in transformers."""
    if changes.get("num_labels", config.num_labels) == config.num_labels or "id2label" in changes:
        return changes
    extra = {key: value for key, value in config.extra.items() if key != "label2id"}
    return {"id2label": None, "extra": extra, **changes}


def load(
    path: str | os.PathLike[str],
    parts: tuple[str, ...],
    dtype: Any,
    seed: int = 0,
    optional: tuple[str, ...] = (),
    config: Any = None,
    changes: dict[str, Any] | None = None,
    check_finite: bool = True,
    own: Callable[[AlbertConfig], AlbertConfig] = lambda config: config,
    **hub: Any,
) -> tuple[AlbertConfig, Tree]:
    """Config and parameters, with the heads `parts`, of whatever `path` is: see `sources.local` and `locate`.

    Heads of the checkpoint that `parts` leaves out are dropped; heads of `parts` that it lacks start fresh from `seed`, or are
    left out if they are `optional`. Each is said once. own: what the class makes of a config. check_finite: refuse NaN and
    infinities.

    Raises ValueError naming each tensor that does not fit, and numbers that are not finite; FileNotFoundError where nothing is.
    """
    from albert_np.io import sources

    dtype = checked_dtype(dtype)
    with sources.local(path, "model", **hub) as local:
        found = opened(local, config, changes)
        found = replace(found, config=own(found.config))
        wanted = tuple(part for part in parts if part not in optional or part in found.heads)
        tree, absent = placed(found, wanted, dtype, check_finite)
    for name, array in tree.items():
        if name in absent:
            fill(array, first_value(name, array.shape, found.config, seed))
    dropped = [head for head in found.heads if head not in wanted]
    if found.task and found.task != task_of(found.config):
        dropped.append(f"a head for {found.task}")
    _say(path, absent, dropped)
    return found.config, tree


def placed(found: Checkpoint, parts: tuple[str, ...], dtype: np.dtype, check_finite: bool = True) -> tuple[Tree, list[str]]:
    """The tree with every tensor that the checkpoint has, and the names of those that it lacks (of heads it lacks whole)."""
    weights = found.weights
    tree = _room(found, shapes(found.config, parts), dtype)
    try:
        fitting = fit(found.config, weights.form, found.tensors, tree)
        with np.errstate(over="ignore"):  # a number too large for the dtype is said below
            for name, value in fitting.values.items():
                fill(fitting.places[name], value)
        if check_finite and not np.isfinite(backend.to_host(tree.flat.sum())):  # one pass; culprits are sought only if need be
            _refuse_not_finite(tree, fitting.values, table(found.config, weights.form))
    except ValueError as error:
        raise ValueError(f"{weights.file} does not fit its config: {error}") from None
    if fitting.ignored and weights.form == "hf":  # beside Google's weights, an optimiser's slots are what one expects
        names = f"{fitting.ignored[0]}{' ...' if len(fitting.ignored) > 1 else ''}"
        warnings.warn(f"{weights.file}: ignored {len(fitting.ignored)} tensors that are no weights: {names}", stacklevel=4)
    return tree, [name for name, _ in tree.items() if name not in fitting.values]


def _room(found: Checkpoint, form: dict[str, Any], dtype: np.dtype) -> Tree:
    """The tree to fill. Where memory does not suffice because the config is another model's, that is what is said."""
    try:
        return zero_tree(form, dtype)
    except MemoryError:
        asked, held = flat_size(form), sum(tensor.size for tensor in found.tensors.values())
        if asked < 2 * held:
            raise
        raise ValueError(
            f"{found.weights.file} does not fit its config: the config asks for {asked:,} numbers, the file has {held:,}"
        ) from None


def _refuse_not_finite(tree: Tree, values: dict[str, np.ndarray], names: Names) -> None:
    """ValueError that counts the NaNs and infinities of each tensor (a sum of huge finite numbers passes)."""
    for ours, placed in tree.items():
        array = backend.to_host(placed)
        nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        name = names[ours][0]
        if nans:
            raise ValueError(f"{name} holds {nans} NaN")
        if infinite and np.isinf(values[ours]).any():
            raise ValueError(f"{name} holds {infinite} infinite number{'s' * (infinite > 1)}")
        if infinite:
            raise ValueError(f"{name} holds {infinite} numbers that are too large for {array.dtype}")


def named_by_its_task(found: Checkpoint) -> Checkpoint:
    """With a task head, the config's `architectures` must name a class of that task: the names of its tensors follow from it."""
    if not found.task or (found.task == task_of(found.config) and found.config.extra.get("architectures")):
        return found
    extra = {**found.config.extra, "architectures": [ARCHITECTURES[found.task]]}
    return replace(found, config=found.config.replace(extra=extra))


def _say(path: Any, absent: list[str], dropped: list[str]) -> None:
    """One notice each for heads that start fresh and heads that are dropped."""
    heads = [head for head in HEADS if any(name.split(".")[0] == head for name in absent)]
    if heads:
        warnings.warn(f"{path} has no weights for {', '.join(heads)}: initialised afresh, train before use", stacklevel=4)
    if dropped:
        warnings.warn(f"{path} also holds {', '.join(dropped)}, which this class does not use: left out", stacklevel=4)
