"""Predicates and their arguments in columns: the brackets of PropBank and CoNLL-2005, also after the ten columns of CoNLL-U.

0  where  WRB  -    -        (ARGM-LOC*)  *        index, word, tag, lemma, frame or "-", then one column per predicate:
1  can    MD   -    -        (ARGM-MOD*)  *        the k-th belongs to the k-th row with a frame
2  get    VB   get  get.01   (V*)         *
"""

import re
from dataclasses import dataclass

from albert_np.data.formats.columns import read_rows, spans_to_bio
from albert_np.data.formats.lines import FilePath, require_examples

BRACKETS = re.compile(r"(?:\(([^()*\s]+))?\*(\)?)")


@dataclass(frozen=True)
class Predicate:
    """A predicate. index: of its word; frame: "get.01"; tags: one per word, strict BIO, V for the predicate itself."""

    index: int
    frame: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Propositions:
    """A sentence and its predicates. line: the number of its first line."""

    words: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()
    line: int = 0


def read_propositions(path: FilePath) -> list[Propositions]:
    """Return the sentences of a file.

    In CoNLL-U (ids from 1, a head in column 7) the frame is column 11; rows with ids such as 3-4 and 5.1 are left out.

    ValueError that names the file and the line: there must be as many columns as predicates, and brackets must be closed.
    """
    return require_examples(path, [parse_sentence(path, rows) for rows in read_rows(path)])


def parse_sentence(path: FilePath, rows: list[tuple[int, list[str]]]) -> Propositions:
    """Return the predicates of one sentence, given as (line number, cells) per row."""
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
        tags = parse_brackets(path, [(number, row[frame + 1 + k]) for number, row in rows])
        predicates.append(Predicate(i, rows[i][1][frame], tags))
    return Propositions(tuple(row[1] for _, row in rows), tuple(predicates), rows[0][0])


def parse_brackets(path: FilePath, column: list[tuple[int, str]]) -> tuple[str, ...]:
    """Return ("B-ARG1", "I-ARG1", "I-ARG1") for the cells "(ARG1*", "*", "*)", given with their line numbers."""
    spans, role, first = [], None, 0
    for i, (number, cell) in enumerate(column):
        match = BRACKETS.fullmatch(cell)
        if not match:
            raise ValueError(f"{path}:{number}: expected (ROLE*), (ROLE*, * or *), got {cell!r}")
        if match[1]:
            if role is not None:
                raise ValueError(f"{path}:{number}: {cell!r} begins within {role}, which is still open")
            role, first = match[1], i
        if match[2]:
            if role is None:
                raise ValueError(f"{path}:{number}: {cell!r} closes what was not opened")
            spans.append((role, first, i + 1))
            role = None
    if role is not None:
        raise ValueError(f"{path}:{column[first][0]}: {column[first][1]!r} is not closed in its sentence")
    return spans_to_bio(spans, len(column))
