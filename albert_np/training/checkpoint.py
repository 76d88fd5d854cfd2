"""Checkpoints: folders that are written whole or not at all, and hold everything that a run needs to continue bit for bit.

    checkpoints/step-00000500/
        params.safetensors     every parameter once, under its name in the tree, in its own dtype
        moments.safetensors    the optimiser's m.<name> and v.<name>
        pruning.safetensors    of a run that prunes by movement: the scores (what is pruned is known by its zeros)
        state.json             step, place in the epoch, optimiser (name, count, options), settings, corpus, metrics, version
        config.json            the model's configuration in our own form
        spiece.model, tokenizer_config.json
        manifest.json          the SHA-256 of each of these; written last

The state of a random generator is not among them because there is none: every draw, of dropout masks as of pairs, token masks
and the order of the examples, is a pure function of (seed, purpose, step or epoch, example, ...). Seed, step and the place in
the epoch are all there is to keep.

A checkpoint is filled under a temporary name, forced to the disk, and renamed. A process killed at any moment leaves the older
checkpoints as they were, and at most a temporary folder, which the next run of the folder removes.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import sha256, sync
from albert_np.models.config import AlbertConfig

MANIFEST = "manifest.json"
TEMPORARY, REPLACED = ".writing-", ".replaced-"
Say = Callable[[str], None]


class Damaged(ValueError):
    """A checkpoint that is not what was written; the message names it and says why."""


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

    def pruning(self) -> dict[str, Any]:
        """What `Pruning.state` gave when it was saved."""
        file = self.folder / "pruning.safetensors"
        return read_arrays(file) if file.is_file() else {}

    def restore(self, params: Tree, optimizer: SimpleNamespace) -> None:
        """Copy parameters and moments into trees of the same form. ValueError if theirs is another."""
        read_trees(self.folder / "params.safetensors", {"": params})
        read_trees(self.folder / "moments.safetensors", {"m.": optimizer.m, "v.": optimizer.v})
        optimizer.name, optimizer.count = self.state["optimizer"]["name"], self.state["optimizer"]["count"]
        optimizer.options |= self.state["optimizer"]["options"]


def save(
    checkpoints: Path,
    config: AlbertConfig,
    params: Tree,
    optimizer: SimpleNamespace,
    state: dict[str, Any],
    tokenizer: Any = None,
    pruning: dict[str, Any] | None = None,
    more: Callable[[Path], None] | None = None,
) -> Path:
    """Write the checkpoint of state["step"], whole or not at all -> its folder. OSError (a full disk) leaves nothing behind.

    more: writes further files into the folder that it is given; they are hashed with the others.
    """
    options = {"name": optimizer.name, "count": optimizer.count, "options": optimizer.options}

    def fill(folder: Path) -> None:
        write_trees(folder / "params.safetensors", {"": params})
        write_trees(folder / "moments.safetensors", {"m.": optimizer.m, "v.": optimizer.v})
        if pruning:
            write_arrays(folder / "pruning.safetensors", pruning)
        (folder / "state.json").write_text(json.dumps({**state, "optimizer": options}, indent=2) + "\n")
        config.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
        if more is not None:
            more(folder)

    return write_folder(checkpoints / f"step-{state['step']:08d}", fill)


def write_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write files into a temporary folder; add the manifest, force all to the disk, put it in place in one step."""
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
        if target.exists():  # only a damaged one, or one from before a resume that went back
            os.rename(target, target.with_name(f"{REPLACED}{target.name}"))
        os.rename(temporary, target)
        sync(target.parent)
    finally:
        clean(target.parent)
    return target


def clean(checkpoints: Path) -> None:
    """Remove what a killed save has left. Only the process that holds the run's lock may call it."""
    for old in checkpoints.glob(REPLACED + "*"):
        target = old.with_name(old.name.removeprefix(REPLACED))
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:  # killed between the two renames
            os.rename(old, target)
    for left in checkpoints.glob(TEMPORARY + "*"):
        shutil.rmtree(left, ignore_errors=True)


def folders(checkpoints: Path) -> list[Path]:
    """The checkpoints of a run, oldest first, good or damaged."""
    return sorted(path for path in checkpoints.glob("step-*") if path.is_dir())


def verify(folder: Path) -> None:
    """Raise Damaged unless every file is what was written."""
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


def newest(checkpoints: Path, say: Say) -> Checkpoint | None:
    """The newest checkpoint that is whole; of each damaged one that is passed over, `say` is told."""
    for folder in reversed(folders(checkpoints)):
        problem = damage(folder)
        if problem is None:
            return Checkpoint(folder, json.loads((folder / "state.json").read_text()))
        say(f"{problem}; trying the one before")
    return None


def damage(folder: Path) -> Damaged | None:
    """What is wrong with a checkpoint; None: nothing."""
    try:
        verify(folder)
    except Damaged as found:
        return found
    return None


def prune(checkpoints: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints and the best one, by held-out loss."""
    losses = {folder: _held_out_loss(folder) for folder in folders(checkpoints)}
    best = min(losses, key=lambda folder: losses[folder], default=None)
    for folder in list(losses)[:-keep]:
        if folder != best or losses[folder] == float("inf"):  # never evaluated: nothing makes it the best
            doomed = folder.with_name(f"{TEMPORARY}old-{folder.name}")  # so that no half of it is ever taken for a whole
            os.rename(folder, doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _held_out_loss(folder: Path) -> float:
    """Only if it was evaluated at its own step: an older evaluation belongs to another checkpoint."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        state = json.loads((folder / "state.json").read_text())
        if state["held_out_step"] == state["step"]:
            return float(state["held_out"]["loss"])
    return float("inf")


# ---- the arrays ----


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, path)


def read_arrays(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(path)


def write_trees(path: Path, trees: dict[str, Tree]) -> None:
    """The arrays of trees under their names, behind each tree's prefix."""
    write_arrays(path, {prefix + name: backend.to_host(array) for prefix, tree in trees.items() for name, array in tree.items()})


def read_trees(path: Path, trees: dict[str, Tree]) -> None:
    """Fill trees of the same form. ValueError if the file's is another."""
    stored = read_arrays(path)
    for prefix, tree in trees.items():
        for name, array in tree.items():
            value = stored.pop(prefix + name, None)
            found = "nothing" if value is None else f"{value.dtype} {value.shape}"
            if value is None or value.shape != array.shape or value.dtype != array.dtype:
                raise ValueError(f"{path}: {prefix + name} should be {array.dtype} {array.shape}, found {found}")
            array[...] = backend.asarray_like(value, array)
    if stored:
        raise ValueError(f"{path} holds {', '.join(sorted(stored)[:3])}, which this model has not")
