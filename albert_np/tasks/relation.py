"""Relations: what one entity of a sentence is to another.

The entities are marked in the text (Baldini Soares et al. 2019): $ around the first, # around the second, or other signs if the
vocabulary has not these. So any checkpoint will do as it is. The head reads the two opening markers.
"""

from typing import Any, ClassVar

from rich.markup import escape

from albert_np.data.formats import Related, read_relations
from albert_np.data.formats.relations import parse_entities
from albert_np.metrics import semeval
from albert_np.models import AlbertForRelationClassification
from albert_np.tasks import batches
from albert_np.tasks.classification import confused, named
from albert_np.tasks.labels import index_of, known, majority, ordered
from albert_np.tasks.task import Item, Task, softmax

MARKERS = "$#£€@*()"  # the first two that a vocabulary has


class Relations(Task):
    """Options: other, the label of no relation, which the score leaves out: "Other" of SemEval, "no_relation" of TACRED."""

    name = "relations"
    form = Related
    model = AlbertForRelationClassification
    metric = "macro_f1"
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128, "other": "Other", "labels": None, "usual": None}
    collate = staticmethod(batches.of_entities)

    def read(self, path: Any) -> list[Related]:
        """See `data.formats.read_relations`."""
        return read_relations(path)

    def learn(self, examples: list[Related]) -> None:
        names = ordered(example.label for example in examples if example.label is not None)
        if not names:
            raise ValueError("the training examples have no relations")
        if self.options["other"] not in names and "no_relation" in names:
            self.options["other"] = "no_relation"
        self.options["labels"] = names
        related = [e.label for e in examples if e.label is not None and e.label != self.options["other"]]
        self.options["usual"] = majority(related or [self.options["other"]])

    def config(self) -> dict[str, Any]:
        return {"num_labels": len(self.options["labels"]), "id2label": dict(enumerate(self.options["labels"]))}

    def items(self, example: Related, tokenizer: Any) -> list[Item]:
        ids, places = with_markers(example, tokenizer, self.options["max_length"])
        label = None if example.label is None else index_of(example.label, self.options["labels"])
        return [Item(ids, [0] * len(ids), label, entities=places)]

    def answer(self, example: Related, items: list[Item], outputs: list[Any]) -> dict[str, Any]:
        p = softmax(outputs[0])  # (C,)
        names = self.options["labels"]
        return {"label": names[int(p.argmax())], "probabilities": named(names, p)}

    def score(self, examples: list[Related], answers: list[Any]) -> dict[str, Any]:
        gold = [example.label for example in examples]
        if any(label is None for label in gold):
            raise ValueError("examples without a relation cannot be scored")
        known([str(label) for label in gold], self.options["labels"])
        return semeval([str(label) for label in gold], [answer["label"] for answer in answers], self.options["other"])

    def baselines(self, train: list[Related], examples: list[Related]) -> dict[str, list[Any]]:
        """The relation that is usual in training."""
        if self.options["usual"] is None:
            return {}
        return {"the commonest relation": [{"label": self.options["usual"]}] * len(examples)}

    def confusion(self, answers: list[Any], examples: list[Related]) -> tuple[Any, list[str]]:
        """The counts (C, C) and the names of the relations."""
        return confused([str(example.label) for example in examples], answers, self.options["labels"])

    def example(self, text: str) -> Related:
        """A text with <e1>...</e1> and <e2>...</e2>."""
        return parse_entities(text, "1", "the text")

    def show(self, example: Related, answer: Any) -> str:
        first, second = (example.text[start:stop] for start, stop in (example.first, example.second))
        p = answer["probabilities"][answer["label"]]
        return escape(f"{answer['label']} {p:.2f}\t{first} | {second}\t{example.text}")

    def as_json(self, example: Related, answer: Any) -> dict[str, Any]:
        return {"id": example.id, "text": example.text, "first": example.first, "second": example.second, **answer}


def with_markers(example: Related, tokenizer: Any, max_length: int) -> tuple[list[int], tuple[int, int]]:
    """[CLS] ... $ entity $ ... # entity # ... [SEP] -> the ids, and the places of the two opening markers

    A text that is too long loses its ends, what is farthest from the entities first, and then the middle between them.
    """
    spans = sorted([(*example.first, 0), (*example.second, 1)])
    text, at, pieces = example.text, 0, []  # type: ignore[var-annotated]
    marker = markers(tokenizer)
    opening = [0, 0]
    for start, stop, which in spans:
        pieces.append(tokenizer.encode_text(text[at:start]))
        pieces.append([marker[which], *(tokenizer.encode_text(text[start:stop]) or [tokenizer.unk_token_id]), marker[which]])
        at = stop
    pieces.append(tokenizer.encode_text(text[at:]))
    before, first, between, second, after = fitted(pieces, max_length - 2)
    ids = [tokenizer.cls_token_id, *before, *first, *between, *second, *after, tokenizer.sep_token_id]
    opening[spans[0][2]] = 1 + len(before)
    opening[spans[1][2]] = 1 + len(before) + len(first) + len(between)
    return ids, (opening[0], opening[1])


def markers(tokenizer: Any) -> list[int]:
    """The ids of the signs that mark the first and the second entity. ValueError if the vocabulary has not two of them."""
    found = [ids[-1] for ids in tokenizer.encode_batch(MARKERS, 1) if ids and ids[-1] != tokenizer.unk_token_id]
    if len(found) < 2:
        raise ValueError(f"the vocabulary has not two of the signs {' '.join(MARKERS)} to mark entities with")
    return found[:2]


def fitted(pieces: list[list[int]], room: int) -> list[list[int]]:
    """before, entity, between, entity, after -> the same in at most `room` pieces; ValueError if the entities alone are more"""
    before, first, between, second, after = pieces
    excess = sum(map(len, pieces)) - room
    if excess <= 0:
        return pieces
    for _ in range(min(excess, len(before) + len(after))):
        if len(before) > len(after):
            before = before[1:]
        else:
            after = after[:-1]
    excess -= len(pieces[0]) + len(pieces[4]) - len(before) - len(after)
    if excess > len(between):
        raise ValueError(f"the two entities take {len(first) + len(second)} tokens, but max_length leaves room for {room}")
    keep = len(between) - excess
    return [before, first, [*between[: keep - keep // 2], *between[len(between) - keep // 2 :]], second, after]
