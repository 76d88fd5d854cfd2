"""Everything about a fine-tuning that changes while it runs, the parameters aside, and its checkpoints.

A checkpoint is that of a pretraining (training/checkpoint.py), and in its folder besides

    history.json         the records of the steps and epochs so far, and which epoch is the best
    best.safetensors     the parameters of that epoch
    form-0.safetensors   what the first of the constraints needs, if it needs anything

The best epoch's scores and answers are not stored: they are computed again from its parameters.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from albert_np.optim.constraint import Constraint
from albert_np.training import checkpoint
from albert_np.training.report import Report
from albert_np.training.state import Place
from albert_np.version import __version__

KEEP = 2  # checkpoints: the newest, and the one before if that is damaged


@dataclass
class History:
    """What happened: a record a step and an epoch; `best`, the epoch whose parameters were kept, its scores and answers."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    best: int = 0
    scores: dict[str, Any] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    stopped_by: str = ""


@dataclass
class FinetuneState:
    """place: the updates made, and how many batches of the epoch are done · best: the flat parameters of the best epoch ·
    computing: what computes steps in the run's precision."""

    optimizer: SimpleNamespace
    computing: Any
    place: Place = field(default_factory=Place)
    history: History = field(default_factory=History)
    best: Any = None
    started: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        """Of training, those before a resume included."""
        return round(time.perf_counter() - self.started, 3)


class Checkpoints:
    """Where one fine-tuning is kept while it runs. resume: it goes on from the newest checkpoint that is whole, if there is one.
    seconds: between two of them."""

    def __init__(self, folder: Path, resume: bool = False, seconds: float = 60.0) -> None:
        self.folder, self.resume, self.seconds = folder, resume, seconds
        self.saved = time.perf_counter()

    def due(self) -> bool:
        """Whether so much time has passed since the last one. What the run comes to does not depend on when it is kept."""
        return time.perf_counter() - self.saved >= self.seconds

    def restore(self, model: Any, state: FinetuneState, total: int, constraints: Sequence[Constraint], report: Report) -> None:
        """Begin, or take up parameters, state and constraints where they were. A damaged checkpoint is named to the report."""
        checkpoint.clean(self.folder)
        found = checkpoint.newest(self.folder, report.note) if self.resume else None
        if found is not None:
            found.restore(model.params, state.optimizer)
            self._restore_state(found, model, state)
            report.note(f"resuming after step {found.step}, from {found.folder}")
        for number, constraint in enumerate(constraints):
            constraint.start(model.params, total)
            if found is not None and (found.folder / _form(number)).is_file():
                constraint.restore(checkpoint.read_arrays(found.folder / _form(number)))

    def _restore_state(self, found: checkpoint.Checkpoint, model: Any, state: FinetuneState) -> None:
        values = json.loads((found.folder / "history.json").read_text())
        state.place = Place(**found.state["place"])
        state.history = History(**values)
        state.computing.restore(found.state["loss_scale"])
        state.started = time.perf_counter() - (values["steps"][-1]["seconds"] if values["steps"] else 0.0)
        if state.history.best:
            best = model.params.zeros_like()
            checkpoint.read_trees(found.folder / "best.safetensors", {"": best})
            state.best = best.flat

    def save(self, model: Any, state: FinetuneState, constraints: Sequence[Constraint]) -> None:
        """A checkpoint of this moment; those before it but one are removed. OSError: the ones before are whole."""
        from safetensors import SafetensorError

        place, history = state.place, state.history

        def more(folder: Path) -> None:
            told = {"steps": history.steps, "epochs": history.epochs, "best": history.best}
            (folder / "history.json").write_text(json.dumps(told))
            if state.best is not None:
                best = model.params.zeros_like()
                best.flat[...] = state.best
                checkpoint.write_trees(folder / "best.safetensors", {"": best})
            for number, constraint in enumerate(constraints):
                if arrays := constraint.state():
                    checkpoint.write_arrays(folder / _form(number), arrays)

        values = {"version": __version__, "step": place.step, "place": asdict(place), "loss_scale": state.computing.state()}
        try:
            checkpoint.save(self.folder, model.config, model.params, state.optimizer, values, more=more)
            checkpoint.prune(self.folder, KEEP)
        except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
            reason = getattr(error, "strerror", None) or error
            raise OSError(
                f"step {place.step} could not be saved in {self.folder}: {reason}; the checkpoints before it are whole"
            ) from error
        self.saved = time.perf_counter()


def _form(number: int) -> str:
    return f"form-{number}.safetensors"
