"""Words in columns with a tag each, as in the CoNLL shared tasks: an empty line ends a sentence (`rows` has the other rules)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from albert_np.data.formats.lines import FilePath, get_suffix, require_examples
from albert_np.data.formats.rows import MOSTLY, Columns, Layout, Row, RowRule, describe_doubts, is_invisible, read_columns
from albert_np.data.formats.schemes import (
    BLANK,
    EXPECTED,
    FORMS,
    PREFIX,
    SCHEMES,
    SUFFIX,
    O,
    Scheme,
    explain_tag,
    find_scheme,
    find_types,
    parse_brackets,
    parse_keys,
    parse_tag,
    select_tags,
    spans_to_bio,
)
from albert_np.data.formats.summary import Examples, FileSummary, count_noun, cut
from albert_np.io.files import DataError

__all__ = ["Tagged", "read_tags", "spans_to_bio"]

# Types of chunks (CoNLL-2000), which stand in many files beside those of the entities.
CHUNKS = set("NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC".split())
HEADER_WORDS = {"word", "words", "token", "tokens", "form", "text"}
NO_TAGS = "none"
JSON = (".json", ".jsonl", ".ndjson")
LANGUAGE = re.compile(r"([a-z]{2,3}):.")  # before each word of WikiAnn's files
DIFFERENT_WIDTHS = 2  # a file with rows of more widths is probably not in columns
DIFFERENT_TAGS = 1000  # a column with more different cells is not searched for tags
EMPTY = ("skip", "refuse")


@dataclass(frozen=True)
class Tagged:
    """A sentence. tags: one per word; None if the file has none. line: the number of its first line."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    line: int = 0


@dataclass(frozen=True)
class Chosen:
    """The columns that are used. tag, scheme: None if no tags are read."""

    word: int
    tag: int | None = None
    scheme: Scheme | None = None


def read_tags(
    path: FilePath,
    word: int | None = None,
    tag: int | str | None = None,
    *,
    comments: str | None = None,
    empty: str = "skip",
    scheme: str | None = None,
    tags_needed: bool = True,
) -> Examples[Tagged]:
    """Return the sentences of a file, each tag as O or B-TYPE with the letter of its own scheme.

    word, tag     the numbers of the columns, from 0; -1 is the last. By default the word is in the first column, or in the second
                  if the first numbers the words, and the tag in the last. One column has no tags; tag "none" reads none
    comments      the characters with which comment lines begin, or "none"; by default see `rows.Comments`
    empty         a word without any visible character: "skip" leaves it out, "refuse" raises ValueError
    scheme        the scheme of the tags, one of `schemes.SCHEMES`; by default it is recognised. `metrics.to_bio` converts BIO,
                  BIOES, BILOU, BMES and IOB1 (a B- only between two spans of a type)
    tags_needed   False: a file without the tag column, or with other cells in it, is read without tags; if there is one column,
                  it has the words

    ValueError that names the file and the line: a number of columns that differs from most lines', an invalid tag; or the file
    and the argument: a column that it does not have.
    """
    check_choice("empty", empty, EMPTY)
    check_choice("scheme", scheme, (None, *SCHEMES))
    columns = read_columns(path, comments, row_rule(tag))
    require_examples(path, columns.sentences)
    check_rows(path, columns)
    given_tag = tag
    if not tags_needed:
        word, tag = allow_missing(columns.layout.width, word, tag)
    chosen = Chosen(choose_word(path, columns, word, tag))
    column = choose_tag(path, columns, chosen.word, tag)
    if column is not None:
        leave_out_header(columns, chosen.word, column)
        require_examples(path, columns.sentences)
        found = choose_scheme(path, columns, chosen.word, column, scheme, tags_needed)
        chosen = Chosen(chosen.word, column if found else None, found)
    sentences = [read_sentence(path, columns, rows, chosen, empty) for rows in columns.sentences]
    examples = require_examples(path, [sentence for sentence in sentences if sentence.words])
    summary = summarize(path, columns, chosen, word, given_tag, sum(len(each.words) for each in examples))
    warn_of_prefix([word for sentence in examples for word in sentence.words], summary)
    return Examples(examples, summary)


