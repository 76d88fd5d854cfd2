"""Shared by all commands: common options, output as text or JSON, and the model's configuration as options."""

import contextlib
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from albert_np.apps.cli.streams import is_unicode
from albert_np.apps.cli.wording import as_options
from albert_np.io.config_files import unknown_key
from albert_np.io.similar_names import suggest
from albert_np.models.config import FIELDS
from albert_np.pretrained import DEFAULT

if TYPE_CHECKING:
    from albert_np.training import Report


def option(name: str, help: str, panel: str, metavar: str | None = None) -> Any:
    """Return an option without a displayed default, in a panel of the help."""
    return typer.Option(name, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


ModelOption = Annotated[
    str | None,
    option(
        "--model",
        f"A model with its tokenizer: a folder, such as a run's, a .tar.gz, or a hub name [{DEFAULT}, in the package]",
        "Options",
    ),
]
BackendOption = Annotated[
    str | None,
    typer.Option("--backend", metavar="numpy|cupy", help="NumPy on the CPU, or CuPy on a GPU [numpy]", show_default=False),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only: no progress, no tables.")]
PrecisionOption = Annotated[
    str | None,
    option("--precision", "On a GPU: tf32 and float16 are faster and less exact [float32]", "Training", "float32|tf32|float16"),
]
ShardOption = Annotated[
    bool | None,
    option(
        "--shard-optimizer/--whole-optimizer",
        "With several processes: each stores a part of the moments.",
        "Training",
    ),
]
TensorboardOption = Annotated[
    str | None,
    option(
        "--tensorboard",
        "A folder for curves that TensorBoard shows, each seed's in seed-N.",
        "The run",
        "DIR",
    ),
]
LowerCaseOption = Annotated[
    bool | None,
    option(
        "--lower-case/--cased",
        "For a vocabulary that is trained: lower-case all text, or keep capitals [lower-case; in finetune: cased]",
        "Vocabulary",
    ),
]
AccentsOption = Annotated[
    bool | None,
    option(
        "--strip-accents/--keep-accents",
        "For a vocabulary that is trained: remove accents and other marks, or keep them [strip; in finetune: keep]",
        "Vocabulary",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A field of the model's configuration; the same as --hidden-size 256."),
]
FIELD_OPTIONS = {"--" + key.replace("_", "-"): key for key in FIELDS if key not in ("extra", "recompute")}


class Interrupted(Exception):
    """Raised for Ctrl-C in a command. (typer turns a KeyboardInterrupt into an exit without a word.)"""


class Commands(TyperGroup):
    """The commands; Ctrl-C in any of them raises `Interrupted`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


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
                raise typer.BadParameter(_describe_unknown_option(name, [*own, *FIELD_OPTIONS]), ctx)
            else:
                rewritten.append(argument)
        return super().parse_args(ctx, rewritten)


def _describe_unknown_option(name: str, options: list[str]) -> str:
    """Return the message for an option that a command does not have, with the one that was probably meant."""
    near = suggest(name, [each for each in options if each.startswith("--")])
    if not near and "--option" in options:
        near = f"; an option of the task, such as the name of a column, is given as -o {name.strip('-').replace('-', '_')}=..."
    return f"unknown option {name!r}{near}"


def split_pairs(option: str, pairs: list[str] | None) -> dict[str, str]:
    """["kind=sets", "word=1"] -> {"kind": "sets", "word": "1"}"""
    values: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{option} takes KEY=VALUE, not {pair!r}")
        name = key.strip().replace("-", "_")
        if name in values and option == "--option":  # of others, such as --vocab-size twice, the last one counts
            raise typer.BadParameter(f"{option} {name} is given twice: {name}={values[name]} and {name}={text}")
        values[name] = text
    return values


def parse_pairs(option: str, pairs: list[str] | None) -> dict[str, Any]:
    """["recompute=true", "lr=1e-3"] -> {"recompute": True, "lr": 0.001}. Values are JSON, or else plain text."""
    from albert_np.tasks.options import parse_any

    return {key: parse_any(text) for key, text in split_pairs(option, pairs).items()}


def parse_config_fields(pairs: list[str] | None) -> dict[str, Any]:
    """["hidden_size=256", "fusion_layers=1,2"] -> {"hidden_size": 256, "fusion_layers": [1, 2]}."""
    fields = parse_pairs("--set", pairs)
    for key, value in fields.items():
        if key not in FIELDS or key == "extra":
            raise typer.BadParameter(unknown_key(key, FIELDS))
        if key == "fusion_layers" and isinstance(value, str):
            fields[key] = [int(part) for part in value.split(",")]
    return fields


def use_backend(name: str | None) -> None:
    """Select the backend of --backend; without it ALBERT_NP_BACKEND or NumPy applies."""
    if name is not None:
        from albert_np import use

        use(name)


def make_report(silent: bool) -> "Report":
    """Return the progress display of a run, or, if `silent`, one that prints nothing."""
    from albert_np.training import Callback, Progress

    return Callback() if silent else Progress(wording=as_options)


def print_doubts(model: str | None, tokenizer: Any, text: str, pair: str | None = None) -> None:
    """Print which model it is if none was named, and what in the text may not be what is meant."""
    from albert_np.apps.fill_mask import describe_doubts

    if model is None:
        print_note(f"the model is {DEFAULT}, which is part of the package; `model` names another")
    for line in describe_doubts(DEFAULT if model is None else model, tokenizer, text, pair):
        print_note(line)


def print_message(text: str) -> None:
    """Print a line on stderr; a closed stderr is no error."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def print_note(text: str) -> None:
    """Print a line of information on stderr, as warnings are printed."""
    print_message(f"albert-np: note: {as_options(text)}")


def print_products(silent: bool) -> None:
    """Print how the products of a prepared model are computed, if a measurement has chosen another way than the plain one."""
    from albert_np.engine.inference import describe_measured_blocks

    if not silent and (text := describe_measured_blocks()):
        print_note(text)


@contextlib.contextmanager
def announce_interrupt(text: str) -> Iterator[None]:
    """Print a line as soon as Ctrl-C is pressed within the block, whose work in a library ends only later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def wait() -> None:
        if reader.recv(1) == bytes([signal.SIGINT]):
            print_message(f"albert-np: {text}")

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()  # ends the thread
        waiting.join(1.0)
        reader.close()


@contextlib.contextmanager
def ignore_closed_stdout() -> Iterator[None]:
    """Lose what is printed within if stdout is closed, without changing the exit code."""
    with contextlib.suppress(OSError):
        yield
        sys.stdout.flush()


def print_json(value: Any) -> None:
    """Print the result as one JSON object on stdout; in ASCII if the encoding of stdout does not have every character."""
    print(json.dumps(value, ensure_ascii=not is_unicode(sys.stdout), allow_nan=False))


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a plain table, numeric columns aligned to the right. It is not cut to the width of the terminal."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    numeric = [all(row[i].lstrip("-")[:1].isdigit() or not row[i] for row in rows) for i in range(len(columns))]

    def line(row: list[str]) -> str:
        cells = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric)]
        return "  ".join(cells).rstrip()

    print("\n".join([line(columns), *map(line, rows)]))


def exit_after_signal(name: str, command: str, out: Path, result: str = "saved") -> typer.Exit:
    """Report that a signal ended a run and how to resume it -> the exit to raise, with the usual code (130 for SIGINT)."""
    print_message(f"albert-np: stopped by {name}, {result}; continue with: albert-np {command} --resume --out {out}")
    return typer.Exit(128 + signal.Signals[name])
