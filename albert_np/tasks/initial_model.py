"""The initial model of a fine-tuning: a checkpoint or a config, and the tokenizer, or a vocabulary of the examples' own texts."""

import dataclasses
import math
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.core import backend
from albert_np.engine.mpi import SINGLE_PROCESS, Processes
from albert_np.models.config import PRESETS, AlbertConfig, check_config_name
from albert_np.models.vocabulary import check_vocabulary
from albert_np.pretrained import DEFAULT
from albert_np.tasks import Task
from albert_np.tasks.scale import read_options
from albert_np.training.callbacks import Callback

NOT_TEXT = ("id", "label", "title")  # fields of examples that are not texts of the task
SAMPLE = 1 << 19  # characters of examples in which what the tokenizer does not keep is counted
VOCAB_SIZE = 8000  # pieces of a vocabulary that is trained on the examples themselves


@dataclass
class InitialModel:
    """The model and the tokenizer that training starts from.

    path       of a checkpoint; None: a new model
    config     of a new model; None: that of the checkpoint
    changes    fields of the config that differ from the checkpoint's: those of the task, and those that the user asked for
    callback   prints notes; printed: those so far, since a model is created several times
    """

    task: Task
    path: Any
    config: AlbertConfig | None
    tokenizer: Any
    changes: dict[str, Any]
    callback: Callback = field(default_factory=Callback)
    printed: set[str] = field(default_factory=set)

    @classmethod
    def resolve(
        cls, task: Task, model: Any, config: Any, tokenizer: Any, from_scratch: bool, changes: dict[str, Any],
        examples: list[Any], vocab_size: int, callback: Callback, processes: Processes = SINGLE_PROCESS,
        lower_case: bool | None = None, keep_accents: bool | None = None,
    ) -> "InitialModel":  # fmt: skip
        """Return the initial model that these arguments of `finetune` describe. ValueError if they contradict each other."""
        from albert_np.text import AlbertTokenizer
        from albert_np.text.coverage import check_normaliser, describe_normaliser

        if (model is None) == (config is None):
            raise ValueError(
                "expected either `model`, a pretrained one, or `config`, such as a preset's name, for one that is not pretrained"
            )
        if isinstance(config, str | os.PathLike):
            check_config_name(config)
            if not Path(config).exists():
                AlbertConfig.preset(str(config))  # raises now, before a vocabulary is trained
        if tokenizer is None and model is None:
            switches = bool(lower_case), keep_accents is not False
            callback.note(
                f"training a vocabulary of at most {vocab_size} pieces on the examples: {describe_normaliser(*switches)} "
                "(`lower_case` and `keep_accents` choose that)"
            )
            tokenizer = processes.broadcast_object(lambda: train_vocabulary(examples, vocab_size, *switches))
        with processes.main_process_first():  # a name on the hub is downloaded once
            if tokenizer is None or isinstance(tokenizer, str | os.PathLike):
                tokenizer = AlbertTokenizer.from_pretrained(tokenizer or model)
            if from_scratch and model is not None:
                config = AlbertConfig.from_pretrained(model)
        check_normaliser(tokenizer, str(getattr(tokenizer, "vocab_file", tokenizer)), lower_case, keep_accents)
        note_coverage(tokenizer, examples, callback)
        if isinstance(config, str):
            is_preset = config in PRESETS or not Path(config).exists()
            config = AlbertConfig.preset(config) if is_preset else AlbertConfig.from_pretrained(config, strict=True)
            config = config.replace(vocab_size=len(tokenizer))
        changes = {**task.config(), **changes}
        if config is not None:
            config = without_head(config).replace(**changes)
        initial = cls(task, None if config is not None else model, config, tokenizer, changes, callback)
        with processes.main_process_first():
            check_vocabulary(initial.stored_config(), len(tokenizer))
        return initial

    @property
    def is_new(self) -> bool:
        """True if the model was not pretrained."""
        return self.config is not None

    @property
    def source(self) -> str | None:
        """Where the parameters come from; None for a new model."""
        return None if self.path is None else str(self.path)

    def create(self, seed: int) -> Any:
        """Return a model to train. The seed decides the initial values of what is not in the checkpoint."""
        if self.config is not None:
            return self.task.model(self.config, seed=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*left out")  # the heads of pretraining are not used
            warnings.filterwarnings("ignore", message=".*afresh")  # the task's head is trained now
            stored = AlbertConfig.from_pretrained(self.path)
            changes = {"num_labels": 2, "id2label": None, **self.changes}
            if (stored.num_labels, stored.id2label) == (changes["num_labels"], changes["id2label"]):
                model = self.task.model.from_pretrained(self.path, seed=seed, **changes)
                if not (reason := self._adapt_head(model)):
                    return model
                self._note(f"{self.path} {reason}: it gets a new head")
            return self._with_new_head(stored, changes, seed)

    def _adapt_head(self, model: Any) -> str:
        """Adapt the checkpoint's head to the task's options, if it has one (a new head has no bias); see `Task.adapt_head`."""
        is_new = not backend.to_host(model.params.task.b).any() if "task" in self.task.model.heads else True
        return "" if is_new else self.task.adapt_head(model, read_options(self.path))

    def _note(self, text: str) -> None:
        if text not in self.printed:
            self.printed.add(text)
            self.callback.note(text)

    def _with_new_head(self, stored: AlbertConfig, changes: dict[str, Any], seed: int) -> Any:
        """Return the checkpoint's model with a new head for these labels, instead of one that it may have for others."""
        from albert_np.models import AlbertModel

        if "mlm" in self.task.model.heads:  # that head has no labels
            return self.task.model.from_pretrained(self.path, seed=seed, **changes)
        model = self.task.model(stored.replace(**changes), seed=seed)
        values = dict(AlbertModel.from_pretrained(self.path).params.items())
        for name, array in model.params.items():
            if name in values:
                array[...] = values[name]
        return model

    def max_tokens(self) -> int:
        """Return the length of the longest sequence that the model can take."""
        return self.stored_config().max_position_embeddings

    def stored_config(self) -> AlbertConfig:
        """Return the config of the new model, or that of the checkpoint, without the changes."""
        return self.config or AlbertConfig.from_pretrained(self.path)


def choose_start(task: Task, model: Any, config: Any, tokenizer: Any, from_scratch: bool, vocab_size: int) -> tuple[Any, str]:
    """Return the model that `finetune` starts from, and a line about it if neither a model nor a config was given.

    That is the packaged one; None for a task for which there is none. ValueError if a tokenizer, or a size of the vocabulary, is
    given, since the packaged model has its own.
    """
    if model is not None or config is not None or not task.starts_pretrained:
        return model, ""
    if tokenizer is not None or vocab_size != VOCAB_SIZE:
        name = "vocab_size" if tokenizer is None else "tokenizer"
        raise ValueError(
            f"`{name}` needs `config`, the sizes of a new model: without it training starts from {DEFAULT}, which has its own "
            "vocabulary"
        )
    if from_scratch:
        return DEFAULT, f"neither `model` nor `config` is given: a new model with the sizes and the vocabulary of {DEFAULT}"
    return DEFAULT, f"neither `model` nor `config` is given: training starts from {DEFAULT}, the English model in the package"


def without_head(config: AlbertConfig) -> AlbertConfig:
    """Return the config without the fields that another task may have set."""
    return config.replace(num_labels=2, id2label=None, problem_type=None)


def limit_max_length(task: Task, initial: InitialModel, given: dict[str, Any]) -> None:
    """Limit the task's max_length to what the model can take. ValueError if a larger one was given."""
    most = initial.max_tokens()
    if task.options["max_length"] > most and "max_length" in given:
        raise ValueError(f"max_length is {task.options['max_length']}, but the model's max_position_embeddings is {most}")
    task.options["max_length"] = min(task.options["max_length"], most)


def note_coverage(tokenizer: Any, examples: list[Any], callback: Callback) -> None:
    """Report the characters of the examples' texts that the tokenizer does not keep, if there are any."""
    from albert_np.text import Tokenizer
    from albert_np.text.coverage import Coverage

    if not isinstance(tokenizer, Tokenizer):
        return
    texts = [text for example in examples for text in get_texts(example)]
    step = math.ceil(sum(map(len, texts)) / SAMPLE) or 1
    for line in Coverage.measure(tokenizer, texts[::step], is_sample=step > 1).describe():
        callback.note(line)


def train_vocabulary(examples: list[Any], vocab_size: int, lower_case: bool = False, keep_accents: bool = True) -> Any:
    """Return a tokenizer trained on the examples' texts, with a smaller vocabulary if there is too little text."""
    from albert_np.text import AlbertTokenizer, train_tokenizer
    from albert_np.text.train import TextTooSmall

    texts = dict.fromkeys(text for example in examples for text in get_texts(example))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spiece.model"
        while True:
            try:
                train_tokenizer(texts, file, vocab_size, do_lower_case=lower_case, keep_accents=keep_accents)
                break
            except TextTooSmall as error:
                vocab_size = error.largest
        return AlbertTokenizer(file, do_lower_case=lower_case, keep_accents=keep_accents)


def get_texts(example: Any) -> list[str]:
    """Return the texts of an example: in the fields of a dataclass, the values of a dict, or the members of a tuple or a list."""
    fields: dict[Any, Any]
    if dataclasses.is_dataclass(example):
        fields = {f.name: getattr(example, f.name) for f in dataclasses.fields(example)}
    elif isinstance(example, dict):
        fields = example
    else:
        fields = dict(enumerate(example)) if isinstance(example, tuple | list) else {"text": example}
    texts = []
    for name, value in fields.items():
        if name in NOT_TEXT:
            continue
        if isinstance(value, str) and value.strip():
            texts.append(value)
        elif name == "choices":
            texts += [text for text in value if text.strip()]
        elif name == "words":
            texts.append(" ".join(value))
    return texts
