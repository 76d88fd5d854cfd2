"""Text classification and regression: one class, a set of classes, or numbers, for a text or a pair of texts."""

from typing import Any, ClassVar

import numpy as np
from rich.markup import escape

from albert_np.data.formats import Labelled, read_table
from albert_np.metrics import classification_scores, confusion, multilabel_scores, regression_scores
from albert_np.models import AlbertForSequenceClassification
from albert_np.tasks.labels import index_of, known, majority, ordered
from albert_np.tasks.task import Item, Task, softmax

KINDS = {"classes": "single_label_classification", "sets": "multi_label_classification", "number": "regression"}
MANY = 20  # different numbers, or any with a decimal point, are no names of classes


class Classification(Task):
    """Options: text, pair, label (columns, see `read_table`), several (a .tsv field holds labels separated by "|"), kind:
    "classes", "sets" or "number"; by default the labels decide: lists are sets, numbers with a decimal point are numbers.
    labels and usual are learned."""

    name = "classification"
    form = Labelled
    model = AlbertForSequenceClassification
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "text": None, "pair": None, "label": None, "several": False, "kind": None, "labels": None,
        "usual": None,
    }  # fmt: skip

    def read(self, path: Any) -> list[Labelled]:
        """See `data.formats.read_table`."""
        return read_table(path, *(self.options[key] for key in ("text", "pair", "label", "several")))

    def learn(self, examples: list[Labelled]) -> None:
        labels = [example.label for example in examples if example.label is not None]
        if not labels:
            raise ValueError("the training examples have no labels: name their column, -o label=NAME")
        kind = self.options["kind"] or kind_of(labels)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        self.options["kind"] = kind
        if kind != "number":
            self.options["labels"] = ordered(name for label in labels for name in as_list(label))
        self.options["usual"] = self.usual(labels)

    def config(self) -> dict[str, Any]:
        names = self.options["labels"] or ["score"]
        return {"num_labels": len(names), "id2label": dict(enumerate(names)), "problem_type": KINDS[self.options["kind"]]}

    @property
    def metric(self) -> str:  # type: ignore[override]
        """That of the kind."""
        return {"sets": "micro_f1", "number": "pearson"}.get(self.options["kind"], "accuracy")

    def items(self, example: Labelled, tokenizer: Any) -> list[Item]:
        row = tokenizer(example.text, example.pair, max_length=self.options["max_length"], truncation=True)
        return [Item(row["input_ids"][0].tolist(), row["token_type_ids"][0].tolist(), self.target(example))]

    def target(self, example: Labelled) -> Any:
        """A class, (C,) zeros and ones, or (1,) number; None for a label that training did not show."""
        label, names = example.label, self.options["labels"]
        if label is None:
            return None
        if self.options["kind"] == "number":
            return np.array([number(label)])
        if self.options["kind"] == "sets":
            return np.isin(names, as_list(label)).astype(np.float64)
        return index_of(str(label), names)

    def answer(self, example: Labelled, items: list[Item], outputs: list[Any]) -> dict[str, Any]:
        """-> label (a name, a list of names, or a number) and, but for numbers, probabilities {name: p}"""
        (logits,) = outputs  # (C,)
        names = self.options["labels"]
        if self.options["kind"] == "number":
            return {"label": float(logits[0])}
        if self.options["kind"] == "sets":
            p = 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))
            return {"label": [name for name, q in zip(names, p) if q > 0.5], "probabilities": named(names, p)}
        p = softmax(logits)
        return {"label": names[int(p.argmax())], "probabilities": named(names, p)}

    def score(self, examples: list[Labelled], answers: list[Any]) -> dict[str, Any]:
        gold, found = [example.label for example in examples], [answer["label"] for answer in answers]
        if any(label is None for label in gold):
            raise ValueError("examples without a label cannot be scored")
        if self.options["kind"] == "number":
            return regression_scores([number(label) for label in gold], found)
        if self.options["kind"] == "sets":
            names = known((name for label in gold for name in as_list(label)), self.options["labels"])
            return multilabel_scores(*(np.array([np.isin(names, as_list(label)) for label in side]) for side in (gold, found)))
        names = known(map(str, gold), self.options["labels"])
        table = {name: i for i, name in enumerate(names)}
        return classification_scores([table[str(label)] for label in gold], [table[label] for label in found], len(names))

    def usual(self, labels: list[Any]) -> Any:
        """What one would say without looking: the majority's class, the labels that the majority has, or the mean."""
        if self.options["kind"] == "number":
            return float(np.mean([number(label) for label in labels]))
        if self.options["kind"] == "sets":
            held = [set(as_list(label)) for label in labels]
            return [name for name in self.options["labels"] if sum(name in names for names in held) * 2 > len(held)]
        return majority(map(str, labels))

    def baselines(self, train: list[Labelled], examples: list[Labelled]) -> dict[str, list[Any]]:
        """The answer that is usual in training."""
        if self.options["usual"] is None:
            return {}
        name = {"classes": "the majority's class", "sets": "the labels of the majority", "number": "the mean"}
        return {name[self.options["kind"]]: [{"label": self.options["usual"]}] * len(examples)}

    def confusion(self, answers: list[Any], examples: list[Labelled]) -> tuple[np.ndarray, list[str]] | None:
        """The counts (C, C) and the names of the classes; None where an example has not one class."""
        if self.options["kind"] != "classes":
            return None
        return confused([str(example.label) for example in examples], answers, self.options["labels"])

    def example(self, text: str) -> Labelled:
        """A tab separates a pair."""
        first, tab, second = text.partition("\t")
        return Labelled(first, second if tab else None)

    def show(self, example: Labelled, answer: Any) -> str:
        label = answer["label"]
        if isinstance(label, float):
            return f"{label:.3f}\t{escape(example.text)}"
        p = answer["probabilities"]
        names = label if isinstance(label, list) else [label]
        return escape(", ".join(f"{name} {p[name]:.2f}" for name in names) + f"\t{example.text}")

    def as_json(self, example: Labelled, answer: Any) -> dict[str, Any]:
        return {"text": example.text, **({} if example.pair is None else {"pair": example.pair}), **answer}


def confused(gold: list[str], answers: list[Any], names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The confusion matrix of answers with a label each."""
    names = [*names, *(name for name in ordered(gold) if name not in names)]
    table = {name: i for i, name in enumerate(names)}
    return confusion([table[name] for name in gold], [table[answer["label"]] for answer in answers], len(names)), names


def kind_of(labels: list[Any]) -> str:
    """What labels are: sets if they are lists; numbers if all can be read as numbers and some have a decimal point, or there are
    many different ones; else names of classes."""
    if any(isinstance(label, list) for label in labels):
        return "sets"
    texts = {str(label) for label in labels}
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return "classes"
    fractions = any("." in text or "e" in text.lower() for text in texts)
    return "number" if np.isfinite(values).all() and (fractions or len(texts) > MANY) else "classes"


def number(label: Any) -> float:
    try:
        value = float(label)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"the label {label!r} is no number")
    return value


def as_list(label: Any) -> list[str]:
    return label if isinstance(label, list) else [str(label)]


def named(names: list[str], p: Any) -> dict[str, float]:
    return {name: round(float(q), 6) for name, q in zip(names, p)}
