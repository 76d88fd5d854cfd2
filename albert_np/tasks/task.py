"""The protocol of a task: everything between a file of examples and a model.

    read       a file -> examples                            items    an example -> rows of the model's input
    learn      training examples -> options (the labels)     answer   the model's outputs for the rows -> an answer
    config     options -> fields of the model's config       score    answers and examples -> scores
    collate    rows -> the arrays of a batch                 show     an example and its answer -> text for people
fields     what a request to the service may have

`finetune`, `evaluate` and `predict` use a task through these methods alone.
"""

import inspect
import os
import reprlib
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from albert_np.data.formats.summary import Examples, get_summary
from albert_np.engine.mpi import world
from albert_np.io.similar_names import suggest
from albert_np.models.base import Model
from albert_np.tasks import batches
from albert_np.tasks.markup import escape
from albert_np.tasks.options import parse_any, read_option
from albert_np.tasks.requests import Field

MIN_LENGTH = 3  # tokens of a row: [CLS], one token, [SEP]


def one_line(text: str) -> str:
    """Return a text with its line breaks, tabs and other control characters written as in Python, such as \\n."""
    if text.isprintable():
        return text
    return "".join(repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


@dataclass
class Item:
    """One row of the model's input: an example, or a part of one.

    ids, token_types   (T,) lists or arrays of integers
    target             the labels of the row, in the form that the task's `collate` expects; None: the row is not trained on
    entities           positions of the two tokens that represent a relation's entities
    about              data of the task's own, which `answer` needs to interpret the output
    group              for rows that a batch has together (`Task.keeps_rows_together`): consecutive rows with the same number are
                       the rows of one example. Training sets it to the example's index; `Task.items` leaves it None
    cut                the row lacks a part of the example, which is too long
    """

    ids: Sequence[int] | np.ndarray
    token_types: Sequence[int] | np.ndarray
    target: Any = None
    entities: tuple[int, int] | None = None
    about: Any = None
    cut: bool = False
    group: int | None = None


def warn(text: str) -> None:
    """Issue a warning."""
    warnings.warn(text, stacklevel=2)


def is_frame(value: Any) -> bool:
    """Return whether a value is a DataFrame: iterated over, it gives the names of its columns."""
    return hasattr(value, "columns") and hasattr(value, "to_dict")


class Task:
    """Base class of all tasks. A subclass sets the class attributes and implements the methods that raise NotImplementedError.

    name       of the task, for messages and task.json
    model      the class that it trains, such as `AlbertForSequenceClassification`
    metric     the score that selects the best epoch; higher_is_better: False for an error
    defaults   the options and their default values

    Needed are `items`, `answer`, `score`; `read` for files, `example` for texts that are typed, `learn` and `config` for labels.
    Its options are plain values, stored in the trained model's folder as task.json, including those that `learn` sets.
    """

    name: ClassVar[str] = ""
    needed: ClassVar[str] = ""  # with `based_on`: the kind of models that it uses, in a message about one of another kind
    based_on: ClassVar[str] = ""  # the task whose trained models this one uses, which has no training of its own; see `adopt`
    form: ClassVar[type] = object  # the class of the examples
    model: ClassVar[type[Model]]
    metric: ClassVar[str] = ""  # the score that selects the best epoch
    higher_is_better: ClassVar[bool] = True  # False: the metric is an error
    fallbacks: ClassVar[tuple[str, ...]] = ()  # scores that select it if `metric` is the same in every epoch; then it is the loss
    perfect: ClassVar[float] = 1.0  # the best value of `metric`
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128}  # default options
    types: ClassVar[dict[str, Any]] = {}  # types of the options whose default does not show it, see `options.read_option`
    learned: ClassVar[tuple[str, ...]] = ()  # options that `learn` sets: a trained model keeps them
    inferred: ClassVar[tuple[str, ...]] = ()  # those of them that may be given for training
    reading: ClassVar[tuple[str, ...]] = ()  # options by which files are read: for a run that is resumed, its examples count
    starts_pretrained: ClassVar[bool] = True  # False: without a model or a config there is no model to start from
    trains: ClassVar[dict[str, Any]] = {}  # default settings of `finetune` for this task
    keeps_rows_together: ClassVar[bool] = False  # True: a batch has all rows of an example or none, as its loss compares them
    pretrained_length: int | None = None  # of the rows that the initial model was trained on, in `finetune`, if it is known
    scored = "examples"  # in a note, the examples that are answered; in `finetune`, "development examples"
    note: Callable[[str], None] = staticmethod(warn)  # called with a line for the user; in `finetune`, the callback's

    def __init__(self, **options: Any) -> None:
        for key in options:
            if key not in self.defaults:
                raise ValueError(self._describe_unknown(key))
        self.notes: list[str] = []  # lines about what `learn` has inferred, for the user
        self.changed: set[str] = set()  # options that were changed after training
        self.options: dict[str, Any] = {**self.defaults}
        for key, value in options.items():
            self.options[key] = read_option(f"the option {key}", self.option_type(key), value)
        length = self.options.get("max_length")
        if isinstance(length, int) and length < MIN_LENGTH:
            raise ValueError(f"max_length must be a number of tokens, {MIN_LENGTH} or more, not {length}")

    def _describe_unknown(self, name: str) -> str:
        """Return the message for an option that the task does not have."""
        names = [each for each in self.defaults if each not in self.learned or each in self.inferred]
        return f"{self.name} has no option {name!r}; expected one of {', '.join(names)}{suggest(name, self.defaults)}"

    @classmethod
    def option_type(cls, name: str) -> Any:
        """Return the type of an option: a declared one, or that of its default; None if neither is known."""
        default = cls.defaults[name]
        return cls.types.get(name, None if default is None else type(default))

    def parse_option(self, name: str, text: str) -> Any:
        """Return the value of an option typed on the command line; a text may stand in JSON's quotes.

        ValueError for an unknown option or an invalid value.
        """
        if name not in self.defaults:
            raise ValueError(self._describe_unknown(name))
        kind = self.option_type(name)
        value = parse_any(text)
        if kind is not None:
            return read_option(f"the option {name}", kind, value if isinstance(value, str) else text, typed=True)
        return value

    def parse_options(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of several typed options, {name: value}; see `parse_option`."""
        return {name: self.parse_option(name, text) for name, text in texts.items()}

    def change_options(self, options: dict[str, Any]) -> None:
        """Change options of a trained model, such as the columns of its files. ValueError for one that training decided."""
        for key in options:
            if key in self.learned:
                raise ValueError(f"the option {key} was decided in training and cannot be changed now")
        type(self)(**options)
        self.changed.update(options)
        self.options.update({key: read_option(f"the option {key}", self.option_type(key), v) for key, v in options.items()})

    def __repr__(self) -> str:
        """Return the options that differ from their defaults."""
        changed = {key: value for key, value in self.options.items() if value != self.defaults.get(key)}
        return f"{type(self).__name__}({', '.join(f'{key}={reprlib.repr(value)}' for key, value in changed.items())})"

    # ---- files and examples ----

    def read(self, path: Any) -> list[Any]:
        """Return the examples of a file. Raises ValueError that names the file and the line.

        The list may be a `data.formats.summary.Examples`, whose summary is then printed.
        """
        raise NotImplementedError

    def read_unlabelled(self, path: Any) -> list[Any]:
        """Return the examples of a file that need no labels. By default `read`, for formats in which labels may be missing."""
        return self.read(path)

    def describe_labels(self, examples: list[Any]) -> dict[str, Any]:
        """Return what `FileSummary.labels` holds: the kind of labels and how often each occurs; {} if there are none."""
        return {}

    def examples(self, given: Any, name: str = "examples") -> list[Any]:
        """Return the examples of a file, given its path, or the given examples as a list.

        Rows, as dicts or a DataFrame, are passed to `examples_from_rows`. Raises ValueError for an example of another class;
        `name` is what the message calls the list.
        """
        if isinstance(given, str | os.PathLike):
            return self.read(given)
        if is_frame(given):
            given = given.to_dict("records")
            if not given:
                raise ValueError(f"{name}: there is no example in it")
        if isinstance(given, Mapping) or not isinstance(given, Iterable):
            kind = f"a dict of {', '.join(map(repr, given))}" if isinstance(given, Mapping) else reprlib.repr(given)
            raise ValueError(f"{name}: expected a file or a list of {self._describe_form()}, got {kind}")
        examples = given if isinstance(given, Examples) else list(given)
        for i, example in enumerate(examples):
            if isinstance(example, self.form):
                continue
            if all(isinstance(each, dict) for each in examples):
                rows = [{str(column): value for column, value in each.items()} for each in examples]  # 0, 1, ... in a DataFrame
                return self.examples_from_rows(rows, name)
            row = " or a dict, {column: value}" if type(self).examples_from_rows is not Task.examples_from_rows else ""
            raise ValueError(f"{name}[{i}]: expected {self._describe_form()}{row}, got {reprlib.repr(example)}")
        return examples

    def examples_from_rows(self, rows: list[dict[str, Any]], name: str) -> list[Any]:
        """Return the examples of the rows of a table, {column: value}. By default ValueError: a task needs its own examples."""
        columns, fields = ", ".join(map(repr, rows[0])), [*inspect.signature(self.form).parameters]
        hint = f"; write [{self.form.__name__}({fields[0]}=row[...], ...) for row in rows]" if fields else ""
        raise ValueError(f"{name}: expected a list of {self._describe_form()}, got rows with the columns {columns}{hint}")

    def _describe_form(self) -> str:
        return f"{self.form.__module__}.{self.form.__name__}{inspect.signature(self.form)}".replace(" -> None", "")

    def example(self, text: str) -> Any:
        """Return an unlabelled example for a text that a user typed."""
        raise NotImplementedError

    def summarize(self, given: dict[str, tuple[Any, list[Any]]], note: Callable[[str], None]) -> list[dict[str, Any]]:
        """Report one line for each file of examples, or list of them, by `note`; return the summaries as JSON values.

        given: {name of the argument: (its value, the examples)}; arguments that are None are left out
        """
        files = []
        for name, (value, examples) in given.items():
            if value is not None:
                summary = get_summary(value, examples, name)
                summary.labels = self.describe_labels(examples)
                note(summary.describe())
                files.append(summary.to_json())
        return files

    def is_plain_text(self, path: Any) -> bool:
        """Return whether a file has a text for `example` on each line, rather than one of the formats of `read`."""
        return False

    # ---- requests to the service ----

    def fields(self) -> dict[str, Field]:
        """Return the fields of a request to a model that was trained for the task: {name: field}."""
        return {"text": Field("the text", "The river runs through the old town.")}

    def example_from_request(self, request: dict[str, Any]) -> Any:
        """Return the unlabelled example of a request, whose values fit the `fields`."""
        return self.example(request["text"])

    # ---- the model ----

    def check_for_training(self, options: dict[str, Any]) -> None:
        """Raise ValueError if one of the given options is set by `learn`."""
        for key in options:
            if key in self.learned and key not in self.inferred:
                raise ValueError(f"the option {key} cannot be given: the training examples decide it")

    def learn(self, examples: list[Any]) -> None:
        """Set the options that depend on the training examples, such as the names of the labels. Lines about what was inferred
        are added to `notes`."""

    def config(self) -> dict[str, Any]:
        """Return the fields of the model's config that the task decides."""
        return {}

    def adopt(self, trained: "Task") -> "Task":
        """Return this task for a model that was trained for the task `based_on`. ValueError if it cannot use this model."""
        raise NotImplementedError

    def adapt_head(self, model: Model, options: dict[str, Any]) -> str:
        """Adapt the head of a model that was trained for this task with other options, in place, so that its answers stay.

        Return why that is impossible, as the rest of a sentence on the model, or "".
        """
        return ""

    # ---- examples -> rows -> answers -> scores ----

    def items(self, example: Any, tokenizer: Any) -> list[Item]:
        """Return the rows of an example: one, or several windows. Rows without a target are not trained on."""
        raise NotImplementedError

    @staticmethod
    def collate(items: Sequence[Item]) -> dict[str, Any]:
        """Return the arguments of `Batch.pack` for rows with targets; tasks/batches.py has a function for each kind of label."""
        return batches.collate_sequences(items)

    def run(self, model: Any, items: list[Item]) -> list[Any]:
        """Return the model's output for each row: by default its logits, (C,) of a sequence or (T, C) of tokens."""
        return batches.predict_logits(model, items)

    def answer(self, example: Any, items: list[Item], outputs: list[Any]) -> Any:
        """Return the answer for an example, given the outputs of `run` for its rows."""
        raise NotImplementedError

    def answers(self, model: Any, tokenizer: Any, examples: list[Any]) -> list[Any]:
        """Return the model's answer for each example."""
        rows = [self.items(example, tokenizer) for example in examples]
        self.note_cut(rows)
        outputs = iter(self.run(model, [item for items in rows for item in items]))
        return [self.answer(example, items, [next(outputs) for _ in items]) for example, items in zip(examples, rows)]

    def cut_part(self) -> str:
        """Return the part of an example that `items` cuts, and where: "a text longer than max_length 128 tokens"."""
        return f"a text longer than max_length {self.options.get('max_length')} tokens"

    def note_cut(self, rows: Sequence[Sequence[Item]], training: bool = False) -> None:
        """Tell the user, once, how many of the examples are cut. rows: of each example; training: they are trained on."""
        if not training and world().size > 1:  # they may be one process's share
            return
        kind = "training examples" if training else self.scored
        advice = "; set `max_length` for more" if training and "max_length" in self.cut_part() else ""
        count = sum(any(getattr(item, "cut", False) for item in items) for items in rows)
        text = f"{count} of {len(rows)} {kind} {'has' if count == 1 else 'have'} {self.cut_part()}, which is cut{advice}"
        if count:
            self.note_once(text)
        if training and self.pretrained_length is not None:
            self._note_long(rows, self.pretrained_length)

    def _note_long(self, rows: Sequence[Sequence[Item]], length: int) -> None:
        """Tell the user how many of the training examples are longer than the rows on which the initial model was trained."""
        count = sum(any(len(item.ids) > length for item in items) for items in rows)
        if count:
            self.note_once(
                f"{count} of {len(rows)} training examples {'has' if count == 1 else 'have'} more than {length} tokens in a row, "
                f"and the initial model was trained on at most {length}: it learns the later positions from these examples alone"
            )

    def note_once(self, text: str) -> None:
        """Tell the user a line, unless it was said before."""
        noted: set[str] = self.__dict__.setdefault("_noted", set())
        if text not in noted:
            noted.add(text)
            self.note(text)

    def check_scored(self, examples: list[Any]) -> None:
        """Raise ValueError if the examples lack what `score` needs, such as labels. `finetune` calls it before it trains."""

    def score(self, examples: list[Any], answers: list[Any]) -> dict[str, Any]:
        """Return the scores of the answers; `metric` is one of them."""
        raise NotImplementedError

    def errors(self) -> tuple[str, ...]:
        """Return the names of the scores that are errors: `metric`, or none."""
        return () if self.higher_is_better else (self.metric,)

    def better(self, a: float, b: float) -> bool:
        """Return whether a value `a` of `metric` is better than `b`."""
        return a > b if self.higher_is_better else a < b

    def baselines(self, train: list[Any], examples: list[Any]) -> dict[str, list[Any]]:
        """Return the answers of methods that need no neural network: {name of the method: its answers}.

        {} stands for "use an untrained model". `train` is empty when a trained model is scored later: only options set by
        `learn` are available then.
        """
        return {}

    # ---- output ----

    def show(self, example: Any, answer: Any) -> str:
        """Return an example and its answer for people, in rich markup (text must be escaped)."""
        return escape(one_line(str(answer)))

    def as_json(self, example: Any, answer: Any) -> dict[str, Any]:
        """Return an example and its answer as JSON values."""
        return {"answer": answer}
