"""Named entities: a tag for each word, B-TYPE, I-TYPE or O.

The label of a word is at its first piece, its other pieces have none. What is answered is the likeliest sequence of tags that is
possible at all: an I-TYPE follows a B-TYPE or an I-TYPE (`best_tags`).
"""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from albert_np.data.formats import Tagged, read_tags
from albert_np.metrics import chunks, conlleval, to_bio
from albert_np.models import AlbertForTokenClassification
from albert_np.tasks import batches
from albert_np.tasks.labels import known
from albert_np.tasks.task import Item, Task, softmax
from albert_np.tasks.words import WordPieces, split_words, windows

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")


class Tagging(Task):
    """What tasks have in common that give each word a tag."""

    model = AlbertForTokenClassification
    collate = staticmethod(batches.of_tokens)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pieces: WordPieces | None = None

    def pieces(self, tokenizer: Any) -> WordPieces:
        """The pieces of words; they are remembered."""
        if self._pieces is None or self._pieces.tokenizer is not tokenizer:
            self._pieces = WordPieces(tokenizer)
        return self._pieces

    def config(self) -> dict[str, Any]:
        return {"num_labels": len(self.options["labels"]), "id2label": dict(enumerate(self.options["labels"]))}

    def warn_of_new(self, tags: Any) -> None:
        """Say which types training did not show: they cannot be found."""
        known(types_of(tags), types_of(self.options["labels"]))


class NamedEntities(Tagging):
    """Options: word and tag, numbers of the columns from 0 (-1: the last)."""

    name = "ner"
    form = Tagged
    metric = "f1"
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128, "word": 0, "tag": -1, "labels": None}

    def read(self, path: Any) -> list[Tagged]:
        """See `data.formats.read_tags`; tags of all schemes become strict BIO."""
        sentences = read_tags(path, self.options["word"], self.options["tag"])
        return [replace(each, tags=each.tags and to_bio(each.tags)) for each in sentences]

    def learn(self, examples: list[Tagged]) -> None:
        self.options["labels"] = bio_labels(tag for example in examples for tag in example.tags or ())

    def items(self, example: Tagged, tokenizer: Any) -> list[Item]:
        return tagging_items(example.words, example.tags, self.pieces(tokenizer), self.options)

    def answer(self, example: Tagged, items: list[Item], outputs: list[Any]) -> tuple[str, ...]:
        return best_tags(word_scores(items, outputs), self.options["labels"])

    def score(self, examples: list[Tagged], answers: list[Any]) -> dict[str, Any]:
        if any(example.tags is None for example in examples):
            raise ValueError("sentences without tags cannot be scored")
        self.warn_of_new(tag for example in examples for tag in example.tags or ())
        return conlleval([example.tags or () for example in examples], answers)

    def baselines(self, train: list[Tagged], examples: list[Tagged]) -> dict[str, list[Any]]:
        """Whatever was an entity in training is one again."""
        return {"a list of the training text's entities": looked_up(train, examples)} if train else {}

    def example(self, text: str) -> Tagged:
        return Spoken(tuple(word for word, *_ in split_words(text)), text=text)

    def show(self, example: Tagged, answer: Any) -> str:
        text, spots = entities_in(example, answer)
        types = types_of(self.options["labels"])
        return painted(text, [(kind, first, stop) for kind, first, stop in spots], types)

    def as_json(self, example: Tagged, answer: Any) -> dict[str, Any]:
        text, spots = entities_in(example, answer)
        found = [{"type": kind, "start": first, "end": stop, "text": text[first:stop]} for kind, first, stop in spots]
        return {"text": text, "entities": found}


class Spoken(Tagged):
    """Words cut out of a text that somebody typed."""

    def __init__(self, words: tuple[str, ...], text: str) -> None:
        super().__init__(words)
        object.__setattr__(self, "text", text)


def types_of(tags: Any) -> list[str]:
    """ "B-LOC", "O", "I-LOC" -> ["LOC"]"""
    return sorted({tag.partition("-")[2] for tag in tags} - {""})


def bio_labels(tags: Any) -> list[str]:
    """O, then B- and I- of each type."""
    types = types_of(tags)
    if not types:
        raise ValueError("the training examples have no tag but O")
    return ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]


