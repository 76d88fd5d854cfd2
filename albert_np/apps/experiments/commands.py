"""The commands that a sweep can run: which settings they know, what is wrong with some, and the arguments that say them.

A setting has the name that it has everywhere: the fields of `Settings`, `FinetuneSettings` and `AlbertConfig`, and the long
options of the command line (`lr` and `learning_rate` are one).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.io.config_files import unknown_key
from albert_np.models.config import FIELDS, PRESETS, AlbertConfig, config_of

ALIASES = {"lr": "learning_rate", "sentence_objective": "objective"}
MODEL_FIELDS = tuple(key for key in FIELDS if key not in ("extra", "recompute", "vocab_size", "num_labels", "id2label"))
PRETRAIN_SETTINGS = (
    "steps epochs optimizer learning_rate warmup start weight_decay bias_correction clip_norm accumulate tokens_per_batch "
    "max_length objective style max_ngram masked_lm_prob batches lines document_separator held_out sparsity prune_by "
    "prune_scope log_every eval_every checkpoint_every keep"
).split()
FINETUNE_SETTINGS = (
    "epochs learning_rate tokens_per_batch accumulate layer_decay freeze balance label_smoothing weight_decay patience sparsity "
    "prune_by prune_scope prune_end prune_embeddings weights temperature hard hidden"
).split()


@dataclass(frozen=True)
class Command:
    """name: of the command.

    settings   keys of its settings · others: its other options · model: fields of the configuration, which `--set` sets
    words      keys that are arguments without an option
    flags      {key: (the option for true, the option for false or "")}
    files      keys of text files or files of examples, which must be there · places: keys that may be paths
    """

    name: str
    settings: tuple[str, ...]
    others: tuple[str, ...]
    words: tuple[str, ...]
    flags: dict[str, tuple[str, str]]
    files: tuple[str, ...]
    places: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)  # where an option is not called like its key

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.words, *self.settings, *self.others, *self.model)

    @property
    def model(self) -> tuple[str, ...]:
        return (*MODEL_FIELDS, *(("vocab_size",) if "vocab_size" not in self.others else ()))

    def canonical(self, key: str) -> str:
        """The one name of a setting. ValueError for an unknown key, naming the nearest."""
        name = key.replace("-", "_")
        name = ALIASES.get(name, name)
        if name in ("seed", "seeds"):
            raise ValueError(f"{key!r} does not belong here: seeds = [0, 1, 2] stands at the top of the file")
        if name in ("out", "resume", "quiet", "json"):
            raise ValueError(f"{key!r} is not a setting of an experiment: the sweep itself decides it")
        if name not in self.keys:
            raise ValueError(unknown_key(key, (*self.keys, *ALIASES)).replace("config key", f"setting of {self.name}"))
        return name

    def arguments(self, settings: dict[str, Any]) -> list[str]:
        """The words after `albert-np NAME` that say these settings."""
        found: list[str] = [word for key in self.words for word in texts(settings.get(key, ()))]
        for key, value in settings.items():
            option = self.options.get(key, "--" + key.replace("_", "-"))
            if key in self.words:
                continue
            if key in self.flags:
                found += [flag for flag in (self.flags[key][0 if value else 1],) if flag]
            elif key in self.model:
                found.append(f"--set={key}={json.dumps(value)}")
            elif isinstance(value, dict):
                found += [f"{option}={name}={json.dumps(each)}" for name, each in value.items()]
            else:
                found += [f"{option}={text}" for text in texts(value)]
        return found

    def check(self, settings: dict[str, Any]) -> None:
        """Build what can be built without reading data. ValueError, FileNotFoundError that say what does not fit."""
        for key in self.flags:
            if not isinstance(settings.get(key, False), bool):
                raise ValueError(f"{key} must be true or false, not {settings[key]!r}")
        (_check_pretrain if self.name == "pretrain" else _check_finetune)(self, settings)


COMMANDS = {
    "pretrain": Command(
        "pretrain", tuple(PRETRAIN_SETTINGS), ("config", "dropout", "recompute", "tokenizer", "backend"), ("files",),
        {"recompute": ("--recompute", ""), "bias_correction": ("--bias-correction", "")},
        files=("files",), places=("config", "tokenizer"),
        options={"learning_rate": "--lr", "objective": "--sentence-objective"},
    ),
    "finetune": Command(
        "finetune", tuple(FINETUNE_SETTINGS),
        ("train", "dev", "model", "config", "from_scratch", "tokenizer", "vocab_size", "dropout", "option", "max_length",
         "teacher", "backend"),
        ("task",),
        {"from_scratch": ("--from-scratch", ""), "balance": ("--balance", ""),
         "prune_embeddings": ("--prune-embeddings", "--keep-embeddings")},
        files=("train", "dev"), places=("model", "config", "tokenizer", "teacher"), options={"learning_rate": "--lr"},
    ),
}  # fmt: skip


def texts(value: Any) -> list[str]:
    """A value, or each of a list, as the command line reads it."""
    return [str(each) for each in (value if isinstance(value, list | tuple) else [value])]


def given(settings: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: settings[key] for key in keys if key in settings}


def model_changes(command: Command, settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of the configuration that these settings name."""
    changes = given(settings, command.model)
    if (dropout := settings.get("dropout")) is not None:
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return changes


