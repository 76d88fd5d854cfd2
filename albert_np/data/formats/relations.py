"""Sentences with two entities: the format of SemEval-2010 task 8, and JSON like TACRED's."""

import re
from dataclasses import dataclass, replace
from typing import Any

from albert_np.data.formats.lines import (
    FilePath,
    UniqueIds,
    get_suffix,
    parse_json,
    read_json_lines,
    read_lines,
    read_text,
    require_examples,
)

Span = tuple[int, int]
MARKERS = re.compile(r"</?e[12]>")


@dataclass(frozen=True)
class Related:
    """A text without markup. first, second: the character spans of its two entities; label: None if there is none."""

    id: str
    text: str
    first: Span
    second: Span
    label: str | None = None


def read_relations(path: FilePath) -> list[Related]:
    """Return the examples of a file.

    .json and .jsonl are read like TACRED's ("token", "subj_start", "subj_end", both inclusive, "obj_start", "obj_end",
    "relation", "id"), others like SemEval's: number, tab, sentence in quotes with <e1>...</e1> and <e2>...</e2>; below it the
    relation (test files have none), a comment, an empty line.

    ValueError that names the file and the line.
    """
    numbered = read_tacred(path) if get_suffix(path) in (".json", ".jsonl") else read_semeval(path)
    ids = UniqueIds(path)
    for number, example in require_examples(path, numbered):
        ids.add(example.id, number)
    return [example for _, example in numbered]


def read_semeval(path: FilePath) -> list[tuple[int, Related]]:
    """Return (line number, example) for a file in SemEval's format."""
    examples: list[tuple[int, Related]] = []
    label_expected = False
    for number, line in read_lines(path):
        numbered = re.fullmatch(r"(\d+)\t(.*)", line)
        if numbered:
            text = numbered[2].strip()
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1]
            examples.append((number, parse_entities(text, numbered[1], f"{path}:{number}")))
            label_expected = True
        elif not line.strip() or line.startswith("Comment"):
            label_expected = False
        elif label_expected:
            first, example = examples[-1]
            examples[-1] = first, replace(example, label=line.strip())
            label_expected = False
        else:
            raise ValueError(f"{path}:{number}: expected a number, a tab and a sentence, got {line[:40]!r}")
    return examples


def parse_entities(text: str, name: str, position: str) -> Related:
    """Return the example with id `name` of a text with <e1>...</e1> and <e2>...</e2>.

    ValueError that names the position: the markers are not complete, overlap, or surround nothing.
    """
    tags = [(match.group(), match.span()) for match in MARKERS.finditer(text)]
    if sorted(tag for tag, _ in tags) != ["</e1>", "</e2>", "<e1>", "<e2>"]:
        raise ValueError(f"{position}: expected <e1>...</e1> and <e2>...</e2>, once each, in {text[:60]!r}")
    order = [tag for tag, _ in tags]
    if order not in (["<e1>", "</e1>", "<e2>", "</e2>"], ["<e2>", "</e2>", "<e1>", "</e1>"]):
        raise ValueError(f"{position}: the entities must not overlap: {' '.join(order)}")
    plain, offsets, end = "", {}, 0
    for tag, (start, stop) in tags:
        plain += text[end:start]
        offsets[tag], end = len(plain), stop
    plain += text[end:]
    first, second = ((offsets[f"<{e}>"], offsets[f"</{e}>"]) for e in ("e1", "e2"))
    if first[0] == first[1] or second[0] == second[1]:
        raise ValueError(f"{position}: an entity is empty")
    return Related(name, plain, first, second)


def read_tacred(path: FilePath) -> list[tuple[int, Related]]:
    """Return (number, example) for .jsonl, numbered by line, or .json with one list, numbered by element from 1."""
    if get_suffix(path) == ".jsonl":
        values = read_json_lines(path)
    else:
        whole = parse_json(path, read_text(path))
        values = list(enumerate(whole if isinstance(whole, list) else [whole], start=1))
    return [(number, parse_tacred(value, f"{path}:{number}", number)) for number, value in values]


def parse_tacred(value: Any, position: str, number: int) -> Related:
    """Return the example of one of TACRED's objects; its id is `number` if it has none."""
    keys = ("subj_start", "subj_end", "obj_start", "obj_end")
    tokens = value.get("token", value.get("tokens")) if isinstance(value, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{position}: expected an object with a list of words under 'token'")
    for key in keys:
        if not isinstance(value.get(key), int) or not 0 <= value[key] < len(tokens):
            raise ValueError(f"{position}: {key!r} must be a number from 0 to {len(tokens) - 1}, not {value.get(key)!r}")
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    spans = [(starts[value[a]], starts[value[b] + 1] - 1) for a, b in (keys[:2], keys[2:])]
    if spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]:
        raise ValueError(f"{position}: the entities must not overlap")
    if spans[0][0] >= spans[0][1] or spans[1][0] >= spans[1][1]:
        raise ValueError(f"{position}: an entity is empty")
    label = value.get("relation")
    return Related(str(value.get("id", number)), " ".join(tokens), spans[0], spans[1], None if label is None else str(label))
