"""Text classification and regression.

An example is a text, or a pair of texts, with a label: one class, a list of classes, or a number. It becomes one row,
[CLS] text [SEP] or [CLS] text [SEP] pair [SEP], and the model's head on [CLS] is asked for the logits of the classes, or for the
number. The scores are accuracy and F1 for one class, micro-F1 for lists of classes, and the error and correlations of numbers,
which are standardised for training (scale.py).
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import Labelled, read_table
from albert_np.data.formats.column_names import is_usual, quote_columns
from albert_np.data.formats.lines import get_suffix, read_lines
from albert_np.data.formats.summary import Examples, get_summary
from albert_np.data.formats.tables import examples_from_rows
from albert_np.io.similar_names import suggest
from albert_np.metrics import classification_scores, multilabel_scores, regression_scores
from albert_np.models import AlbertForSequenceClassification
from albert_np.tasks.label_kinds import doubts_about_separators, find_doubts, infer_kind, parse_number
from albert_np.tasks.labels import (
    confusion_matrix,
    count_labels,
    extend_labels,
    label_index,
    most_common_label,
    probabilities_by_label,
    sort_labels,
    warn_of_one_label,
)
from albert_np.tasks.markup import escape
from albert_np.tasks.requests import Field
from albert_np.tasks.scale import Scale, check_size, is_similar, measure_scale, parse_scale, rescale_head
from albert_np.tasks.task import Item, Task, one_line

PROBLEM_TYPES = {"classes": "single_label_classification", "sets": "multi_label_classification", "number": "regression"}
METRICS = {  # the scores of each kind that may select the best epoch
    "classes": ("accuracy", "f1", "macro_f1", "matthews"), "sets": ("micro_f1", "macro_f1", "exact_match"),
    "number": ("root_mean_squared_error", "pearson", "spearman", "mean_squared_error"),
}  # fmt: skip
CORRELATIONS = ("matthews", "pearson", "spearman")  # undefined if all answers are the same
TABLE = ("text", "pair", "label", "several", "header", "delimiter", "quotes", "missing", "separator")  # options of `read_table`


class Classification(Task):
    """Options:

    text, pair, label, several, header, delimiter, quotes, missing, separator     of the file, see `data.formats.read_table`
    kind                "classes", "sets" or "number"; by default inferred from the training labels, see `label_kinds.infer_kind`.
                        With "sets", a field of a .tsv or .csv may hold several labels
    classes             the names of the classes, in the order of the model's outputs; by default those in the training labels,
                        sorted. F1 is that of the second of two
    metric              the score that selects the best epoch, such as macro_f1 or matthews, or several, whose mean does
    benchmark           the benchmark that the examples are from, see `tasks.benchmarks`
    labels, usual       set by `learn`: the names of the classes, and the baseline's answer
    scale               set by `learn` for numbers: mean and standard deviation of the training labels
    pairs               set by `learn`: whether the examples are pairs; None if only some are, or it is not known
    """

    name = "classification"
    form = Labelled
    model = AlbertForSequenceClassification
    fallbacks = ("macro_f1",)
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "text": None, "pair": None, "label": None, "several": False, "kind": None, "labels": None,
        "usual": None, "scale": None, "pairs": None, "header": None, "delimiter": None, "quotes": None, "missing": None,
        "separator": None, "classes": None, "metric": None, "benchmark": None,
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "text": str, "pair": str, "label": str, "kind": tuple(PROBLEM_TYPES), "labels": list, "header": bool, "delimiter": str,
        "quotes": bool, "missing": list, "separator": str, "pairs": bool, "classes": list, "metric": list, "benchmark": str,
    }  # fmt: skip
    learned = ("kind", "labels", "usual", "scale", "pairs", "classes", "benchmark")
    inferred = ("kind", "classes")
    reading = TABLE

    @property
    def metric(self) -> str:  # type: ignore[override]
        """The main score: that of the kind of labels, or the mean of those that the option names, "accuracy_and_f1"."""
        usual = {"sets": "micro_f1", "number": "root_mean_squared_error"}.get(self.options["kind"], "accuracy")
        return "_and_".join(self.options["metric"] or [usual])

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        return not self.metric.endswith("squared_error")

    @property
    def perfect(self) -> float:  # type: ignore[override]
        """The best value of the main score."""
        return 1.0 if self.higher_is_better else 0.0

    @property
    def scale(self) -> Scale:
        """The scale of the numbers that the model was trained on."""
        return parse_scale(self.options["scale"])

    def read(self, path: Any) -> Examples[Labelled]:
        """See `data.formats.read_table`."""
        examples = read_table(path, **self.table_options())
        examples.summary.options += ["kind"] * (self.options["labels"] is None)
        self.warn_of_pairs(examples)
        return examples

    def read_unlabelled(self, path: Any) -> Examples[Labelled]:
        """Return the examples of a table in which the columns of the training file may be missing."""
        optional = [role for role in ("text", "pair", "label") if role not in self.changed]
        examples = read_table(path, **self.table_options(), labelled=False, optional=optional)
        self.warn_of_pairs(examples)
        return examples

    def summarize(self, given: dict[str, tuple[Any, list[Any]]], note: Callable[[str], None]) -> list[dict[str, Any]]:
        """See `Task.summarize`; development examples should be pairs if the training examples are."""
        self.warn_of_pairs(given.get("dev", (None, []))[1])
        return super().summarize(given, note)

    def warn_of_pairs(self, examples: list[Labelled]) -> None:
        """Warn of pairs of texts if the model was trained on single texts, and the other way round."""
        trained_on_pairs = self.options["pairs"]
        if trained_on_pairs is None or not isinstance(examples, Examples):
            return
        have_pair = {example.pair is not None for example in examples}
        if have_pair == {not trained_on_pairs}:
            read, trained = ("single texts", "pairs") if trained_on_pairs else ("pairs of texts", "single texts")
            option = "option pair" if trained_on_pairs else "option pair=none"
            examples.summary.warn(f"it is read as {read}, and the training examples are {trained} ({option})")

    def examples_from_rows(self, rows: list[dict[str, Any]], name: str) -> list[Labelled]:
        """Return the examples of a data frame, or of dicts."""
        options = {key: self.options[key] for key in ("text", "pair", "label", "missing")}
        return examples_from_rows(rows, name, **options, optional=("text", "label") if self.options["labels"] else ())

    def table_options(self) -> dict[str, Any]:
        """Return the arguments of `read_table`."""
        options = {key: self.options[key] for key in TABLE}
        options["several"] = options["several"] or self.options["kind"] == "sets" or options["separator"] is not None
        options["separator"] = "|" if options["separator"] is None else options["separator"]
        return options

    def is_plain_text(self, path: Any) -> bool:
        """Return whether a .txt file has no header, and no tab in any line or, for a model of pairs, one: it is not a table."""
        if get_suffix(path) != ".txt":
            return False
        lines = [line for _, line in read_lines(path) if line.strip()]
        header = lines[0].partition("\t")[0].strip() if lines else ""
        tabs = {line.count("\t") for line in lines}
        return tabs == {int(self.options["pairs"] is True)} and header != self.options["text"] and not is_usual(header)

    def example(self, text: str) -> Labelled:
        """Return an example of a text or, unless the model was trained on single texts, of two texts separated by a tab."""
        first, tab, second = text.partition("\t")
        if self.options["pairs"] is False:
            return Labelled(text)
        if self.options["pairs"] and not tab:
            raise ValueError("the model was trained on pairs of texts: expected a text, a tab, and the second text")
        return Labelled(first, second if tab else None)

    def fields(self) -> dict[str, Field]:
        """Return the fields of a request: a text and, unless the model was trained on single texts, a second one."""
        pairs = self.options["pairs"]
        about = "the second text" if pairs else "the second text, for models of pairs"
        refused = "the model was trained on single texts" if pairs is False else ""
        example = "There is a town at the river." if pairs else None
        return {**super().fields(), "pair": Field(about, example, required=bool(pairs), refused=refused)}

    def example_from_request(self, request: dict[str, Any]) -> Labelled:
        """Return the example of a request; a tab separates two texts, so tabs within them become spaces."""
        if self.options["pairs"] is False:
            return self.example(request["text"])
        return self.example("\t".join(request[name].replace("\t", " ") for name in ("text", "pair") if name in request))

    def learn(self, examples: list[Labelled]) -> None:
        labels = [example.label for example in examples if example.label is not None]
        if not labels:
            raise ValueError(f"the training examples have no labels{describe_choice(examples)}: name their column (option label)")
        kind = self.options["kind"] or infer_kind(labels)
        if self.options["kind"] is None:
            for doubt in find_doubts(kind, labels):
                warnings.warn(doubt, stacklevel=2)
        if kind == "sets" and self.options["separator"] is None and all(len(as_list(label)) < 2 for label in labels):
            for doubt in doubts_about_separators([name for label in labels for name in as_list(label)]):
                warnings.warn(doubt, stacklevel=2)
        separator = self.options["separator"]
        if separator and kind == "sets" and all(len(as_list(label)) < 2 for label in labels):
            warnings.warn(f"no label holds {separator!r} (option separator)", stacklevel=2)
        self.options["kind"] = kind
        check_metric(self.options["metric"], kind)
        if kind != "number":
            self.options["labels"] = order_labels(self.options["classes"], (name for each in labels for name in as_list(each)))
            if not self.options["labels"]:
                raise ValueError("no training example has a label: all lists of labels are empty")
            if "f1" in (self.options["metric"] or []) and len(self.options["labels"]) != 2:
                raise ValueError(f"the option metric: f1 is for two classes, not {len(self.options['labels'])}; see macro_f1")
        self.options["scale"] = list(measure_scale([parse_number(label) for label in labels])) if kind == "number" else None
        self.options["usual"] = self.constant_answer(labels)
        if kind != "number":  # equal numbers have a warning of their own
            warn_of_one_label(labels)
        have_pair = {example.pair is not None for example in examples}
        self.options["pairs"] = have_pair.pop() if len(have_pair) == 1 else None

    def describe_labels(self, examples: list[Labelled]) -> dict[str, Any]:
        labels = [example.label for example in examples if example.label is not None]
        if not labels:
            return {}
        if self.options["kind"] == "number":
            try:
                values = [parse_number(label) for label in labels]
            except ValueError as error:
                raise ValueError(f"{get_summary('', examples, 'examples').file}: {error}") from None
            return {"kind": "number", "from": min(values), "to": max(values), "mean": float(np.mean(values))}
        counts = count_labels(name for label in labels for name in as_list(label))
        return {"kind": "classes" if self.options["kind"] == "classes" else "labels", "counts": counts}

    def config(self) -> dict[str, Any]:
        names = self.options["labels"] or ["score"]
        parse_scale(self.options["scale"])  # which may come from a damaged file
        return {"num_labels": len(names), "id2label": dict(enumerate(names)), "problem_type": PROBLEM_TYPES[self.options["kind"]]}

    def adapt_head(self, model: Any, options: dict[str, Any]) -> str:
        """See `Task.adapt_head`: numbers may have another scale."""
        if self.options["kind"] != "number":
            return ""
        old, new, is_known = parse_scale(options.get("scale")), self.scale, options.get("scale") is not None
        if is_known and not is_similar(old, new):
            return f"was trained on numbers in other units ({old.describe()}) than these labels ({new.describe()})"
        rescale_head(model.params, old, new)
        return ""

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
            return self.scale.standardise(np.array([parse_number(label)]))
        if self.options["kind"] == "sets":
            return np.isin(names, as_list(label)).astype(np.float64)
        return label_index(as_class(label), names)

    def answer(self, example: Labelled, items: list[Item], outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return label (a name, a list of names, or a number) and, except for numbers, probabilities {name: p}."""
        (logits,) = outputs  # (C,)
        names = self.options["labels"]
        if self.options["kind"] == "number":
            return {"label": self.scale.restore(float(logits[0]))}
        logits = logits.astype(np.float64)
        if self.options["kind"] == "sets":
            p = 0.5 * (1 + np.tanh(0.5 * logits))  # the sigmoid, without overflow
            return {"label": [name for name, q in zip(names, p) if q > 0.5], "probabilities": probabilities_by_label(names, p)}
        p, _ = softmax(logits)
        return {"label": names[int(p.argmax())], "probabilities": probabilities_by_label(names, p)}

    def check_scored(self, examples: list[Labelled]) -> None:
        """Raise ValueError if no example has a label."""
        if all(example.label is None for example in examples):
            choice = describe_choice(examples)
            raise ValueError(f"none of the examples has a label, so they cannot be scored{choice} (option label)")

    def score(self, examples: list[Labelled], answers: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the scores of the kind of labels and, if the option names several, their mean."""
        self.check_scored(examples)
        scored = [(e.label, answer) for e, answer in zip(examples, answers) if e.label is not None]
        scores = self.score_labels([label for label, _ in scored], [answer["label"] for _, answer in scored])
        names = self.options["metric"] or []
        unknown = [name for name in names if name not in scores]
        if unknown:
            raise ValueError(f"the option metric: there is no {unknown[0]} of these labels, but {', '.join(scores)}")
        self.note_constant([answer for _, answer in scored], names)
        return {self.metric: float(np.mean([scores[name] for name in names])), **scores} if len(names) > 1 else scores

    def note_constant(self, answers: list[dict[str, Any]], names: list[str]) -> None:
        """Tell the user, once, that a correlation is undefined because all answers are the same, unless it is a baseline's."""
        undefined = [name for name in names if name in CORRELATIONS]
        different = {str(answer["label"]) for answer in answers}
        if undefined and len(different) == 1 and len(answers) > 1 and answers[0] != {"label": self.options["usual"]}:
            self.note_once(f"all answers are {different.pop()!r}: {' and '.join(undefined)} is undefined then, and counts as 0")

    def score_labels(self, gold: list[Any], predicted: list[Any]) -> dict[str, Any]:
        """Return the scores of labels (n,) of the kind of this task."""
        if self.options["kind"] == "number":
            return regression_scores(check_size([parse_number(label) for label in gold]), predicted)
        if self.options["kind"] == "sets":
            names = extend_labels(self.options["labels"], (name for label in gold for name in as_list(label)))
            return multilabel_scores(
                *(np.array([np.isin(names, as_list(label)) for label in side]) for side in (gold, predicted))
            )
        gold = [as_class(label) for label in gold]
        names = extend_labels(self.options["labels"], gold)
        index = {name: i for i, name in enumerate(names)}
        return classification_scores([index[label] for label in gold], [index[label] for label in predicted], len(names))

    def confusion(self, answers: list[dict[str, Any]], examples: list[Labelled]) -> tuple[np.ndarray, list[str]] | None:
        """Return the counts (C, C) and the names of the classes, or None if an example may have other than one class."""
        if self.options["kind"] != "classes":
            return None
        scored = [(example, answer) for example, answer in zip(examples, answers) if example.label is not None]
        gold = [as_class(example.label) for example, _ in scored]
        return confusion_matrix(gold, [answer for _, answer in scored], self.options["labels"])

    def constant_answer(self, labels: list[Any]) -> Any:
        """Return the best answer that ignores the text: the most frequent class, the labels that most examples have, or the
        mean."""
        if self.options["kind"] == "number":
            return self.scale.mean
        if self.options["kind"] == "sets":
            label_sets = [set(as_list(label)) for label in labels]
            return [name for name in self.options["labels"] if sum(name in each for each in label_sets) * 2 > len(label_sets)]
        return most_common_label(map(as_class, labels))

    def baselines(self, train: list[Labelled], examples: list[Labelled]) -> dict[str, list[dict[str, Any]]]:
        """Give every example the `constant_answer` of the training labels."""
        if self.options["usual"] is None:
            return {}
        name = {"classes": "the majority's class", "sets": "the labels of the majority", "number": "the mean"}
        return {name[self.options["kind"]]: [{"label": self.options["usual"]}] * len(examples)}

    def show(self, example: Labelled, answer: dict[str, Any]) -> str:
        label = answer["label"]
        if isinstance(label, float):
            return f"{self.scale.format(label)}\t{escape(one_line(example.text))}"
        p = answer["probabilities"]
        names = label if isinstance(label, list) else [label]
        return escape(", ".join(f"{name} {p[name]:.2f}" for name in names) + f"\t{one_line(example.text)}")

    def as_json(self, example: Labelled, answer: dict[str, Any]) -> dict[str, Any]:
        return {"text": example.text, **({} if example.pair is None else {"pair": example.pair}), **answer}


def check_metric(names: list[str] | None, kind: str) -> None:
    """Raise ValueError for the name of a score that there is not for this kind of labels, or for errors beside others."""
    known = METRICS[kind]
    for name in names or []:
        if name not in known:
            raise ValueError(f"the option metric must be of {', '.join(known)}, not {name!r}{suggest(name, known)}")
    if len({name.endswith("squared_error") for name in names or []}) > 1:
        raise ValueError(f"the option metric: {' and '.join(names or [])} have no mean, since of some less is better")


def order_labels(classes: list[str] | None, names: Iterable[str]) -> list[str]:
    """Return the classes, or else the names, sorted. ValueError for a name that is not one of the classes."""
    labels = sort_labels(names)
    unknown = [name for name in labels if classes and name not in classes]
    if unknown:
        raise ValueError(f"the label {unknown[0]!r} is not one of the classes {', '.join(classes or [])} (option classes)")
    return list(classes) if classes else labels


def describe_choice(examples: list[Labelled]) -> str:
    """Return the columns of the file that the examples come from, for a message."""
    if not isinstance(examples, Examples) or not examples.summary.columns:
        return ""
    summary = examples.summary
    columns = list(dict.fromkeys([*summary.columns.values(), *summary.unused]))
    if "one column" in summary.format:
        return f" ({summary.file} has one column: expected a text and its label in columns, see option delimiter)"
    return f" ({summary.file} has the columns {quote_columns(columns)})"


def as_class(label: Any) -> str:
    """Return the name of a class, which may stand in a list of one. ValueError for a list of none or several."""
    if isinstance(label, list) and len(label) != 1:
        raise ValueError(f"expected one class, got the labels {label!r} (kind is classes)")
    return str(label[0] if isinstance(label, list) else label)


def as_list(label: Any) -> list[str]:
    return label if isinstance(label, list) else [str(label)]
