"""Words in columns with a tag each, as in the CoNLL shared tasks: an empty line ends a sentence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import read_lines, some
from albert_np.metrics.tags import chunks

TAG = re.compile(r"O|[BIESLUM]-\S+")


@dataclass(frozen=True)
class Tagged:
    """A sentence. tags: strict BIO, one a word; None where the file has none. line: where it begins."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    line: int = 0


def read_rows(path: Any) -> list[list[tuple[int, list[str]]]]:
    """The sentences of a file in columns, each a list of (line, cells). Columns are separated by tabs where there are any, else
    by blanks; comments ("# key = value") and -DOCSTART- are left out."""
    sentences: list[list[tuple[int, list[str]]]] = [[]]
    for number, line in read_lines(path):
        if not line.strip():
            sentences.append([])
        elif not line.startswith("-DOCSTART-") and not re.match(r"# .*=", line):
            cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
            sentences[-1].append((number, cells))
    return [sentence for sentence in sentences if sentence]


def read_tags(path: Any, word: int = 0, tag: int = -1) -> list[Tagged]:
    """The sentences of a file; word, tag: the numbers of the columns. A file with one column has no tags.

    Tags may be BIO, BIOES, BILOU, or IOB1 (a B- only where two spans of a type meet): all become strict BIO.

    ValueError that names the file and the line: another number of columns than before, what is no tag.
    """
    found = []
    rows = read_rows(path)
    width = len(rows[0][0][1]) if rows else 0
    for sentence in rows:
        for number, cells in sentence:
            if len(cells) != width:
                raise ValueError(f"{path}:{number}: expected {width} columns, as in line {rows[0][0][0]}, got {len(cells)}")
            if not cells[word]:
                raise ValueError(f"{path}:{number}: the word is empty")
            if width > 1 and not TAG.fullmatch(cells[tag]):
                raise ValueError(f"{path}:{number}: expected O, B-TYPE, I-TYPE, E-TYPE or S-TYPE, got {cells[tag]!r}")
        tags = to_bio([cells[tag] for _, cells in sentence]) if width > 1 else None
        found.append(Tagged(tuple(cells[word] for _, cells in sentence), tags, sentence[0][0]))
    return some(path, found)


def to_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """Any of the schemes -> strict BIO: every span begins with B-."""
    other = {"L": "E", "U": "S", "M": "I"}
    return bio_of(chunks([other.get(tag[0], tag[0]) + tag[1:] for tag in tags]), len(tags))


def bio_of(spans: Iterable[tuple[str, int, int]], T: int) -> tuple[str, ...]:
    """Spans (type, first, one after the last) that do not overlap -> T tags"""
    tags = ["O"] * T
    for kind, first, stop in spans:
        tags[first:stop] = ["B-" + kind] + ["I-" + kind] * (stop - first - 1)
    return tuple(tags)
