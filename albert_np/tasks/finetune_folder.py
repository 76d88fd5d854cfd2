"""The folder of a fine-tuning run. A run that was stopped or killed can be resumed in it.

out/  config.json  model.safetensors  ...  task.json     the trained model (with several seeds, the best)
      metrics.jsonl  figures/  run.json  scores.json     (scores.json with several seeds only)
      seed-N/                                            with several seeds: the files of each
      checkpoints/                                       of the seed that is being trained; removed when it is done

run.json holds the arguments, a summary of each file of examples ("files"), the seeds that are done, and what the arguments stand
for ("told": hashes of the examples, of the initial model, ...), which must be the same when the run is resumed.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from albert_np.io.files import DataError, read_json, write_json, write_whole
from albert_np.training.run_folder import RunFolder
from albert_np.training.trainer import Checkpoints
from albert_np.version import __version__

FILE, LOCK = "run.json", ".lock"
HASHES = {"train": "the training examples", "dev": "the development examples", "start": "the model to start from",
          "teacher": "the teacher", "tokenizer": "the tokenizer"}  # fmt: skip


class FinetuneFolder(RunFolder):
    """The folder `out`, locked as long as the context is entered. Raises, before anything is written:

    FileExistsError   it is not empty and `resume` is False
    FileNotFoundError `resume` is True and there is no run
    RuntimeError      another process is using it
    ValueError        `resume` is True and run.json is damaged
    """

    def __init__(self, out: str | os.PathLike[str], resume: bool = False, seeds: int = 1) -> None:
        super().__init__(out, resume)
        self.seeds = seeds
        self.done: list[int] = []
        self._run: dict[str, Any] = {}
        self.check()

    def check(self) -> None:
        """Raise the errors listed above, except that of the lock."""
        if not self.resume:
            new_folder(self.path, resumable=True)
        elif not (self.path / FILE).is_file():
            raise FileNotFoundError(f"there is no run to resume in {self.path}: it has no {FILE}")

    def check_resume(self) -> None:
        self.check()

    def holds_a_run(self) -> bool:
        return any(path.name != LOCK for path in self.path.iterdir())

    def begin(self, arguments: dict[str, Any], fingerprint: dict[str, Any], files: list[dict[str, Any]]) -> list[int]:
        """Write run.json, or compare it with this run, and return the seeds that are done. ValueError names every difference.

        fingerprint: all that the trained parameters depend on, as values and hashes; files: summaries of the files of examples.
        """
        fingerprint = json.loads(json.dumps({**fingerprint, "several seeds": self.seeds > 1}))
        if self.resume:
            self._run = read_run(self.path)
            if different := find_differences(fingerprint, self._run["told"]):
                hint = "; a run is resumed as it was: leave out what differs, or choose another folder for a new run"
                raise ValueError(f"cannot resume {self.path}: {'; '.join(different)}{hint}{_advice(different)}")
            self.done = self._run["done"]
        self._run = {"arguments": serialisable_values(arguments), "told": fingerprint, "done": self.done, "files": files}
        self._run["version"] = __version__
        write_json(self.path / FILE, self._run)
        return self.done

    def seed_folder(self, seed: int) -> Path:
        """Return the folder of a seed's model."""
        return self.path / f"seed-{seed}" if self.seeds > 1 else self.path

    def get_checkpoints(self, seed: int, seconds: float) -> Checkpoints:
        """Return where a seed's run is saved. seconds: between two checkpoints."""
        return Checkpoints(self.seed_folder(seed) / "checkpoints", self.resume, seconds=seconds)

    def finish(self, seed: int) -> None:
        """Record in run.json that the seed's model is written, and remove its checkpoints."""
        self.done = self._run["done"] = [*self.done, seed]
        write_json(self.path / FILE, self._run)
        self.remove_checkpoints(seed)

    def remove_checkpoints(self, seed: int) -> None:
        shutil.rmtree(self.seed_folder(seed) / "checkpoints", ignore_errors=True)

    def copy_best(self, seed: int) -> None:
        """Copy a seed's model, metrics and figures into the folder itself, as those of the best one."""
        for source in sorted(path for path in self.seed_folder(seed).rglob("*") if path.is_file()):
            relative = source.relative_to(self.seed_folder(seed))
            if relative.parts[0] != "checkpoints":
                target = self.path / relative
                target.parent.mkdir(exist_ok=True)
                write_whole(target, lambda copy, source=source: shutil.copyfile(source, copy))  # type: ignore[misc]