def warn_of_prefix(words: list[str], summary: FileSummary) -> None:
    """Warn if all words begin with the code of a language, as in WikiAnn's files."""
    prefixes = {match[1] if (match := LANGUAGE.match(word)) else "" for word in words}
    if len(words) > 1 and len(prefixes) == 1 and (prefix := prefixes.pop()):
        summary.warn(f"all words begin with {prefix + ':'!r}, which no typed text has: remove it, as by sed 's/^{prefix}://'")


def check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Raise ValueError unless an argument is one of its choices."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}: expected {', '.join(str(choice) for choice in choices if choice is not None)}")


def row_rule(tag: int | str | None) -> RowRule:
    """Return the rule for cells that begin with "#": a word and its tag are as many as in other rows, with a tag like theirs."""

    def make(layout: Layout, rows: list[list[str]]) -> Callable[[list[str]], bool]:
        column = tag if isinstance(tag, int) and -layout.width <= tag < layout.width else -1
        seen = {cells[column] for cells in rows if len(cells) == layout.width}

        def is_row(cells: list[str]) -> bool:
            if len(cells) != layout.width or layout.width == 1 or tag == NO_TAGS:
                return len(cells) == layout.width
            values = (cells[column], *parse_keys(cells[column]).values())
            return cells[column] in seen | O or any(form.fullmatch(each) for form in FORMS for each in values)

        return is_row

    return make


def check_rows(path: FilePath, columns: Columns) -> None:
    """Raise ValueError for the first row with another number of columns than the layout's, and for JSON and CSV."""
    first = columns.sentences[0][0]
    text = " ".join(first.cells)
    if text[0] in "[{" and (get_suffix(path) in JSON or (text[-1] in "]}" and '"' in text and ":" in text)):
        raise DataError(
            f"{path}:{first.number}: it looks like JSON; expected a word and its tag in columns: a word, a tab and its tag on "
            "each line, and an empty line after each sentence"
        )
    for sign in ",;" if columns.layout.width == 1 or get_suffix(path) == ".csv" else "":
        texts = [" ".join(row.cells) for row in columns.rows()]
        counts = [text.count(sign) if text.strip(sign) else 0 for text in texts]
        if counts[-1] and len(counts) > 1 and counts.count(counts[-1]) >= MOSTLY * len(counts):
            raise DataError(f"{path}:{first.number}: lines have {sign!r}; expected columns separated by tabs or blanks")
    width, line = columns.layout.width, columns.layout.line
    sentences = len({len(row.cells) for row in columns.rows()}) > DIFFERENT_WIDTHS
    for row in columns.rows():
        if len(row.cells) != width:
            hint = "; each line must have one word and its tag" * sentences
            hint = " (if the line is a comment: option comments=#)" if row.cells[0].startswith("#") else hint
            expected = count_noun(width, "column")
            raise DataError(f"{path}:{row.number}: expected {expected}, as in line {line}, got {len(row.cells)}{hint}")


# ---- the columns ----


def get_column(columns: Columns, index: int) -> list[str]:
    """Return the cells of a column."""
    return [row.cells[index] for row in columns.rows()]


