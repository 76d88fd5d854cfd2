"""Predicates and their arguments in columns: PropBank's and CoNLL-2005's brackets, also behind the ten columns of CoNLL-U.

0  where  WRB  -    -        (ARGM-LOC*)  *        index, word, tag, lemma, frame or "-", then a column a predicate:
1  can    MD   -    -        (ARGM-MOD*)  *        the k-th is that of the k-th row with a frame
2  get    VB   get  get.01   (V*)         *
"""

import re
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.columns import bio_of, read_rows
from albert_np.data.formats.lines import some

BRACKETS = re.compile(r"(?:\(([^()*\s]+))?\*(\)?)")


@dataclass(frozen=True)
class Predicate:
    """index: of its word; frame: "get.01"; tags: one a word, strict BIO, V for itself."""

    index: int
    frame: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Propositions:
    """A sentence and its predicates."""

    words: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()
    line: int = 0


def read_propositions(path: Any) -> list[Propositions]:
    """The sentences of a file. In CoNLL-U (ids from 1, a head in column 7) the frame is column 11; rows with ids such as 3-4 and
    5.1 are left out.

    ValueError that names the file and the line: as many columns as there are predicates are expected, brackets that close.
    """
    return some(path, [proposition(path, rows) for rows in read_rows(path)])


def proposition(path: Any, rows: list[tuple[int, list[str]]]) -> Propositions:
    """The predicates of one sentence."""
    cells = rows[0][1]
    universal = len(cells) >= 11 and cells[0] not in ("0",) and cells[6].isdecimal()
    if universal:
        first = rows[0][0]
        rows = [(number, cells) for number, cells in rows if cells[0].isdecimal()]
        if not rows:
            raise ValueError(f"{path}:{first}: the sentence has no word: no row begins with a number")
    frame = 10 if universal else 4
    for number, row in rows:
        if len(row) <= frame:
            raise ValueError(
                f"{path}:{number}: expected at least {frame + 1} columns, the last of them the frame, got {len(row)}"
            )
    heads = [i for i, (_, row) in enumerate(rows) if row[frame] not in ("-", "_")]
    for number, row in rows:
        if len(row) != frame + 1 + len(heads):
            raise ValueError(
                f"{path}:{number}: expected {frame + 1} columns and one for each of {len(heads)} predicates, got {len(row)}"
            )
    predicates = []
    for k, i in enumerate(heads):
        tags = unbracketed(path, [(number, row[frame + 1 + k]) for number, row in rows])
        predicates.append(Predicate(i, rows[i][1][frame], tags))
    return Propositions(tuple(row[1] for _, row in rows), tuple(predicates), rows[0][0])


def unbracketed(path: Any, column: list[tuple[int, str]]) -> tuple[str, ...]:
    """ "(ARG1*", "*", "*)" -> "B-ARG1", "I-ARG1", "I-ARG1" """
    spans, role, first = [], None, 0
    for i, (number, cell) in enumerate(column):
        found = BRACKETS.fullmatch(cell)
        if not found:
            raise ValueError(f"{path}:{number}: expected (ROLE*), (ROLE*, * or *), got {cell!r}")
        if found[1]:
            if role is not None:
                raise ValueError(f"{path}:{number}: {cell!r} begins within {role}, which is still open")
            role, first = found[1], i
        if found[2]:
            if role is None:
                raise ValueError(f"{path}:{number}: {cell!r} closes what was not opened")
            spans.append((role, first, i + 1))
            role = None
    if role is not None:
        raise ValueError(f"{path}:{column[first][0]}: {column[first][1]!r} is not closed in its sentence")
    return bio_of(spans, len(column))
