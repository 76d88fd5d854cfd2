"""Relation classification.

An example is a text with two entities, and the relation between them. It becomes one row, [CLS] text [SEP], with markers around
the entities (Baldini Soares et al. 2019): $ around the first and # around the second, or other signs if the vocabulary lacks
these, so any checkpoint can be used. The head takes the outputs at the two opening markers and is asked for the logits of the
relations. The score is the macro-F1 of SemEval-2010 task 8.
"""

from typing import Any, ClassVar

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import Related, read_relations
from albert_np.data.formats.relations import parse_entities
from albert_np.metrics import semeval
from albert_np.models import AlbertForRelationClassification
from albert_np.tasks import batches
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
from albert_np.tasks.task import Item, Task, one_line

MARKERS = "$#£€@*()"  # the first two that the vocabulary has are used

NO_RELATION = ("no_relation", "NA")  # names of "no relation" beside SemEval's "Other": TACRED's, and that of New York Times data


class Relations(Task):
    """Options: other, the label for "no relation", which the score leaves out ("Other", or else "no_relation" or "NA");
    label, the key of labels in JSON (see `read_relations`); labels and usual, set by `learn`: the names of the relations, and
    the baseline's answer."""

    name = "relations"
    form = Related
    model = AlbertForRelationClassification
    metric = "macro_f1"
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128, "other": "Other", "label": None, "labels": None, "usual": None}
    types: ClassVar[dict[str, Any]] = {"label": str, "labels": list}
    learned = ("labels", "usual")
    reading = ("label",)
    collate = staticmethod(batches.collate_entities)

    def read(self, path: Any) -> list[Related]:
        """See `data.formats.read_relations`."""
        return read_relations(path, self.options["label"])

    def read_unlabelled(self, path: Any) -> list[Related]:
        """Return the examples of a file without their relations."""
        return read_relations(path, labelled=False)

    def example(self, text: str) -> Related:
        """Return an example of a text with <e1>...</e1> and <e2>...</e2>."""
        return parse_entities(text, "1", "the text")

    def fields(self) -> dict[str, Field]:
        """Return the field of a request."""
        about = "the text, with <e1>...</e1> and <e2>...</e2> around the two entities"
        return {"text": Field(about, "The <e1>river</e1> runs through the old <e2>town</e2>.")}

    def learn(self, examples: list[Related]) -> None:
        labels = [example.label for example in examples if example.label is not None]
        if not labels:
            raise ValueError("the training examples have no relations: name their key in JSON (option label)")
        warn_of_one_label(labels)
        self.options["labels"] = names = sort_labels(labels)
        if self.options["other"] not in names:
            if self.options["other"] != self.defaults["other"]:
                raise ValueError(
                    f"the option other is {self.options['other']!r}, which is not among the relations {', '.join(names)}"
                )
            self.options["other"] = next((name for name in NO_RELATION if name in names), self.options["other"])
        other = self.options["other"]
        self.options["usual"] = most_common_label([label for label in labels if label != other] or [other])

    def describe_labels(self, examples: list[Related]) -> dict[str, Any]:
        counts = count_labels(example.label for example in examples if example.label is not None)
        return {"kind": "relations", "counts": counts} if counts else {}

    def config(self) -> dict[str, Any]:
        return {"num_labels": len(self.options["labels"]), "id2label": dict(enumerate(self.options["labels"]))}

    def items(self, example: Related, tokenizer: Any) -> list[Item]:
        most = self.options["max_length"]
        ids, positions = mark_entities(example, tokenizer, most)
        cut = len(ids) == most < len(mark_entities(example, tokenizer, most + 1)[0])
        label = None if example.label is None else label_index(example.label, self.options["labels"])
        return [Item(ids, [0] * len(ids), label, entities=positions, cut=cut)]

    def answer(self, example: Related, items: list[Item], outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return label and probabilities {name: p}."""
        p, _ = softmax(outputs[0].astype(np.float64))  # (C,)
        names = self.options["labels"]
        return {"label": names[int(p.argmax())], "probabilities": probabilities_by_label(names, p)}

    def check_scored(self, examples: list[Related]) -> None:
        """Raise ValueError for examples without a relation."""
        unknown = [example.id for example in examples if example.label is None]
        if unknown:
            raise ValueError(
                f"no relation in {len(unknown)} of {len(examples)} examples, so they cannot be scored; first: {unknown[0]!r}"
            )

    def score(self, examples: list[Related], answers: list[dict[str, Any]]) -> dict[str, Any]:
        self.check_scored(examples)
        gold = [str(example.label) for example in examples]
        extend_labels(self.options["labels"], gold)  # warns of unknown ones
        return semeval(gold, [answer["label"] for answer in answers], self.options["other"])

    def confusion(self, answers: list[dict[str, Any]], examples: list[Related]) -> tuple[np.ndarray, list[str]]:
        """Return the counts (C, C) and the names of the relations."""
        return confusion_matrix([str(example.label) for example in examples], answers, self.options["labels"])

    def baselines(self, train: list[Related], examples: list[Related]) -> dict[str, list[dict[str, Any]]]:
        """Give every example the most common relation of the training examples."""
        if self.options["usual"] is None:
            return {}
        return {"the commonest relation": [{"label": self.options["usual"]}] * len(examples)}

    def show(self, example: Related, answer: dict[str, Any]) -> str:
        first, second = (one_line(example.text[start:stop]) for start, stop in (example.first, example.second))
        p = answer["probabilities"][answer["label"]]
        return escape(f"{answer['label']} {p:.2f}\t{first} | {second}\t{one_line(example.text)}")

    def as_json(self, example: Related, answer: dict[str, Any]) -> dict[str, Any]:
        return {"id": example.id, "text": example.text, "first": example.first, "second": example.second, **answer}


def mark_entities(example: Related, tokenizer: Any, max_length: int) -> tuple[list[int], tuple[int, int]]:
    """Return the ids of [CLS] ... $ entity $ ... # entity # ... [SEP], and the positions of the two opening markers.

    A text that is too long is cut: first its ends, the longer one first, then the middle between the entities. Raises ValueError
    if the entities alone do not fit.
    """
    markers = marker_ids(tokenizer)
    spans = sorted([(*example.first, 0), (*example.second, 1)])
    segments, end = [], 0
    for start, stop, which in spans:
        entity = tokenizer.encode_text(example.text[start:stop]) or [tokenizer.unk_token_id]
        segments += [tokenizer.encode_text(example.text[end:start]), [markers[which], *entity, markers[which]]]
        end = stop
    segments.append(tokenizer.encode_text(example.text[end:]))
    before, first, between, second, after = fit_segments(segments, max_length - 2)
    ids = [tokenizer.cls_token_id, *before, *first, *between, *second, *after, tokenizer.sep_token_id]
    left = 1 + len(before)
    right = left + len(first) + len(between)
    return ids, (left, right) if spans[0][2] == 0 else (right, left)


def marker_ids(tokenizer: Any) -> list[int]:
    """Return the ids of the signs that mark the first and the second entity.

    Raises ValueError if the vocabulary has fewer than two of `MARKERS`.
    """
    known = [ids[-1] for ids in tokenizer.encode_batch(MARKERS, 1) if ids and ids[-1] != tokenizer.unk_token_id]
    if len(known) < 2:
        raise ValueError(f"marking the entities takes two of the signs {' '.join(MARKERS)}, but the vocabulary has {len(known)}")
    return known[:2]


def fit_segments(segments: list[list[int]], room: int) -> list[list[int]]:
    """Return the segments before, entity, between, entity, after, cut to `room` tokens in total."""
    before, first, between, second, after = segments
    excess = sum(map(len, segments)) - room
    left, right = len(before), len(after)
    while excess > 0 and left + right > 0:
        if left > right:
            left -= 1
        else:
            right -= 1
        excess -= 1
    before, after = before[len(before) - left :], after[:right]
    if excess > len(between):
        raise ValueError(f"the two entities take {len(first) + len(second)} tokens, but max_length leaves room for {room}")
    if excess > 0:
        keep = len(between) - excess
        between = [*between[: keep - keep // 2], *between[len(between) - keep // 2 :]]
    return [before, first, between, second, after]
