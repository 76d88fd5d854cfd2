"""Going on from an earlier run: the settings that it hands on, and the state of its optimiser.

schedule   "fresh": new moments, and a learning rate that rises and falls anew
           "continued": step count, moments and learning rate go on where the run's checkpoint ended, on other text
"""

import math
import os
from collections.abc import Callable
from typing import Any

from albert_np.core import backend
from albert_np.core.optim import OptimizerState
from albert_np.core.params import Tree
from albert_np.io.files import read_json
from albert_np.io.sources import as_path, is_packaged, packaged
from albert_np.training import checkpoint
from albert_np.training.checkpoint import Checkpoint
from albert_np.training.settings import Settings

# Settings of the examples: a model that goes on should see what it has seen
EXAMPLES = ("objective", "style", "max_ngram", "masked_lm_prob", "max_length")
SCHEDULE = (
    "optimizer", "learning_rate", "warmup", "weight_decay", "beta1", "beta2", "eps", "bias_correction", "clip_norm",
    "tokens_per_batch", "accumulate", "steps",
)  # fmt: skip


def find_checkpoint(source: str | os.PathLike[str], note: Callable[[str], None] = lambda text: None) -> Checkpoint | None:
    """Return the checkpoint that `source` is, or the newest whole one of the pretraining run that it is; None for anything else.

    Raises Damaged if it is a damaged one. note: called with a message for each damaged one of a run
    """
    path = as_path(source)
    if (path / checkpoint.MANIFEST).is_file() and (path / "state.json").is_file():
        checkpoint.verify(path)
        found: Checkpoint | None = Checkpoint(path, read_json(path / "state.json"))
    else:
        found = checkpoint.newest(path / "checkpoints", note) if (path / "checkpoints").is_dir() else None
    return found if found is not None and "corpus" in found.state else None  # that of a fine-tuning has no corpus


def need_checkpoint(source: str | os.PathLike[str], note: Callable[[str], None] = lambda text: None) -> Checkpoint:
    """Return the checkpoint of a run that a continued schedule starts from. ValueError if there is none, or if it was pruned."""
    if not source:
        raise ValueError("schedule 'continued' needs `source`, the folder or a checkpoint of the run to go on from")
    saved = find_checkpoint(source, note)
    if saved is None:
        raise ValueError(
            "schedule 'continued' goes on from a checkpoint of a pretraining run of albert_np, with its optimiser's moments, "
            f"and {source} has none: use `schedule` fresh"
        )
    if Settings.from_dict(saved.state["settings"]).prunes:
        raise ValueError(f"schedule 'continued' does not go on with pruning, as {source} was trained: use `schedule` fresh")
    return saved


def read_settings(source: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the settings of the pretraining run that `source` is the folder or a checkpoint of; {} for anything else."""
    path = packaged.open_folder(os.fspath(source), "run") if is_packaged(source) else as_path(source)
    file = path / ("state.json" if (path / checkpoint.MANIFEST).is_file() else "run.json")
    values = read_json(file, file_names=True) if file.is_file() else {}
    settings = values.get("settings") if isinstance(values, dict) else None
    return settings if isinstance(settings, dict) and "masked_lm_prob" in settings else {}  # a fine-tuning has none


def inherit_settings(source: str | os.PathLike[str], **given: Any) -> Settings:
    """Return the settings of a run that goes on from `source`: those given, then those of its examples and, with
    schedule="continued", of its optimiser and schedule, then the defaults.

    The steps of a continued run include those of the earlier one; the default is the number that this was planned for. ValueError
    if it has made them all.
    """
    stored = read_settings(source)
    values = {key: stored[key] for key in EXAMPLES if key in stored}
    if given.get("schedule") != "continued":
        return Settings(**{**values, **given})
    saved = need_checkpoint(source)
    stored = saved.state["settings"]
    values |= {key: stored[key] for key in SCHEDULE if key in stored}
    if values.get("warmup") is None and values.get("steps") is not None:
        values["warmup"] = math.ceil(values["steps"] / 10)  # the default, of that run
    planned = values.pop("steps", None)
    if given.get("epochs") is None:
        given["steps"] = given.get("steps") or planned or saved.step
    settings = Settings(**{**values, **given})
    check_continued(saved, source, settings)
    return settings


def check_continued(saved: Checkpoint, source: str | os.PathLike[str], settings: Settings) -> None:
    """Raise ValueError unless a continued run with these settings has steps to make, with the optimiser of the earlier run."""
    optimizer = saved.state["optimizer"]["name"]
    if optimizer != settings.optimizer:
        raise ValueError(
            f"schedule 'continued' goes on with the optimiser of {source}, {optimizer}, not with {settings.optimizer}"
        )
    if settings.steps is not None and settings.steps <= saved.step:
        raise ValueError(f"{source} has made {saved.step:,} steps: set `steps` to a larger number, that of both runs together")


def restore_optimizer(saved: Checkpoint, params: Tree, optimizer: OptimizerState, options: dict[str, Any]) -> None:
    """Copy a checkpoint's moments and count into the state of the optimiser, which keeps its own options.

    Raises ValueError unless the parameters are those of the checkpoint.
    """
    stored = params.zeros_like()
    try:
        saved.restore(stored, optimizer)
    except ValueError as error:
        raise ValueError(f"schedule 'continued' needs the model as it is in {saved.folder}: {error}") from None
    optimizer.options |= options
    if not (backend.to_host(stored.flat) == backend.to_host(params.flat)).all():
        raise ValueError(
            f"schedule 'continued' goes on with the moments of {saved.folder}, and the model has other parameters than that"
        )
