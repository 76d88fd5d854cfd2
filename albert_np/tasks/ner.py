"""Named entity recognition.

An example is a sentence: its words and a tag for each, B-TYPE, I-TYPE or O. It becomes one row, or several windows if it is long,
and the model is asked for the tag of each word at the word's first token. The answer is the most probable valid sequence of tags,
or, for models trained elsewhere, whose labels may be of any scheme, the most probable tag of each word.
The score is F1 of whole entities, as conlleval counts it.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from albert_np.data.formats import Tagged, read_tags
from albert_np.data.formats.columns import EMPTY
from albert_np.data.formats.schemes import SCHEMES
from albert_np.data.formats.summary import Examples
from albert_np.metrics import chunks, conlleval, to_bio
from albert_np.tasks.tagging import (
    Tagging,
    bio_labels,
    decode_tags,
    highlight_entities,
    labels_as_tags,
    locate_entities,
    tag_types,
    tagging_items,
    word_logits,
)
from albert_np.tasks.task import Item
from albert_np.tasks.words import split_words

Tags = tuple[str, ...]


@dataclass(frozen=True)
class TypedText(Tagged):
    """The words of a text that a user typed, with the text itself."""

    text: str = ""


class NamedEntities(Tagging):
    """Options:

    word, tag, comments, empty, scheme    of the file, see `data.formats.read_tags`; word and tag are numbers of columns from 0
                                          (-1 is the last; tag "none" reads no tags)
    decoding    "valid": the most probable valid sequence of tags; "each": each word's most probable tag
    labels      set by `learn`
    """

    name = "ner"
    form = Tagged
    metric = "f1"
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "word": None, "tag": None, "comments": None, "empty": "skip", "scheme": None, "labels": None,
        "decoding": "valid",
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "word": int, "comments": str, "empty": EMPTY, "scheme": SCHEMES, "labels": list, "decoding": ("valid", "each"),
    }  # fmt: skip
    learned = ("labels",)
    reading = ("word", "tag", "comments", "empty", "scheme")

    def read(self, path: Any) -> list[Tagged]:
        """See `data.formats.read_tags`; tags of all schemes become strict BIO."""
        return self._read(path, tags_needed=True)

    def read_unlabelled(self, path: Any) -> list[Tagged]:
        return self._read(path, tags_needed=False)

    def _read(self, path: Any, tags_needed: bool) -> list[Tagged]:
        arguments = {name: self.options[name] for name in ("word", "tag", "comments", "empty", "scheme")}
        sentences = read_tags(path, **arguments, tags_needed=tags_needed)
        return Examples([replace(each, tags=each.tags and to_bio(each.tags)) for each in sentences], sentences.summary)

    def example(self, text: str) -> TypedText:
        return TypedText(tuple(word for word, *_ in split_words(text)), text=text)

    def learn(self, examples: list[Tagged]) -> None:
        if all(example.tags is None for example in examples):
            raise ValueError(
                "the training examples have no tags: expected a word and its tag on each line (options word and tag)"
            )
        self.options["labels"] = bio_labels(tag for example in examples for tag in example.tags or ())

    def describe_labels(self, examples: list[Tagged]) -> dict[str, Any]:
        counts = Counter(kind for example in examples for kind, *_ in chunks(example.tags or ()))
        return {"kind": "types", "counts": dict(sorted(counts.items()))} if counts else {}

    def items(self, example: Tagged, tokenizer: Any) -> list[Item]:
        return tagging_items(example.words, example.tags, self.word_encoder(tokenizer), self.options)

    def answer(self, example: Tagged, items: list[Item], outputs: list[np.ndarray]) -> Tags:
        """Return the tags of the words, in strict BIO."""
        logits = word_logits([item.about for item in items], outputs)
        if self.options["decoding"] == "valid":
            return decode_tags(logits, self.options["labels"])
        labels = labels_as_tags(self.options["labels"])
        return to_bio([labels[i] for i in logits.argmax(-1)]) if len(example.words) else ()

    def check_scored(self, examples: list[Tagged]) -> None:
        """Raise ValueError for sentences without tags."""
        unknown = sum(example.tags is None for example in examples)
        if unknown:
            raise ValueError(f"no tags in {unknown:,} of {len(examples):,} sentences, so they cannot be scored (option tag)")

    def score(self, examples: list[Tagged], answers: list[Tags]) -> dict[str, Any]:
        self.check_scored(examples)
        gold = [example.tags or () for example in examples]
        self.warn_of_unknown_types(tag for tags in gold for tag in tags)
        return conlleval(gold, answers)

    def baselines(self, train: list[Tagged], examples: list[Tagged]) -> dict[str, list[Tags]]:
        """Tag whatever was an entity in the training text."""
        return {"a list of the training text's entities": tag_by_list(train, examples)} if train else {}

    def show(self, example: Tagged, answer: Tags) -> str:
        return highlight_entities(*locate_entities(example, answer), tag_types(labels_as_tags(self.options["labels"])))

    def as_json(self, example: Tagged, answer: Tags) -> dict[str, Any]:
        text, entities = locate_entities(example, answer)
        fields = [{"type": kind, "start": start, "end": stop, "text": text[start:stop]} for kind, start, stop in entities]
        return {"text": text, "entities": fields}


def tag_by_list(train: list[Tagged], examples: list[Tagged]) -> list[Tags]:
    """Return tags by looking up the entities of the training text, at each word the longest that matches; case is ignored."""
    types: dict[tuple[str, ...], str] = {}
    for example in train:
        for kind, first, stop in chunks(example.tags or ()):
            types[tuple(word.lower() for word in example.words[first:stop])] = kind
    longest = max(map(len, types), default=0)
    answers = []
    for example in examples:
        words, tags, i = [word.lower() for word in example.words], [], 0
        while i < len(words):
            size = next((n for n in range(min(longest, len(words) - i), 0, -1) if tuple(words[i : i + n]) in types), 0)
            kind = types.get(tuple(words[i : i + size]), "")
            tags += ["B-" + kind] + ["I-" + kind] * (size - 1) if size else ["O"]
            i += size or 1
        answers.append(tuple(tags))
    return answers
