"""Named entities and semantic roles share this: a tag for each word, B-TYPE, I-TYPE or O.

A word's label is at its first token; its other tokens have none. The answer is the most probable sequence of tags in which every
I-TYPE follows a B-TYPE or an I-TYPE (`decode_tags`).
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import Propositions, Tagged
from albert_np.metrics import chunks
from albert_np.models import AlbertForTokenClassification
from albert_np.models.padded import IGNORED
from albert_np.tasks import batches
from albert_np.tasks.labels import extend_labels
from albert_np.tasks.markup import escape
from albert_np.tasks.task import Item, Task, one_line
from albert_np.tasks.words import WordEncoder, sliding_windows, split_words

SCHEME = re.compile(r"^([BIESLUM])[-_](?=.)")  # of a tag: BIO, BIOES, BILOU, BMES
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
Entity = tuple[str, int, int]  # type, first character, one after the last


class Tagging(Task):
    """Base class of the tasks that give a tag to each word."""

    model = AlbertForTokenClassification
    collate = staticmethod(batches.collate_tokens)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._encoder: WordEncoder | None = None

    def config(self) -> dict[str, Any]:
        return {"num_labels": len(self.options["labels"]), "id2label": dict(enumerate(self.options["labels"]))}

    def word_encoder(self, tokenizer: Any) -> WordEncoder:
        """Return the encoder of a tokenizer; its cache lasts until another tokenizer is given."""
        if self._encoder is None or self._encoder.tokenizer is not tokenizer:
            self._encoder = WordEncoder(tokenizer)
        return self._encoder

    def cut_part(self) -> str:
        return f"a word longer than max_length {self.options['max_length']} tokens"

    def warn_of_unknown_types(self, tags: Iterable[str]) -> None:
        """Warn of types that do not occur in the training examples."""
        extend_labels(tag_types(labels_as_tags(self.options["labels"])), tag_types(tags))


# ---- labels ----


def tag_types(tags: Iterable[str]) -> list[str]:
    """ "B-LOC", "O", "I-LOC" -> ["LOC"]"""
    return sorted({tag.partition("-")[2] for tag in tags} - {""})


def bio_labels(tags: Iterable[str]) -> list[str]:
    """Return O, then B- and I- of each type. Raises ValueError if the only tag is O."""
    types = tag_types(tags)
    if not types:
        raise ValueError("the training examples have no tag but O: is this the column of the tags (option tag)?")
    return ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]


def labels_as_tags(labels: Sequence[str]) -> list[str]:
    """Return the labels of a model trained elsewhere as tags that `metrics.to_bio` reads; those of BIO and BIOES are.

    A plain name such as PER is the inside of an entity: words in a row that have it are one. Without a label O no word is outside
    (parts of speech, say), and each word is an entity.
    """
    plain = "I-" if "O" in labels else "B-"
    return [label if label == "O" else SCHEME.sub(r"\1-", label) if SCHEME.match(label) else plain + label for label in labels]


# ---- words -> rows ----


def tagging_items(
    words: Sequence[str], tags: Sequence[str] | None, encoder: WordEncoder, options: dict[str, Any], marked: Collection[int] = ()
) -> list[Item]:
    """Return the rows of a sentence: one, or overlapping windows, each word labelled in the window that it belongs to.

    tags: None if there are no labels. marked: indices of the words whose tokens get token type 1. An item's `about` lists (index
    of the word, position of its first token) for the window's own words. A word longer than the model's input is cut.
    """
    tokenizer, labels = encoder.tokenizer, {label: i for i, label in enumerate(options["labels"])}
    room = options["max_length"] - 2
    ids = encoder(words)
    cut = any(len(word_ids) > room for word_ids in ids)
    ids = [word_ids[:room] for word_ids in ids]
    items = []
    for window in sliding_windows([len(word_ids) for word_ids in ids], room):
        row, types, target, about = [tokenizer.cls_token_id], [0], [IGNORED], []
        for i in range(window.start, window.stop):
            own = window.own_start <= i < window.own_stop
            if own:
                about.append((i, len(row)))
            label = labels.get(tags[i], IGNORED) if own and tags is not None else IGNORED
            row += ids[i]
            types += [int(i in marked)] * len(ids[i])
            target += [label] + [IGNORED] * (len(ids[i]) - 1)
        row, types, target = [*row, tokenizer.sep_token_id], [*types, 0], [*target, IGNORED]
        items.append(Item(row, types, target if tags is not None else None, about=about, cut=cut))
    return items


# ---- logits -> tags ----


def word_logits(about: Iterable[list[tuple[int, int]]], outputs: Iterable[np.ndarray]) -> np.ndarray:
    """Return the logits of each word (words, C), given each row's `about` (see `tagging_items`) and logits (T, C)."""
    rows = [logits[position] for words, logits in zip(about, outputs) for _, position in words]
    return np.array(rows) if rows else np.zeros((0, 1))


def allowed_transitions(labels: list[str]) -> np.ndarray:
    """Return booleans (C + 1, C): whether tag `column` may follow tag `row`; the last row is for the start of a sentence."""
    types = [label.partition("-")[2] for label in labels]
    inside = np.array([label.startswith("I-") for label in labels])
    same_type = np.array([[a == b and a != "" for b in types] for a in [*types, ""]])
    return ~inside[None, :] | same_type


def decode_tags(logits: np.ndarray, labels: list[str]) -> tuple[str, ...]:
    """Return the most probable allowed sequence of tags for the logits (words, C), by Viterbi's algorithm (1967)."""
    if not len(logits):
        return ()
    log_p = np.log(softmax(logits.astype(np.float64))[0] + 1e-300)
    penalty = np.where(allowed_transitions(labels), 0.0, -np.inf)
    total, back_pointers = penalty[-1] + log_p[0], []
    for row in log_p[1:]:
        paths = total[:, None] + penalty[:-1]  # (C, C)
        back_pointers.append(paths.argmax(0))
        total = paths.max(0) + row
    path = [int(total.argmax())]
    for previous in reversed(back_pointers):
        path.append(int(previous[path[-1]]))
    return tuple(labels[i] for i in reversed(path))


# ---- tags -> entities in the text ----


def locate_words(example: Tagged | Propositions) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of an example and the characters of its words: (first, one after the last). The text is the typed one (the
    example's attribute `text`), else the words joined by spaces."""
    text = getattr(example, "text", None)
    if text is not None:
        return text, [(start, stop) for _, start, stop in split_words(text)]
    ends = np.cumsum([len(word) + 1 for word in example.words])
    return " ".join(example.words), [(int(end) - 1 - len(word), int(end) - 1) for word, end in zip(example.words, ends)]


def locate_entities(example: Tagged | Propositions, tags: Sequence[str]) -> tuple[str, list[Entity]]:
    """Return the text of an example (see `locate_words`) and its entities by characters."""
    text, spans = locate_words(example)
    return text, [(kind, spans[first][0], spans[stop - 1][1]) for kind, first, stop in chunks(tags)]


def highlight_entities(text: str, entities: list[Entity], types: list[str]) -> str:
    """Return rich markup of the text with its entities as [entity TYPE], one colour per type."""
    out, position = "", 0
    for kind, start, stop in entities:
        colour = COLOURS[types.index(kind) % len(COLOURS)] if kind in types else "white"
        out += (
            escape(one_line(text[position:start])) + f"[bold {colour}]" + escape(f"[{one_line(text[start:stop])} {kind}]") + "[/]"
        )
        position = stop
    return out + escape(one_line(text[position:]))
