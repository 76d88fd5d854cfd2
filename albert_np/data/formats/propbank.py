"""Predicates and their arguments in columns: the brackets of PropBank, CoNLL-2005 and CoNLL-2012, also behind CoNLL-U.

0  where  WRB  -    -        (ARGM-LOC*)  *        index, word, tag, lemma, frame or "-", then one column per predicate:
1  can    MD   -    -        (ARGM-MOD*)  *        the k-th belongs to the k-th row with a frame
2  get    VB   get  get.01   (V*)         *

The other forms (`FORMS`) have the same parts in other columns; which form a file has, is recognised by its rows.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from albert_np.data.formats.columns import EMPTY, check_choice, note_left_out
from albert_np.data.formats.lines import FilePath, require_examples
from albert_np.data.formats.rows import MOSTLY, Columns, Layout, Row, is_invisible, read_columns
from albert_np.data.formats.schemes import BRACKETS, parse_brackets, select_tags
from albert_np.data.formats.summary import Examples, FileSummary, count_noun, cut

NO_FRAME = ("-", "_")
COREFERENCE = re.compile(r"[\d()|]+")
LAST = re.compile(
    rf"[-_]|{COREFERENCE.pattern}|{BRACKETS.pattern}"
)  # the last cell of a row: no frame, coreference, or an argument


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


class Form(NamedTuple):
    """Where the parts of a row are, as numbers of columns from 0.

    arguments: the first column of arguments; after: the number of columns behind the last of them; sense: the column with the
    number of the frame, where the column `frame` has the lemma alone.
    """

    name: str
    word: int
    frame: int
    arguments: int
    after: int = 0
    sense: int | None = None


PROPBANK = Form("PropBank", 1, 4, 5)
CONLL_U = Form("CoNLL-U with predicates", 1, 10, 11)
CONLL_2012 = Form("CoNLL-2012", 3, 6, 11, after=1, sense=7)
FORMS = (PROPBANK, CONLL_U, CONLL_2012)  # and CoNLL-2005, in which the column of the frames varies


def read_propositions(
    path: FilePath, *, word: int | None = None, frame: int | None = None, comments: str | None = None, empty: str = "skip"
) -> Examples[Propositions]:
    """Return the sentences of a file.

    word, frame       numbers of columns from 0, for a file whose form is not recognised: the frame is followed by the arguments,
                      one column for each predicate
    comments, empty   as in `read_tags`

    In CoNLL-U the frame is column 10, counted from 0, and rows with ids such as 3-4 and 5.1 are left out. In CoNLL-2005 the word
    is the first column, and the predicate's lemma is in the last before the arguments.

    ValueError that names the file and the line: there must be as many columns as predicates, and brackets must be closed.
    """
    check_choice("empty", empty, EMPTY)
    columns = read_columns(path, comments, row_rule, one_width=False)
    require_examples(path, columns.sentences)
    form = find_form(path, columns) if frame is None else choose_form(columns, frame)
    if word is not None:
        form = form._replace(word=check_column("word", word))
    sentences = [parse_sentence(path, columns, rows, form, empty) for rows in columns.sentences]
    examples = require_examples(path, [sentence for sentence in sentences if sentence.words])
    return Examples(examples, summarize(path, columns, form, examples))


def summarize(path: FilePath, columns: Columns, form: Form, examples: Sequence[Propositions]) -> FileSummary:
    """Return the summary of a file."""
    words, predicates = sum(len(each.words) for each in examples), sum(len(each.predicates) for each in examples)
    documents = f", {count_noun(columns.documents, 'document')}" if columns.documents else ""
    numbers = f"{count_noun(words, 'word')}, {count_noun(predicates, 'predicate')}{documents}"
    encoding = f", {columns.encoding}" if columns.encoding != "UTF-8" else ""
    roles = {"word": str(form.word), "frame": str(form.frame), "arguments": f"from {form.arguments}"}
    summary = FileSummary(str(path), f"{form.name}, columns counted from 0{encoding}; {numbers}", roles, unit="sentence")
    summary.options = ["word", "frame"]
    note_left_out(summary, columns)
    return summary


def row_rule(layout: Layout, rows: list[list[str]]) -> Callable[[list[str]], bool]:
    """Return the rule for cells that begin with "#": a word's row ends like one, and one that ends with a number is as wide."""
    widths = {len(cells) for cells in rows}

    def is_row(cells: list[str]) -> bool:
        ends = LAST.fullmatch(cells[-1]) is not None and len(cells) > 2
        return ends and (len(cells) in widths or not COREFERENCE.fullmatch(cells[-1]))

    return is_row


