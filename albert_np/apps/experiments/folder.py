"""The folder of a sweep, and what is in it.

    sweep.json      the plan: the configurations, the seeds, and the hashes of the files that the runs read
    prepared/       what the runs share: text, vocabularies, the tokenised corpus
    runs/NAME-seed-N/       a run, as its command left it;   .log: what it said;   .json: what it found, once it is finished
    results.json  results.md  results.png

A sweep that is begun again goes on: with the plan that it has, or with one that only adds to it.
"""

import functools
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.apps.experiments.file import Configuration, Sweep
from albert_np.io.files import read_json, sha256, write_json
from albert_np.training.run_folder import RunFolder
from albert_np.training.settings import Settings
from albert_np.version import __version__

LONGEST_NAME = 100  # characters of a run's folder


@dataclass(frozen=True)
class Run:
    """One configuration with one seed."""

    configuration: Configuration
    seed: int
    out: Path

    @property
    def name(self) -> str:
        return f"{self.configuration.name}, seed {self.seed}"

    @property
    def log(self) -> Path:
        return self.out.with_name(self.out.name + ".log")

    @property
    def result(self) -> Path:
        return self.out.with_name(self.out.name + ".json")

    @property
    def can_resume(self) -> bool:
        return any((self.out / "checkpoints").glob("step-*"))

    def finished(self, measured: dict[str, Any]) -> bool:
        """Whether it has come to its end, and was measured on these sets (of which an extended sweep may ask others)."""
        return self.result.exists() and read_json(self.result)["measured"] == measured

    def clear(self) -> None:
        """Remove what a run that cannot go on has left."""
        shutil.rmtree(self.out, ignore_errors=True)


class SweepFolder:
    """Holds the folder's lock from entering to leaving. Raises, before anything is changed: FileExistsError if there is something
    else in the folder, RuntimeError if another process uses it, OSError if it cannot be written."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._folder = RunFolder(self.path)

    def __enter__(self) -> "SweepFolder":
        there = sorted(each.name for each in self.path.iterdir() if each.name != ".lock") if self.path.is_dir() else []
        if there and not ({"sweep.json", "prepared"} & set(there)):
            raise FileExistsError(f"{self.path} is not empty and holds no sweep ({there[0]} is there); choose another --out")
        self._folder.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.__exit__()

    @property
    def lock(self) -> int | None:
        """The number of the lock's file. A process that inherits it holds the lock, too: so a sweep that is begun again while
        runs of one that was killed are still at work is refused."""
        return self._folder.lock if os.name == "posix" else None

    @property
    def prepared(self) -> Path:
        return self.path / "prepared"

    def plan(self, sweep: Sweep, write: bool = True) -> list[Run]:
        """See that the plan fits the one that is there, and write it -> the runs, every configuration's first seed first.

        ValueError that names what differs.
        """
        mine: dict[str, Any] = {
            "title": sweep.title, "about": sweep.about, "command": sweep.command.name, "seeds": sweep.seeds,
            "base": sweep.base, "version": __version__, "configurations": [],
        }  # fmt: skip
        file = self.path / "sweep.json"
        theirs = read_json(file) if file.exists() else None
        folders = {each["name"]: each["folder"] for each in theirs["configurations"]} if theirs else {}
        for each in sweep.configurations:
            folders.setdefault(each.name, _unused(each.name, folders.values()))
            mine["configurations"].append(
                {"name": each.name, "folder": folders[each.name], "changes": each.changes, "is": identity(sweep, each.settings)}
            )
        if theirs is not None:
            _check_same(theirs, mine, self.path)
        if write:
            (self.path / "runs").mkdir(exist_ok=True)
            write_json(file, mine)
        runs = self.path / "runs"
        return [Run(c, seed, runs / f"{folders[c.name]}-seed-{seed}") for seed in sweep.seeds for c in sweep.configurations]


def identity(sweep: Sweep, settings: dict[str, Any]) -> dict[str, Any]:
    """What decides a run's result: its settings, of files their contents, of folders their place."""
    command, found = sweep.command, dict[str, Any]()
    for key, value in settings.items():
        if key in Settings.changeable:
            continue
        if key in command.files:
            files = value if isinstance(value, list) else value.split(",")
            found[key] = [f"{Path(each).name} {_hash(str(Path(each).resolve()))[:16]}" for each in files]
        elif key in command.places and isinstance(value, str) and Path(value).exists():
            found[key] = str(Path(value).resolve())
        else:
            found[key] = value
    return found


@functools.cache
def _hash(path: str) -> str:
    return sha256(Path(path))


def _unused(name: str, taken: Any) -> str:
    slug = re.sub(r"[^\w.+-]+", "-", name, flags=re.ASCII).strip("-.")[:LONGEST_NAME] or "run"
    names = [slug, *(f"{slug}-{k}" for k in range(2, len(taken) + 3))]
    return next(each for each in names if each not in set(taken))


def _check_same(theirs: dict[str, Any], mine: dict[str, Any], path: Path) -> None:
    """ValueError unless `mine` is `theirs`, or adds to it."""
    different = []
    if theirs["command"] != mine["command"]:
        different.append(f"it was a sweep of {theirs['command']} and is now one of {mine['command']}")
    now = {each["name"]: each["is"] for each in mine["configurations"]}
    for each in theirs["configurations"]:
        name, was = each["name"], each["is"]
        if name not in now:
            different.append(f"the configuration {name!r} is gone")
            continue
        different += [
            f"{name}: {key} is {_said(now[name].get(key))} now and was {_said(was.get(key))}"
            for key in {**was, **now[name]}
            if was.get(key) != now[name].get(key)
        ]
    if gone := [seed for seed in theirs["seeds"] if seed not in mine["seeds"]]:
        different.append(f"the seed {gone[0]} is gone")
    if different:
        more = f" (and {len(different) - 3} differences more)" if len(different) > 3 else ""
        raise ValueError(
            f"{path} holds another sweep: {'; '.join(different[:3])}{more}. Configurations and seeds may be added to a sweep; "
            "for anything else choose another --out"
        )


def _said(value: Any) -> str:
    return "not set" if value is None else repr(value)
