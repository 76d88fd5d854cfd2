"""Checkpoints: folders that are written whole or not at all, and hold everything that a run needs to continue bit for bit.

    checkpoints/step-00000500/
        params.safetensors     every parameter once, under its name in the tree, in its own dtype
        moments.safetensors    the optimiser's m.<name> and v.<name>
        form-0.safetensors     state of the first constraint, if it has any; "pruning.safetensors" in older pretraining runs
        state.json             step, position in the epoch, optimiser (name, count, options), settings, metrics, version
        config.json            the model's configuration in albert_np's own format
        manifest.json          the SHA-256 of each file; written last

    of a pretraining   spiece.model, tokenizer_config.json
    of a fine-tuning   history.json, the records of its steps and epochs; best.safetensors, the parameters of its best epoch

There is no state of a random generator, since every draw, of dropout masks as of pairs, token masks and the order of the
examples, is a pure function of (seed, purpose, step or epoch, example, ...): seed, step and the position in the epoch suffice.

A checkpoint is written under a temporary name, forced to the disk, and renamed. A process killed at any moment leaves the older
checkpoints as they were, and at most a temporary folder, which the next run in the folder removes.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.optim import OptimizerState
from albert_np.core.params import Tree
from albert_np.io.files import DataError, sha256, sync
from albert_np.io.formats import safetensors_file
from albert_np.models.config import AlbertConfig

MANIFEST = "manifest.json"
TEMPORARY, REPLACED = ".writing-", ".replaced-"
Arrays = dict[str, Any]


class Damaged(DataError):
    """A checkpoint whose files are not those that were written; the message names it and gives the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose hashes were right when it was opened."""

    folder: Path
    state: dict[str, Any]

    @property
    def step(self) -> int:
        return self.state["step"]

    def config(self) -> AlbertConfig:
        return AlbertConfig.from_pretrained(self.folder)

    def constraints(self) -> dict[int, Arrays]:
        """Return {index of a constraint: its state}."""
        old = self.folder / "pruning.safetensors"
        states = {0: read_arrays(old)} if old.is_file() else {}
        for path in self.folder.glob("form-*.safetensors"):
            states[int(path.stem.removeprefix("form-"))] = read_arrays(path)
        return states

    def history(self) -> dict[str, Any] | None:
        """Return the records of a fine-tuning; None for a pretraining."""
        path = self.folder / "history.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def best_params(self, params: Tree) -> Any:
        """Return the flat parameters of the best epoch, in the form of `params`; None if there is none."""
        path = self.folder / "best.safetensors"
        if not path.is_file():
            return None
        best = params.zeros_like()
        read_trees(path, {"": best})
        return best.flat

    def restore(self, params: Tree, optimizer: OptimizerState) -> None:
        """Copy parameters and moments into trees of the same form. ValueError if the stored form differs."""
        read_trees(self.folder / "params.safetensors", {"": params})
        read_trees(self.folder / "moments.safetensors", {"m.": optimizer.m, "v.": optimizer.v})
        optimizer.name, optimizer.count = self.state["optimizer"]["name"], self.state["optimizer"]["count"]
        optimizer.options |= self.state["optimizer"]["options"]


def save(
    checkpoints: Path,
    config: AlbertConfig,
    params: Tree,
    optimizer: OptimizerState,
    state: dict[str, Any],
    tokenizer: Any = None,
    constraints: list[Arrays] | None = None,
    history: dict[str, Any] | None = None,
    best: Any = None,
) -> Path:
    """Write the checkpoint of state["step"], whole or not at all, and return its folder. OSError (a full disk) leaves no trace.

    constraints: the state of each · history: the records of a fine-tuning · best: flat parameters of its best epoch
    """
    options = {"name": optimizer.name, "count": optimizer.count, "options": optimizer.options}

    def fill(folder: Path) -> None:
        write_trees(folder / "params.safetensors", {"": params})
        write_trees(folder / "moments.safetensors", {"m.": optimizer.m, "v.": optimizer.v})
        for index, arrays in enumerate(constraints or []):
            if arrays:
                write_arrays(folder / f"form-{index}.safetensors", arrays)
        (folder / "state.json").write_text(json.dumps({**state, "optimizer": options}, indent=2) + "\n")
        config.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
        if history is not None:
            (folder / "history.json").write_text(json.dumps(history))
        if best is not None:
            write_trees(folder / "best.safetensors", {"": Tree(params.form, best)})

    return write_folder(checkpoints / f"step-{state['step']:08d}", fill)


def write_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write files into a temporary folder, add the manifest, force all to the disk, and rename the folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{TEMPORARY}{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        fill(temporary)
        files = sorted(path for path in temporary.iterdir() if path.is_file())
        for path in files:
            sync(path)
        manifest = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        sync(temporary / MANIFEST)
        sync(temporary)
        if target.exists():  # a damaged one, or one from before a resume from an older checkpoint
            os.rename(target, target.with_name(f"{REPLACED}{target.name}"))
        os.rename(temporary, target)
        sync(target.parent)
    finally:
        clean(target.parent)
    return target


def clean(checkpoints: Path) -> None:
    """Remove what an interrupted save has left. Only the process that holds the run's lock may call it."""
    for old in checkpoints.glob(REPLACED + "*"):
        target = old.with_name(old.name.removeprefix(REPLACED))
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:  # killed between the two renames
            os.rename(old, target)
    for left in checkpoints.glob(TEMPORARY + "*"):
        shutil.rmtree(left, ignore_errors=True)


