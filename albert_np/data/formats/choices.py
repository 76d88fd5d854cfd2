"""Questions with choices: RACE, SWAG, HellaSwag, COPA, ARC, OpenBookQA, CommonsenseQA, and plain JSON lines and tables.

docs/multiple_choice.md has the rules as a table. choice_forms: the keys of each data set; choice_entries: the questions of an
object; choice_labels: the right choice; choice_files: RACE's folders and COPA's XML.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from albert_np.data.formats.choice_entries import Entry, make_entries
from albert_np.data.formats.choice_files import is_xml, read_copa_xml, read_race_files
from albert_np.data.formats.choice_forms import FORMS, KeyRules, Keys, choose_form, choose_keys
from albert_np.data.formats.choice_labels import LabelRules, resolve_labels
from albert_np.data.formats.delimited import read_delimited
from albert_np.data.formats.lines import (
    FilePath,
    decode_text,
    get_suffix,
    parse_json_or_lines,
    read_bytes,
    require_examples,
)
from albert_np.data.formats.objects import complete_ids, read_objects, shorten_position
from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.io.files import DataError

OPTIONS = ["form", "context", "question", "choices", "label", "group", "label_kind", "count_from", "blanks"]
TABLES = (".csv", ".tsv")
BLANK, LONE_BLANK = re.compile("_+"), re.compile(r"(?<!\w)_+(?!\w)")

Rows = Sequence[tuple[Any, Any]]  # (position, value) of each


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question with its choices, perhaps about a passage.

    label   the index of the right choice, from 0; None if it is not known
    group   a part of the data that is also scored by itself, such as "RACE-M"
    blank   whether "_" in the question is the place of the choice; None: it is where it does not touch a word
    """

    question: str
    choices: tuple[str, ...]
    label: int | None = None
    context: str = ""
    id: str = ""
    group: str = ""
    blank: bool | None = None

    @property
    def has_blank(self) -> bool:
        """Whether the choices are put into the question rather than behind it."""
        return self.blank is not False and self._pattern.search(self.question) is not None

    @property
    def _pattern(self) -> re.Pattern[str]:
        return LONE_BLANK if self.blank is None else BLANK

    def statements(self) -> list[str]:
        """Return the question with each choice: put at its blanks if it has any, else behind it."""
        if not self.has_blank:
            return [f"{self.question} {choice}".strip() for choice in self.choices]
        parts = self._pattern.split(self.question)
        return [" ".join(choice.split()).join(parts) for choice in self.choices]


class Questions(Examples[ChoiceQuestion]):
    """The questions of a file. count_from: of labels that are numbers, 0 or 1; None if none is."""

    count_from: int | None = None


def read_choices(
    path: FilePath, form: str | None = None, context: str | None = None, question: str | None = None,
    choices: Sequence[str] | None = None, label: str | None = None, group: str | None = None, label_kind: str | None = None,
    count_from: int | None = None, blanks: bool | None = None, delimiter: str | None = None, quotes: bool | None = None,
    optional: bool = False,
) -> Questions:  # fmt: skip
    """Return the questions of a file, or of one of RACE's folders, with the summary of what was understood.

    form        a name in `choice_forms.FORMS`; None: the one that the keys show
    context, question, label, group   keys or columns; None: those of the form. "none" as context, label or group: there is none
    choices     the key of a list of choices, or a key for each choice
    label_kind  "index", "letter" or "text"; None: the one that fits all labels
    count_from  0 or 1: the number of the first choice; None: see `choice_labels.resolve_labels`
    blanks      whether "_" is the place of the choice; None: see `ChoiceQuestion`, and in RACE always
    delimiter, quotes   of a .csv or .tsv, see `delimited.read_delimited`
    optional    the file may lack keys that are given here, and the usual ones count

    ValueError that names the file and the position; FileNotFoundError.
    """
    rules = KeyRules(context, question, tuple(choices or ()), label, group, optional)
    labels = LabelRules(label_kind, count_from)
    if form is not None and form not in FORMS:
        raise ValueError(f"the option form must be one of {', '.join(FORMS)}, not {form!r}")
    summary = FileSummary(str(path), unit="question", options=[*OPTIONS])
    given = [name for name in (context, question, label, group, *rules.choices) if name]
    rows = read_rows(path, summary, given, delimiter, quotes)
    return make_questions(path, require_examples(path, rows), summary, form, rules, labels, blanks)


def questions_from_rows(
    rows: Sequence[dict[str, Any]], name: str, form: str | None, rules: KeyRules, labels: LabelRules, blanks: bool | None
) -> Questions:
    """Return the questions of rows that were given in Python; `name`, of the argument, stands for the file's."""
    require_examples(name, rows)
    summary = FileSummary(name, "rows with keys", position="row", unit="question", options=[*OPTIONS])
    numbered = [(f"{name}:{i}", plain_values(row)) for i, row in enumerate(rows, start=1)]
    return make_questions(name, numbered, summary, form, rules, labels, blanks)


def question_from_object(
    value: dict[str, Any], form: str | None, rules: KeyRules, labels: LabelRules, blanks: bool | None
) -> ChoiceQuestion:
    """Return the question of a single object, which has an id only if the object has one."""
    summary = FileSummary("the object", "JSON", position="object", unit="question")
    (question, *more) = make_questions("the object", [("the object", value)], summary, form, rules, labels, blanks)
    if more:
        raise DataError(f"the object: expected one question, got {len(more) + 1}")
    return question if summary.columns.get("id") else replace(question, id="")


