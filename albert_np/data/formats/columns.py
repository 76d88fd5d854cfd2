"""Words in columns with a tag each, as in the CoNLL shared tasks: an empty line ends a sentence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from albert_np.data.formats.lines import FilePath, read_lines, require_examples
from albert_np.data.formats.summary import Examples, FileSummary

TAG = re.compile(r"O|[BIESLUM]-\S+")


@dataclass(frozen=True)
class Tagged:
    """A sentence. tags: one per word; None if the file has none. line: the number of its first line."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    line: int = 0


def read_rows(path: FilePath) -> list[list[tuple[int, list[str]]]]:
    """Return the sentences of a file in columns, each a list of (line number, cells).

    Columns are separated by tabs if a line has any, else by spaces; comments ("# key = value") and -DOCSTART- are left out.
    """
    sentences: list[list[tuple[int, list[str]]]] = [[]]
    for number, line in read_lines(path):
        if not line.strip():
            sentences.append([])
        elif not line.startswith("-DOCSTART-") and not re.match(r"# .*=", line):
            cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
            sentences[-1].append((number, cells))
    return [sentence for sentence in sentences if sentence]


def read_tags(path: FilePath, word: int = 0, tag: int = -1) -> Examples[Tagged]:
    """Return the sentences of a file, with their tags as they are written.

    word, tag: the indices of the columns. A file with one column has no tags. Tags may be in BIO, BIOES, BILOU, BMES, or IOB1 (a
    B- only between two spans of a type); `metrics.to_bio` converts them all.

    ValueError that names the file and the line: a number of columns that differs from the first line's, an invalid tag.
    """
    sentences = []
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
        words = tuple(cells[word] for _, cells in sentence)
        tags = tuple(cells[tag] for _, cells in sentence) if width > 1 else None
        sentences.append(Tagged(words, tags, sentence[0][0]))
    columns = {"word": str(word), **({"tag": str(tag)} if width > 1 else {})}
    summary = FileSummary(str(path), f"{width} columns, counted from 0", columns, options=["word", "tag"], unit="sentence")
    return Examples(require_examples(path, sentences), summary)


def spans_to_bio(spans: Iterable[tuple[str, int, int]], length: int) -> tuple[str, ...]:
    """Return the strict BIO tags of spans (type, first, one past the last) that do not overlap; every span begins with B-."""
    tags = ["O"] * length
    for kind, first, stop in spans:
        tags[first:stop] = ["B-" + kind] + ["I-" + kind] * (stop - first - 1)
    return tuple(tags)