def folders(checkpoints: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first, whole or damaged."""
    return sorted(path for path in checkpoints.glob("step-*") if path.is_dir())


def verify(folder: Path) -> None:
    """Raise Damaged unless every file has the size and the hash of the manifest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        expected = {name: (entry["sha256"], entry["bytes"]) for name, entry in manifest.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"the checkpoint {folder} is damaged: its {MANIFEST} cannot be read ({error})") from None
    for name, (digest, size) in expected.items():
        path = folder / name
        if not path.is_file():
            raise Damaged(f"the checkpoint {folder} is damaged: {name} is missing")
        if path.stat().st_size != size:
            raise Damaged(f"the checkpoint {folder} is damaged: {name} has {path.stat().st_size} bytes, not {size}")
        if sha256(path) != digest:
            raise Damaged(f"the checkpoint {folder} is damaged: the contents of {name} have changed")
    for name in ("params.safetensors", "moments.safetensors", "state.json", "config.json"):
        if name not in expected:
            raise Damaged(f"the checkpoint {folder} is damaged: its manifest does not list {name}")


def newest(checkpoints: Path, note: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or None. `note` is called with a message for each damaged one."""
    for folder in reversed(folders(checkpoints)):
        problem = damage(folder)
        if problem is None:
            return Checkpoint(folder, json.loads((folder / "state.json").read_text()))
        note(f"{problem}; trying the one before")
    return None


def damage(folder: Path) -> Damaged | None:
    """Return the error of a damaged checkpoint, or None."""
    try:
        verify(folder)
    except Damaged as error:
        return error
    return None


def prune(checkpoints: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints and the best one, by held-out loss."""
    losses = {folder: _held_out_loss(folder) for folder in folders(checkpoints)}
    best = min(losses, key=lambda folder: losses[folder], default=None)
    for folder in list(losses)[:-keep]:
        if folder != best or losses[folder] == float("inf"):  # without an evaluation it is not the best
            removed = folder.with_name(f"{TEMPORARY}old-{folder.name}")  # a half-removed folder must not look like a checkpoint
            os.rename(folder, removed)
            shutil.rmtree(removed, ignore_errors=True)


def _held_out_loss(folder: Path) -> float:
    """Return the held-out loss if it was evaluated at the checkpoint's own step, else infinity."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        state = json.loads((folder / "state.json").read_text())
        if state["held_out_step"] == state["step"]:
            return float(state["held_out"]["loss"])
    return float("inf")


# ---- the arrays ----


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays by their names. OSError if the file cannot be written."""
    safetensors_file.write(path, arrays)


def read_arrays(path: Path) -> dict[str, Any]:
    """Return copies of the arrays of a file. ValueError if it is damaged."""
    return {name: np.array(array) for name, array in safetensors_file.read(path).items()}


def write_trees(path: Path, trees: dict[str, Tree]) -> None:
    """Write the arrays of trees under their names, each with its tree's prefix."""
    write_arrays(path, {prefix + name: backend.to_host(array) for prefix, tree in trees.items() for name, array in tree.items()})


def read_trees(path: Path, trees: dict[str, Tree]) -> None:
    """Fill trees of the same form. ValueError if the form of the file differs."""
    stored = read_arrays(path)
    for prefix, tree in trees.items():
        for name, array in tree.items():
            value = stored.pop(prefix + name, None)
            stored_form = "nothing" if value is None else f"{value.dtype} {value.shape}"
            if value is None or value.shape != array.shape or value.dtype != array.dtype:
                raise DataError(f"{path}: {prefix + name} should be {array.dtype} {array.shape}, but the file has {stored_form}")
            array[...] = backend.asarray_like(value, array)
    if stored:
        raise DataError(f"{path} holds {', '.join(sorted(stored)[:3])}, which this model does not have")