def read_rows(path: FilePath, summary: FileSummary, given: Sequence[str], delimiter: str | None, quotes: bool | None) -> Rows:
    """Return (position, value) of each object or row of a file, and complete the format in the summary."""
    if Path(path).is_dir():
        return read_race_files(Path(path), summary)
    if re.search(r"\.(tar(\.\w+)?|tgz)$", Path(path).name.lower()):
        raise DataError(f"{path}: it is an archive: unpack it, and name the folder of one part, such as RACE/train")
    if get_suffix(path) in TABLES:
        return read_cells(path, summary, given, delimiter, quotes)
    text, encoding = decode_text(path, read_bytes(path))
    rows: Rows
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if is_xml(path, start):
        rows = read_copa_xml(path, text, summary)
    elif get_suffix(path) == ".txt":
        rows = read_objects_of_text(path, text, summary)
    else:
        summary.format, rows, _ = read_objects(path)
    summary.format += f", {encoding}" if encoding != "UTF-8" else ""
    return rows


def read_cells(path: FilePath, summary: FileSummary, given: Sequence[str], delimiter: str | None, quotes: bool | None) -> Rows:
    """Return the rows of a table with a header."""
    summary.options += ["delimiter", "quotes"]
    columns, cells = read_delimited(path, summary, given, True, delimiter, quotes)
    return [(f"{path}:{number}", dict(zip(columns, row))) for number, row in cells]


def read_objects_of_text(path: FilePath, text: str, summary: FileSummary) -> Rows:
    """Return the objects of a .txt: one over all lines, as RACE may have it, or one on each line."""
    (line, whole), *more = parse_json_or_lines(path, text)
    if line is not None:
        summary.format = "JSON lines"
        return [(f"{path}:{number}", value) for number, value in ((line, whole), *more)]
    summary.format = "JSON"
    values = whole if isinstance(whole, list) else [whole]
    return [(f"{path}: element {i}" if len(values) > 1 else f"{path}:1", value) for i, value in enumerate(values, start=1)]


def make_questions(
    path: FilePath, rows: Rows, summary: FileSummary, form: str | None, rules: KeyRules, labels: LabelRules, blanks: bool | None
) -> Questions:
    """Return the questions of (position, object), and complete the summary."""
    name, objects = choose_form(rows, form, rules)
    keys = choose_keys(path, objects, name, rules)
    entries = [entry for position, value in objects for entry in make_entries(position, value, name, keys)]
    require_examples(path, entries)
    places = [shorten_position(path, entry.position) for entry in entries]
    if labels.count_from is None:
        labels = replace(labels, count_from=FORMS[name].count_from)
    answers, first = resolve_labels(entries, places, labels, summary, keys.label is not None)
    ids = complete_ids(path, list(zip(places, name_questions(entries, name))))
    questions = Questions(
        (make_question(entry, place, answer, identifier, name, blanks, summary)
         for entry, place, answer, identifier in zip(entries, places, answers, ids)), summary,
    )  # fmt: skip
    questions.count_from = first
    describe(questions, name, keys, objects, first, summary)
    return questions


def make_question(
    entry: Entry, place: int | str, label: int | None, identifier: str, form: str, blanks: bool | None, summary: FileSummary
) -> ChoiceQuestion:
    """Return the question of an entry; count in the summary all that is not obvious about it."""
    blank = None
    if "_" in entry.question:
        blank = True if blanks is None and form == "race" else blanks  # as in Google's run_race.py
    question = ChoiceQuestion(entry.question, entry.choices, label, entry.context, identifier, entry.group, blank)
    if question.has_blank:
        summary.note("with a blank, _, that each choice fills", place)
    if len(set(map(str.strip, entry.choices))) < len(entry.choices):
        summary.note("with equal choices", place)
    if not all(map(str.strip, entry.choices)):
        summary.note("with an empty choice", place)
    return question


def name_questions(entries: Sequence[Entry], form: str) -> list[str | None]:
    """Return the ids that the file gives its questions. RACE's are of passages: the question's number is added."""
    if form != "race":
        return [entry.id for entry in entries]
    counters: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
    return [None if entry.id is None else f"{entry.id}-{next(counters[entry.id])}" for entry in entries]


def describe(questions: Questions, form: str, keys: Keys, objects: Rows, first: int | None, summary: FileSummary) -> None:
    """Record the form, the numbers of choices and the keys in the summary; warn of questions that cannot be meant like this."""
    if FORMS[form].title and FORMS[form].title not in summary.format:
        summary.format += f" as in {FORMS[form].title}"
    numbers = sorted({len(question.choices) for question in questions})
    summary.format += f", {numbers[0]} choices" if len(numbers) == 1 else f", {numbers[0]} to {numbers[-1]} choices"
    summary.format += ", labels count from 1" if first == 1 else ""
    summary.columns |= keys.describe()
    names = dict.fromkeys(name for _, value in objects for name in value)
    summary.unused = [name for name in names if name not in keys.used()]
    empty = [question.id for question in questions if not question.question.strip() and not question.context.strip()]
    if empty:
        summary.warn(f"{len(empty):,} of {len(questions):,} questions have no text; the first is {empty[0]!r}")


def plain_values(value: Any) -> Any:
    """Return a row of a data frame with lists and numbers of Python in place of NumPy's."""
    if isinstance(value, dict):
        return {str(key): plain_values(each) for key, each in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value
