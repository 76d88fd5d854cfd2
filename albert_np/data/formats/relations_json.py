"""Sentences with two entities in JSON: the forms of TACRED, of OpenNRE and FewRel, and texts with <e1> and <e2>."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from albert_np.data.formats.lines import FilePath
from albert_np.data.formats.objects import Rows, get_id, parse_whole_number, quote_names, read_objects
from albert_np.data.formats.summary import FileSummary
from albert_np.io.files import DataError

TOKENS, TEXT = ("token", "tokens"), ("text", "sentence")  # keys of a list of words, and of a text
SUBJECT, OBJECT = ("subj_start", "subj_end"), ("obj_start", "obj_end")  # of the first and the last word, TACRED's
HEADS, TAILS = ("h", "head"), ("t", "tail")  # of an object with "pos", OpenNRE's
LABELS = ("relation", "label")
EXPECTED = (
    "expected the words under 'token' with 'subj_start', 'subj_end', 'obj_start' and 'obj_end', a 'text' or 'token' with 'h' and "
    "'t' (each with 'pos', first and one after the last), or a 'text' with <e1>...</e1> and <e2>...</e2>"
)

Span = tuple[int, int]


class Marked(NamedTuple):
    """An example as its object has it: text, character spans of its entities (None: <e1> and <e2> mark them), label, id."""

    position: str
    text: str
    first: Span | None
    second: Span | None
    label: Any
    id: str | None
    notes: list[str]


def read_json_relations(path: FilePath, label: str | None, summary: FileSummary) -> list[Marked]:
    """Return the examples of a JSON file; fills in the summary. label: the key of the relation; None: one of `LABELS`.

    ValueError that names the file and the position.
    """
    form, rows, _ = read_objects(path)
    if len(rows) == 1 and (by_relation := split_by_relation(*rows[0])):
        form, rows = "JSON with a list per relation", by_relation
    summary.format, summary.options = form, ["label"]
    labels = LABELS if label is None else (label,)
    examples = [parse_object(value, position, labels) for position, value in rows]
    if label is not None and not any(label in value for _, value in rows):
        raise ValueError(f"{path}: there is no key {label!r} (option label); got {quote_names(rows[0][1] if rows else ())}")
    if rows:
        summary.columns = describe_keys(rows[0][1], labels)
        summary.columns.pop("id", None)
        if any(example.id is not None for example in examples):
            summary.columns["id"] = "id"
        used = {key for keys in (TOKENS, TEXT, SUBJECT, OBJECT, HEADS, TAILS, labels, ("id",)) for key in keys}
        summary.unused = [key for key in dict.fromkeys(key for _, value in rows for key in value) if key not in used]
    wrong = [example for example in examples if "covers" in "".join(example.notes)]
    if 2 * len(wrong) > len(examples):
        raise DataError(f"{wrong[0].position}: {wrong[0].notes[0]}; 'pos' must be the first, and one after the last")
    return examples


def split_by_relation(position: str, value: Any) -> Rows:
    """Return the rows of {relation: [objects]}, as FewRel has them, with their relations; [] for any other object."""
    if not isinstance(value, dict) or not value or not all(isinstance(rows, list) for rows in value.values()):
        return []
    rows = [(f"{position}: {name}[{i}]", name, each) for name, rows in value.items() for i, each in enumerate(rows)]
    if not all(isinstance(each, dict) and find_key(each, TOKENS) and find_key(each, HEADS) for *_, each in rows):
        return []
    return [(place, {**each, "relation": name}) for place, name, each in rows]


def find_key(value: dict[str, Any], keys: Sequence[str]) -> str | None:
    """Return the first of the keys that an object has."""
    return next((key for key in keys if key in value), None)


def describe_keys(value: dict[str, Any], labels: Sequence[str]) -> dict[str, str]:
    """Return {role: key} of an object."""
    keys = {
        "text": TOKENS + TEXT,
        "first": (*SUBJECT[:1], *HEADS),
        "second": (*OBJECT[:1], *TAILS),
        "relation": labels,
        "id": ("id",),
    }
    found = {role: find_key(value, names) for role, names in keys.items()}
    return {role: key for role, key in found.items() if key is not None}


def parse_object(value: Any, position: str, labels: Sequence[str]) -> Marked:
    """Return the example of an object. ValueError that names the position."""
    if not isinstance(value, dict):
        raise DataError(f"{position}: {EXPECTED}, got {str(value)[:40]!r}")
    words, text = find_key(value, TOKENS), find_key(value, TEXT)
    about = (value.get(find_key(value, labels) or ""), get_id(value, "id", position))
    if words is not None:
        starts = word_starts(value[words], words, position)
        sentence = " ".join(value[words])
    elif text is not None and isinstance(value[text], str):
        starts, sentence = list(range(len(value[text]) + 1)), value[text]
    else:
        raise DataError(f"{position}: {EXPECTED}; got {quote_names(value)}")
    notes: list[str] = []
    head, tail = find_key(value, HEADS), find_key(value, TAILS)
    if words is not None and any(key in value for key in SUBJECT + OBJECT):
        spans = [get_inclusive(value, keys, len(starts) - 1, position, notes) for keys in (SUBJECT, OBJECT)]
    elif head is not None and tail is not None:
        spans = [get_position(value[key], key, len(starts) - 1, position, notes) for key in (head, tail)]
    elif text is not None and words is None and "<e1>" in sentence:
        return Marked(position, sentence, None, None, *about, notes)
    else:
        raise DataError(f"{position}: {EXPECTED}; got {quote_names(value)}")
    gap = 0 if words is None else 1  # the blank behind a word
    first, second = ((starts[a], starts[b] - gap) for a, b in spans)
    mismatches = []
    for key, span in ((head, first), (tail, second)):
        expected = get_name(value.get(key or ""))
        if expected and normalise(expected) != normalise(sentence[slice(*span)]):
            mismatches.append(f"{key!r} covers {sentence[slice(*span)]!r}, not its name {expected!r}")
    return Marked(position, sentence, first, second, *about, mismatches + notes)


def word_starts(words: Any, key: str, position: str) -> list[int]:
    """Return the offset of each word among the words joined by blanks, and of one more behind them."""
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise DataError(f"{position}: expected a list of words under {key!r}, got {str(words)[:40]!r}")
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    return starts


def get_inclusive(value: dict[str, Any], keys: Sequence[str], count: int, position: str, notes: list[str]) -> Span:
    """Return the first word of an entity and one after the last, from the indices of the first and the last."""
    first, last = (get_index(value.get(key), key, count - 1, position, notes) for key in keys)
    if last < first:
        raise DataError(f"{position}: {keys[1]!r} is {last}, before {keys[0]!r}, {first}")
    return first, last + 1


def get_position(entity: Any, key: str, count: int, position: str, notes: list[str]) -> Span:
    """Return the first word or character of an entity and one after the last.

    entity: {"pos": [first, one after the last]}, or FewRel's [name, id, [[indices of the words]]], where the first mention counts
    """
    pos = entity.get("pos") if isinstance(entity, dict) else entity[-1] if isinstance(entity, list) and entity else None
    if isinstance(entity, list) and isinstance(pos, list) and pos and isinstance(pos[0], list) and pos[0]:
        indices = [get_index(index, key, count - 1, position, notes) for index in pos[0]]
        if indices != list(range(indices[0], indices[0] + len(indices))):
            raise DataError(f"{position}: the words of {key!r} must follow each other, not {indices}")
        return indices[0], indices[-1] + 1
    if not isinstance(pos, list) or len(pos) != 2:
        raise DataError(f"{position}: {key!r} must have 'pos': [first, one after the last], not {str(entity)[:60]!r}")
    first, stop = (get_index(index, f"pos of {key}", count, position, notes) for index in pos)
    if stop <= first:
        raise DataError(f"{position}: 'pos' of {key!r} must be [first, one after the last], not [{first}, {stop}]")
    return first, stop


def get_index(value: Any, name: str, largest: int, position: str, notes: list[str]) -> int:
    """Return an index from 0 to `largest`. ValueError that names the position for anything else."""
    number, plain = parse_whole_number(value)
    if number is None or not 0 <= number <= largest:
        raise DataError(f"{position}: {name!r} must be a number from 0 to {largest}, not {value!r}")
    if not plain:
        notes.append("with an index written as 3.0 or '3'")
    return number


def get_name(entity: Any) -> str | None:
    """Return the name of an entity, if it has one."""
    name = entity.get("name") if isinstance(entity, dict) else entity[0] if isinstance(entity, list) and entity else None
    return name if isinstance(name, str) else None


def normalise(text: str) -> str:
    """Return the text without case and blanks."""
    return "".join(text.split()).casefold()
