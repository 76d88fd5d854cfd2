"""The commands that a sweep can run: their settings, the checks of these, and the command line for them.

Settings have the names of the fields of `Settings`, `FinetuneSettings` and `AlbertConfig`, and of the long options of the command
line (`lr` and `learning_rate` are the same).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.io.config_files import unknown_key
from albert_np.models.config import FIELDS, PRESETS, AlbertConfig, check_config_name, config_from
from albert_np.pretrained import NAMES

ALIASES = {"lr": "learning_rate", "sentence_objective": "objective"}
MODEL_FIELDS = tuple(key for key in FIELDS if key not in ("extra", "recompute", "vocab_size", "num_labels", "id2label"))
PRETRAIN_SETTINGS = (
    "steps epochs optimizer learning_rate warmup decay start weight_decay beta1 beta2 eps bias_correction clip_norm accumulate "
    "tokens_per_batch max_length objective style max_ngram masked_lm_prob batches lines document_separator held_out sparsity "
    "prune_by prune_scope log_every eval_every checkpoint_every keep"
).split()
FINETUNE_SETTINGS = (
    "epochs learning_rate tokens_per_batch accumulate layer_decay freeze balance label_smoothing weight_decay patience sparsity "
    "prune_by prune_scope prune_end prune_embeddings weights temperature hard hidden"
).split()


@dataclass(frozen=True)
class Command:
    """A command, described by the keys that it takes.

    settings       keys of its settings
    others         keys of its other options
    model_fields   fields of the model's configuration, given by `--set`
    positional     keys of positional arguments
    flags          {key: (option for true, option for false or "")}
    files          keys of text files or files of examples, which must exist
    paths          keys whose values may be paths
    options        {key: its option}, where the two names differ
    """

    name: str
    settings: tuple[str, ...]
    others: tuple[str, ...]
    positional: tuple[str, ...]
    flags: dict[str, tuple[str, str]]
    files: tuple[str, ...]
    paths: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.positional, *self.settings, *self.others, *self.model_fields)

    @property
    def model_fields(self) -> tuple[str, ...]:
        return (*MODEL_FIELDS, *(("vocab_size",) if "vocab_size" not in self.others else ()))

    def canonical_name(self, key: str) -> str:
        """Return the canonical name of a setting. ValueError for an unknown key, with the nearest one."""
        name = key.replace("-", "_")
        name = ALIASES.get(name, name)
        if name in ("seed", "seeds"):
            raise ValueError(f"{key!r} does not belong here: write seeds = [0, 1, 2] at the top of the file")
        if name in ("out", "resume", "quiet", "json"):
            raise ValueError(f"{key!r} is not a setting of an experiment: the sweep sets it")
        if name == "tensorboard":
            raise ValueError(f"{key!r} is not a setting of an experiment: a sweep draws figures of its own")
        if name not in self.keys:
            raise ValueError(unknown_key(key, (*self.keys, *ALIASES)).replace("config key", f"setting of {self.name}"))
        return name

    def arguments(self, settings: dict[str, Any]) -> list[str]:
        """Return the arguments after `albert-np NAME` for these settings."""
        arguments = [word for key in self.positional for word in to_strings(settings.get(key, ()))]
        for key, value in settings.items():
            option = self.options.get(key, "--" + key.replace("_", "-"))
            if key in self.positional:
                continue
            if key in self.flags:
                arguments += [flag for flag in (self.flags[key][0 if value else 1],) if flag]
            elif key in self.model_fields:
                arguments.append(f"--set={key}={json.dumps(value)}")
            elif isinstance(value, dict):
                arguments += [f"{option}={name}={json.dumps(each)}" for name, each in value.items()]
            else:
                arguments += [f"{option}={text}" for text in to_strings(value)]
        return arguments

    def check(self, settings: dict[str, Any]) -> None:
        """Check the settings as far as possible without reading data. ValueError, FileNotFoundError with the reason."""
        for key in self.flags:
            if not isinstance(settings.get(key, False), bool):
                raise ValueError(f"{key} must be true or false, not {settings[key]!r}")
        (_check_pretrain if self.name == "pretrain" else _check_finetune)(self, settings)


COMMANDS = {
    "pretrain": Command(
        "pretrain", tuple(PRETRAIN_SETTINGS), ("config", "dropout", "recompute", "tokenizer", "backend"), ("files",),
        {"recompute": ("--recompute", ""), "bias_correction": ("--bias-correction", "")},
        files=("files",), paths=("config", "tokenizer"),
        options={"learning_rate": "--lr", "objective": "--sentence-objective"},
    ),
    "finetune": Command(
        "finetune", tuple(FINETUNE_SETTINGS),
        ("train", "dev", "model", "config", "from_scratch", "tokenizer", "vocab_size", "dropout", "option", "max_length",
         "teacher", "backend"),
        ("task",),
        {"from_scratch": ("--from-scratch", ""), "balance": ("--balance", ""),
         "prune_embeddings": ("--prune-embeddings", "--keep-embeddings")},
        files=("train", "dev"), paths=("model", "config", "tokenizer", "teacher"), options={"learning_rate": "--lr"},
    ),
}  # fmt: skip


def to_strings(value: Any) -> list[str]:
    """Return a value, or each value of a list, as written on the command line."""
    return [str(each) for each in (value if isinstance(value, list | tuple) else [value])]


def select(settings: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the settings with these keys."""
    return {key: settings[key] for key in keys if key in settings}