# ---- the form ----


def check_column(name: str, value: object) -> int:
    """Return the number of a column; ValueError that names the argument unless it is an integer from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}={value!r}: expected the number of a column, from 0")
    return value


def choose_form(columns: Columns, frame: int) -> Form:
    """Return the form of a file whose column of frames is given."""
    frame = check_column("frame", frame)
    return Form("columns", int(is_numbered(columns)), frame, frame + 1)


def is_numbered(columns: Columns) -> bool:
    """Return whether the first column numbers the words of each sentence, which may all have one word."""
    return columns.layout.base is not None or all(rows[0].cells[0] in ("0", "1") and len(rows) == 1 for rows in columns.sentences)


def find_form(path: FilePath, columns: Columns) -> Form:
    """Return the form of a file; ValueError if it has none of the known ones."""
    numbered = is_numbered(columns)
    cells = [row.cells for row in columns.rows() if not numbered or row.cells[0].isdecimal()]

    def most(column: int, pattern: str) -> bool:
        matching = sum(len(each) > column and re.fullmatch(pattern, each[column]) is not None for each in cells)
        return 0 < MOSTLY * len(cells) <= matching

    if numbered:
        if most(6, r"\d+|_") and any(each[6:7] and each[6].isdecimal() for each in cells):
            return CONLL_U
        if most(8, r"\d+") and most(10, r"\S+"):
            first = columns.sentences[0][0].number
            raise ValueError(
                f"{path}:{first}: it looks like CoNLL-2009, whose arguments are single words; expected spans, (ROLE*)"
            )
        return PROPBANK
    if most(10, r"\S+") and most(1, r"\d+") and most(2, r"\d+"):
        return find_conll2012(columns)
    return find_conll2005(path, columns)


def find_conll2012(columns: Columns) -> Form:
    """Return the form of a file of CoNLL-2012, also one without the column of named entities, or that of coreference."""
    last = [row.cells[-1] for row in columns.rows()]
    after = int(MOSTLY * len(last) <= sum(re.fullmatch(r"[-_]|[\d()|]+", cell) is not None for cell in last))
    fixed: Counter[int] = Counter()
    for rows in columns.sentences:
        predicates = sum(len(row.cells) > 7 and row.cells[7] not in NO_FRAME for row in rows)
        fixed[len(rows[0].cells) - after - predicates] += 1
    arguments = fixed.most_common(1)[0][0]
    return CONLL_2012._replace(after=after, arguments=arguments if arguments in (10, 11) else CONLL_2012.arguments)


def find_conll2005(path: FilePath, columns: Columns) -> Form:
    """Return the form of a file of CoNLL-2005: behind the column of the predicates there is one column for each of them."""
    votes: Counter[int] = Counter()
    for rows in columns.sentences:
        cells = [row.cells for row in rows]
        widths = {len(each) for each in cells}
        for frame in range(min(widths) if len(widths) == 1 else 0):
            targets = sum(each[frame] not in NO_FRAME for each in cells)
            if targets and targets == len(cells[0]) - frame - 1:
                votes[frame] += all(BRACKETS.fullmatch(cell) for each in cells for cell in each[frame + 1 :])
    frame, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]), default=(0, 0))
    first = columns.sentences[0][0].number
    if not count:
        raise ValueError(
            f"{path}:{first}: it has none of the forms PropBank, CoNLL-2005, CoNLL-2012 and CoNLL-U with PropBank's columns: no "
            "column with predicates is followed by one column of (ROLE*, * or *) for each (options word and frame)"
        )
    if frame == 0:
        raise ValueError(f"{path}:{first}: it has predicates and arguments, but no words before them")
    sense = frame - 1 if frame > 1 and has_senses(columns, frame) else None
    return Form("CoNLL-2005", 0, frame, frame + 1, sense=sense)


def has_senses(columns: Columns, frame: int) -> bool:
    """Return whether the column before the lemmas of the predicates has numbers beside them, and nothing elsewhere."""
    pairs = [row.cells[frame - 1 : frame + 1] for row in columns.rows() if len(row.cells) > frame]
    return all(sense.isdecimal() if lemma not in NO_FRAME else sense in NO_FRAME for sense, lemma in pairs)


# ---- sentences ----


def parse_sentence(path: FilePath, columns: Columns, rows: list[Row], form: Form, empty: str) -> Propositions:
    """Return the predicates of one sentence."""
    if form is CONLL_U:
        rows = check_numbers(path, rows)
    needed = max(form.word + 1, form.arguments + form.after)
    for number, row in rows:
        if len(row) < needed:
            expected = f"expected at least {needed} columns{describe_needed(form)}, got {len(row)}"
            raise ValueError(f"{path}:{number}: {expected} (read as {form.name})")
    indices = find_predicates(path, rows, form)
    kept = [i for i, row in enumerate(rows) if not is_invisible(row.cells[form.word])]
    leave_out_empty(path, columns, rows, set(range(len(rows))) - set(kept), indices, empty)
    predicates = []
    for k, i in enumerate(indices):
        tags = parse_brackets(path, [(number, row[form.arguments + k]) for number, row in rows])
        predicates.append(Predicate(kept.index(i), name_frame(rows[i].cells, form), select_tags(tags, kept)))
    return Propositions(tuple(rows[i].cells[form.word] for i in kept), tuple(predicates), rows[0].number)


def describe_needed(form: Form) -> str:
    """Return ", the last of them the frame" for a form in which it is the last column before the arguments; else ""."""
    return ", the last of them the frame" if form.frame + 1 == form.arguments else ""


def check_numbers(path: FilePath, rows: list[Row]) -> list[Row]:
    """Return the rows of words of a CoNLL-U sentence; ValueError for a row whose id is not a number."""
    for number, row in rows:
        if not re.fullmatch(r"\d+(-\d+|\.\d+)?", row[0]):
            raise ValueError(f"{path}:{number}: expected the number of a word, got {cut(row[0])!r}")
    words = [row for row in rows if row.cells[0].isdecimal()]
    if not words:
        raise ValueError(f"{path}:{rows[0].number}: the sentence has no word: no row begins with a whole number")
    return words


def find_predicates(path: FilePath, rows: list[Row], form: Form) -> list[int]:
    """Return the indices of the predicates; ValueError for a row that has not one column for each."""
    column = form.sense if form.name == CONLL_2012.name and form.sense else form.frame
    indices = [i for i, row in enumerate(rows) if row.cells[column] not in NO_FRAME]
    width = form.arguments + len(indices) + form.after
    for number, row in rows:
        if len(row) != width:
            fixed = form.arguments + form.after
            counted = count_noun(len(indices), "predicate")
            raise ValueError(f"{path}:{number}: expected {fixed} columns and one for each of {counted}, got {len(row)}")
    return indices


def name_frame(cells: list[str], form: Form) -> str:
    """Return the name of a frame: "get.01"."""
    return cells[form.frame] if form.sense is None else f"{cells[form.frame]}.{cells[form.sense]}"


def leave_out_empty(
    path: FilePath, columns: Columns, rows: list[Row], left_out: set[int], predicates: list[int], empty: str
) -> None:
    """Count the words without any visible character; ValueError if they are refused, or if a predicate is one."""
    for i in sorted(left_out):
        if empty == "refuse" or i in predicates:
            hint = "it is a predicate" if i in predicates else "option empty=skip leaves it out"
            raise ValueError(f"{path}:{rows[i].number}: the word is empty; {hint}")
        columns.leave_out("empty word", rows[i].number)
