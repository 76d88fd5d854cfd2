"""Lines in columns -> sentences of rows: the cells of a line, the lines that are comments, and the places where a sentence ends.

The layout of a file (number of columns, separator, a first column that numbers the words) is taken from the lines that do not
begin with "#"; it then decides whether a line such as "#	O" is a word or a comment (`Comments`).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import NamedTuple

from albert_np.data.formats.lines import FilePath, decode_text, read_bytes, split_lines
from albert_np.data.formats.summary import cut

BLANKS = re.compile("[ \t]+")
NUMBER = re.compile(r"[0-9]{1,9}")
INDEX = re.compile(r"[0-9]{1,9}(?:[-.][0-9]{1,9})?")  # of a word, a multiword token (3-4) or an empty node (5.1)
# Invisible characters that str.strip leaves: controls, format characters, fillers; but not marks such as variation selectors.
INVISIBLE = re.compile(
    "[\x01-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\U000e0001-\U000e007f]"
)
DOCUMENT = re.compile(r"#\s*(?:(?:begin|end)\s+document|newdoc)\b", re.IGNORECASE)
SENTENCE = re.compile(r"#\s*(?:newpar\b|(?:sent_id|text)\s*=)")
# Comments even where their cells would make a row: "# sent_id = 5", "# newdoc", "#begin document (x)".
CERTAIN = re.compile(r"# +[^\s=|]+ += |#(?:begin|end) +document\b|# +(?:newdoc|newpar|(?:begin|end) document)\b", re.IGNORECASE)
COMMENT = re.compile(r"#(?:$|\s|[^\w\s]|[\w.:-]+ ?=)|# .*=")
HEADER_NUMBERS = {"id", "idx", "index", "no", "number", "token_id"}
DOCSTART = "-DOCSTART-"
LONG = 500  # words of a sentence that is probably several
CONLL_U = 10  # columns; rows as wide may be numbered even if each sentence is one word
MOSTLY = 0.9  # the share of a file's rows from which a layout is taken; the others are errors


class Row(NamedTuple):
    """The cells of a line. number: of the line, from 1."""

    number: int
    cells: list[str]


class Layout(NamedTuple):
    """The form of a file's rows.

    width: columns of most rows, as first in line `line`. tabs: they are separated by tabs. numbered: rows begin with a number.
    base: 0 or 1 if the first column numbers the words of each sentence from there, else None.
    """

    width: int
    line: int
    tabs: bool
    numbered: bool
    base: int | None


@dataclass
class Columns:
    """A file in columns. left_out: {reason: (number of lines, the first of them)}. documents: the number of their borders."""

    layout: Layout
    sentences: list[list[Row]] = field(default_factory=list)
    documents: int = 0
    encoding: str = "UTF-8"
    left_out: dict[str, tuple[int, int]] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Return the rows of all sentences."""
        return chain.from_iterable(self.sentences)

    def leave_out(self, reason: str, line: int) -> None:
        """Count a line (or a word) that is left out."""
        count, first = self.left_out.get(reason, (0, line))
        self.left_out[reason] = (count + 1, first)


def is_invisible(text: str) -> bool:
    """Return whether a text has nothing to see: blanks of any kind, zero-width characters, or no character at all."""
    return not text[:1].isalnum() and not INVISIBLE.sub("", text).strip()


def split_cells(text: str, layout: Layout | None = None) -> list[str]:
    """Return the cells of a line: separated by tabs if it has any, else by blanks; never at a no-break space.

    layout: where the line has another number of cells, they are separated by tabs and blanks, or an empty first cell is added
    to a line that begins with a blank, or empty last cells are removed, if that gives the number of the file's other lines.
    """
    by_tabs = [cell.strip() for cell in text.split("\t")] if "\t" in text else []
    if layout is None:
        while by_tabs and not by_tabs[-1]:
            by_tabs.pop()
        return by_tabs or BLANKS.split(text.strip(" \t"))
    if by_tabs and layout.tabs and len(by_tabs) == layout.width:
        return by_tabs
    by_blanks = BLANKS.split(text.strip(" \t"))
    by_tabs = by_tabs or by_blanks
    choices = [by_tabs, by_blanks] if layout.tabs else [by_blanks, by_tabs]
    if not any(by_tabs[layout.width :]):
        choices.insert(1, by_tabs[: layout.width])
    if text[0] in " \t":
        choices.append(["", *by_blanks])
    return next((cells for cells in choices if len(cells) == layout.width), choices[0])


