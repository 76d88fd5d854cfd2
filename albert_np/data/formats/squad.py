"""Questions about passages, in the JSON of SQuAD 1.1 and 2.0, and in lists of single questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from albert_np.data.formats.lines import FilePath, get_suffix, require_examples
from albert_np.data.formats.objects import complete_ids, get_id, quote_names, read_objects
from albert_np.data.formats.squad_answers import place_answers
from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.io.files import DataError

# The keys of a question; the first one that the file has is used.
KEYS = {
    "question": ("question", "question_text", "query", "query_text"),
    "context": ("context", "passage", "context_text"),
    "answers": ("answers", "answer"),
    "id": ("id", "qid", "question_id", "query_id"),
}
EXAMPLE = '{"question": ..., "context": ..., "answer": ...}'
USED = ("title", "is_impossible", "answer_start")  # beside them
FEW = 0.1  # share of the questions without a right answer from which on this is a warning


@dataclass(frozen=True)
class Question:
    """A question about a passage.

    answers    (text, offset of its first character) of each gold answer; () if it has none
    labelled   whether the gold answers are known: a question of a test file may have no "answers"
    """

    id: str
    text: str
    context: str
    answers: tuple[tuple[str, int], ...] = ()
    title: str = ""
    labelled: bool = field(default=True, repr=False)  # the repr decides whether a run that is resumed has the same examples


class Entry(NamedTuple):
    """A question as it is in a file, with the passage and the title above it; passage: None if it is among its own keys."""

    position: str
    value: dict[str, Any]
    passage: str | None
    title: str


def read_squad(
    path: FilePath, question: str | None = None, context: str | None = None, answers: str | None = None, optional: bool = False
) -> tuple[Examples[Question], int]:
    """Return the questions of a file, and the version of SQuAD: 2 if some may have no answer, else 1.

    question, context, answers   keys; None: a usual one (`KEYS`). optional: the file may lack a given key, and a usual one counts

    The file is JSON of SQuAD's form (articles with paragraphs with "context" and "qas"), or has one object per question ("id",
    "question", "context", "answers"), in each form that `objects.read_objects` reads. Answers: see `squad_answers.parse_answers`.
    A question without an id is numbered. Whether an answer is in the passage at its offset is counted in the summary.

    ValueError that names the file and the position.
    """
    if get_suffix(path) in (".csv", ".tsv"):
        raise DataError(
            f"{path}: a table is not read; expected SQuAD's JSON, or an object on each line (.jsonl), such as {EXAMPLE}"
        )
    form, rows, about = read_objects(path)
    given = {"question": question, "context": context, "answers": answers}
    usual = {role: get_usual(role, given.get(role), optional) for role in KEYS}
    entries = [entry for position, value in rows for entry in find_entries(value, position, usual)]
    require_examples(path, entries)
    keys = choose_keys(entries, usual)
    columns = {role: key for role, key in keys.items() if key is not None} | ({} if keys["id"] else {"id": "the number"})
    if entries[0].passage is not None:
        form += " as in SQuAD"
    summary = FileSummary(str(path), form, columns, options=list(given), unit="question")
    names = dict.fromkeys(name for entry in entries for name in entry.value)
    summary.unused = [name for name in names if name not in USED and name not in keys.values()]
    given_ids = [get_id(entry.value, keys["id"], entry.position) for entry in entries]
    ids = complete_ids(path, [(f"question {i}", name) for i, name in enumerate(given_ids, start=1)])
    questions = [make_question(entry, name, keys, summary) for entry, name in zip(entries, ids)]
    warn_of_questions(questions, summary)
    marked_as_second = str(about.get("version", "")).lower().removeprefix("v").startswith("2")
    version = 2 if marked_as_second or any(not question.answers for question in questions) else 1
    return Examples(questions, summary), version


def get_usual(role: str, given: str | None, optional: bool) -> Sequence[str]:
    """Return the keys that count for a role: the given one, and the usual ones if none is given, or if it may be missing."""
    return KEYS[role] if given is None else (given, *KEYS[role]) if optional else (given,)


def find_entries(value: Any, position: str, usual: dict[str, Sequence[str]], title: str = "") -> Iterator[Entry]:
    """Yield the questions of an article, of a paragraph, or a single one. ValueError that names the position."""
    if not isinstance(value, dict):
        raise DataError(f"{position}: expected an object with 'paragraphs', 'qas' or 'question', got {str(value)[:40]!r}")
    title = str(value.get("title") or title)
    if "paragraphs" in value:
        for i, paragraph in enumerate(get_value(value, "paragraphs", list, position)):
            yield from find_entries(paragraph, f"{position}.paragraphs[{i}]", usual, title)
    elif "qas" in value:
        passage = get_value(value, find_key(value, usual["context"]) or usual["context"][0], str, position)
        for k, entry in enumerate(get_value(value, "qas", list, position)):
            if not isinstance(entry, dict):
                raise ValueError(f"{position}.qas[{k}]: expected an object with 'question', got {str(entry)[:40]!r}")
            yield Entry(f"{position}.qas[{k}]", entry, passage, title)
    else:
        yield Entry(position, value, None, title)


def find_key(value: dict[str, Any], usual: Sequence[str]) -> str | None:
    """Return the first of the usual keys that an object has."""
    return next((key for key in usual if key in value), None)


def choose_keys(entries: Sequence[Entry], usual: dict[str, Sequence[str]]) -> dict[str, str | None]:
    """Return {role: key} by the first question, and for answers and ids, which some may lack, by the first that has them.

    ValueError that names the position if it has no question or no passage.
    """
    first = entries[0]
    keys = {role: find_key(first.value, names) for role, names in usual.items()}
    for role in ("answers", "id"):
        keys[role] = keys[role] or next(filter(None, (find_key(entry.value, usual[role]) for entry in entries)), None)
    if first.passage is not None:
        keys["context"] = "context"
    required = ["question", "context", *(["answers"] if "answers" not in usual["answers"] else [])]  # one given by name
    for role in required:
        if keys[role] is None:
            raise ValueError(f"{first.position}: {usual[role][0]!r} is missing (option {role}); got {quote_names(first.value)}")
    return keys


def get_value(value: dict[str, Any], key: str, kind: type, position: str) -> Any:
    """Return value[key]. ValueError that names the position if it is missing or not of this kind."""
    if key not in value:
        raise DataError(f"{position}: {key!r} is missing; got {quote_names(value)}")
    if not isinstance(value[key], kind):
        raise DataError(f"{position}: {key!r} must be a {'list' if kind is list else 'text'}, not {str(value[key])[:40]!r}")
    return value[key]


def make_question(entry: Entry, name: str, keys: dict[str, str | None], summary: FileSummary) -> Question:
    """Return the question with this id; count in the summary all that is not obvious about it."""
    position, value, passage, title = entry
    text = get_value(value, str(keys["question"]), str, position)
    if passage is None:
        passage = get_value(value, str(keys["context"]), str, position)
    if keys["id"] is not None and value.get(keys["id"]) is None:
        summary.note("without an id: numbered", name)
    answers, labelled, notes = place_answers(value, keys["answers"], passage, position)
    question = Question(name, text, passage, answers, title, labelled)
    for note in notes:
        summary.note(note, name)
    if not labelled:
        summary.note("without answers, so neither trained on nor scored", name)
    elif not answers:
        summary.note("unanswerable", name)
    elif get_valid_answer(question) is None:
        summary.leave_out("not trained on: no answer is in the passage at its offset", name)
    elif get_valid_answer(question) != answers[0]:
        summary.note("trained on a later answer: the first is not in the passage at its offset", name)
    return question


def get_valid_answer(question: Question) -> tuple[str, int] | None:
    """Return the first gold answer that the passage contains at its offset, None if there is none."""
    context = question.context
    fits = ((text, start) for text, start in question.answers if text.strip() and start >= 0 and context.startswith(text, start))
    return next(fits, None)


def warn_of_questions(questions: Sequence[Question], summary: FileSummary) -> None:
    """Warn of questions that cannot be meant like this: empty ones, empty passages, a file without any right answer."""
    for role, texts in (("question", [q.text for q in questions]), ("passage", [q.context for q in questions])):
        empty = [q.id for q, text in zip(questions, texts) if not text.strip()]
        if empty:
            summary.warn(f"the {role} is empty in {len(empty):,} of {len(questions):,} questions; the first is {empty[0]!r}")
    labelled = [question for question in questions if question.labelled]
    if labelled and len(labelled) < len(questions):
        count = f"{len(questions) - len(labelled):,} of {len(questions):,} questions"
        summary.warn(f"no answers in {count}, which are not trained on (of an unanswerable one they are [])")
    if labelled and not any(question.answers for question in labelled):
        summary.warn("all of its questions are unanswerable")
    misplaced = [question.id for question in labelled if question.answers and get_valid_answer(question) is None]
    if len(misplaced) > FEW * len(questions):
        summary.warn(
            f"in {len(misplaced):,} of {len(questions):,} questions, no answer is in the passage at its offset; the first is "
            f"{misplaced[0]!r}"
        )
