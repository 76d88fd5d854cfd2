"""Text classification and regression.

An example is a text, or a pair of texts, with a label: one class, a list of classes, or a number. It becomes one row,
[CLS] text [SEP] or [CLS] text [SEP] pair [SEP], and the model's head on [CLS] is asked for the logits of the classes, or for the
number. The scores are accuracy and F1 for one class, micro-F1 for lists of classes, and Pearson's correlation for numbers.
"""

from typing import Any, ClassVar

import numpy as np
from rich.markup import escape

from albert_np.core.layers import softmax
from albert_np.data.formats import Labelled, read_table
from albert_np.metrics import classification_scores, multilabel_scores, regression_scores
from albert_np.models import AlbertForSequenceClassification
from albert_np.tasks.labels import (
    confusion_matrix,
    extend_labels,
    label_index,
    most_common_label,
    probabilities_by_label,
    sort_labels,
)
from albert_np.tasks.task import Item, Task

PROBLEM_TYPES = {"classes": "single_label_classification", "sets": "multi_label_classification", "number": "regression"}
MAX_NUMERIC_CLASSES = 20  # more different numbers than this, or any with a decimal point, are values rather than class names


class Classification(Task):
    """Options:

    text, pair, label   columns of the file, see `read_table`
    several             whether a field of a .tsv file holds several labels, separated by "|"
    kind                "classes", "sets" or "number"; by default inferred from the training labels: lists are sets, numbers
                        with a decimal point are numbers
    labels, usual       set by `learn`: the names of the classes, and the baseline's answer
    """

    name = "classification"
    form = Labelled
    model = AlbertForSequenceClassification
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "text": None, "pair": None, "label": None, "several": False, "kind": None, "labels": None,
        "usual": None,
    }  # fmt: skip

    @property
    def metric(self) -> str:  # type: ignore[override]
        """The main score of the kind of labels."""
        return {"sets": "micro_f1", "number": "pearson"}.get(self.options["kind"], "accuracy")

    def read(self, path: Any) -> list[Labelled]:
        """See `data.formats.read_table`."""
        return read_table(path, *(self.options[key] for key in ("text", "pair", "label", "several")))

    def example(self, text: str) -> Labelled:
        """Return an example of a text, or of two texts separated by a tab."""
        first, tab, second = text.partition("\t")
        return Labelled(first, second if tab else None)

    def learn(self, examples: list[Labelled]) -> None:
        labels = [example.label for example in examples if example.label is not None]
        if not labels:
            raise ValueError("the training examples have no labels: name their column, `options={'label': NAME}`")
        kind = self.options["kind"] or infer_kind(labels)
        if kind not in PROBLEM_TYPES:
            raise ValueError(f"kind must be one of {', '.join(PROBLEM_TYPES)}, not {kind!r}")
        self.options["kind"] = kind
        if kind != "number":
            self.options["labels"] = sort_labels(name for label in labels for name in as_list(label))
        self.options["usual"] = self.constant_answer(labels)

    def config(self) -> dict[str, Any]:
        names = self.options["labels"] or ["score"]
        return {"num_labels": len(names), "id2label": dict(enumerate(names)), "problem_type": PROBLEM_TYPES[self.options["kind"]]}

    def items(self, example: Labelled, tokenizer: Any) -> list[Item]:
        most = self.options["max_length"]
        row = tokenizer(example.text, example.pair, max_length=most, truncation=True)
        ids, types = row["input_ids"][0].tolist(), row["token_type_ids"][0].tolist()
        cut = len(ids) == most < tokenizer(example.text, example.pair, max_length=most + 1, truncation=True)["input_ids"].size
        return [Item(ids, types, self.target(example), cut=cut)]

    def target(self, example: Labelled) -> int | np.ndarray | None:
        """Return a class, zeros and ones (C,), or a number (1,); None without a label, or for one unknown in training."""
        label, names = example.label, self.options["labels"]
        if label is None:
            return None
        if self.options["kind"] == "number":
            return np.array([parse_number(label)])
        if self.options["kind"] == "sets":
            return np.isin(names, as_list(label)).astype(np.float64)
        return label_index(str(label), names)

    def answer(self, example: Labelled, items: list[Item], outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return label (a name, a list of names, or a number) and, except for numbers, probabilities {name: p}."""
        (logits,) = outputs  # (C,)
        names = self.options["labels"]
        if self.options["kind"] == "number":
            return {"label": float(logits[0])}
        logits = logits.astype(np.float64)
        if self.options["kind"] == "sets":
            p = 0.5 * (1 + np.tanh(0.5 * logits))  # the sigmoid, without overflow
            return {"label": [name for name, q in zip(names, p) if q > 0.5], "probabilities": probabilities_by_label(names, p)}
        p, _ = softmax(logits)
        return {"label": names[int(p.argmax())], "probabilities": probabilities_by_label(names, p)}

    def score(self, examples: list[Labelled], answers: list[dict[str, Any]]) -> dict[str, Any]:
        gold, predicted = [example.label for example in examples], [answer["label"] for answer in answers]
        if any(label is None for label in gold):
            raise ValueError("examples without a label cannot be scored")
        if self.options["kind"] == "number":
            return regression_scores([parse_number(label) for label in gold], predicted)
        if self.options["kind"] == "sets":
            names = extend_labels(self.options["labels"], (name for label in gold for name in as_list(label)))
            return multilabel_scores(
                *(np.array([np.isin(names, as_list(label)) for label in side]) for side in (gold, predicted))
            )
        names = extend_labels(self.options["labels"], map(str, gold))
        index = {name: i for i, name in enumerate(names)}
        return classification_scores([index[str(label)] for label in gold], [index[label] for label in predicted], len(names))

    def confusion(self, answers: list[dict[str, Any]], examples: list[Labelled]) -> tuple[np.ndarray, list[str]] | None:
        """Return the counts (C, C) and the names of the classes, or None if an example may have other than one class."""
        if self.options["kind"] != "classes":
            return None
        return confusion_matrix([str(example.label) for example in examples], answers, self.options["labels"])

    def constant_answer(self, labels: list[Any]) -> Any:
        """Return the best answer that ignores the text: the most frequent class, the labels that most examples have, or the
        mean."""
        if self.options["kind"] == "number":
            return float(np.mean([parse_number(label) for label in labels]))
        if self.options["kind"] == "sets":
            label_sets = [set(as_list(label)) for label in labels]
            return [name for name in self.options["labels"] if sum(name in each for each in label_sets) * 2 > len(label_sets)]
        return most_common_label(map(str, labels))

    def baselines(self, train: list[Labelled], examples: list[Labelled]) -> dict[str, list[dict[str, Any]]]:
        """Give every example the `constant_answer` of the training labels."""
        if self.options["usual"] is None:
            return {}
        name = {"classes": "the majority's class", "sets": "the labels of the majority", "number": "the mean"}
        return {name[self.options["kind"]]: [{"label": self.options["usual"]}] * len(examples)}

    def show(self, example: Labelled, answer: dict[str, Any]) -> str:
        label = answer["label"]
        if isinstance(label, float):
            return f"{label:.3f}\t{escape(example.text)}"
        p = answer["probabilities"]
        names = label if isinstance(label, list) else [label]
        return escape(", ".join(f"{name} {p[name]:.2f}" for name in names) + f"\t{example.text}")

    def as_json(self, example: Labelled, answer: dict[str, Any]) -> dict[str, Any]:
        return {"text": example.text, **({} if example.pair is None else {"pair": example.pair}), **answer}


def infer_kind(labels: list[Any]) -> str:
    """Return "sets" if some label is a list; "number" if all are numbers and some have a decimal point or an exponent, or there
    are more than `MAX_NUMERIC_CLASSES` different ones; else "classes"."""
    if any(isinstance(label, list) for label in labels):
        return "sets"
    texts = {str(label) for label in labels}
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return "classes"
    has_fractions = any("." in text or "e" in text.lower() for text in texts)
    return "number" if np.isfinite(values).all() and (has_fractions or len(texts) > MAX_NUMERIC_CLASSES) else "classes"


def parse_number(label: Any) -> float:
    """Return a label as a finite number. Raises ValueError otherwise."""
    try:
        value = float(label)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"the label {label!r} is not a number")
    return value


def as_list(label: Any) -> list[str]:
    return label if isinstance(label, list) else [str(label)]