RowRule = Callable[[Layout, list[list[str]]], Callable[[list[str]], bool]]


# ---- the layout ----


def find_layout(lines: list[tuple[int, str]], prefix: str | None) -> tuple[Layout, dict[int, list[str]]]:
    """Return the layout of a file's lines, given with their numbers, and {number: cells} of those that are certainly rows.

    prefix: see `Comments`.
    """
    rows = [(number, text) for number, text in lines if not is_invisible(text) and not text.startswith(DOCSTART)]
    certain = [row for row in rows if prefix == "none" or not row[1].startswith(prefix or "#")]
    certain = certain or [row for row in rows if not CERTAIN.match(row[1]) and BLANKS.search(row[1])] or rows
    by_tabs = {number: [cell.strip() for cell in text.split("\t")] for number, text in certain if "\t" in text}
    tabs = any(any(cells[1:]) for cells in by_tabs.values())
    cells_of = {number: BLANKS.split(text.strip(" \t")) for number, text in certain} | (by_tabs if tabs else {})
    if not cells_of:
        return Layout(1, 1, False, False, None), {}
    width = Counter(map(len, cells_of.values())).most_common(1)[0][0]
    fitting = {number: cells for number, cells in cells_of.items() if len(cells) == width}
    used = max((i + 1 for cells in fitting.values() for i, cell in enumerate(cells) if cell), default=1)
    first_cells = [cells[0] for cells in cells_of.values()]
    if len(first_cells) > 1 and first_cells[0].lower() in HEADER_NUMBERS:
        del first_cells[0]
    numbers = sum(INDEX.fullmatch(cell) is not None for cell in first_cells)
    numbered = width > 1 and numbers >= MOSTLY * len(first_cells)
    base = find_base(lines, cells_of) if numbered else None
    cells_of |= {number: cells[:used] for number, cells in fitting.items()}
    return Layout(used, next(iter(fitting)), tabs, numbered, base), cells_of


def find_base(lines: list[tuple[int, str]], cells_of: dict[int, list[str]]) -> int | None:
    """Return 0 or 1 if the first cells number the words of each sentence from there; None for other numbers."""
    numbers: list[int | None] = []
    for number, _ in lines:
        first = cells_of.get(number, [""])[0]
        if NUMBER.fullmatch(first):
            numbers.append(int(first))
        elif number not in cells_of and numbers and numbers[-1] is not None:
            numbers.append(None)  # no row: a sentence may end here
    starts = Counter(b for a, b in pairwise([None, *numbers]) if a is None and b is not None)
    base, count = starts.most_common(1)[0] if starts else (-1, 0)
    pairs = [(a, b) for a, b in pairwise(numbers) if a is not None and b is not None]
    regular = sum(b in (a + 1, base) for a, b in pairs)
    counts_up = any(b == a + 1 for a, b in pairs) or len(next(iter(cells_of.values()))) >= CONLL_U
    return base if base in (0, 1) and counts_up and regular >= MOSTLY * len(pairs) and count >= MOSTLY * starts.total() else None


# ---- comments ----


@dataclass
class Comments:
    """Decides which lines are comments.

    prefix   None: by the rules below; "none": no line is one; else the characters with which every comment begins
    is_row   whether cells make a valid row of the file, given that they begin with "#"
    split    the layout by which lines are split, see `split_cells`

    By default a line that begins with "#" is a word if it makes a valid row, as "#	O" and "#Turku	O" do in two columns. It is a
    comment if rows begin with numbers; if it has the form "# key = value"; if it marks a document, a paragraph or a sentence
    ("#begin document", "# newdoc", "# newpar", "# sent_id"); or if it stands before a sentence's first word and is "#" alone,
    "#" and a blank, "##", "#key=value", or a line without a tab among lines with tabs.
    """

    prefix: str | None
    layout: Layout
    is_row: Callable[[list[str]], bool]
    split: Layout | None

    def matches(self, text: str, inside: bool) -> bool:
        """Return whether a line is a comment. inside: whether the sentence has a word before it."""
        if self.prefix is not None:
            return self.prefix != "none" and text.startswith(self.prefix)
        if not text.startswith("#"):
            return False
        if CERTAIN.match(text) or (self.layout.base is not None and self.layout.width > 2):
            return True
        cells = split_cells(text, self.split)
        if self.is_row(cells):
            return False
        if self.layout.numbered or DOCUMENT.match(text) or SENTENCE.match(text):
            return True
        if re.match("# .*=", text) and (self.split is None or len(cells) != self.layout.width):
            return True
        untabbed = self.layout.tabs and self.layout.width > 1 and "\t" not in text
        return not inside and (untabbed or COMMENT.match(text) is not None)


