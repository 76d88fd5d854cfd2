"""Sentences with two entities: SemEval-2010 task 8's own form, and JSON as TACRED has it."""

import re
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.lines import Ids, kind_of, parsed, read_lines, read_text, some

Span = tuple[int, int]
MARKERS = re.compile(r"</?e[12]>")


@dataclass(frozen=True)
class Related:
    """A text without markup. first, second: the characters of its two entities; label: None where there is none."""

    id: str
    text: str
    first: Span
    second: Span
    label: str | None = None


def read_relations(path: Any) -> list[Related]:
    """The examples of a file: .json and .jsonl as TACRED has them ("token", "subj_start", "subj_end", both inclusive,
    "obj_start", "obj_end", "relation", "id"), else SemEval's form: number, tab, sentence in quotes with <e1>...</e1> and
    <e2>...</e2>; below it the relation (test files have none), a comment, an empty line.

    ValueError that names the file and the line.
    """
    found = from_json(path) if kind_of(path) in (".json", ".jsonl") else from_semeval(path)
    ids = Ids(path)
    for place, example in some(path, found):
        ids.add(example.id, place)
    return [example for _, example in found]


def from_semeval(path: Any) -> list[tuple[int, Related]]:
    found: list[tuple[int, Related]] = []
    fresh = False
    for number, line in read_lines(path):
        numbered = re.fullmatch(r"(\d+)\t(.*)", line)
        if numbered:
            text = numbered[2].strip()
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1]
            found.append((number, marked(text, numbered[1], f"{path}:{number}")))
            fresh = True
        elif not line.strip() or line.startswith("Comment"):
            fresh = False
        elif fresh:
            at, example = found[-1]
            found[-1] = at, Related(example.id, example.text, example.first, example.second, line.strip())
            fresh = False
        else:
            raise ValueError(f"{path}:{number}: expected a number, a tab and a sentence, got {line[:40]!r}")
    return found


def marked(text: str, name: str, place: str) -> Related:
    """The example of a text with <e1>...</e1> and <e2>...</e2>."""
    tags = [(match.group(), match.span()) for match in MARKERS.finditer(text)]
    if sorted(tag for tag, _ in tags) != ["</e1>", "</e2>", "<e1>", "<e2>"]:
        raise ValueError(f"{place}: expected <e1>...</e1> and <e2>...</e2>, once each, in {text[:60]!r}")
    order = [tag for tag, _ in tags]
    if order not in (["<e1>", "</e1>", "<e2>", "</e2>"], ["<e2>", "</e2>", "<e1>", "</e1>"]):
        raise ValueError(f"{place}: the entities must not overlap: {' '.join(order)}")
    plain, spans, at = "", {}, 0
    for tag, (start, stop) in tags:
        plain += text[at:start]
        spans[tag], at = len(plain), stop
    plain += text[at:]
    first, second = ((spans[f"<{e}>"], spans[f"</{e}>"]) for e in ("e1", "e2"))
    if first[0] == first[1] or second[0] == second[1]:
        raise ValueError(f"{place}: an entity is empty")
    return Related(name, plain, first, second)


def from_json(path: Any) -> list[tuple[int, Related]]:
    if kind_of(path) == ".jsonl":
        values = [(number, parsed(path, line, number)) for number, line in read_lines(path) if line.strip()]
    else:
        whole = parsed(path, read_text(path))
        values = list(enumerate(whole if isinstance(whole, list) else [whole], start=1))
    return [(number, from_tokens(value, f"{path}:{number}", number)) for number, value in values]


def from_tokens(value: Any, place: str, number: int) -> Related:
    """An object as TACRED has it."""
    keys = ("subj_start", "subj_end", "obj_start", "obj_end")
    tokens = value.get("token", value.get("tokens")) if isinstance(value, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{place}: expected an object with a list of words under 'token'")
    for key in keys:
        if not isinstance(value.get(key), int) or not 0 <= value[key] < len(tokens):
            raise ValueError(f"{place}: {key!r} must be a number from 0 to {len(tokens) - 1}, not {value.get(key)!r}")
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    spans = [(starts[value[a]], starts[value[b] + 1] - 1) for a, b in (keys[:2], keys[2:])]
    if spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]:
        raise ValueError(f"{place}: the entities must not overlap")
    if spans[0][0] >= spans[0][1] or spans[1][0] >= spans[1][1]:
        raise ValueError(f"{place}: an entity is empty")
    label = value.get("relation")
    return Related(str(value.get("id", number)), " ".join(tokens), spans[0], spans[1], None if label is None else str(label))
