"""Trained models and stored runs, for the commands that go on from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.common import print_note, split_pairs, use_backend

if TYPE_CHECKING:
    from albert_np.tasks.trained import Trained


def check_name(model: str) -> str:
    """Return the name of a model. BadParameter for an empty one, such as that of a shell's unset variable."""
    if not model:
        raise typer.BadParameter("expected the folder of a model, got an empty name")
    return model


NeededModel = Annotated[str, typer.Option("--model", callback=check_name, help="The folder of a model that `finetune` trained.")]
TaskOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the task: -o text=review -o kind=sets"),
]


def merge_with_stored_arguments(task: str, out: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the stored run in `out`, replaced by those given now. ValueError if it is for another task."""
    from albert_np.engine.mpi import world
    from albert_np.tasks import get_task
    from albert_np.tasks.finetune_folder import check_task, read_run

    run = world().broadcast_object(lambda: read_run(out))
    check_task(run, get_task(task).name, out)
    check_benchmark(run, task, out)
    stored = run["arguments"]
    for name, other in (("model", "config"), ("config", "model")):
        if given.get(name) is not None and stored.get(other) is not None:
            raise ValueError(f"cannot resume {out}: it was started with {other} {stored[other]}: leave out {name} {given[name]}")
    merged = {key: {**(stored.get(key) or {}), **given[key]} for key in ("options", "changes")}
    return {**stored, **given, **merged}


def check_benchmark(run: dict[str, Any], task: str, out: Path) -> None:
    """Raise ValueError if the stored run in `out` is for another benchmark, or for none."""
    from albert_np.tasks.benchmarks import find_benchmark

    record = find_benchmark(task)
    expected = record.name if record is not None and record.fields is not None else None
    started = run["told"].get("options", {}).get("benchmark")
    if started != expected:
        own = f"the benchmark {started}" if started else f"the task {run['told'].get('task')}"
        raise ValueError(f"cannot resume {out}: the run is for {own}, not for {task}")


def parse_task_options(task: str, pairs: list[str] | None) -> dict[str, Any]:
    """["text=1", "several=true"] -> {"text": "1", "several": True}: each value is read by the option's type."""
    from albert_np.tasks import get_task

    texts = split_pairs("--option", pairs)
    return get_task(task).parse_options(texts) if texts else {}


def load_trained(model: str, task: str, backend: str | None, options: list[str] | None = None) -> "Trained":
    """Load a fine-tuned model, with other options of its task if any are given. ValueError if it is for another task."""
    from albert_np.tasks.trained import Trained

    use_backend(backend)
    trained = Trained.from_pretrained(model, task, options=parse_task_options(task, options))
    trained.task.note = print_note
    return trained
