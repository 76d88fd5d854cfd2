"""Zero-shot classification: labels that the model was not trained on (Yin et al. 2019).

A model trained on natural language inference, `classification` of pairs as entailment, contradiction or neutral, is asked for
each label whether the text entails that it holds. An example becomes one row per label,

    [CLS] text [SEP] This example is sports. [SEP]

in which the text alone is cut if the row is too long. If one of the labels holds, their probabilities are the softmax of the
rows' logits of entailment. If several may hold, or only one is given, the probability of each is the softmax of its row's logits
of entailment and contradiction. This is what transformers' pipeline of this name computes, except that the label of
contradiction is found by its name, not assumed to be the first or the last. The scores are those of classification.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import Labelled
from albert_np.data.formats.summary import Examples
from albert_np.models import AlbertForSequenceClassification
from albert_np.tasks.classification import TABLE, Classification, as_list
from albert_np.tasks.entailment import NEEDED, find_classes, is_contradiction
from albert_np.tasks.labels import probabilities_by_label, sort_labels
from albert_np.tasks.markup import escape
from albert_np.tasks.requests import Field
from albert_np.tasks.task import Item, Task, one_line

READING = tuple(name for name in TABLE if name != "pair")  # options of files: texts have no second one
MAX_CACHED = 10_000  # hypotheses
MAX_LABELS = 100  # of a request to the service
MAX_CHARACTERS = 60  # of a label in a message
SHOWN = 10  # labels of an answer in print, or in a message


@dataclass(frozen=True)
class Candidates(Labelled):
    """A text with labels to choose from, where they differ from the options of the task: None stands for these."""

    labels: tuple[str, ...] | None = None
    template: str | None = None
    multi_label: bool | None = None

    def __post_init__(self) -> None:
        if self.labels is not None:
            check_labels(self.labels)
        if self.template is not None:
            check_template(self.template)


class Choice(NamedTuple):
    """The labels to choose from, the sentence into which one of them is put, and whether several may hold."""

    labels: Sequence[str]
    template: str
    several: bool


class ZeroShot(Task):
    """Options:

    labels          the labels to choose from
    template        a sentence with {} in the place of the label
    multi_label     whether several labels may hold for a text
    entailment      the label of the model that means entailment; by default the one whose name begins with "entail"
    contradiction   the label of the opposite; by default the one that begins with "contradict", or the other one of two
    classes         set by `adopt`: the labels of the model
    text, label, several, header, delimiter, quotes, missing, separator     of a file, see `data.formats.read_table`
    """

    name = "zero-shot"
    needed = NEEDED
    based_on = Classification.name
    form = Labelled
    model = AlbertForSequenceClassification
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "labels": None, "template": "This example is {}.", "multi_label": False, "entailment": None,
        "contradiction": None, "classes": None, **{name: Classification.defaults[name] for name in READING},
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "labels": list, "entailment": str, "contradiction": str, "classes": list,
        **{name: Classification.types[name] for name in READING if name in Classification.types},
    }  # fmt: skip
    learned = ("classes",)
    reading = READING

    def __init__(self, **options: Any) -> None:
        given = without_none(options)
        super().__init__(**given)
        self.given = set(given)
        if self.options["labels"] is not None:
            check_labels(self.options["labels"])
        check_template(self.options["template"])
        self._hypotheses: tuple[Any, dict[str, list[int]]] = (None, {})  # of the last tokenizer: hypothesis -> its ids

    @property
    def metric(self) -> str:  # type: ignore[override]
        """The main score: accuracy, or micro-F1 if several labels may hold."""
        return "micro_f1" if self.options["multi_label"] else "accuracy"

    # ---- the model ----

    def adopt(self, trained: Task) -> "ZeroShot":
        """Return this task for the model of a classification, or with other options. ValueError if it is not one of inference."""
        given = {key: value for key, value in self.options.items() if key in self.given | self.changed}
        if trained.name == self.name:
            base = trained.options
        elif trained.name != self.based_on:
            raise ValueError(f"the model was trained for {trained.name}, and {NEEDED}")
        elif trained.options["kind"] == "number":
            raise ValueError(f"the model predicts a number, and {NEEDED}")
        elif trained.options["pairs"] is False:
            raise ValueError(f"the model was trained on single texts, and {NEEDED}")
        else:
            base = {"max_length": trained.options["max_length"], "classes": trained.options["labels"]}
        adopted = type(self)(**{**base, **given, "classes": base["classes"]})
        adopted.changed, adopted.note = self.changed, self.note
        adopted.check_classes()
        return adopted

    def classes(self) -> tuple[int, int | None]:
        """Return the indices of entailment and of contradiction among the labels of the model: see `find_classes`."""
        return find_classes(self.options["classes"], self.options["entailment"], self.options["contradiction"])

    def check_classes(self) -> None:
        """Raise ValueError if the model lacks a label that the options need; a warning says which one was inferred."""
        _, contradiction = self.classes()
        several = self.options["multi_label"] if self.options["labels"] is None else self.choice().several
        if several and contradiction is not None and self.options["contradiction"] is None:
            label = self.options["classes"][contradiction]
            if not is_contradiction(label):
                warnings.warn(f"the model has no label 'contradiction': entailment is compared with {label!r}", stacklevel=3)

    def change_options(self, options: dict[str, Any]) -> None:
        """See `Task.change_options` and `check_classes`."""
        super().change_options(without_none(options))
        if self.options["classes"] is not None:
            self.check_classes()

    def check_for_training(self, options: dict[str, Any]) -> None:
        """Raise ValueError: the task has no training of its own."""
        raise ValueError(
            f"{self.name} is not trained: finetune {self.based_on} on pairs of texts with the labels entailment, neutral and "
            f"contradiction; {self.name} is for predict, evaluate and serve"
        )

    def config(self) -> dict[str, Any]:
        self.classes()  # which may come from a damaged file
        names = self.options["classes"]
        return {"num_labels": len(names), "id2label": dict(enumerate(names)), "problem_type": "single_label_classification"}

    # ---- examples ----

    def choice(self, example: Labelled | None = None) -> Choice:
        """Return the labels to choose from: those of an example, or of the options.

        ValueError if there are none, or if several may hold and the model has no label of contradiction.
        """
        given = {name: getattr(example, name, None) for name in ("labels", "template", "multi_label")}
        labels, template, several = (self.options[name] if value is None else value for name, value in given.items())
        if labels is None:
            raise ValueError("zero-shot needs the labels to choose from: `labels`")
        choice = Choice(labels, template, several or len(labels) == 1)
        if choice.several and self.options["classes"] is not None and self.classes()[1] is None:
            raise ValueError(
                f"the model has the labels {', '.join(self.options['classes'])}: where several labels may hold, entailment is "
                "compared with contradiction; name that, `options={'contradiction': NAME}`"
            )
        return choice

    def _classification(self) -> Classification:
        """Return the classification into the labels, which reads and scores files."""
        labels, _, several = self.choice()
        options = {name: self.options[name] for name in READING}
        kind = "sets" if several else "classes"
        task = Classification(**options, pair="none", kind=kind, labels=list(labels), pairs=False)
        task.changed = self.changed
        return task

    def read(self, path: Any) -> Examples[Labelled]:
        """See `data.formats.read_table`."""
        return _without_pairs(self._classification().read(path))

    def read_unlabelled(self, path: Any) -> Examples[Labelled]:
        return _without_pairs(self._classification().read_unlabelled(path))

    def is_plain_text(self, path: Any) -> bool:
        return self._classification().is_plain_text(path)

    def describe_labels(self, examples: list[Labelled]) -> dict[str, Any]:
        return self._classification().describe_labels(examples)

    def examples_from_rows(self, rows: list[dict[str, Any]], name: str) -> list[Labelled]:
        return self._classification().examples_from_rows(rows, name)

    def example(self, text: str) -> Labelled:
        return Labelled(text)

    def fields(self) -> dict[str, Field]:
        """Return the fields of a request: the labels must be among them if the options have none."""
        given = self.options["labels"]
        example = ["geography", "sport", "politics"] if given is None else given if len(given) <= MAX_LABELS else None
        return {
            **super().fields(),
            "labels": Field("the labels to choose from", example, list, required=not given, limits=(1, MAX_LABELS)),
            "template": Field("a sentence with {} in the place of the label", self.options["template"], required=False),
            "multi_label": Field("whether several labels may hold", self.options["multi_label"], bool, required=False),
        }

    def example_from_request(self, request: dict[str, Any]) -> Candidates:
        """Return the example of a request. ValueError as for the options, and see `choice`."""
        labels, template, multi_label = (request.get(name) for name in ("labels", "template", "multi_label"))
        labels = None if labels is None else tuple(labels)
        example = Candidates(request["text"], labels=labels, template=template, multi_label=multi_label)
        self.choice(example)
        return example

    # ---- examples -> rows -> answers -> scores ----

    def items(self, example: Labelled, tokenizer: Any) -> list[Item]:
        """Return a row for each label. The text is cut, the sentence with the label is not (transformers' "only_first")."""
        labels, template, _ = self.choice(example)
        text, most = tokenizer.encode_text(example.text), self.options["max_length"]
        items = []
        for label in labels:
            hypothesis = self._encode(template.replace("{}", label), tokenizer)
            room = most - len(hypothesis) - 3
            if room < min(1, len(text)):
                shown = label if len(label) <= MAX_CHARACTERS else label[:MAX_CHARACTERS] + "..."
                size = f"{len(hypothesis)} tokens: too many for max_length {most}"
                raise ValueError(f"the sentence with the label {shown!r} has {size}")
            first = [tokenizer.cls_token_id, *text[:room], tokenizer.sep_token_id]
            second = [*hypothesis, tokenizer.sep_token_id]
            items.append(Item(first + second, [0] * len(first) + [1] * len(second), cut=len(text) > room))
        return items

    def _encode(self, hypothesis: str, tokenizer: Any) -> list[int]:
        """Return the ids of a hypothesis, which the texts share."""
        if self._hypotheses[0] is not tokenizer or len(self._hypotheses[1]) >= MAX_CACHED:
            self._hypotheses = (tokenizer, {})
        cached = self._hypotheses[1]
        if hypothesis not in cached:
            cached[hypothesis] = tokenizer.encode_text(hypothesis)
        return cached[hypothesis]

    def answer(self, example: Labelled, items: list[Item], outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return label, the most probable one, or a list of those above 0.5 if several may hold; and probabilities {label: p}, in
        descending order."""
        labels, _, several = self.choice(example)
        entailment, contradiction = self.classes()
        logits = np.array(outputs, np.float64)  # (labels, classes)
        if several:
            assert contradiction is not None  # see `choice`
            p = softmax(logits[:, [contradiction, entailment]])[0][:, 1]
        else:
            p, _ = softmax(logits[:, entailment])
        order = np.argsort(-p, kind="stable")
        names = [labels[i] for i in order]
        label = [labels[i] for i in order if p[i] > 0.5] if several else names[0]
        return {"label": label, "probabilities": probabilities_by_label(names, p[order])}

    def check_scored(self, examples: list[Labelled]) -> None:
        """Raise ValueError if no example has a label, or if one is not among the labels to choose from."""
        task = self._classification()
        task.check_scored(examples)
        gold = [label for example in examples if example.label is not None for label in as_list(example.label)]
        known = set(task.options["labels"])
        unknown = sort_labels(label for label in gold if label not in known)
        if unknown:
            names = ", ".join(unknown[:SHOWN]) + (" ..." if len(unknown) > SHOWN else "")
            raise ValueError(
                f"the examples have labels that cannot be chosen, {names}: `labels` has {', '.join(task.options['labels'])}"
            )

    def score(self, examples: list[Labelled], answers: list[dict[str, Any]]) -> dict[str, Any]:
        """Score as a classification into the labels."""
        self.check_scored(examples)
        return self._classification().score(examples, answers)

    def baselines(self, train: list[Labelled], examples: list[Labelled]) -> dict[str, list[dict[str, Any]]]:
        """Give every example the most frequent label of the examples themselves."""
        labels = [example.label for example in examples if example.label is not None]
        return {"the commonest label": [{"label": self._classification().constant_answer(labels)}] * len(examples)}

    # ---- output ----

    def show(self, example: Labelled, answer: dict[str, Any]) -> str:
        pairs = list(answer["probabilities"].items())
        more = f", {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
        return escape(", ".join(f"{name} {p:.2f}" for name, p in pairs[:SHOWN]) + f"{more}\t{one_line(example.text)}")

    def as_json(self, example: Labelled, answer: dict[str, Any]) -> dict[str, Any]:
        return {"text": example.text, **answer}


def _without_pairs(examples: Examples[Labelled]) -> Examples[Labelled]:
    """Return the examples of a file; its summary does not name the option of a second text."""
    examples.summary.options = [name for name in examples.summary.options if name in READING]
    return examples


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are given: None stands for the default."""
    return {name: value for name, value in options.items() if value is not None}


def check_labels(labels: Sequence[str]) -> None:
    """Raise ValueError unless there are labels, all different and none blank."""
    if not labels:
        raise ValueError("`labels`: expected at least one label to choose from")
    for i, label in enumerate(labels):
        if not label.strip():
            raise ValueError(f"`labels`: number {i + 1} of {len(labels)} is empty")
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        raise ValueError(f"`labels`: {twice[0]!r} is given twice")


def check_template(template: str) -> None:
    """Raise ValueError unless {} stands in the template, once."""
    if template.count("{}") != 1:
        raise ValueError(f"`template`: expected a sentence with one {{}} in the place of the label, not {template!r}")
