"""Sentences with their translations: two files line by line, or one .tsv or .jsonl."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.data.formats.lines import kind_of, parsed, read_lines, some


@dataclass(frozen=True)
class Translated:
    """A sentence. target: its translation, None where there is none."""

    source: str
    target: str | None = None


def read_parallel(path: Any) -> list[Translated]:
    """The pairs of "source,target" (two files, a line each), or of one file: .tsv (source, tab, target) or .jsonl ({"source",
    "target"}, or {"translation": {"en": ..., "de": ...}}, in this order). Another single file is sources alone, a line each.

    Pairs of empty lines are left out. ValueError that names the file and the line; FileNotFoundError.
    """
    first, comma, second = str(path).partition(",")
    if comma and not Path(path).exists():
        return from_two(first, second)
    pairs: list[Translated] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        if kind_of(path) == ".jsonl":
            value = parsed(path, line, number)
            value = value.get("translation", value) if isinstance(value, dict) else value
            value = value if isinstance(value, dict) else {}
            texts = [value["source"], value["target"]] if {"source", "target"} <= set(value) else list(value.values())
            if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"{place}: expected an object with 'source' and 'target', two texts")
        else:
            texts = line.split("\t") if kind_of(path) == ".tsv" else [line]
        pairs.append(pair(texts, place, 2 if kind_of(path) in (".tsv", ".jsonl") else 1))
    return some(path, pairs)


def pair(texts: list[str], place: str, count: int) -> Translated:
    texts = [text.strip() for text in texts]
    if len(texts) != count:
        raise ValueError(f"{place}: expected {count} columns, got {len(texts)}")
    if not all(texts):
        raise ValueError(f"{place}: the {'source' if not texts[0] else 'target'} is empty, and the other is not")
    return Translated(*texts)


def from_two(first: str, second: str) -> list[Translated]:
    """Line by line."""
    sources, targets = list(read_lines(first)), list(read_lines(second))
    if len(sources) != len(targets):
        raise ValueError(
            f"{first} has {len(sources)} lines, and {second} has {len(targets)}: line by line they must be translations"
        )
    both = [(number, source.strip(), target.strip()) for (number, source), (_, target) in zip(sources, targets)]
    return some(first, [pair([a, b], f"{first}:{number}", 2) for number, a, b in both if a or b])