def check_prefix(comments: object) -> str | None:
    """Return the option `comments`; ValueError unless it is None or text without blanks at its ends."""
    if comments is None or (isinstance(comments, str) and comments and comments == comments.strip()):
        return comments
    raise ValueError(f"comments={comments!r}: expected the characters with which comment lines begin, such as #, or none")


# ---- sentences ----


def read_columns(path: FilePath, comments: str | None, row_rule: RowRule, one_width: bool = True) -> Columns:
    """Return the sentences of a file in columns.

    comments: see `Comments`. row_rule: given the layout and certain rows, returns the rule by which cells that begin with "#" are
    a word's. one_width: whether all rows have the same number of columns, by which an odd line can be split.

    A sentence ends at a blank line, before a line that marks a document, a paragraph or a sentence, at -DOCSTART-, and where
    the numbers of the words start again. Rows of multiword tokens (3-4) and empty nodes (5.1) are left out.
    """
    prefix = check_prefix(comments)
    text, encoding = decode_text(path, read_bytes(path))
    lines = list(enumerate((line.lstrip("\ufeff") for line in split_lines(text)), start=1))
    layout, certain = find_layout(lines, prefix)
    split_by = layout if one_width else None
    rule = Comments(prefix, layout, row_rule(layout, list(certain.values())), split_by)
    columns = Columns(layout, encoding=encoding)
    rows: list[Row] = []
    for number, text in lines:
        if is_invisible(text):
            rows = end_sentence(columns, rows)
        elif rule.matches(text, bool(rows)):
            columns.leave_out("comment", number)
            if DOCUMENT.match(text) or SENTENCE.match(text):
                rows = end_sentence(columns, rows)
            columns.documents += bool(DOCUMENT.match(text) and not re.match(r"#\s*end", text, re.IGNORECASE))
        else:
            cells = certain.get(number, [""])
            if not cells[-1] or (one_width and len(cells) != layout.width):
                cells = split_cells(text, split_by)
            rows = add_row(columns, rows, Row(number, cells))
    end_sentence(columns, rows)
    return columns


def end_sentence(columns: Columns, rows: list[Row]) -> list[Row]:
    """End a sentence and return the rows of the next, which has none so far."""
    if rows:
        columns.sentences.append(rows)
    return []


def add_row(columns: Columns, rows: list[Row], row: Row) -> list[Row]:
    """Add a row to its sentence, which it may begin; return the rows of that sentence."""
    base, cells = columns.layout.base, row.cells
    if cells[0].startswith(DOCSTART) or (columns.layout.numbered and cells[1:2] == [DOCSTART]):
        columns.documents += 1
        columns.leave_out(f"{DOCSTART} line", row.number)
        return end_sentence(columns, rows)
    if base is not None and INDEX.fullmatch(cells[0]) and not NUMBER.fullmatch(cells[0]):
        columns.leave_out("multiword token" if "-" in cells[0] else "empty node", row.number)
        return rows
    if base is not None and rows and cells[0] == str(base):
        rows = end_sentence(columns, rows)
    rows.append(row)
    return rows


def describe_doubts(columns: Columns) -> list[str]:
    """Return what is probably wrong: words that are numbered with gaps, and a long file without any end of a sentence."""
    doubts, base = [], columns.layout.base
    if base is not None:
        odd = [row for rows in columns.sentences for i, row in enumerate(rows) if row.cells[0] != str(base + i)]
        if odd:
            where = f"line {odd[0].number} has {cut(odd[0].cells[0])!r}"
            doubts.append(f"the numbers of the words have gaps ({where}): words may be missing")
    if len(columns.sentences) == 1 and (length := len(columns.sentences[0])) > LONG:
        doubts.append(f"it is one sentence of {length:,} words: there is no blank line between sentences")
    return doubts
