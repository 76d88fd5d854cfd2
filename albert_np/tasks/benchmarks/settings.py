"""The ALBERT paper's settings of a benchmark as those of a run: all of them, or those that fit any model and machine."""

from typing import Any

from albert_np.models.config import AlbertConfig
from albert_np.tasks.benchmarks.record import Benchmark, PaperSettings

LEAST_HIDDEN = 768  # of the paper's models: for a smaller one, the table's learning rates are too low
TABLE = "table 14 of the ALBERT paper"
BATCHES = ("tokens_per_batch", "batch_size", "balance")  # settings of which each says how steps are composed
LENGTHS = ("epochs", "steps")
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def get_paper_settings(record: Benchmark, paper: bool) -> PaperSettings | None:
    """Return the paper's settings; None if it has none. ValueError if they were asked for."""
    if paper and record.settings is None:
        raise ValueError(f"`paper`: {TABLE} has no settings for {record.title}")
    return record.settings


def get_changes(record: Benchmark) -> dict[str, Any]:
    """Return the fields of the model's config that the table decides."""
    table = record.settings
    if table is None:
        return {}
    return {**dict.fromkeys(DROPOUTS, table.dropout), "classifier_dropout_prob": table.classifier_dropout}


def get_settings(table: PaperSettings, paper: bool, given: dict[str, Any], config: AlbertConfig, is_new: bool) -> dict[str, Any]:
    """Return the settings of `finetune` that the table decides, without those that were given, or that these rule out.

    paper    the steps, the warm-up and the learning rate as in the table, too. Otherwise the epochs that its steps amount to on
             the official data, and its learning rate for pretrained models of the paper's sizes
    given    the user's settings
    """
    settings: dict[str, Any] = {"warmup": table.warmup}
    if not any(given.get(name) for name in BATCHES):
        settings["batch_size"] = table.batch_size
    if not any(given.get(name) for name in LENGTHS):
        settings |= {"steps": table.steps} if paper else {"epochs": table.epochs}
    if paper or (config.hidden_size >= LEAST_HIDDEN and not is_new):
        settings["learning_rate"] = table.learning_rate
    return {name: value for name, value in settings.items() if name not in given}


def describe_settings(
    record: Benchmark, settings: dict[str, Any], changes: dict[str, Any], given: dict[str, Any], max_length: int | None
) -> str:
    """Return a line on the settings that come from the table.

    settings, changes   those that do; given: the user's; max_length: of the task, None if the user gave it
    """
    table = record.settings
    assert table is not None
    parts = [f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()]
    if max_length is not None:
        parts.append(f"max_length {max_length}" + (f" (of {table.max_length})" if max_length < table.max_length else ""))
    if DROPOUTS[0] in changes:
        parts.append(f"dropout {table.dropout:g}")
    if "classifier_dropout_prob" in changes:
        parts.append(f"classifier dropout {table.classifier_dropout:g}")
    line = f"{record.name}: from {TABLE}: {', '.join(parts)}" if parts else f"{record.name}: all settings were given"
    if "learning_rate" not in settings and "learning_rate" not in given:
        line += (
            f"; not its learning rate of {table.learning_rate:g}, which is for pretrained models of hidden size {LEAST_HIDDEN} "
            "or more (`paper` takes it all the same)"
        )
    return line
