"""Questions about passages, in the JSON of SQuAD 1.1 and 2.0."""

from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import (
    FilePath,
    UniqueIds,
    get_suffix,
    parse_json,
    read_json_lines,
    read_text,
    require_examples,
)


@dataclass(frozen=True)
class Question:
    """A question about a passage. answers: (text, offset of its first character) of each gold answer; () if it has none."""

    id: str
    text: str
    context: str
    answers: tuple[tuple[str, int], ...] = ()
    title: str = ""


def read_squad(path: FilePath) -> tuple[list[Question], int]:
    """Return the questions of a file, and the version of SQuAD: 2 if some may have no answer, else 1.

    Also reads JSON lines with one object per question ("id", "question", "context", "answers": {"text": [...], "answer_start":
    [...]}). Whether an answer is in the passage at its offset is not checked. ValueError that names the file and the position.
    """
    marked_as_second = False
    if get_suffix(path) == ".jsonl":
        questions = [parse_flat(value, f"{path}:{number}") for number, value in read_json_lines(path)]
    else:
        whole = parse_json(path, read_text(path))
        articles = enumerate(get_value(whole, "data", list, path))
        questions = [question for i, article in articles for question in parse_article(article, f"{path}: data[{i}]")]
        marked_as_second = str(whole.get("version", "")).lower().removeprefix("v").startswith("2")
    ids = UniqueIds(path)
    for number, question in enumerate(require_examples(path, questions), start=1):
        ids.add(question.id, f"question {number}")
    return questions, 2 if marked_as_second or any(not question.answers for question in questions) else 1


def get_value(value: Any, key: str, kind: Any, position: object) -> Any:
    """Return value[key]. ValueError that names the position if it is missing or not of this kind."""
    if not isinstance(value, dict) or key not in value:
        raise ValueError(f"{position}: {key!r} is missing")
    if not isinstance(value[key], kind) or isinstance(value[key], bool) != (kind is bool):
        raise ValueError(f"{position}: {key!r} must be a {getattr(kind, '__name__', 'value')}, not {str(value[key])[:40]!r}")
    return value[key]


def parse_article(article: Any, position: str) -> list[Question]:
    """Return the questions of one article: a title with paragraphs, a paragraph with questions."""
    questions = []
    for i, paragraph in enumerate(get_value(article, "paragraphs", list, position)):
        paragraph_position = f"{position}.paragraphs[{i}]"
        context = get_value(paragraph, "context", str, paragraph_position)
        for k, entry in enumerate(get_value(paragraph, "qas", list, paragraph_position)):
            entry_position = f"{paragraph_position}.qas[{k}]"
            answers = parse_answers(entry, entry_position)
            name = get_value(entry, "id", (str, int), entry_position)
            text = get_value(entry, "question", str, entry_position)
            questions.append(Question(str(name), text, context, answers, str(article.get("title", ""))))
    return questions


def parse_answers(entry: Any, position: str) -> tuple[tuple[str, int], ...]:
    """Return (text, offset) of each answer of a question; () if it is marked as impossible."""
    answers = []
    entries = get_value(entry, "answers", list, position) if isinstance(entry, dict) and entry.get("answers") else []
    for i, answer in enumerate(entries):
        text = get_value(answer, "text", str, f"{position}.answers[{i}]")
        answers.append((text, get_value(answer, "answer_start", int, f"{position}.answers[{i}]")))
    return () if isinstance(entry, dict) and entry.get("is_impossible") else tuple(answers)


def parse_flat(value: Any, position: str) -> Question:
    """Return the question of one line of a .jsonl file."""
    answers = get_value(value, "answers", dict, position) if isinstance(value, dict) and value.get("answers") else {}
    texts, starts = answers.get("text", []), answers.get("answer_start", [])
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise ValueError(f"{position}: 'answers' must hold as many texts under 'text' as numbers under 'answer_start'")
    pairs = tuple(zip(texts, starts))
    if any(not isinstance(text, str) or type(start) is not int for text, start in pairs):
        raise ValueError(f"{position}: 'answers' must hold texts and their first characters")
    name = str(get_value(value, "id", (str, int), position))
    text, context = get_value(value, "question", str, position), get_value(value, "context", str, position)
    return Question(name, text, context, pairs, str(value.get("title", "")))
