"""The folder of a fine-tuning run: one run at a time, and one that was stopped or killed goes on where it was.

out/  config.json  model.safetensors  ...  task.json     the model, when it is trained (of several seeds the best)
      metrics.jsonl  figures/  run.json  scores.json     (the last of several seeds)
      seed-N/                                            of several seeds each one's, in the same form
      checkpoints/                                       of the seed that is training; gone when it is done

run.json holds the arguments, what came of them ("told": hashes of the examples, of the model to start from, ...), which a
resumed run must have again, and the seeds that are done.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import read_json, write_json, write_whole
from albert_np.training.finetune_state import Checkpoints
from albert_np.training.run_folder import RunFolder
from albert_np.version import __version__

FILE, LOCK = "run.json", ".lock"
HASHES = {"train": "the training examples", "dev": "the development examples", "start": "the model to start from",
          "teacher": "the teacher", "tokenizer": "the tokenizer"}  # fmt: skip


class FinetuneFolder(RunFolder):
    """Holds the lock of `out` from entering to leaving. Raises, before anything is written:

    FileExistsError   there is something in it already, and `resume` was not asked for
    FileNotFoundError `resume` was asked for and there is no run
    RuntimeError      another process is using it
    ValueError        `resume` was asked for, and run.json is damaged
    """

    def __init__(self, out: str | os.PathLike[str], resume: bool = False, seeds: int = 1) -> None:
        super().__init__(out, resume)
        self.seeds, self.done, self._run = seeds, [], {}  # type: ignore[var-annotated]
        self.refuse()

    def refuse(self) -> None:
        """What the class says it raises, the lock aside."""
        if not self.resume:
            new_folder(self.path)
        elif not (self.path / FILE).is_file():
            raise FileNotFoundError(f"there is no run to resume in {self.path}: it has no {FILE}")

    def check_resume(self) -> None:
        self.refuse()

    def holds_a_run(self) -> bool:
        return any(path.name != LOCK for path in self.path.iterdir())

    def begin(self, arguments: dict[str, Any], told: dict[str, Any]) -> list[int]:
        """Write run.json, or see whether the one that is there is of this run -> the seeds that are done. ValueError names every
        difference."""
        told = json.loads(json.dumps({**told, "several seeds": self.seeds > 1}))
        if self.resume:
            self._run = run_of(self.path)
            if different := differences(told, self._run["told"]):
                raise ValueError(f"cannot resume {self.path}: {'; '.join(different)}")
            self.done = self._run["done"]
        self._run = {"arguments": plain_values(arguments), "told": told, "done": self.done, "version": __version__}
        write_json(self.path / FILE, self._run)
        return self.done

    def of(self, seed: int) -> Path:
        """The folder of a seed's model."""
        return self.path / f"seed-{seed}" if self.seeds > 1 else self.path

    def checkpoints_of(self, seed: int, seconds: float) -> Checkpoints:
        return Checkpoints(self.of(seed) / "checkpoints", self.resume, seconds)

    def finish(self, seed: int) -> None:
        """The seed's model is written: note that down, and remove its checkpoints."""
        self.done = self._run["done"] = [*self.done, seed]
        write_json(self.path / FILE, self._run)
        self.clear(seed)

    def clear(self, seed: int) -> None:
        shutil.rmtree(self.of(seed) / "checkpoints", ignore_errors=True)

    def take(self, seed: int) -> None:
        """Copy a seed's model, metrics and figures to where the best one's are expected."""
        for source in sorted(path for path in self.of(seed).rglob("*") if path.is_file()):
            place = source.relative_to(self.of(seed))
            if place.parts[0] != "checkpoints":
                target = self.path / place
                target.parent.mkdir(exist_ok=True)
                write_whole(target, lambda copy, source=source: shutil.copyfile(source, copy))  # type: ignore[misc]


def new_folder(out: str | os.PathLike[str]) -> Path:
    """The folder to write to, which is made when there is something to write. FileExistsError if something is in it."""
    path = Path(out)
    if not path.exists():
        return path
    if not path.is_dir():
        raise FileExistsError(f"{path} is not empty; --out needs a new folder")
    names = {each.name for each in path.iterdir()} - {LOCK}  # a run that failed before it had anything leaves that
    if FILE in names:
        raise FileExistsError(f"{path} is not empty: it holds a run; add --resume to continue it, or choose another --out")
    if names:
        raise FileExistsError(f"{path} is not empty; --out needs a new folder")
    return path


def run_of(out: Path) -> dict[str, Any]:
    """What run.json holds. ValueError if that is no run of fine-tuning; FileNotFoundError."""
    if not (out / FILE).is_file():
        raise FileNotFoundError(f"there is no run to resume in {out}: it has no {FILE}")
    run = read_json(out / FILE)
    kinds = {"arguments": dict, "told": dict, "done": list}
    if not isinstance(run, dict) or any(not isinstance(run.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"{out / FILE}: this is no run of fine-tuning: expected an object with {', '.join(kinds)}")
    return run


def differences(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """What keeps a run from being the one that it was begun as, a line each."""
    found = []
    for key in now | then:
        mine, theirs = now.get(key), then.get(key)
        if mine == theirs:
            continue
        if key in HASHES:
            found.append(f"{HASHES[key]} {'are' if key in ('train', 'dev') else 'is'} not what the run was begun with")
        elif isinstance(mine, dict) and isinstance(theirs, dict):
            found += differences(mine, theirs)
        else:
            found.append(f"{key} is {_short(mine)} now and was {_short(theirs)}")
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def plain_values(arguments: dict[str, Any]) -> dict[str, Any]:
    """Those that a file can hold: a path, a number, a dict of options. Examples or a tokenizer handed over are left out."""
    found = {}
    for key, value in arguments.items():
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        try:
            found[key] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            continue
    return found


def examples_hash(examples: list[Any]) -> str:
    """Of what the examples say; those of a class without a repr of its own count by their attributes."""
    digest = hashlib.sha256()
    for example in examples:
        told = repr(vars(example)) if type(example).__repr__ is object.__repr__ else repr(example)
        digest.update(told.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def params_hash(params: Tree) -> str:
    """Of the numbers and their places."""
    digest = hashlib.sha256(repr([(name, array.shape, str(array.dtype)) for name, array in params.items()]).encode())
    digest.update(backend.to_host(params.flat).tobytes())
    return digest.hexdigest()
