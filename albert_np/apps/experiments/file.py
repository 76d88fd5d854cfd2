"""What a sweep's TOML file says.

    title = "Sharing"                  # both may be missing
    about = "What is expected, and why."
    seeds = [0, 1, 2]                  # or 3, which is the same; each configuration is run with each

    [pretrain]                         # or [finetune]: what all runs have in common, under the settings' own names
    files = ["book.txt"]               # paths are seen from the TOML file; without files: the text that every Python has
    hidden_size = 128
    steps = 500

    [grid]                             # every combination of these
    sharing = ["all", "none"]
    embedding_size = [32, 128]

    [[variant]]                        # and, or instead: changes that have a name. With a grid, each variant at each point of it
    name = "with fusion"
    fusion_layers = [2, 4]

The first configuration is what the others are compared with. Every key that is not known is refused, and every configuration is
built and validated, before anything is run.
"""

import itertools
import json
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from albert_np.apps.experiments.commands import COMMANDS, Command, is_path
from albert_np.io.config_files import unknown_key

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("title", "about", "seeds", "pretrain", "finetune", "grid", "variant")
MOST_RUNS = 10_000


@dataclass(frozen=True)
class Configuration:
    """name · changes: what it has besides what all have · settings: all that its command is told, the seed aside"""

    name: str
    changes: dict[str, Any]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A sweep that was checked. command: "pretrain" or "finetune" · base: the settings that all configurations start from"""

    name: str
    title: str
    about: str
    command: Command
    base: dict[str, Any]
    configurations: list[Configuration]
    seeds: list[int]


def recipes() -> dict[str, Path]:
    """The sweeps that come with the package: {name: file}."""
    folder = Path(str(resources.files("albert_np.apps.experiments") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_sweep(path: Path, overrides: dict[str, Any] | None = None, seeds: list[int] | None = None) -> Sweep:
    """Read and check a file.

    overrides: settings that take the place of the file's own in what all runs have in common; their paths are seen from the
    working folder. seeds: likewise.

    Raises ValueError and FileNotFoundError that name the file, the configuration, what came and what was expected.
    """
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    if seeds is not None:
        values["seeds"] = seeds
    try:
        return sweep_of(values, path.stem, path.parent, overrides or {})
    except (ValueError, FileNotFoundError) as error:
        raise _in(f"{path}: ", error) from None


def _in(where: str, error: Exception) -> Exception:
    """The same error, which says where it is."""
    return (FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError)(f"{where}{error}")


def sweep_of(values: dict[str, Any], name: str, folder: Path, overrides: dict[str, Any]) -> Sweep:
    """The sweep that these values of a TOML file describe; `folder`: from where its paths are seen."""
    for key in values:
        if key not in KEYS:
            raise ValueError(unknown_key(key, KEYS).replace("config key", "key") + f" (there are {', '.join(KEYS)})")
    named = [key for key in COMMANDS if key in values]
    if len(named) != 1:
        raise ValueError("it must have one of the tables [pretrain] and [finetune]" + (", and has both" if named else ""))
    command = COMMANDS[named[0]]
    base = _settings(command, values[command.name], f"[{command.name}]", folder)
    overrides = _settings(command, overrides, "what is set on the command line", None)
    grid = _grid(command, values.get("grid", {}), folder)
    variants = _variants(command, values.get("variant", []), folder, grid)
    for where, varied in (("the grid", grid), *((f"variant {variant!r}", changes) for variant, changes in variants)):
        if both := sorted(set(overrides) & set(varied)):
            raise ValueError(f"{both[0]} cannot be set on the command line for all: {where} varies it")
    base = merged(base, overrides)
    points = [dict(zip(grid, point)) for point in itertools.islice(itertools.product(*grid.values()), MOST_RUNS + 1)]
    configurations = [_configuration(base, *each) for each in itertools.product(variants, points)]
    seeds = _seeds(values.get("seeds", [0]))
    if len(configurations) * len(seeds) > MOST_RUNS:
        raise ValueError(f"{len(configurations)} configurations with {len(seeds)} seeds each: {MOST_RUNS} runs at most")
    _check(command, configurations)
    for key in ("title", "about"):
        if not isinstance(values.get(key, ""), str):
            raise ValueError(f"{key} must be a text, not {values[key]!r}")
    title = values.get("title") or name
    return Sweep(name, title, " ".join(values.get("about", "").split()), command, base, configurations, seeds)


def _settings(command: Command, table: Any, where: str, folder: Path | None) -> dict[str, Any]:
    """A table of settings under their one name, paths as they are seen from here."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table of settings, not {table!r}")
    found: dict[str, Any] = {}
    for key, value in table.items():
        try:
            name = command.canonical(key)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if name in found:
            raise ValueError(f"{where}: {name} stands twice ({key!r} is another name of it)")
        found[name] = _placed(command, name, [value] if name == "files" and isinstance(value, str) else value, folder)
    return found


