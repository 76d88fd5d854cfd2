"""Semantic roles: who did what to whom, for each predicate of a sentence.

The predicate is told to the model by token type 1 (AllenNLP's simplification of Shi & Lin 2019), one pass a predicate:

    [CLS] the sentence [SEP]            type 1 at the predicate's pieces; a tag for each word

and one pass with no predicate told finds them: its words are tagged V. So one model answers both questions, and `predict` needs
no more than a text. Scores are of arguments, with the predicates given, as in CoNLL-2005.
"""

from collections import Counter
from typing import Any, ClassVar, NamedTuple

from albert_np.data.formats import Predicate, Propositions, read_propositions
from albert_np.data.formats.columns import spans_to_bio
from albert_np.metrics import chunks, conll2005
from albert_np.metrics.fractions import precision_recall_f1
from albert_np.tasks.ner import Tagging, best_tags, bio_labels, entities_in, painted, tagging_items, types_of, word_scores
from albert_np.tasks.task import Item
from albert_np.tasks.words import split_words


class Answer(NamedTuple):
    """found: the words that the model takes for predicates; roles: (index of the predicate, tags) of each that was asked for"""

    found: list[int]
    roles: list[tuple[int, tuple[str, ...]]]


class SemanticRoles(Tagging):
    """A sentence that comes with predicates is answered for these; one that was typed, for those that the model finds."""

    name = "srl"
    form = Propositions
    metric = "f1"
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128, "labels": None}

    def read(self, path: Any) -> list[Propositions]:
        """See `data.formats.read_propositions`."""
        return read_propositions(path)

    def learn(self, examples: list[Propositions]) -> None:
        self.options["labels"] = bio_labels(tag for e in examples for predicate in e.predicates for tag in predicate.tags)

    def items(self, example: Propositions, tokenizer: Any) -> list[Item]:
        """The rows that look for predicates, and then those of each predicate; `about` is (predicate or None, the words)."""
        told = not isinstance(example, Sentence)
        wanted = spans_to_bio([("V", p.index, p.index + 1) for p in example.predicates], len(example.words)) if told else None
        items = self.asked(None, example.words, wanted, tokenizer)
        for predicate in example.predicates:
            items += self.asked(predicate.index, example.words, predicate.tags, tokenizer)
        return items

    def asked(self, index: int | None, words: tuple[str, ...], tags: tuple[str, ...] | None, tokenizer: Any) -> list[Item]:
        """The rows of one question about a sentence: the predicate's word, or None: which are predicates?"""
        marked = None if index is None else {index}
        rows = tagging_items(words, tags, self.pieces(tokenizer), self.options, marked)
        for row in rows:
            row.about = (index, row.about)
        return rows

    def answer(self, example: Propositions, items: list[Item], outputs: list[Any]) -> Answer:
        groups: dict[Any, tuple[list[Item], list[Any]]] = {}
        for item, output in zip(items, outputs):
            index, own = item.about
            rows, logits = groups.setdefault(index, ([], []))
            rows.append(Item(item.ids, item.token_types, about=own))
            logits.append(output)
        tags = {index: best_tags(word_scores(*group), self.options["labels"]) for index, group in groups.items()}
        found = [first for role, first, _ in chunks(tags.pop(None)) if role == "V"]
        return Answer(found, list(tags.items()))

    def answers(self, model: Any, tokenizer: Any, examples: list[Propositions]) -> list[Answer]:
        """Sentences that were typed take two passes: their predicates are found in the first."""
        first = super().answers(model, tokenizer, examples)
        typed = {i: example for i, example in enumerate(examples) if isinstance(example, Sentence)}
        asked: list[Any] = [example.asking(first[i].found) for i, example in typed.items()]
        for i, answer in zip(typed, super().answers(model, tokenizer, asked)):
            first[i] = answer
        return first

    def score(self, examples: list[Propositions], answers: list[Any]) -> dict[str, Any]:
        """Of arguments, with the predicates given; predicates_f1: of finding the predicates."""
        gold = [predicate.tags for example in examples for predicate in example.predicates]
        self.warn_of_new(tag for tags in gold for tag in tags)
        scores = conll2005(gold, [tags for answer in answers for _, tags in answer.roles])
        true = [(i, p.index) for i, example in enumerate(examples) for p in example.predicates]
        said = [(i, index) for i, answer in enumerate(answers) for index in answer.found]
        return {**scores, "predicates_f1": precision_recall_f1(len(set(true) & set(said)), len(said), len(true))["f1"]}

    def baselines(self, train: list[Propositions], examples: list[Propositions]) -> dict[str, list[Any]]:
        """The words beside the predicate, each with the role that is commonest there in training."""
        if not train:
            return {}
        common = commonest(train)
        answers = []
        for example in examples:
            roles = []
            for predicate in example.predicates:
                near = [(place, predicate.index + place) for place in common if 0 <= predicate.index + place < len(example.words)]
                spans = [("V", predicate.index, predicate.index + 1), *((common[place], i, i + 1) for place, i in near)]
                roles.append((predicate.index, spans_to_bio(spans, len(example.words))))
            answers.append(Answer([predicate.index for predicate in example.predicates], roles))
        return {"the commonest role of each word beside the predicate": answers}

    def example(self, text: str) -> Propositions:
        return Sentence(text)

    def show(self, example: Propositions, answer: Any) -> str:
        if not answer.roles:
            return painted(entities_in(example, [])[0], [], []) + "   (no predicate)"
        types = types_of(self.options["labels"])
        return "\n".join(painted(*entities_in(example, tags), types) for _, tags in answer.roles)

    def as_json(self, example: Propositions, answer: Any) -> dict[str, Any]:
        text, _ = entities_in(example, [])
        predicates = []
        for index, tags in answer.roles:
            _, spots = entities_in(example, tags)
            roles = [{"role": role, "start": first, "end": stop, "text": text[first:stop]} for role, first, stop in spots]
            predicates.append(
                {"predicate": example.words[index], "word": index, "arguments": [r for r in roles if r["role"] != "V"]}
            )
        return {"text": text, "predicates": predicates}


class Sentence(Propositions):
    """A sentence that was typed: its predicates are to be found."""

    def __init__(self, text: str, found: list[int] | None = None) -> None:
        words = tuple(word for word, *_ in split_words(text))
        super().__init__(words, tuple(Predicate(index, "", ("O",) * len(words)) for index in found or ()))
        object.__setattr__(self, "text", text)  # the other fields are frozen

    def asking(self, found: list[int]) -> "Sentence":
        """The same with these words for its predicates."""
        return Sentence(self.text, found)  # type: ignore[attr-defined]


def commonest(train: list[Propositions]) -> dict[int, str]:
    """For the places -2, -1, 1, 2 beside a predicate the role of one word that is commonest there."""
    counts: dict[int, Counter[str]] = {place: Counter() for place in (-2, -1, 1, 2)}
    for example in train:
        for predicate in example.predicates:
            alone = {first: role for role, first, stop in chunks(predicate.tags) if stop == first + 1}
            for place, counter in counts.items():
                if predicate.index + place in alone:
                    counter[alone[predicate.index + place]] += 1
    return {place: counter.most_common(1)[0][0] for place, counter in counts.items() if counter}
