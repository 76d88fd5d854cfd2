"""Questions about passages, in the JSON of SQuAD 1.1 and 2.0."""

import json
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import Ids, kind_of, read_lines, read_text, some
from albert_np.data.formats.tables import parsed


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
        questions = [flat(parsed(path, number, line), f"{path}:{number}") for number, line in read_lines(path) if line.strip()]
        version = 2 if any(not question.answers for question in questions) else 1
    else:
        try:
            whole = json.loads(read_text(path))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{error.lineno}: it is not valid JSON: {error.msg}") from None
        except RecursionError:
            raise ValueError(f"{path}: it is nested too deeply") from None
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
            for a, answer in enumerate(entry.get("answers") or [] if isinstance(entry, dict) else []):
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
    pairs = tuple(zip(answers.get("text", []), answers.get("answer_start", [])))
    if any(not isinstance(text, str) or not isinstance(start, int) for text, start in pairs):
        raise ValueError(f"{place}: 'answers' must hold texts and their first characters")
    name = str(get(value, "id", (str, int), place))
    return Question(
        name, get(value, "question", str, place), get(value, "context", str, place), pairs, str(value.get("title", ""))
    )