def _placed(command: Command, key: str, value: Any, folder: Path | None) -> Any:
    """A path seen from the TOML file -> seen from here; anything else as it is."""
    if isinstance(value, list):
        return [_placed(command, key, each, folder) for each in value]
    if folder is None or not isinstance(value, str) or not is_path(command, key, value):
        return value
    parts = value.split(",") if key in command.files and command.name == "finetune" else [value]
    seen = [part if Path(part).is_absolute() else str(folder / part) for part in parts]
    must_be_there = key in (*command.files, "task") or all(Path(part).exists() for part in seen)
    return ",".join(seen) if must_be_there else value  # else it may be a name on the hub


def _grid(command: Command, table: Any, folder: Path) -> dict[str, list[Any]]:
    grid = _settings(command, table, "[grid]", folder)
    for key, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ValueError(f"[grid]: {key} must be a list of the values to try, not {choices!r}")
    return grid


def _variants(command: Command, tables: Any, folder: Path, grid: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, changes) of each; without any a nameless one that changes nothing."""
    if not isinstance(tables, list):
        raise ValueError("variant must be written [[variant]], with two brackets: there may be several")
    found: list[tuple[str, dict[str, Any]]] = []
    for number, table in enumerate(tables, 1):
        if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"].strip():
            raise ValueError(f'[[variant]] number {number} needs a name = "..."')
        name = table["name"].strip()
        if name in (other for other, _ in found):
            raise ValueError(f"two variants are called {name!r}")
        changes = _settings(command, {k: v for k, v in table.items() if k != "name"}, f"variant {name!r}", folder)
        if both := sorted(set(changes) & set(grid)):
            raise ValueError(f"variant {name!r}: {both[0]} is in the grid, too")
        found.append((name, changes))
    return found or [("", {})]


def _configuration(base: dict[str, Any], variant: tuple[str, dict[str, Any]], point: dict[str, Any]) -> Configuration:
    changes = {**variant[1], **point}
    name = ", ".join([*([variant[0]] if variant[0] else []), *(f"{key}={_short(value)}" for key, value in point.items())])
    return Configuration(name or "all", changes, merged(base, changes))


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with these changes. Of two settings that exclude each other the changed one stays."""
    settings = {**base, **changes}
    for pair in (("steps", "epochs"), ("model", "config")):
        if len(said := [key for key in pair if key in changes]) == 1:
            settings = {key: value for key, value in settings.items() if key not in pair or key in said}
    return settings


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _seeds(value: Any) -> list[int]:
    seeds = list(range(value)) if type(value) is int and 0 < value <= MOST_RUNS else value
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"seeds must be a list of numbers such as [0, 1, 2], or how many, not {value!r}")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: {max(seeds, key=seeds.count)} stands twice")
    return seeds


def _check(command: Command, configurations: list[Configuration]) -> None:
    """ValueError for one that cannot be built, or two that are the same."""
    for k, each in enumerate(configurations):
        try:
            command.check(each.settings)
        except (ValueError, FileNotFoundError) as error:
            raise _in("" if len(configurations) == 1 else f"configuration {each.name!r}: ", error) from None
        except TypeError as error:  # a value of a kind that some check did not expect
            raise ValueError(f"configuration {each.name!r}: {error}") from None
        for other in configurations[:k]:
            if other.settings == each.settings:
                raise ValueError(f"the configurations {other.name!r} and {each.name!r} are the same")
