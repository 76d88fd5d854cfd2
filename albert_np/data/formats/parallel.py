"""Sentences with their translations: two files line by line, or one .tsv or .jsonl."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.data.formats.lines import FilePath, get_suffix, parse_json, read_lines, require_examples


@dataclass(frozen=True)
class Translated:
    """A sentence. target: its translation, None if there is none."""

    source: str
    target: str | None = None


def read_parallel(path: FilePath) -> list[Translated]:
    """Return the sentence pairs of "source,target" (two files, one sentence per line), or of one file.

    One file may be .tsv (source, tab, target) or .jsonl ({"source", "target"}, or {"translation": {"en": ..., "de": ...}}, in
    this order). Another single file holds only sources, one per line.

    Pairs of empty lines are left out. ValueError that names the file and the line; FileNotFoundError.
    """
    first, comma, second = str(path).partition(",")
    if comma and not Path(path).exists():
        return read_two_files(first, second)
    suffix = get_suffix(path)
    pairs: list[Translated] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        position = f"{path}:{number}"
        if suffix == ".jsonl":
            texts = get_texts(parse_json(path, line, number), position)
        else:
            texts = line.split("\t") if suffix == ".tsv" else [line]
        pairs.append(make_pair(texts, position, 2 if suffix in (".tsv", ".jsonl") else 1))
    return require_examples(path, pairs)


def get_texts(value: Any, position: str) -> list[str]:
    """Return source and target of a JSON value. ValueError that names the position if it has not exactly two texts."""
    if isinstance(value, dict):
        value = value.get("translation", value)
    if not isinstance(value, dict):
        value = {}
    texts = [value["source"], value["target"]] if {"source", "target"} <= set(value) else list(value.values())
    if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{position}: expected an object with 'source' and 'target', two texts")
    return texts


def make_pair(texts: list[str], position: str, count: int) -> Translated:
    """Return the pair of 1 or 2 texts. ValueError that names the position if there are not `count`, or one is empty."""
    texts = [text.strip() for text in texts]
    if len(texts) != count:
        raise ValueError(f"{position}: expected {count} columns, got {len(texts)}")
    if not all(texts):
        raise ValueError(f"{position}: the {'source' if not texts[0] else 'target'} is empty, and the other is not")
    return Translated(*texts)


def read_two_files(first: str, second: str) -> list[Translated]:
    """Return the pairs of a file of sources and a file of translations, line by line."""
    sources, targets = list(read_lines(first)), list(read_lines(second))
    if len(sources) != len(targets):
        raise ValueError(
            f"{first} has {len(sources)} lines, and {second} has {len(targets)}: line by line they must be translations"
        )
    both = [(number, source.strip(), target.strip()) for (number, source), (_, target) in zip(sources, targets)]
    return require_examples(first, [make_pair([a, b], f"{first}:{number}", 2) for number, a, b in both if a or b])
