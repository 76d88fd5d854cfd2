"""The protocol of a task: all that stands between a file of examples and a model. One file a task; this is what it fills in.

    read       a file -> examples                       items    an example -> rows of the model's input
    learn      what the training examples show          answer   what the model made of the rows -> an answer
    config     what the model must be like for it       score    answers beside the examples -> numbers
    collate    rows -> the labels of a batch            show     an example and its answer, for people

`finetune`, `evaluate` and `predict` know nothing else of a task.
"""

import inspect
import os
import reprlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from rich.markup import escape

from albert_np.models.base import Model
from albert_np.tasks import batches


@dataclass
class Item:
    """One row of the model's input, made of an example or of a part of it.

    ids, token_types   (T,) lists of integers
    target             what its loss is computed from, as the task's `collate` takes it; None: nothing
    entities           the two places that a relation is read at
    about              whatever `answer` needs to know of it
    """

    ids: list[int]
    token_types: list[int]
    target: Any = None
    entities: tuple[int, int] | None = None
    about: Any = None


class Task:
    """A subclass names its model and the score that tells the better of two epochs (more is better), and fills in the methods.

    Its options are plain values, which go into the trained model's folder as task.json: what `learn` found is among them.
    """

    name: ClassVar[str] = ""
    form: ClassVar[type] = object  # the class of its examples
    model: ClassVar[type[Model]]
    metric: ClassVar[str] = ""
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128}  # of the options
    trains: ClassVar[dict[str, Any]] = {}  # settings of `finetune` that suit the task better than the usual ones
    collate: ClassVar[Any] = staticmethod(batches.of_sequences)  # list of items -> the arrays of `Batch.pack`

    def __init__(self, **options: Any) -> None:
        for key in options:
            if key not in self.defaults:
                raise ValueError(f"{self.name} has no option {key!r}; there are {', '.join(self.defaults)}")
        self.options: dict[str, Any] = {**self.defaults, **options}

    def read(self, path: Any) -> list[Any]:
        """The examples of a file. ValueError that names the file and the line."""
        raise NotImplementedError

    def examples(self, given: Any, name: str = "examples") -> list[Any]:
        """Those of a file, by its path, or those that are given. ValueError, which speaks of `name`, for one of another class."""
        if isinstance(given, str | os.PathLike):
            return self.read(given)
        found = list(given)
        for i, example in enumerate(found):
            if not isinstance(example, self.form):
                wanted = f"{self.form.__name__}{inspect.signature(self.form)}".replace(" -> None", "")
                raise ValueError(f"{name}[{i}]: expected {self.form.__module__}.{wanted}, got {reprlib.repr(example)}")
        return found

    def learn(self, examples: list[Any]) -> None:
        """Put into the options what the training examples show: the names of the labels."""

    def config(self) -> dict[str, Any]:
        """The fields of the model's config that the task decides."""
        return {}

    def items(self, example: Any, tokenizer: Any) -> list[Item]:
        """The rows of an example. It may take several, a window each; a row without a target is not trained on."""
        raise NotImplementedError

    def run(self, model: Any, items: list[Item]) -> list[Any]:
        """What the model makes of each row: by default its logits, (C,) of a sequence or (T, C) of tokens."""
        return batches.logits(model, items)

    def answer(self, example: Any, items: list[Item], outputs: list[Any]) -> Any:
        """The answer for an example from what the model made of its rows."""
        raise NotImplementedError

    def score(self, examples: list[Any], answers: list[Any]) -> dict[str, Any]:
        """The scores of these answers; `metric` is one of them."""
        raise NotImplementedError

    def baselines(self, train: list[Any], examples: list[Any]) -> dict[str, list[Any]]:
        """What can be had without a model: {its name: the answers it gives}. {}: an untrained model is the baseline.

        `train` is empty where a trained model is scored later: then what `learn` has kept must do.
        """
        return {}

    def answers(self, model: Any, tokenizer: Any, examples: list[Any]) -> list[Any]:
        """The model's answer for each example."""
        rows = [self.items(example, tokenizer) for example in examples]
        outputs = iter(self.run(model, [item for items in rows for item in items]))
        return [self.answer(example, items, [next(outputs) for _ in items]) for example, items in zip(examples, rows)]

    def example(self, text: str) -> Any:
        """An example without a label, from a text that somebody typed."""
        raise NotImplementedError

    def show(self, example: Any, answer: Any) -> str:
        """An example with its answer for people, in rich's markup (so what is text is escaped)."""
        return escape(str(answer))

    def as_json(self, example: Any, answer: Any) -> dict[str, Any]:
        """The same for machines."""
        return {"answer": answer}


def softmax(x: Any, axis: int = -1) -> np.ndarray:
    """Probabilities of logits, in float64 on the host."""
    x = np.asarray(x, np.float64)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)
