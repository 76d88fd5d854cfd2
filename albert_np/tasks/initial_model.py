"""Where fine-tuning starts: a checkpoint or a config, and the tokenizer, or a vocabulary of the examples' own texts."""

import dataclasses
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.engine.mpi import ALONE, Processes
from albert_np.models.config import PRESETS, AlbertConfig
from albert_np.tasks import Task
from albert_np.training.callbacks import Report

NOT_TEXT = ("id", "label", "title")  # fields of examples that are no text of the task
VOCABULARY = 8000  # pieces of a vocabulary that is trained on the examples themselves


@dataclass
class Start:
    """Where the runs start: a checkpoint or a config, and the tokenizer. fresh: nothing was pretrained."""

    task: Task
    path: Any
    config: AlbertConfig | None
    tokenizer: Any
    changes: dict[str, Any]

    @classmethod
    def of(
        cls, task: Task, model: Any, config: Any, tokenizer: Any, from_scratch: bool, changes: dict[str, Any],
        examples: list[Any], vocab_size: int, report: Report, processes: Processes = ALONE,
    ) -> "Start":  # fmt: skip
        from albert_np.text import AlbertTokenizer

        if (model is None) == (config is None):
            raise ValueError(
                "expected either model, a pretrained one, or config, such as a preset's name, for one that is not pretrained"
            )
        if tokenizer is None and model is None:
            report.note(f"training a vocabulary of at most {vocab_size} pieces on the examples")
            tokenizer = processes.from_first(lambda: vocabulary(task, examples, vocab_size))
        with processes.first_ahead():  # a name on the hub is fetched once
            if tokenizer is None or isinstance(tokenizer, str | os.PathLike):
                tokenizer = AlbertTokenizer.from_pretrained(tokenizer or model)
            if from_scratch and model is not None:
                config = AlbertConfig.from_pretrained(model)
        if isinstance(config, str):
            known = config in PRESETS or not Path(config).exists()
            config = AlbertConfig.preset(config) if known else AlbertConfig.from_pretrained(config, strict=True)
            config = config.replace(vocab_size=len(tokenizer))
        changes = {**task.config(), **changes}
        if config is not None:
            config = without_head(config).replace(**changes)
            if len(tokenizer) > config.vocab_size:
                raise ValueError(f"the tokenizer has {len(tokenizer)} pieces, the model's vocab_size is {config.vocab_size}")
        return cls(task, None if config is not None else model, config, tokenizer, changes)

    @property
    def fresh(self) -> bool:
        return self.config is not None

    @property
    def source(self) -> str | None:
        """Where the parameters came from; None: from nowhere."""
        return None if self.path is None else str(self.path)

    def model(self, seed: int) -> Any:
        """A model to train: the same but for what is fresh in it, which the seed decides."""
        import warnings

        if self.config is not None:
            return self.task.model(self.config, seed=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*left out")  # heads of pretraining are not needed here
            warnings.filterwarnings("ignore", message=".*afresh")  # and the task's is to be trained
            was = AlbertConfig.from_pretrained(self.path)
            changes = {"num_labels": 2, "id2label": None, **self.changes}
            if (was.num_labels, was.id2label) == (changes["num_labels"], changes["id2label"]):
                return self.task.model.from_pretrained(self.path, seed=seed, **changes)
            return self.with_another_head(was, changes, seed)

    def with_another_head(self, was: AlbertConfig, changes: dict[str, Any], seed: int) -> Any:
        """The checkpoint's model with a fresh head for these labels in the place of one that it may have for others."""
        from albert_np.models import AlbertModel

        if "mlm" in self.task.model.heads:  # that head has no labels
            return self.task.model.from_pretrained(self.path, seed=seed, **changes)
        model = self.task.model(was.replace(**changes), seed=seed)
        values = dict(AlbertModel.from_pretrained(self.path).params.items())
        for name, array in model.params.items():
            if name in values:
                array[...] = values[name]
        return model

    def most_tokens(self) -> int:
        config = self.config or AlbertConfig.from_pretrained(self.path)
        return config.max_position_embeddings


def without_head(config: AlbertConfig) -> AlbertConfig:
    """The config without what another task had put into it."""
    return config.replace(num_labels=2, id2label=None, problem_type=None)


def fit_length(task: Task, start: Start, given: dict[str, Any]) -> None:
    """Rows as long as the model can take, unless more was asked for: that is a ValueError."""
    most = start.most_tokens()
    if task.options["max_length"] > most and "max_length" in given:
        raise ValueError(f"max_length is {task.options['max_length']}, but the model's max_position_embeddings is {most}")
    task.options["max_length"] = min(task.options["max_length"], most)


def vocabulary(task: Task, examples: list[Any], vocab_size: int) -> Any:
    """A tokenizer of the task's own texts, with capitals and accents; smaller if the texts are too few for so many pieces."""
    from albert_np.text import AlbertTokenizer, train_tokenizer
    from albert_np.text.train import TextTooSmall

    texts = dict.fromkeys(text for example in examples for text in texts_of(example))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spiece.model"
        while True:
            try:
                train_tokenizer(texts, file, vocab_size, do_lower_case=False, keep_accents=True)
                break
            except TextTooSmall as error:
                vocab_size = error.largest
        return AlbertTokenizer(file, do_lower_case=False, keep_accents=True)


def texts_of(example: Any) -> list[str]:
    """The texts in an example: in the fields of a dataclass, or in the places of a tuple or a list."""
    named: dict[Any, Any]
    if dataclasses.is_dataclass(example):
        named = {f.name: getattr(example, f.name) for f in dataclasses.fields(example)}
    elif isinstance(example, dict):
        named = example
    else:
        named = dict(enumerate(example)) if isinstance(example, tuple | list) else {"text": example}
    found = []
    for name, value in named.items():
        if name in NOT_TEXT:
            continue
        if isinstance(value, str) and value.strip():
            found.append(value)
        elif name == "words":
            found.append(" ".join(value))
    return found