def resolve_column(path: FilePath, name: str, value: object, width: int) -> int:
    """Return the number of a column from 0; ValueError that names the argument if there is no such column."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name}={value!r}: expected the number of a column, from 0; -1 is the last")
    if not -width <= value < width:
        unit = "one column, number 0" if width == 1 else f"{width} columns, numbered from 0 to {width - 1} (-1 is the last)"
        raise ValueError(f"{path}: {name}={value}: it has {unit}")
    return value % width


def allow_missing(width: int, word: int | None, tag: int | str | None) -> tuple[int | None, int | str | None]:
    """Return the arguments `word` and `tag` of `read_tags` for a file that may lack the column of the tags."""
    missing = isinstance(tag, int) and not -width <= tag < width
    return None if width == 1 else word, NO_TAGS if missing or width == 1 else tag


def choose_word(path: FilePath, columns: Columns, word: int | None, tag: int | str | None) -> int:
    """Return the column of the words."""
    layout = columns.layout
    if word is not None:
        return resolve_column(path, "word", word, layout.width)
    if layout.base is None:
        return 0
    words_have_tags = layout.width == 2 and (tag not in (None, NO_TAGS) or find_scheme(get_column(columns, 1)) is not None)
    return 0 if words_have_tags else 1  # the words may be numbers


def choose_tag(path: FilePath, columns: Columns, word: int, tag: int | str | None) -> int | None:
    """Return the column of the tags; None if there are none."""
    width = columns.layout.width
    if tag == NO_TAGS or (width == 1 and tag in (None, -1)):
        return None
    if tag is None and columns.layout.base is not None and (width, word) == (2, 1):
        return None
    column = resolve_column(path, "tag", -1 if tag is None else tag, width)
    if column == word:
        raise ValueError(
            f"{path}: the word and the tag are both column {word} of {width}: options word and tag, from 0 to {width - 1}"
        )
    if tag is None and set(get_column(columns, column)) <= O | BLANK:  # no nested entities in a file like GermEval's
        with_tags = [i for i in columns_with_tags(columns, word, column) if not find_types(get_column(columns, i)) <= CHUNKS]
        return with_tags[-1] if with_tags else column
    return column


def leave_out_header(columns: Columns, word: int, tag: int) -> None:
    """Leave out a first row such as "token tag": a usual name for the words, and no tag."""
    row = columns.sentences[0][0]
    cell, tags = row.cells[tag], get_column(columns, tag)
    name = re.fullmatch(r"[A-Za-z][\w -]+", cell) and tags.count(cell) == 1 and cell not in O | BLANK
    if row.cells[word].lower() not in HEADER_WORDS or not name or PREFIX.fullmatch(cell) or SUFFIX.fullmatch(cell):
        return
    columns.leave_out("header", row.number)
    columns.sentences[0] = columns.sentences[0][1:]
    columns.sentences = [rows for rows in columns.sentences if rows]


def choose_scheme(path: FilePath, columns: Columns, word: int, tag: int, name: str | None, tags_needed: bool) -> Scheme | None:
    """Return the scheme of the tags; None if they are not needed and there are none.

    ValueError that names the first cell that is no tag, and a column that has tags.
    """
    cells = get_column(columns, tag)
    scheme = find_scheme(cells, name)
    if not tags_needed and (scheme is None or any(parse_tag(cell, scheme) is None for cell in set(cells))):
        return None
    other = "" if scheme else name_column_with_tags(columns, word, tag)
    last = "" if scheme or O & set(cells) else "; no column has tags (option tag=none reads the words alone)"
    scheme = scheme or Scheme("prefix", O if O & set(cells) else BLANK)
    for row in columns.rows():
        cell = row.cells[tag]
        if parse_tag(cell, scheme) is None:
            hint = other or explain_tag(cell, cells) or last
            raise DataError(f"{path}:{row.number}: expected {EXPECTED[scheme.name]}, got {cut(cell, 60)!r}{hint}")
    return scheme


def name_column_with_tags(columns: Columns, word: int, tag: int) -> str:
    """Return a hint on another column that has tags, for the end of a message; "" if there is none."""
    if others := columns_with_tags(columns, word, tag):
        return f"; column {others[-1]} of {columns.layout.width}, counted from 0, has tags (option tag={others[-1]})"
    if columns_with_tags(columns, tag, tag):
        return f"; column {word}, which is taken for the words, has tags (options word and tag)"
    return ""


def columns_with_tags(columns: Columns, word: int, tag: int | None) -> list[int]:
    """Return the columns, other than those of the word and the tag, that look like tags."""
    others = [get_column(columns, i) if i not in (word, tag) else [] for i in range(columns.layout.width)]
    return [i for i, cells in enumerate(others) if len(set(cells)) < DIFFERENT_TAGS and find_scheme(cells) is not None]


# ---- sentences ----


def read_sentence(path: FilePath, columns: Columns, rows: list[Row], chosen: Chosen, empty: str) -> Tagged:
    """Return the words and the tags of a sentence, without the words that have no visible character."""
    kept = [i for i, row in enumerate(rows) if not is_invisible(row.cells[chosen.word])]
    for i in sorted(set(range(len(rows))) - set(kept)):
        if empty == "refuse":
            raise ValueError(f"{path}:{rows[i].number}: the word is empty (option empty=skip leaves it out)")
        columns.leave_out("empty word", rows[i].number)
    words = tuple(rows[i].cells[chosen.word] for i in kept)
    if chosen.tag is None or chosen.scheme is None:
        return Tagged(words, None, rows[0].number)
    cells = [(row.number, row.cells[chosen.tag]) for row in rows]
    if chosen.scheme.name == "brackets":
        tags = parse_brackets(path, cells)
    else:
        tags = tuple(parse_tag(cell, chosen.scheme) or "O" for _, cell in cells)
    return Tagged(words, select_tags(tags, kept), rows[0].number)


# ---- the summary ----


def summarize(
    path: FilePath, columns: Columns, chosen: Chosen, word: int | None, tag: int | str | None, words: int
) -> FileSummary:
    """Return the summary of a file. word, tag: the arguments of `read_tags`; words: the number of words that were read."""
    layout, scheme = columns.layout, chosen.scheme
    roles = {"word": str(chosen.word)}
    if chosen.tag is not None and scheme is not None:
        roles["tag"] = f"{chosen.tag}" + (f" ({scheme.describe()})" if scheme.describe() else "")
    summary = FileSummary(str(path), describe_columns(columns, words), roles, unit="sentence")
    summary.options = ["word", "tag"] if layout.width > 1 else []
    summary.options += ["scheme"] * (scheme is not None and scheme.name != "prefix")
    others = columns_with_tags(columns, chosen.word, chosen.tag) if scheme is not None else []
    summary.unused = [f"{i} (tags as well)" for i in others]
    rivals = [i for i in others if not find_types(get_column(columns, i)) <= CHUNKS]
    if tag is None and chosen.tag not in (None, layout.width - 1):
        summary.warn(f"column {chosen.tag} is taken for the tags, since the last, {layout.width - 1}, has only O (option tag)")
    elif tag is None and rivals:
        names = " and ".join(map(str, rivals))
        summary.warn(
            f"column {chosen.tag}, the last, is taken for the tags, but column {names} could be meant (option tag={rivals[0]})"
        )
    if scheme is None and layout.width > 1 and layout.base is None and tag != NO_TAGS:
        summary.warn(
            f"no tags are read; column {chosen.word} of {layout.width} is taken for the words (options word and tag=none)"
        )
    elif chosen.word == 0 and layout.numbered and layout.width > 2:
        summary.warn("the words are read from column 0, which has numbers (option word=1)")
    note_left_out(summary, columns)
    return summary


def describe_columns(columns: Columns, words: int) -> str:
    """Return the format of a file and its number of words and documents."""
    width, tabs = columns.layout.width, columns.layout.tabs
    text = "one word a line" if width == 1 else f"{width} columns, counted from 0, separated by {'tabs' if tabs else 'blanks'}"
    text += f", {columns.encoding}" if columns.encoding != "UTF-8" else ""
    documents = f", {count_noun(columns.documents, 'document')}" if columns.documents else ""
    return f"{text}; {count_noun(words, 'word')}{documents}"


def note_left_out(summary: FileSummary, columns: Columns) -> None:
    """Write what was left out, and what is probably wrong, into the summary."""
    for reason, (count, first) in columns.left_out.items():
        summary.left_out[f"{reason if count == 1 else reason + 's'} left out"] = (count, first)
        option = {"comment": "comments", "empty word": "empty"}.get(reason)
        summary.options += [option] if option else []
    for text in describe_doubts(columns):
        summary.warn(text)
