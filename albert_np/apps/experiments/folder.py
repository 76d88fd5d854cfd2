"""The folder of a sweep.

    sweep.json          the plan: configurations, seeds, and the hashes of the files that the runs read
    prepared/           text, vocabularies and the tokenised corpus, which the runs share
    runs/NAME-seed-N/   the folder of a run;   .log: its output;   .json: its figures, once it is finished
    results.json  results.md  results.png

A sweep that is started again continues, with the same plan or with one that only adds to it.
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

MAX_NAME = 100  # characters of the name of a run's folder


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

    def is_finished(self, measured: dict[str, Any]) -> bool:
        """Return True if the run has ended and was measured on these sets; an extended sweep may need others."""
        return self.result.exists() and read_json(self.result)["measured"] == measured

    def clear(self) -> None:
        """Remove the folder of a run that cannot be resumed."""
        shutil.rmtree(self.out, ignore_errors=True)


class SweepFolder:
    """The folder of a sweep, locked while the context is entered.

    Before changing anything, entering raises FileExistsError if the folder holds something else, RuntimeError if another process
    uses it, OSError if it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._folder = RunFolder(self.path)

    def __enter__(self) -> "SweepFolder":
        names = sorted(each.name for each in self.path.iterdir() if each.name != ".lock") if self.path.is_dir() else []
        if names and not ({"sweep.json", "prepared"} & set(names)):
            raise FileExistsError(f"{self.path} is not empty and holds no sweep (it has {names[0]}); choose another --out")
        self._folder.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.__exit__()

    @property
    def lock(self) -> int | None:
        """File descriptor of the lock. Runs inherit it and so hold the lock as well: a sweep that was killed cannot be started
        again while its runs still work."""
        return self._folder.lock if os.name == "posix" else None

    @property
    def prepared(self) -> Path:
        return self.path / "prepared"

    def plan(self, sweep: Sweep, write: bool = True) -> list[Run]:
        """Check the plan against the stored one, and store it -> the runs, ordered by seed.

        ValueError with the differences.
        """
        plan: dict[str, Any] = {
            "title": sweep.title, "about": sweep.about, "command": sweep.command.name, "seeds": sweep.seeds,
            "base": sweep.base, "version": __version__, "configurations": [],
        }  # fmt: skip
        file = self.path / "sweep.json"
        stored = read_json(file, file_names=True) if file.exists() else None
        folders = {each["name"]: each["folder"] for each in stored["configurations"]} if stored else {}
        for each in sweep.configurations:
            folders.setdefault(each.name, _choose_folder_name(each.name, folders.values()))
            plan["configurations"].append(
                {
                    "name": each.name,
                    "folder": folders[each.name],
                    "changes": each.changes,
                    "is": result_inputs(sweep, each.settings),
                }
            )
        if stored is not None:
            _check_extends(stored, plan, self.path)
        if write:
            (self.path / "runs").mkdir(exist_ok=True)
            write_json(file, plan)
        runs = self.path / "runs"
        return [Run(c, seed, runs / f"{folders[c.name]}-seed-{seed}") for seed in sweep.seeds for c in sweep.configurations]


def result_inputs(sweep: Sweep, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what determines the result of a run: its settings, with hashes of files and absolute paths of folders."""
    command, inputs = sweep.command, dict[str, Any]()
    for key, value in settings.items():
        if key in Settings.changeable:
            continue
        if key in command.files:
            files = value if isinstance(value, list) else value.split(",")
            inputs[key] = [f"{Path(each).name} {hash_file(str(Path(each).resolve()))[:16]}" for each in files]
        elif key in command.paths and isinstance(value, str) and Path(value).exists():
            inputs[key] = str(Path(value).resolve())
        else:
            inputs[key] = value
    return inputs


@functools.cache
def hash_file(path: str) -> str:
    """Return the SHA-256 of a file, which is read once."""
    return sha256(Path(path))


def _choose_folder_name(name: str, taken: Any) -> str:
    slug = re.sub(r"[^\w.+-]+", "-", name, flags=re.ASCII).strip("-.")[:MAX_NAME] or "run"
    names = [slug, *(f"{slug}-{k}" for k in range(2, len(taken) + 3))]
    return next(each for each in names if each not in set(taken))


def _check_extends(stored: dict[str, Any], plan: dict[str, Any], path: Path) -> None:
    """ValueError unless the plan is the stored one, or adds to it."""
    different = []
    if stored["command"] != plan["command"]:
        different.append(f"it was a sweep of {stored['command']} and is now one of {plan['command']}")
    new = {each["name"]: each["is"] for each in plan["configurations"]}
    for each in stored["configurations"]:
        name, was = each["name"], each["is"]
        if name not in new:
            different.append(f"the configuration {name!r} is missing")
            continue
        different += [
            f"{name}: {key} is {_format_value(new[name].get(key))} now and was {_format_value(was.get(key))}"
            for key in {**was, **new[name]}
            if was.get(key) != new[name].get(key)
        ]
    if missing := [seed for seed in stored["seeds"] if seed not in plan["seeds"]]:
        different.append(f"the seed {missing[0]} is missing")
    if different:
        more = f" (and {len(different) - 3} more differences)" if len(different) > 3 else ""
        raise ValueError(
            f"{path} holds another sweep: {'; '.join(different[:3])}{more}. Configurations and seeds may be added to a sweep; "
            "for anything else choose another --out"
        )


def _format_value(value: Any) -> str:
    return "not set" if value is None else repr(value)
