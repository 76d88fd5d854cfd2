"""Sentences with two entities: the format of SemEval-2010 task 8, and JSON (relations_json.py)."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from albert_np.data.formats.lines import FilePath, read_lines, require_examples
from albert_np.data.formats.objects import complete_ids, is_json, shorten_position
from albert_np.data.formats.relations_json import Marked, read_json_relations
from albert_np.data.formats.summary import Examples, FileSummary

Span = tuple[int, int]
MARKERS = re.compile(r"</?e[12]>")
UNKNOWN = ("", "-", "-1")  # labels that stand for none


@dataclass(frozen=True)
class Related:
    """A text without markup. first, second: the character spans of its two entities; label: None if there is none."""

    id: str
    text: str
    first: Span
    second: Span
    label: str | None = None


def read_relations(path: FilePath, label: str | None = None, labelled: bool = True) -> Examples[Related]:
    """Return the examples of a file.

    JSON (.json, .jsonl, or any file whose first line is an object) holds objects like TACRED's ("token", "subj_start",
    "subj_end", both inclusive, "obj_start", "obj_end", "relation", "id"), like OpenNRE's ("text" or "token", "h" and "t" with
    "pos"), or with "text" and "relation", where the text has <e1>...</e1> and <e2>...</e2>. Others are read like SemEval's:
    number, tab, such a sentence, in quotes or not; below it the relation (test files have none; it may also stand behind the
    sentence and a tab), a comment, an empty line.

    label: the key of the relation in JSON, by default "relation" or "label"; labelled: False if relations are not read.

    A relation that is empty, "-" or -1 is none. ValueError that names the file and the line.
    """
    summary = FileSummary(str(path))
    marked = read_json_relations(path, label if labelled else None, summary) if is_json(path) else read_semeval(path, summary)
    require_examples(path, marked)
    ids = complete_ids(path, [(shorten_position(path, each.position), each.id) for each in marked])
    if not labelled:
        marked = [each._replace(label=None) for each in marked]
    examples = [make_example(each, name, summary) for each, name in zip(marked, ids)]
    if labelled:
        warn_of_labels(examples, summary)
    else:
        summary.columns.pop("relation", None)
    return Examples(examples, summary)


def read_semeval(path: FilePath, summary: FileSummary) -> list[Marked]:
    """Return the examples of a file in SemEval's format; fills in the summary."""
    summary.format = "numbered sentences with <e1> and <e2>"
    examples: list[Marked] = []
    label_expected = False
    for number, line in read_lines(path):
        numbered = re.fullmatch(r"(\d+)\t([^\t]*)(?:\t([^\t]*))?", line.rstrip("\t"))
        if numbered:
            text = numbered[2].strip()
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1]
            examples.append(Marked(f"{path}:{number}", text, None, None, numbered[3], numbered[1], []))
            label_expected = numbered[3] is None
        elif not line.strip() or line.startswith("Comment"):
            label_expected = False
        elif label_expected:
            examples[-1] = examples[-1]._replace(label=line.strip())
            label_expected = False
        else:
            raise ValueError(f"{path}:{number}: expected a number, a tab and a sentence, got {line[:40]!r}")
    return examples


def make_example(marked: Marked, name: str, summary: FileSummary) -> Related:
    """Return the example with this id. ValueError that names the position: its entities overlap, or one is empty."""
    position, text, first, second, *_ = marked
    for note in dict.fromkeys(marked.notes):
        summary.note("with a 'pos' that does not cover the 'name'" if "covers" in note else note, name)
    if marked.id is None and "id" in summary.columns:
        summary.note("without an id: numbered", name)
    label = clean_label(marked.label, position)
    if first is None or second is None:
        return replace(parse_entities(text, name, position), label=label)
    first, second = (strip_span(text, span, position) for span in (first, second))
    if first[0] < second[1] and second[0] < first[1]:
        raise ValueError(f"{position}: the entities must not overlap")
    return Related(name, text, first, second, label)


def clean_label(label: Any, position: str) -> str | None:
    """Return the relation as text, None if there is none. ValueError that names the position for another value."""
    if label is None or (isinstance(label, str | int) and str(label).strip() in UNKNOWN):
        return None
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise ValueError(f"{position}: the relation must be a text, not {str(label)[:40]!r}")
    return str(label).strip()


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
    first, second = (strip_span(plain, (offsets[f"<{e}>"], offsets[f"</{e}>"]), position) for e in ("e1", "e2"))
    return Related(name, plain, first, second)


def strip_span(text: str, span: Span, position: str) -> Span:
    """Return the span without spaces at its ends. ValueError that names the position if nothing is left."""
    start, stop = span
    entity = text[start:stop]
    if not entity.strip():
        raise ValueError(f"{position}: an entity is empty")
    start += len(entity) - len(entity.lstrip())
    return start, start + len(entity.strip())


def warn_of_labels(examples: Sequence[Related], summary: FileSummary) -> None:
    """Warn of relations that are missing in some examples, differ in all, or are numbers."""
    unlabelled = [example.id for example in examples if example.label is None]
    counts = Counter(example.label for example in examples if example.label is not None)
    if not counts:
        summary.format += ", no relations"
        summary.columns.pop("relation", None)
    elif unlabelled:
        for name in unlabelled:
            summary.leave_out("without a relation, so neither trained on nor scored", name)
        summary.warn(f"no relation in {len(unlabelled):,} of {len(examples):,} examples; the first is {unlabelled[0]!r}")
    if len(counts) > 2 and set(counts.values()) == {1}:
        summary.warn(f"each of its {len(counts):,} relations occurs once")
    if counts and all(label.isdecimal() for label in counts):
        summary.warn("its relations are numbers: the score counts directions only in names such as Cause-Effect(e1,e2)")
