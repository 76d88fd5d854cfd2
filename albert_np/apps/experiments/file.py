"""Read and check a sweep's TOML file.

    title = "Sharing"                  # title and about are optional
    about = "What is expected, and why."
    seeds = [0, 1, 2]                  # or 3, which means the same; each configuration is run with each seed

    [pretrain]                         # or [finetune]: the settings that all runs share
    files = ["book.txt"]               # relative to the TOML file; without files: Python's documentation
    hidden_size = 128
    steps = 500

    [grid]                             # every combination of these
    sharing = ["all", "none"]
    embedding_size = [32, 128]

    [[variant]]                        # instead or in addition: named changes; with a grid, each variant at each of its points
    name = "with fusion"
    fusion_layers = [2, 4]

    [[paper]]                          # a direction that a paper reports, for the table's verdict (paper.py has all keys)
    configuration = "with fusion, sharing=none, embedding_size=32"
    direction = "better"

The others are compared with the first configuration. Before anything is run, unknown keys are refused and every configuration is
built and validated.
"""

import itertools
import json
import sys
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from albert_np.apps.experiments.commands import COMMANDS, Command, is_path
from albert_np.apps.experiments.measure import metric_names
from albert_np.apps.experiments.paper import Direction, parse_directions
from albert_np.data.formats.summary import count_noun
from albert_np.io.config_files import unknown_key
from albert_np.io.files import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("title", "about", "seeds", "pretrain", "finetune", "grid", "variant", "paper")
MOST_RUNS = 10_000


@dataclass(frozen=True)
class Configuration:
    """One configuration of a sweep. changes: its own settings; settings: all settings of its command, except the seed."""

    name: str
    changes: dict[str, Any]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A checked sweep. base: the settings that all configurations share; paper: the directions to compare the results with."""

    name: str
    title: str
    about: str
    command: Command
    base: dict[str, Any]
    configurations: list[Configuration]
    seeds: list[int]
    paper: tuple[Direction, ...] = ()


def recipes() -> dict[str, Path]:
    """Return the sweeps that come with the package: {name: file}."""
    folder = Path(str(resources.files("albert_np.apps.experiments") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_sweep(path: Path, overrides: dict[str, Any] | None = None, seeds: list[int] | None = None) -> Sweep:
    """Read and check a file.

    overrides: replace shared settings of the file; their paths are relative to the working folder. seeds: replace the file's.

    Raises ValueError and FileNotFoundError that name the file, the configuration, the value and what was expected.
    """
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML: {error}") from None
    if seeds is not None:
        values["seeds"] = seeds
    try:
        return parse_sweep(values, path.stem, path.parent, overrides or {})
    except (ValueError, FileNotFoundError) as error:
        raise _prefix_error(f"{path}: ", error) from None


def _prefix_error(where: str, error: Exception) -> Exception:
    return next(kind for kind in (DataError, FileNotFoundError, ValueError) if isinstance(error, kind))(f"{where}{error}")


def parse_sweep(values: dict[str, Any], name: str, folder: Path, overrides: dict[str, Any]) -> Sweep:
    """Return the sweep that the values of a TOML file describe. folder: that its paths are relative to."""
    for key in values:
        if key not in KEYS:
            raise ValueError(unknown_key(key, KEYS).replace("config key", "key") + f" (there are {', '.join(KEYS)})")
    named = [key for key in COMMANDS if key in values]
    if len(named) != 1:
        raise ValueError("expected one of the tables [pretrain] and [finetune]" + (", and the file has both" if named else ""))
    command = COMMANDS[named[0]]
    base = _parse_settings(command, values[command.name], f"[{command.name}]", folder)
    overrides = _parse_settings(command, overrides, "settings of the command line", None)
    grid = _parse_grid(command, values.get("grid", {}), folder)
    variants = _parse_variants(command, values.get("variant", []), folder, grid)
    for where, varied in (("the grid", grid), *((f"variant {variant!r}", changes) for variant, changes in variants)):
        if both := sorted(set(overrides) & set(varied)):
            raise ValueError(f"{both[0]} cannot be set on the command line for all: {where} varies it")
    base = merge_settings(base, overrides)
    points = [dict(zip(grid, point)) for point in itertools.islice(itertools.product(*grid.values()), MOST_RUNS + 1)]
    configurations = [_make_configuration(base, *each) for each in itertools.product(variants, points)]
    seeds = _parse_seeds(values.get("seeds", [0]))
    if len(configurations) * len(seeds) > MOST_RUNS:
        each = f"{count_noun(len(configurations), 'configuration')} with {count_noun(len(seeds), 'seed')} each"
        raise ValueError(f"{each}: {MOST_RUNS:,} runs at most")
    _check_configurations(command, configurations)
    for key in ("title", "about"):
        if not isinstance(values.get(key, ""), str):
            raise ValueError(f"{key} must be a string, not {values[key]!r}")
    title = values.get("title") or name
    about = " ".join(values.get("about", "").split())
    sweep = Sweep(name, title, about, command, base, configurations, seeds)
    names = [each.name for each in configurations]
    return replace(sweep, paper=tuple(parse_directions(values.get("paper", []), names, metric_names(sweep))))


def _parse_settings(command: Command, table: Any, where: str, folder: Path | None) -> dict[str, Any]:
    """Return a table of settings with canonical names and paths relative to the working folder."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table of settings, not {table!r}")
    settings: dict[str, Any] = {}
    for key, value in table.items():
        try:
            name = command.canonical_name(key)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if name in settings:
            raise ValueError(f"{where}: {name} is given twice ({key!r} is another name of it)")
        settings[name] = _resolve_paths(command, name, [value] if name == "files" and isinstance(value, str) else value, folder)
    return settings