def model_changes(command: Command, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the model's configuration among these settings."""
    changes = select(settings, command.model_fields)
    if (dropout := settings.get("dropout")) is not None:
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return changes


# ---- pretrain ----


def build_pretraining(settings: dict[str, Any]) -> tuple[AlbertConfig, Any]:
    """Return the configuration and the `Settings` of a `pretrain` run."""
    from albert_np.training.settings import Settings

    command = COMMANDS["pretrain"]
    name = str(settings.get("config", "tiny"))
    check_config_name(name)
    config = config_from(name, model_changes(command, settings))
    values = select(settings, command.settings)
    if "sparsity" in values:
        values["sparsity"] = str(values["sparsity"])
    values.setdefault("max_length", min(Settings().max_length, config.max_position_embeddings))
    if "epochs" in values:
        values.setdefault("steps", None)
    return config, Settings.from_dict(values)


def _check_pretrain(command: Command, settings: dict[str, Any]) -> None:
    from albert_np.data.documents import check_text_file
    from albert_np.training.data import check_fit

    check_fit(*build_pretraining(settings), 0)
    files = settings.get("files", [])
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files) or ("files" in settings and not files):
        raise ValueError(f"files must be a list of text files, not {files!r}")
    for file in files:
        check_text_file(Path(file))
    if "tokenizer" in settings and not Path(settings["tokenizer"]).exists():
        raise FileNotFoundError(f"there is no tokenizer {settings['tokenizer']!r}")


# ---- finetune ----


def _check_finetune(command: Command, settings: dict[str, Any]) -> None:
    from albert_np.compress import SCHEMES, Sparsity, get_scheme
    from albert_np.io import sources
    from albert_np.tasks import get_task
    from albert_np.training.finetune_settings import FinetuneSettings

    for key in ("task", "train", "dev"):
        if not isinstance(settings.get(key), str):
            raise ValueError(f'finetune needs {key} = "..."' + (" to compare by" if key == "dev" else ""))
    options = settings.get("option", {})
    if not isinstance(options, dict):
        raise ValueError(f'option must be a table of the task\'s options, such as {{ text = "review" }}, not {options!r}')
    task = get_task(settings["task"], **{**options, **select(settings, ("max_length",))})
    chosen = FinetuneSettings.from_dict({**task.trains, **select(settings, command.settings)})
    Sparsity.of(chosen)
    if chosen.weights != "float32" and chosen.weights not in SCHEMES:
        get_scheme(chosen.weights)
    for key in command.files:
        for part in settings[key].split(","):
            if not Path(part).exists():
                raise FileNotFoundError(f"{key}: there is no file {part!r}")
    if ("model" in settings) == ("config" in settings):
        raise ValueError("expected either model or config")
    changes = model_changes(command, settings)
    if "config" in settings:
        check_config_name(settings["config"])
        config_from(settings["config"], changes)
    elif sources.kind(settings["model"]) != "hub":  # a check downloads nothing
        AlbertConfig.from_pretrained(settings["model"]).replace(**changes)


def is_path(command: Command, key: str, value: Any) -> bool:
    """Return True if the value of a setting is a path, rather than the name of a preset or of a model on the hub."""
    if key == "task":
        return ".py:" in value
    return key in command.files or (key in command.paths and isinstance(value, str) and value not in (*PRESETS, *NAMES))