def tagging_items(
    words: tuple[str, ...], tags: tuple[str, ...] | None, pieces: WordPieces, options: dict[str, Any], marked: Any = None
) -> list[Item]:
    """The rows of a sentence: one, or windows that overlap, each word labelled where it is farther from the edges.

    marked: the words whose pieces have token type 1. An item's `about` is (number of the word, place of its first piece) of each
    word that is its own. A word that is longer than the model is cut.
    """
    tokenizer, numbers = pieces.tokenizer, {label: i for i, label in enumerate(options["labels"])}
    room = options["max_length"] - 2
    ids = [own[:room] for own in pieces(words)]
    items = []
    for first, stop, own, until in windows([len(own) for own in ids], room):
        row, types, target, about = [tokenizer.cls_token_id], [0], [batches.IGNORED], []
        for i in range(first, stop):
            if own <= i < until:
                about.append((i, len(row)))
            label = batches.IGNORED if tags is None or not own <= i < until else numbers.get(tags[i], batches.IGNORED)
            row += ids[i]
            types += [int(marked is not None and i in marked)] * len(ids[i])
            target += [label] + [batches.IGNORED] * (len(ids[i]) - 1)
        row, types, target = [*row, tokenizer.sep_token_id], [*types, 0], [*target, batches.IGNORED]
        items.append(Item(row, types, target if tags is not None else None, about=about))
    return items


def word_scores(items: list[Item], outputs: list[Any]) -> np.ndarray:
    """The logits (T, C) of each row -> those of each word (words, C)"""
    rows = [logits[place] for item, logits in zip(items, outputs) for _, place in item.about]
    return np.array(rows) if rows else np.zeros((0, 1))


def possible(labels: list[str]) -> np.ndarray:
    """(C, C) booleans: whether the second tag may follow the first; the last row, (C + 1, C), what a sentence may begin with."""
    kinds = [label.partition("-")[2] for label in labels]
    inside = np.array([label.startswith("I-") for label in labels])
    same = np.array([[a == b and a != "" for b in kinds] for a in [*kinds, ""]])
    return ~inside[None, :] | same


def best_tags(scores: np.ndarray, labels: list[str]) -> tuple[str, ...]:
    """The likeliest sequence of tags that is possible (Viterbi 1967).   scores (words, C) logits"""
    if not len(scores):
        return ()
    log_p = np.log(softmax(scores) + 1e-300)
    allowed = np.where(possible(labels), 0.0, -np.inf)
    total, back = allowed[-1] + log_p[0], []
    for row in log_p[1:]:
        paths = total[:, None] + allowed[:-1]  # (C, C)
        back.append(paths.argmax(0))
        total = paths.max(0) + row
    path = [int(total.argmax())]
    for best in reversed(back):
        path.append(int(best[path[-1]]))
    return tuple(labels[i] for i in reversed(path))


def looked_up(train: list[Tagged], examples: list[Tagged]) -> list[tuple[str, ...]]:
    """Tags by a list of the training text's entities, the longest at each place; no model."""
    listed: dict[tuple[str, ...], str] = {}
    for example in train:
        for kind, first, stop in chunks(example.tags or ()):
            listed[tuple(word.lower() for word in example.words[first:stop])] = kind
    longest = max(map(len, listed), default=0)
    found = []
    for example in examples:
        words, tags, at = [word.lower() for word in example.words], [], 0
        while at < len(words):
            size = next((n for n in range(min(longest, len(words) - at), 0, -1) if tuple(words[at : at + n]) in listed), 0)
            kind = listed.get(tuple(words[at : at + size]), "")
            tags += ["B-" + kind] + ["I-" + kind] * (size - 1) if size else ["O"]
            at += size or 1
        found.append(tuple(tags))
    return found


def entities_in(example: Any, tags: Any) -> tuple[str, list[tuple[str, int, int]]]:
    """The text, and its entities by characters: (type, first, one after the last)"""
    text = getattr(example, "text", None)
    if text is None:
        text = " ".join(example.words)
        ends = np.cumsum([len(word) + 1 for word in example.words])
        places = [(int(end) - 1 - len(word), int(end) - 1) for word, end in zip(example.words, ends)]
    else:
        places = [(first, stop) for _, first, stop in split_words(text)]
    return text, [(kind, places[first][0], places[stop - 1][1]) for kind, first, stop in chunks(tags)]


def painted(text: str, spots: list[tuple[str, int, int]], types: list[str]) -> str:
    """The text with [its entities TYPE] in rich's markup, a colour for each type."""
    from rich.markup import escape

    out, at = "", 0
    for kind, first, stop in spots:
        colour = COLOURS[types.index(kind) % len(COLOURS)] if kind in types else "white"
        out += escape(text[at:first]) + f"[bold {colour}]" + escape(f"[{text[first:stop]} {kind}]") + "[/]"
        at = stop
    return out + escape(text[at:])