def _resolve_paths(command: Command, key: str, value: Any, folder: Path | None) -> Any:
    """Turn paths relative to `folder` into ones relative to the working folder; return other values unchanged."""
    if isinstance(value, list):
        return [_resolve_paths(command, key, each, folder) for each in value]
    if folder is None or not isinstance(value, str) or not is_path(command, key, value):
        return value
    parts = value.split(",") if key in command.files and command.name == "finetune" else [value]
    resolved = [part if Path(part).is_absolute() else str(folder / part) for part in parts]
    is_certainly_path = key in (*command.files, "task") or all(Path(part).exists() for part in resolved)
    return ",".join(resolved) if is_certainly_path else value  # else it may be a name on the hub


def _parse_grid(command: Command, table: Any, folder: Path) -> dict[str, list[Any]]:
    grid = _parse_settings(command, table, "[grid]", folder)
    for key, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ValueError(f"[grid]: {key} must be a list of the values to try, not {choices!r}")
    return grid


def _parse_variants(command: Command, tables: Any, folder: Path, grid: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, changes) of each variant; without variants, one without name and changes."""
    if not isinstance(tables, list):
        raise ValueError("variant must be written [[variant]], with two brackets, as there may be several")
    variants: list[tuple[str, dict[str, Any]]] = []
    for index, table in enumerate(tables, 1):
        if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"].strip():
            raise ValueError(f'[[variant]] number {index} needs a name = "..."')
        name = table["name"].strip()
        if name in (other for other, _ in variants):
            raise ValueError(f"two variants are called {name!r}")
        changes = _parse_settings(command, {k: v for k, v in table.items() if k != "name"}, f"variant {name!r}", folder)
        if both := sorted(set(changes) & set(grid)):
            raise ValueError(f"variant {name!r}: {both[0]} is also in the grid")
        variants.append((name, changes))
    return variants or [("", {})]


def _make_configuration(base: dict[str, Any], variant: tuple[str, dict[str, Any]], point: dict[str, Any]) -> Configuration:
    changes = {**variant[1], **point}
    name = ", ".join([*([variant[0]] if variant[0] else []), *(f"{key}={_format_value(value)}" for key, value in point.items())])
    return Configuration(name or "all", changes, merge_settings(base, changes))


def merge_settings(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the base with these changes. A change removes the setting that it excludes, such as steps for epochs."""
    settings = {**base, **changes}
    for pair in (("steps", "epochs"), ("model", "config")):
        if len(changed := [key for key in pair if key in changes]) == 1:
            settings = {key: value for key, value in settings.items() if key not in pair or key in changed}
    return settings


def _format_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _parse_seeds(value: Any) -> list[int]:
    seeds = list(range(value)) if type(value) is int and 0 < value <= MOST_RUNS else value
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"seeds must be a list of numbers such as [0, 1, 2], or their number, not {value!r}")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: {max(seeds, key=seeds.count)} is given twice")
    return seeds


def _check_configurations(command: Command, configurations: list[Configuration]) -> None:
    """ValueError for a configuration that cannot be built, or for two equal ones."""
    for index, each in enumerate(configurations):
        try:
            command.check(each.settings)
        except (ValueError, FileNotFoundError) as error:
            raise _prefix_error("" if len(configurations) == 1 else f"configuration {each.name!r}: ", error) from None
        except TypeError as error:  # a value of a type that a check did not expect
            raise ValueError(f"configuration {each.name!r}: {error}") from None
        for other in configurations[:index]:
            if other.settings == each.settings:
                raise ValueError(f"the configurations {other.name!r} and {each.name!r} are the same")