def new_folder(out: str | os.PathLike[str], resumable: bool = False) -> Path:
    """Return the folder to write to, which may not exist yet. FileExistsError if it is not empty.

    resumable: the run that it may hold can be continued with `resume=True`
    """
    path = Path(out)
    if not path.exists():
        return path
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file; `out` needs a new folder")
    names = {each.name for each in path.iterdir()} - {LOCK}  # which a run leaves that failed before it wrote anything
    if FILE in names and resumable:
        raise FileExistsError(f"{path} is not empty: it holds a run; `resume=True` continues it, or choose another `out`")
    if names:
        raise FileExistsError(f"{path} is not empty; `out` needs a new folder")
    return path


def read_run(out: Path) -> dict[str, Any]:
    """Return the contents of run.json. ValueError if it is not that of a fine-tuning run; FileNotFoundError."""
    if not (out / FILE).is_file():
        raise FileNotFoundError(f"there is no run to resume in {out}: it has no {FILE}")
    run = read_json(out / FILE, file_names=True)
    kinds = {"arguments": dict, "told": dict, "done": list}
    if not isinstance(run, dict) or any(not isinstance(run.get(key), kind) for key, kind in kinds.items()):
        raise DataError(f"{out / FILE}: this is not a fine-tuning run: expected an object with {', '.join(kinds)}")
    return run


def check_task(run: dict[str, Any], task: str, out: Path) -> None:
    """Raise ValueError if a stored run is for another task."""
    started = run["told"].get("task", task)
    if started != task:
        raise ValueError(f"cannot resume {out}: the run is for the task {started!r}, not for {task!r}")


def find_differences(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """Return a line for each difference between two fingerprints of a run.

    Of the task's options only those that both have are compared: an older version had fewer, and those by which files are read
    (`Task.reading`) are not a part of it any more.
    """
    lines = []
    for key in now | then:
        new, old = now.get(key), then.get(key)
        if new == old:
            continue
        if key == "several seeds":
            lines.append(
                "the run has one seed and no folder for each: for several, choose another `out`"
                if new
                else "the run has several seeds, not one: leave out `seeds`"
            )
        elif key in HASHES:
            lines.append(f"{HASHES[key]} {'are' if key in ('train', 'dev') else 'is'} not what the run was started with")
        elif isinstance(new, dict) and isinstance(old, dict):
            if key == "options":
                both = [name for name in new if name in old]
                new, old = ({name: each[name] for name in both} for each in (new, old))
            lines += find_differences(new, old)
        else:
            lines.append(f"{key} is {_shorten(new)} now and was {_shorten(old)}")
    return lines


def _advice(different: list[str]) -> str:
    """Return the way to train on, if the number of epochs is among the differences; else ""."""
    if not any(line.startswith("epochs is ") for line in different):
        return ""
    return "; the learning rate of every step depends on the epochs: to train on, start another run with this one as its `model`"


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def serialisable_values(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that JSON can store, such as paths, numbers and options; lists of examples or a tokenizer are left
    out."""
    values = {}
    for key, value in arguments.items():
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        try:
            values[key] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            continue
    return values


def examples_hash(examples: list[Any]) -> str:
    """Return a hash of the examples' contents: of their repr or, for a class without a repr of its own, of their attributes."""
    digest = hashlib.sha256()
    for example in examples:
        text = repr(vars(example)) if type(example).__repr__ is object.__repr__ else repr(example)
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
