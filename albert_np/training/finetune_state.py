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

from albert_np.core import optim
from albert_np.core.params import Tree
from albert_np.engine.mpi import ALONE, DRIFTED, Processes, Update, update_of
from albert_np.engine.precision import computing
from albert_np.training import checkpoint
from albert_np.training.callbacks import Report
from albert_np.training.constraints import Constraint
from albert_np.training.finetune_settings import FinetuneSettings
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
    computing: what computes steps in the run's precision · update: how the processes update the parameters together."""

    optimizer: SimpleNamespace
    computing: Any
    update: Update
    place: Place = field(default_factory=Place)
    history: History = field(default_factory=History)
    best: Any = None
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(
        cls, model: Any, settings: FinetuneSettings, total: int, constraints: Sequence[Constraint],
        checkpoints: "Checkpoints | None", report: Report, processes: Processes = ALONE,
    ) -> "FinetuneState":  # fmt: skip
        """A fresh state or, where there is a checkpoint to go on from, that one's, copied into the model and the constraints too.
        The first process reads it; how many there were when it was written does not matter."""
        params, update = model.params, update_of(processes, model.params, settings.shard_optimizer)
        options = dict(bias_correction=True, **settings.optimizer_options())
        resumes, found = checkpoints is not None and checkpoints.resume, None
        optimizer = (optim if resumes else update).init("adamw", params, **options)
        state = cls(optimizer, computing(model, settings.precision), update)
        if checkpoints is not None:
            found = processes.from_first(lambda: checkpoints.read(model, state, report))
        processes.spread(params.flat)
        if resumes:
            state.optimizer = update.spread(state.optimizer)
        if found is not None:
            state._take_up(found, params)
        for number, constraint in enumerate(constraints):
            constraint.start(params, total)
            if found is not None and _form(number) in found["forms"]:
                constraint.restore(found["forms"][_form(number)])
        return state

    def _take_up(self, found: dict[str, Any], params: Tree) -> None:
        self.place, self.history = Place(**found["place"]), History(**found["history"])
        self.computing.restore(found["loss_scale"])
        steps = self.history.steps
        self.started = time.perf_counter() - (steps[-1]["seconds"] if steps else 0.0)
        if self.history.best:
            self.best = params.zeros_like().flat if self.best is None else self.best  # the first process has read it
            self.update.processes.spread(self.best)

    def seconds(self) -> float:
        """Of training, those before a resume included."""
        return round(time.perf_counter() - self.started, 3)


class Checkpoints:
    """Where one fine-tuning is kept while it runs. resume: it goes on from the newest checkpoint that is whole, if there is one.
    seconds: between two of them. Of several processes the first one reads and writes, and its clock counts."""

    def __init__(self, folder: Path, resume: bool = False, seconds: float = 60.0) -> None:
        self.folder, self.resume, self.seconds = folder, resume, seconds
        self.saved = time.perf_counter()

    def due(self, processes: Processes = ALONE) -> bool:
        """Whether so much time has passed since the last one. What the run comes to does not depend on when it is kept."""
        passed = processes.first and time.perf_counter() - self.saved >= self.seconds
        return bool(processes.total(passed)[0])

    def read(self, model: Any, state: FinetuneState, report: Report) -> dict[str, Any] | None:
        """Copy the checkpoint to go on from into the model's parameters, the moments and the best epoch's -> what else it holds;
        None if there is none. A damaged one is named to the report."""
        checkpoint.clean(self.folder)
        found = checkpoint.newest(self.folder, report.note) if self.resume else None
        if found is None:
            return None
        found.restore(model.params, state.optimizer)
        history = json.loads((found.folder / "history.json").read_text())
        if history["best"]:
            best = model.params.zeros_like()
            checkpoint.read_trees(found.folder / "best.safetensors", {"": best})
            state.best = best.flat
        forms = {path.name: checkpoint.read_arrays(path) for path in found.folder.glob(_form("*"))}
        report.note(f"resuming after step {found.step}, from {found.folder}")
        return {"place": found.state["place"], "loss_scale": found.state["loss_scale"], "history": history, "forms": forms}

    def save(self, model: Any, state: FinetuneState, constraints: Sequence[Constraint], report: Report) -> None:
        """A checkpoint of this moment, with the moments of all processes; those before it but one are removed.
        OSError: the ones before are whole."""
        if state.update.align(model.params):
            report.note(DRIFTED)
        optimizer = state.update.whole(model.params, state.optimizer)
        if state.update.processes.first:
            self._write(model, state, optimizer, constraints)
        state.update.processes.meet()
        self.saved = time.perf_counter()

    def _write(self, model: Any, state: FinetuneState, optimizer: SimpleNamespace, constraints: Sequence[Constraint]) -> None:
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
            checkpoint.save(self.folder, model.config, model.params, optimizer, values, more=more)
            checkpoint.prune(self.folder, KEEP)
        except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
            reason = getattr(error, "strerror", None) or error
            raise OSError(
                f"step {place.step} could not be saved in {self.folder}: {reason}; the checkpoints before it are whole"
            ) from error


def _form(number: int | str) -> str:
    return f"form-{number}.safetensors"
