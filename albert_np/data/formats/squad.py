"""Questions about passages, in the JSON of SQuAD 1.1 and 2.0."""

from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import Ids, kind_of, parsed, read_lines, read_text, some


@dataclass(frozen=True)
class Question:
    """A question and the passage that it is about. answers: (text, first character) of each gold answer, none if it has none."""

    id: str
    text: str
    context: str
    answers: tuple[tuple[str, int], ...] = ()
    title: str = ""


def read_squad(path: Any) -> tuple[list[Question], int]:
    """The questions of a file, and 2 if some may have no answer (SQuAD 2.0), else 1. Also JSON lines with an object a question
    ("id", "question", "context", "answers": {"text": [...], "answer_start": [...]}).

    Whether an answer stands where it should is not looked at here. ValueError that names the file and the place in it.
    """
    if kind_of(path) == ".jsonl":
        questions = [flat(parsed(path, line, number), f"{path}:{number}") for number, line in read_lines(path) if line.strip()]
        version = 2 if any(not question.answers for question in questions) else 1
    else:
        whole = parsed(path, read_text(path))
        questions = [
            question for d, part in enumerate(get(whole, "data", list, path)) for question in nested(part, f"{path}: data[{d}]")
        ]
        second = str(whole.get("version", "")).lower().removeprefix("v").startswith("2")
        version = 2 if second or any(not question.answers for question in questions) else 1
    ids = Ids(path)
    for number, question in enumerate(some(path, questions), start=1):
        ids.add(question.id, f"question {number}")
    return questions, version


def get(value: Any, key: str, kind: Any, place: Any) -> Any:
    """value[key], which must be there and of this kind."""
    if not isinstance(value, dict) or key not in value:
        raise ValueError(f"{place}: {key!r} is missing")
    if not isinstance(value[key], kind) or isinstance(value[key], bool) != (kind is bool):
        raise ValueError(f"{place}: {key!r} must be a {getattr(kind, '__name__', 'value')}, not {str(value[key])[:40]!r}")
    return value[key]


def nested(part: Any, place: str) -> list[Question]:
    """The questions of a title."""
    found = []
    for i, paragraph in enumerate(get(part, "paragraphs", list, place)):
        here = f"{place}.paragraphs[{i}]"
        context = get(paragraph, "context", str, here)
        for k, entry in enumerate(get(paragraph, "qas", list, here)):
            at = f"{here}.qas[{k}]"
            answers = []
            given = get(entry, "answers", list, at) if isinstance(entry, dict) and entry.get("answers") else []
            for a, answer in enumerate(given):
                where = f"{at}.answers[{a}]"
                answers.append((get(answer, "text", str, where), get(answer, "answer_start", int, where)))
            if isinstance(entry, dict) and entry.get("is_impossible"):
                answers = []
            name = get(entry, "id", (str, int), at)
            found.append(
                Question(str(name), get(entry, "question", str, at), context, tuple(answers), str(part.get("title", "")))
            )
    return found


def flat(value: Any, place: str) -> Question:
    """A question of a file with one a line."""
    answers = get(value, "answers", dict, place) if isinstance(value, dict) and value.get("answers") else {}
    texts, starts = answers.get("text", []), answers.get("answer_start", [])
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise ValueError(f"{place}: 'answers' must hold as many texts under 'text' as numbers under 'answer_start'")
    pairs = tuple(zip(texts, starts))
    if any(not isinstance(text, str) or type(start) is not int for text, start in pairs):
        raise ValueError(f"{place}: 'answers' must hold texts and their first characters")
    name = str(get(value, "id", (str, int), place))
    return Question(
        name, get(value, "question", str, place), get(value, "context", str, place), pairs, str(value.get("title", ""))
    )
