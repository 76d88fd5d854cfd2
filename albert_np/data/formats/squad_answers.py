"""The gold answers of a question, in the forms in which files have them, and their offsets in the passage."""

import re
from typing import Any

from albert_np.data.formats.objects import parse_whole_number

IMPOSSIBLE = {True: True, False: False, "true": True, "false": False, None: False}  # 1 == True, 0 == False

Answer = tuple[str, int]  # text, offset of its first character


def place_answers(
    value: dict[str, Any], key: str | None, passage: str, position: str
) -> tuple[tuple[Answer, ...], bool, list[str]]:
    """Return the answers of a question, whether they are known, and notes on what is not obvious about them.

    An answer without an offset is searched in the passage. Empty answers stand for "no answer". ValueError that names the
    position.
    """
    impossible = parse_impossible(value, position)
    given = None if key is None else value.get(key)
    if given is None:
        return (), impossible, []
    notes, answers = [], []
    for text, start in parse_answers(given, value.get("answer_start"), position, str(key)):
        if not text.strip():
            notes.append("empty answer taken as none")
            continue
        if start is None:
            text = text.strip()
            offset, note = find_answer(passage, text)
        else:
            offset, note = parse_start(start, position)
        notes += [note] if note else []
        answers.append((text, offset))
    if impossible and answers:
        return (), True, ["marked as impossible, so its answers are not used"]
    if not answers and value.get("is_impossible") is not None and not impossible:
        notes.append("marked as not impossible, and without an answer")
    return tuple(answers), True, list(dict.fromkeys(notes))


def parse_impossible(value: dict[str, Any], position: str) -> bool:
    """Return "is_impossible", which may be a word or 0 or 1, and False if it is missing. ValueError that names the position."""
    given = value.get("is_impossible")
    plain = given.strip().lower() if isinstance(given, str) else given
    if not isinstance(plain, bool | int | str | None) or plain not in IMPOSSIBLE:
        raise ValueError(f"{position}: 'is_impossible' must be true or false, not {str(given)[:40]!r}")
    return IMPOSSIBLE[plain]


def parse_answers(given: Any, start: Any, position: str, key: str) -> list[tuple[str, Any]]:
    """Return (text, offset as it is written, None if there is none) of each answer.

    given   [{"text": "Ada", "answer_start": 26}], {"text": ["Ada"], "answer_start": [26]}, {"text": "Ada", "answer_start": 26},
            ["Ada"] or "Ada"
    start   the offset, or the list of offsets, beside these texts

    ValueError that names the position.
    """
    if isinstance(given, list) and any(isinstance(answer, dict) for answer in given):
        return [pair for i, answer in enumerate(given) for pair in parse_answers(answer, None, position, f"{key}[{i}]")]
    if isinstance(given, dict):
        if given and "text" not in given:
            raise ValueError(f"{position}: {key!r} must hold 'text' and 'answer_start', not {', '.join(map(repr, given))}")
        given, start = given.get("text", []), given.get("answer_start")
    texts = given if isinstance(given, list) else [given]
    starts = start if isinstance(start, list) else [start] * len(texts) if start is None else [start]
    if any(not isinstance(text, str) for text in texts):
        raise ValueError(f"{position}: {key!r} must be texts, or objects with 'text' and 'answer_start', not {str(given)[:40]!r}")
    if len(starts) != len(texts):
        raise ValueError(f"{position}: {key!r} must hold as many texts as offsets, not {len(texts)} and {len(starts)}")
    return list(zip(texts, starts))


def parse_start(start: Any, position: str) -> tuple[int, str]:
    """Return an offset, and a note if it is written as 26.0 or "26". ValueError that names the position for anything else."""
    number, plain = parse_whole_number(start)
    if number is None:
        raise ValueError(f"{position}: 'answer_start' must be a whole number, not {str(start)[:40]!r}")
    return number, "" if plain else "with an offset written as 26.0 or '26'"


def find_answer(passage: str, text: str) -> tuple[int, str]:
    """Return the offset of an answer in its passage, and a note on how it was found; -1 if it is not there.

    The first occurrence counts that is not a part of a longer word, or else the first.
    """
    starts = [match.start() for match in re.finditer(re.escape(text), passage)]
    whole = [start for start in starts if not is_within_word(passage, start, start + len(text))]
    starts = whole or starts
    if not starts:
        return -1, "with an answer without an offset that the passage does not contain"
    if len(starts) > 1:
        return starts[0], "with an answer without an offset that the passage contains several times: the first is taken"
    return starts[0], "with an answer without an offset, found in the passage"


def is_within_word(text: str, start: int, stop: int) -> bool:
    """Return whether a letter or digit at one end of text[start:stop] continues beyond it."""
    return any(0 < i < len(text) and text[i - 1].isalnum() and text[i].isalnum() for i in (start, stop))
