"""Semantic role labelling: who did what to whom.

An example is a sentence with its predicates, and for each predicate a tag per word: B-ROLE, I-ROLE or O. It becomes several rows,

    [CLS] the sentence [SEP]            token type 1 at the predicate's tokens, 0 elsewhere

one for each predicate, in which the model is asked for the role of each word (AllenNLP's simplification of Shi & Lin 2019), and
one without any token of type 1, in which it is asked for the predicates themselves, tagged V. So one model does both, and
`predict` needs only a text. The score is F1 of the arguments with the predicates given, as CoNLL-2005's srl-eval counts it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from albert_np.data.formats import Predicate, Propositions, read_propositions
from albert_np.data.formats.columns import EMPTY, spans_to_bio
from albert_np.metrics import chunks, conll2005
from albert_np.metrics.fractions import precision_recall_f1
from albert_np.tasks.tagging import (
    Tagging,
    bio_labels,
    decode_tags,
    highlight_entities,
    locate_entities,
    locate_words,
    tag_types,
    tagging_items,
    word_logits,
)
from albert_np.tasks.task import Item
from albert_np.tasks.words import split_words

NEIGHBOURS = (-2, -1, 1, 2)  # words beside the predicate to which the baseline gives a role


@dataclass(frozen=True)
class TypedSentence(Propositions):
    """A sentence that a user typed; the model has to find its predicates."""

    text: str = ""

    @classmethod
    def from_text(cls, text: str, predicates: list[int] | None = None) -> "TypedSentence":
        """predicates: indices of the words that are predicates, once they are known."""
        words = tuple(word for word, *_ in split_words(text))
        return cls(words, tuple(Predicate(index, "", ("O",) * len(words)) for index in predicates or ()), text=text)


class Answer(NamedTuple):
    """predicates: the indices of the words that the model takes for predicates; roles: (index, tags) of each given predicate."""

    predicates: list[int]
    roles: list[tuple[int, tuple[str, ...]]]


class SemanticRoles(Tagging):
    """Answers are for the predicates of the example or, for a `TypedSentence`, for those that the model finds.

    Options: word and frame, numbers of the file's columns from 0, comments and empty, as in `data.formats.read_propositions`;
    labels, set by `learn`.
    """

    name = "srl"
    form = Propositions
    metric = "f1"
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "word": None, "frame": None, "comments": None, "empty": "skip", "labels": None,
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {"word": int, "frame": int, "comments": str, "empty": EMPTY, "labels": list}
    learned = ("labels",)
    reading = ("word", "frame", "comments", "empty")

    def read(self, path: Any) -> list[Propositions]:
        """See `data.formats.read_propositions`."""
        return read_propositions(path, **{name: self.options[name] for name in ("word", "frame", "comments", "empty")})

    def example(self, text: str) -> TypedSentence:
        return TypedSentence.from_text(text)

    def learn(self, examples: list[Propositions]) -> None:
        self.options["labels"] = bio_labels(tag for e in examples for predicate in e.predicates for tag in predicate.tags)

    def describe_labels(self, examples: list[Propositions]) -> dict[str, Any]:
        counts = Counter(role for e in examples for p in e.predicates for role, *_ in chunks(p.tags) if role != "V")
        return {"kind": "roles", "counts": dict(sorted(counts.items()))} if counts else {}

    def items(self, example: Propositions, tokenizer: Any) -> list[Item]:
        """Return the rows for finding predicates, then those for the roles of each. An item's `about` is (index of the predicate
        or None, `about` of `tagging_items`)."""
        is_predicate = None
        if not isinstance(example, TypedSentence):
            is_predicate = spans_to_bio([("V", p.index, p.index + 1) for p in example.predicates], len(example.words))
        passes: list[tuple[int | None, tuple[str, ...] | None]]
        passes = [(None, is_predicate), *((p.index, p.tags) for p in example.predicates)]
        items = []
        for index, tags in passes:
            marked = () if index is None else (index,)
            for item in tagging_items(example.words, tags, self.word_encoder(tokenizer), self.options, marked):
                item.about = (index, item.about)
                items.append(item)
        return items

    def answer(self, example: Propositions, items: list[Item], outputs: list[np.ndarray]) -> Answer:
        groups: dict[int | None, tuple[list[Any], list[np.ndarray]]] = {}  # windows of the same predicate
        for item, logits in zip(items, outputs):
            index, about = item.about
            group = groups.setdefault(index, ([], []))
            group[0].append(about)
            group[1].append(logits)
        tags = {index: decode_tags(word_logits(*group), self.options["labels"]) for index, group in groups.items()}
        predicates = [first for role, first, _ in chunks(tags[None]) if role == "V"]
        return Answer(predicates, [(index, each) for index, each in tags.items() if index is not None])

    def answers(self, model: Any, tokenizer: Any, examples: list[Propositions]) -> list[Answer]:
        """Answer the examples; typed sentences take a second pass, for the roles of the predicates found in the first."""
        answers = super().answers(model, tokenizer, examples)
        typed = {i: example for i, example in enumerate(examples) if isinstance(example, TypedSentence)}
        with_predicates = [TypedSentence.from_text(each.text, answers[i].predicates) for i, each in typed.items()]
        for i, answer in zip(typed, super().answers(model, tokenizer, with_predicates)):
            answers[i] = answer
        return answers

    def score(self, examples: list[Propositions], answers: list[Answer]) -> dict[str, Any]:
        """Return the scores of the arguments, and predicates_f1, that of finding the predicates."""
        gold = [predicate.tags for example in examples for predicate in example.predicates]
        self.warn_of_unknown_types(tag for tags in gold for tag in tags)
        scores = conll2005(gold, [tags for answer in answers for _, tags in answer.roles])
        actual = {(i, predicate.index) for i, example in enumerate(examples) for predicate in example.predicates}
        predicted = {(i, index) for i, answer in enumerate(answers) for index in answer.predicates}
        return {**scores, "predicates_f1": precision_recall_f1(len(actual & predicted), len(predicted), len(actual))["f1"]}

    def baselines(self, train: list[Propositions], examples: list[Propositions]) -> dict[str, list[Answer]]:
        """Give each word beside a predicate the most common role of that position in the training examples."""
        if not train:
            return {}
        common = common_roles(train)
        answers = []
        for example in examples:
            roles, T = [], len(example.words)
            for i in (predicate.index for predicate in example.predicates):
                spans = [(role, i + offset, i + offset + 1) for offset, role in common.items() if 0 <= i + offset < T]
                roles.append((i, spans_to_bio([("V", i, i + 1), *spans], T)))
            answers.append(Answer([index for index, _ in roles], roles))
        return {"the commonest role of each word beside the predicate": answers}

    def show(self, example: Propositions, answer: Answer) -> str:
        if not answer.roles:
            return highlight_entities(*locate_entities(example, []), []) + "   (no predicate)"
        types = tag_types(self.options["labels"])
        return "\n".join(highlight_entities(*locate_entities(example, tags), types) for _, tags in answer.roles)

    def as_json(self, example: Propositions, answer: Answer) -> dict[str, Any]:
        text, words = locate_words(example)
        predicates = []
        for index, tags in answer.roles:
            _, spans = locate_entities(example, tags)
            arguments = [
                {"role": role, "start": start, "end": stop, "text": text[start:stop]}
                for role, start, stop in spans
                if role != "V"
            ]
            predicates.append({"predicate": text[slice(*words[index])], "word": index, "arguments": arguments})
        return {"text": text, "predicates": predicates}


def common_roles(train: list[Propositions]) -> dict[int, str]:
    """Return for each offset from the predicate in `NEIGHBOURS` the most common role of a single word there."""
    counts: dict[int, Counter[str]] = {offset: Counter() for offset in NEIGHBOURS}
    for example in train:
        for predicate in example.predicates:
            roles = {first: role for role, first, stop in chunks(predicate.tags) if stop == first + 1}
            for offset, counter in counts.items():
                if predicate.index + offset in roles:
                    counter[roles[predicate.index + offset]] += 1
    return {offset: counter.most_common(1)[0][0] for offset, counter in counts.items() if counter}
