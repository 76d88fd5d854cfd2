"""What the commands share: the common options, output for people or machines, and the model's fields as options."""

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from albert_np.io.config_files import unknown_key
from albert_np.models.config import FIELDS, PRESETS

BackendOption = Annotated[
    str | None,
    typer.Option("--backend", metavar="numpy|cupy", help="NumPy on the CPU, or CuPy on a GPU [numpy]", show_default=False),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables; errors still.")]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="float32|tf32|float16", help="On a GPU: the others are faster, less exact [float32]",
        rich_help_panel="Training", show_default=False,
    ),
]  # fmt: skip
ShardOption = Annotated[
    bool | None,
    typer.Option(
        "--shard-optimizer/--whole-optimizer", help="With several processes: each keeps a part of the optimiser's moments.",
        rich_help_panel="Training", show_default=False,
    ),
]  # fmt: skip
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A field of the model's configuration; --hidden-size 256 does it too."),
]
ConfigOption = Annotated[
    str, typer.Option("--config", metavar="|".join(PRESETS) + "|FILE.json", help="Sizes of the model.", show_default=True)
]
FIELD_OPTIONS = {"--" + key.replace("_", "-"): key for key in FIELDS if key not in ("extra", "recompute")}


class ConfigCommand(TyperCommand):
    """A command that takes every field of AlbertConfig as an option: `--hidden-size 256` becomes `--set hidden_size=256`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for parameter in self.params for name in (*parameter.opts, *parameter.secondary_opts)}
        rewritten, rest = [], list(args)
        while rest:
            argument = rest.pop(0)
            name, equals, value = argument.partition("=")
            if argument == "--":
                rewritten += [argument, *rest]
                break
            if name in FIELD_OPTIONS and name not in own:
                if not equals and not rest:
                    raise typer.BadParameter(f"Option {name!r} requires an argument.", ctx)
                rewritten += ["--set", f"{FIELD_OPTIONS[name]}={value if equals else rest.pop(0)}"]
            elif name.startswith("--") and name not in own and name not in ctx.help_option_names:
                raise typer.BadParameter(_no_such_option(name, [*own, *FIELD_OPTIONS]), ctx)
            else:
                rewritten.append(argument)
        return super().parse_args(ctx, rewritten)


def _no_such_option(name: str, known: list[str]) -> str:
    return unknown_key(name, [option for option in known if option.startswith("--")]).replace("config key", "option")


def settings_of(pairs: list[str] | None) -> dict[str, Any]:
    """["hidden_size=256", "hidden_act=relu"] -> {"hidden_size": 256, "hidden_act": "relu"}; values are JSON or plain text."""
    found = {}
    for pair in pairs or []:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise typer.BadParameter(f"--set takes KEY=VALUE, not {pair!r}")
        if key not in FIELDS or key == "extra":
            raise typer.BadParameter(unknown_key(key, FIELDS))
        try:
            found[key] = json.loads(text)
        except json.JSONDecodeError:
            found[key] = [int(part) for part in text.split(",")] if key == "fusion_layers" else text
    return found


def use_backend(name: str | None) -> None:
    """Put arrays where --backend says; without it ALBERT_NP_BACKEND or NumPy decides."""
    if name is not None:
        from albert_np import use

        use(name)


def say(text: str) -> None:
    """A line for people, on stderr, if there still is one."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def if_anybody_reads() -> Iterator[None]:
    """Where the terminal has closed or the reader has ended, what is printed within is lost; the exit code is not."""
    with contextlib.suppress(OSError):
        yield
        sys.stdout.flush()


def give(value: Any) -> None:
    """The result for machines: one JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A plain table on stdout, the first columns to the left and numbers to the right; as wide as it needs to be."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    numeric = [all(row[i][:1].isdigit() or not row[i] for row in rows) for i in range(len(columns))]

    def line(row: list[str]) -> str:
        cells = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric)]
        return "  ".join(cells).rstrip()

    print("\n".join([*([title, ""] if title else []), line(columns), *map(line, rows)]))


def stopped(name: str, command: str, out: Path, more: str = "saved") -> typer.Exit:
    """Say that a signal has ended a run, which was saved, and how to go on -> the exit, with the code that shells expect."""
    say(f"albert-np: stopped by {name}, {more}; continue with: albert-np {command} --resume --out {out}")
    return typer.Exit(128 + signal.Signals[name])
