"""Checks of the arguments of `finetune`, and how its models are stored."""

import os
from collections.abc import Sequence
from typing import Any

from albert_np.io.packed_checkpoint import Packing
from albert_np.tasks import Task
from albert_np.tasks.initial_model import InitialModel
from albert_np.tasks.trained import Trained
from albert_np.training.constraints import Constraint
from albert_np.training.finetune_settings import FinetuneSettings


def check_types(options: Any, changes: Any, seeds: Any, out: Any) -> None:
    """Raise ValueError for an argument of another type, named as `finetune` names it."""
    for name, value in (("options", options), ("changes", changes)):
        if not isinstance(value, dict | None):
            raise ValueError(f"{name} must be a dict, {{name: value}}, not {value!r}")
    if type(seeds) is not int or seeds < 1:
        raise ValueError(f"seeds must be at least 1, the number of runs, not {seeds!r}")
    if not isinstance(out, str | os.PathLike | None):
        raise ValueError(f"out must be the path of a folder, not {out!r}")


def check_examples_given(task: Task, train: Any, data: Any, paper: bool, is_benchmark: bool) -> None:
    """Raise ValueError if a task has no training examples, or for arguments that only a benchmark has."""
    if is_benchmark:
        return
    if data is not None:
        raise ValueError(
            f"`data` is for a benchmark, such as glue:mrpc, and {task.name} is a task: give files as `train` and `dev`"
        )
    if paper:
        raise ValueError(f"`paper` is for a benchmark, such as glue:mrpc, and {task.name} is a task")
    if train is None:
        raise ValueError(
            "the examples to train on are missing: give them as `train`; a benchmark, such as glue:mrpc, has its own"
        )


def check_teacher(teacher: Trained | None, task: Task, initial: InitialModel) -> None:
    """Raise ValueError if the teacher has other labels or another vocabulary. Its head is adapted to the task's options."""
    if teacher is None:
        return
    expected, own = ({key: value for key, value in t.config().items() if key == "id2label"} for t in (task, teacher.task))
    if own != expected:
        raise ValueError(f"the teacher was trained for other labels: {own.get('id2label')}, not {expected.get('id2label')}")
    if teacher.tokenizer.get_vocab() != initial.tokenizer.get_vocab():
        raise ValueError("the teacher has another vocabulary: give its tokenizer as `tokenizer`")
    if reason := task.adapt_head(teacher.model, teacher.task.options):
        raise ValueError(f"the teacher {reason}")


def get_packing(settings: FinetuneSettings, constraints: Sequence[Constraint]) -> Packing | None:
    """Return how a model that was trained with these constraints is stored; None: as an ordinary one."""
    quantised = {name: each for constraint in constraints for name, each in constraint.quantised_tensors().items()}
    return Packing(settings.weights, quantised) if constraints else None