# ---- pretrain ----


def pretraining(settings: dict[str, Any]) -> tuple[AlbertConfig, Any]:
    """The configuration and the `Settings` of a run of `pretrain`."""
    from albert_np.training.settings import Settings

    command = COMMANDS["pretrain"]
    config = config_of(str(settings.get("config", "tiny")), model_changes(command, settings))
    values = given(settings, command.settings)
    if "sparsity" in values:
        values["sparsity"] = str(values["sparsity"])
    values.setdefault("max_length", min(Settings().max_length, config.max_position_embeddings))
    if "epochs" in values:
        values.setdefault("steps", None)
    return config, Settings.from_dict(values)


def _check_pretrain(command: Command, settings: dict[str, Any]) -> None:
    from albert_np.data.documents import check_text_file
    from albert_np.training.data import check_fit

    check_fit(*pretraining(settings), 0)
    files = settings.get("files", [])
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files) or ("files" in settings and not files):
        raise ValueError(f"files must be a list of text files, not {files!r}")
    for file in files:
        check_text_file(Path(file))
    if "tokenizer" in settings and not Path(settings["tokenizer"]).exists():
        raise FileNotFoundError(f"there is no tokenizer {settings['tokenizer']!r}")


# ---- finetune ----


def _check_finetune(command: Command, settings: dict[str, Any]) -> None:
    from albert_np.compress import KINDS, Sparsity, kind_of
    from albert_np.io import sources
    from albert_np.tasks import get_task
    from albert_np.training.finetune_settings import FinetuneSettings

    for key in ("task", "train", "dev"):
        if not isinstance(settings.get(key), str):
            raise ValueError(f'finetune needs {key} = "..."' + (" to compare by" if key == "dev" else ""))
    options = settings.get("option", {})
    if not isinstance(options, dict):
        raise ValueError(f'option must be a table of the task\'s options, such as {{ text = "review" }}, not {options!r}')
    task = get_task(settings["task"], **{**options, **given(settings, ("max_length",))})
    chosen = FinetuneSettings.from_dict({**task.trains, **given(settings, command.settings)})
    Sparsity.of(chosen)
    if chosen.weights != "float32" and chosen.weights not in KINDS:
        kind_of(chosen.weights)
    for key in command.files:
        for part in settings[key].split(","):
            if not Path(part).exists():
                raise FileNotFoundError(f"{key}: there is no file {part!r}")
    if ("model" in settings) == ("config" in settings):
        raise ValueError("expected either model or config")
    changes = model_changes(command, settings)
    if "config" in settings:
        config_of(settings["config"], changes)
    elif sources.kind(settings["model"]) != "hub":  # nothing is fetched only to be checked
        AlbertConfig.from_pretrained(settings["model"]).replace(**changes)


def is_path(command: Command, key: str, value: Any) -> bool:
    """Whether a setting's value is a place in the file system rather than the name of a preset or of a model on the hub."""
    if key == "task":
        return ".py:" in value
    return key in command.files or (key in command.places and isinstance(value, str) and value not in PRESETS)
