"""The command line: `albert-np COMMAND --help` explains each command. Heavy modules are imported inside the commands.

Exit codes: 0 done · 1 failed, for example because the contents of a file are damaged · 2 wrong usage: the value of an argument,
or a file that does not exist · 130 stopped by Ctrl-C (143 by SIGTERM), after saving if there was anything to save. A failure is
one line on stderr; ALBERT_NP_DEBUG=1 shows the traceback. Characters that the encoding of stdout or stderr lacks are escaped.
"""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

INTERRUPTED = 130  # the exit code after Ctrl-C
MAX_MESSAGE = 1000  # characters of an error message
PARALLEL_COMMANDS = ("pretrain", "finetune")  # which may run in several processes


def app() -> Any:
    """Return the whole command line as a typer application."""
    import typer

    from albert_np.apps.cli import ask, compress, convert, demo, fill_mask, finetune, gradcheck, info, pretrain, serve, tokenizer
    from albert_np.apps.cli import embed as embeddings
    from albert_np.apps.cli import inspect as inspection
    from albert_np.apps.cli import learn as exercises
    from albert_np.apps.cli import sweep as experiments
    from albert_np.apps.cli.common import Commands, ConfigCommand
    from albert_np.engine.mpi import launcher

    cli = typer.Typer(
        help="ALBERT by hand in NumPy: pretrain it, load published weights, fine-tune, compress, ask it, check its gradients.",
        cls=Commands, no_args_is_help=True, rich_markup_mode=None, add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip

    @cli.callback(invoke_without_command=False)
    def common(
        ctx: typer.Context,
        version: bool = typer.Option(False, "--version", is_eager=True, callback=_print_version, help="Print the version."),
    ) -> None:
        if launcher.size() > 1 and ctx.invoked_subcommand not in PARALLEL_COMMANDS:
            raise typer.BadParameter(
                f"{ctx.invoked_subcommand} is for one process, and {launcher.size()} were started: only "
                f"{' and '.join(PARALLEL_COMMANDS)} work together under mpiexec"
            )

    cli.command("demo", short_help="Pretrain a tiny ALBERT and judge it: minutes.")(demo.demo)
    cli.command("pretrain", short_help="Pretrain an ALBERT from raw text.", cls=ConfigCommand)(pretrain.pretrain)
    cli.command("finetune", short_help="Train a model for a task.", cls=ConfigCommand)(finetune.finetune)
    cli.command("sweep", short_help="Compare configurations and seeds.")(experiments.sweep)
    cli.command("evaluate", short_help="Score a trained model on examples.")(finetune.evaluate)
    cli.command("predict", short_help="Answer new texts with a trained model.")(finetune.predict)
    cli.command("ask", short_help="Answer questions from a document.")(ask.ask)
    cli.command("translate", short_help="Translate sentences.")(finetune.translate)
    cli.command("embed", short_help="Turn texts into vectors: store, search, compare, draw.")(embeddings.embed)
    cli.command("fill-mask", short_help="Predict the tokens at [MASK].")(fill_mask.fill_mask)
    cli.command("inspect", short_help="Show attention and fillings layer by layer.")(inspection.inspect)
    cli.command("compress", short_help="Make a model smaller.")(compress.compress)
    cli.command("serve", short_help="Answer requests over HTTP.")(serve.serve)
    cli.command("convert", short_help="Convert weights to another file format.")(convert.convert)
    cli.command("info", short_help="Show a model's config, weights and costs.", cls=ConfigCommand)(info.info)
    cli.command("gradcheck", short_help="Check every gradient against finite differences.")(gradcheck.gradcheck)
    exercises.add_commands(cli)
    tools = typer.Typer(help="Vocabularies.", no_args_is_help=True, rich_markup_mode=None)
    tools.command("train")(tokenizer.train)
    cli.add_typer(tools, name="tokenizer")
    return cli


def _print_version(requested: bool) -> None:
    if requested:
        import typer

        from albert_np.version import __version__

        print(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command -> the exit code."""
    from albert_np.apps.cli.streams import make_output_safe
    from albert_np.engine.mpi import launcher

    make_output_safe()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it reports a folder for its cache that cannot be written
    warnings.showwarning = _WarningPrinter()  # type: ignore[assignment]
    with launcher.mute_other_ranks():
        code = _run(arguments)
    _flush_or_discard(sys.stdout)
    _flush_or_discard(sys.stderr)
    return code


def _flush_or_discard(stream: Any) -> None:
    """Flush; if the stream is closed, prevent Python's flush at exit from failing. None: it was never open."""
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        _discard_output(stream)


def _discard_output(stream: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from albert_np.apps.cli.common import Interrupted
    from albert_np.engine.mpi import world

    usage_error: Any = typer.BadParameter.__mro__[1]  # UsageError; its module differs between versions of typer
    try:
        with world().guard():
            code = app()(args=arguments, prog_name="albert-np", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except usage_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        return _print_failure(_describe_usage_error(error), 2)
    except (KeyboardInterrupt, Interrupted, typer.Abort):
        return _print_failure("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has ended: there is no one to report it to
        _discard_output(sys.stdout)
        return 1
    except Exception as error:
        if os.environ.get("ALBERT_NP_DEBUG"):
            raise
        message, code = explain_error(error)
        return _print_failure(f"{message} ({error.process})" if hasattr(error, "process") else message, code)


def _describe_usage_error(error: Any) -> str:
    """Return typer's message; if an argument or an option is missing, with its help."""
    message: str = error.format_message().removeprefix("Invalid value: ")
    text = getattr(getattr(error, "param", None), "help", None)
    if type(error).__name__ == "MissingParameter" and text:
        return f"{message.rstrip('.')}: {text[0].lower()}{text[1:]}"
    return message


def explain_error(error: Exception) -> tuple[str, int]:
    """Return one line on what went wrong, and the exit code: 2 for wrong usage, else 1.

    Wrong usage is the value of an argument, or a file or folder that does not exist, but not the contents of one (`DataError`).
    """
    from albert_np.io.files import DataError
    from albert_np.training.memory import StepOutOfMemory

    if isinstance(error, DataError):
        return str(error), 1
    if isinstance(error, UnicodeEncodeError) and error.encoding.lower().replace("_", "-") != "utf-8":
        return f"the encoding of this locale, {error.encoding}, cannot express {error.object!r}: set PYTHONUTF8=1", 1
    if isinstance(error, OSError) and error.strerror:
        missing = isinstance(error, (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError))
        return f"{error.filename or 'writing'}: {error.strerror}", 2 if missing else 1
    if isinstance(error, (FileNotFoundError, FileExistsError, ValueError)):
        return str(error), 2
    if isinstance(error, MemoryError):
        known = f": {error}" if str(error) else ""
        advice = "; try a smaller --tokens-per-batch, --accumulate 2 or more, or --set recompute=true"
        return f"out of memory{known}{advice if isinstance(error, StepOutOfMemory) else ''}", 1
    if isinstance(error, (RuntimeError, OSError, ImportError)):
        return str(error), 1
    return f"{type(error).__name__}: {error} (this is a bug; ALBERT_NP_DEBUG=1 shows where)", 1


class _WarningPrinter:
    """Prints a warning as one line, without its location in the code, and each line once in a command."""

    def __init__(self) -> None:
        self.printed: set[str] = set()

    def __call__(self, message: Any, category: Any, *location: Any) -> None:
        from albert_np.apps.cli.wording import as_options

        line = as_options(_as_line(str(message)))
        if line in self.printed:
            return
        self.printed.add(line)
        with contextlib.suppress(OSError):
            print(f"albert-np: note: {line}", file=sys.stderr)


def _print_failure(message: str, code: int) -> int:
    from albert_np.apps.cli.wording import as_options

    message = as_options(message)
    with contextlib.suppress(OSError):
        print("albert-np: " + _as_line(message), file=sys.stderr)
    return code


def _as_line(message: str) -> str:
    """Return a message on one line, without its middle if it is too long: it quotes something from a file then."""
    line = " ".join(message.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE // 2]} ... {line[-MAX_MESSAGE // 2 :]}"
