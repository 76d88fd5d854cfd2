"""Schemes of tags: how a column says which words belong to a span, and the form to which all are brought, B-TYPE.

prefix     O, B-PER, I-PER; also b-per and B_PER. Letters of BIO, IOB1, BIOES, BILOU, BMES and BMEWO
suffix     O, PER-B, PER-I; also PER_B
bare       O, B, I: spans without a type, which becomes ENTITY
brackets   (PER*, *, *) and (PER) or (PER*), as in CoNLL-2012
io         O, PER: neighbours of a type are one span. Parts of speech look the same, so this is read only if it is asked for
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from albert_np.data.formats.lines import FilePath
from albert_np.data.formats.summary import cut

LETTERS = "BIESLUMW"
PREFIX = re.compile(rf"([{LETTERS}])([-_])(\S(?:.*\S)?)", re.IGNORECASE)
SUFFIX = re.compile(rf"(\S(?:.*\S)?)([-_])([{LETTERS}])", re.IGNORECASE)
BARE = re.compile(rf"[{LETTERS}]", re.IGNORECASE)
BRACKETS = re.compile(r"(?:\(([^()*\s]+))?\*([^()*\s]*\))?")  # "*A0)" is CoNLL-2004's "*)"
SINGLE = re.compile(r"\(([^()*\s]+)\)")  # "(PER)", which some files have for "(PER*)"
FORMS = (PREFIX, SUFFIX, BARE, BRACKETS, SINGLE)
NESTED = re.compile(rf"[|#+,;/&][{LETTERS}][-_]\S")
SCHEMES = ("prefix", "suffix", "bare", "brackets", "io")
ENTITY = "ENTITY"
EXPECTED = {
    "prefix": "O, B-TYPE, I-TYPE, E-TYPE or S-TYPE", "suffix": "O, TYPE-B or TYPE-I, as in most rows",
    "bare": "O, B or I, as in most rows", "brackets": "(TYPE*, (TYPE*), * or *), as in most rows",
    "io": "O or TYPE, without B- or I-",
}  # fmt: skip
O, BLANK = frozenset({"O", "o"}), frozenset({"_", "-"})


class Scheme(NamedTuple):
    """How to read a column.

    name: one of `SCHEMES`; outside: the cells that stand for O; separator: "-" or "_"; key: of cells such as "NER=B-PER".
    """

    name: str
    outside: frozenset[str] = O
    separator: str = "-"
    key: str = ""

    def describe(self) -> str:
        """Return how the tags are written, where it is not the usual form: "TYPE-B"; else ""."""
        forms = {
            "prefix": "" if self.separator == "-" else f"B{self.separator}TYPE", "suffix": f"TYPE{self.separator}B",
            "bare": f"B and I: {ENTITY}", "brackets": "brackets", "io": "TYPE without B- and I-",
        }  # fmt: skip
        return " ".join(part for part in (f"in {self.key}=" if self.key else "", forms[self.name]) if part)


def find_scheme(cells: Sequence[str], name: str | None = None) -> Scheme | None:
    """Return the scheme of a column: the one that fits most cells, and at least half of those that are not O.

    name: one of `SCHEMES`, if it is known. Cells "_" and "-" stand for O where no cell is "O".
    """
    counts = Counter(cells)
    outside = O if O & set(counts) else BLANK
    tags = {cell: count for cell, count in counts.items() if cell not in outside}
    choices = [Scheme(kind, outside, sign) for kind in ("prefix", "suffix", "bare", "io", "brackets") for sign in "-_"]
    if name is not None:
        choices = [scheme for scheme in choices if scheme.name == name]
        return max(choices, key=lambda scheme: count_fitting(tags, scheme))
    brackets = Scheme("brackets", frozenset())
    if any("*" in cell for cell in counts) and 2 * count_fitting(counts, brackets) >= len(cells):
        return brackets
    if not tags:
        return choices[0] if outside is O else None
    bare = ("B" in tags and not BLANK & set(counts)) or {"b", "o"} <= set(counts)
    choices = [scheme for scheme in choices if scheme.name in ("prefix", "suffix") or (scheme.name == "bare" and bare)]
    best = max(choices, key=lambda scheme: count_fitting(tags, scheme))
    return best if 2 * count_fitting(tags, best) >= sum(tags.values()) else find_key(cells)


def count_fitting(tags: dict[str, int], scheme: Scheme) -> int:
    """Return how many of the tags, given with their counts, can be read by a scheme."""
    return sum(count for tag, count in tags.items() if parse_tag(tag, scheme) is not None)


def find_key(cells: Iterable[str]) -> Scheme | None:
    """Return the scheme of the only key whose values are tags, for cells such as "SpaceAfter=No|NER=B-PER"; else None."""
    values: dict[str, list[str]] = {}
    for cell in cells:
        for key, value in parse_keys(cell).items():
            values.setdefault(key, []).append(value)
    schemes = {key: find_scheme(each) for key, each in values.items() if not any("=" in value for value in each)}
    found = [scheme._replace(key=key) for key, scheme in schemes.items() if scheme is not None and scheme.name != "bare"]
    return found[0] if len(found) == 1 else None


def parse_keys(cell: str) -> dict[str, str]:
    """ "SpaceAfter=No|NER=B-PER" -> {"SpaceAfter": "No", "NER": "B-PER"}"""
    pairs = [part.partition("=") for part in cell.split("|")]
    return {key: value for key, sign, value in pairs if sign and key}


def parse_tag(cell: str, scheme: Scheme) -> str | None:
    """Return the tag of a cell as O or B-TYPE, with its own letter (W becomes S); None if the scheme has no such cell."""
    if scheme.key:
        cell = parse_keys(cell).get(scheme.key, "O")
    if cell in scheme.outside or (scheme.key and cell in O):
        return "O"
    if scheme.name == "brackets":
        return "O" if BRACKETS.fullmatch(cell) or SINGLE.fullmatch(cell) else None
    if scheme.name == "bare":
        return join(cell, ENTITY) if BARE.fullmatch(cell) else None
    if scheme.name == "io":
        return f"I-{cell}" if cell and not PREFIX.fullmatch(cell) and not SUFFIX.fullmatch(cell) else None
    match = (PREFIX if scheme.name == "prefix" else SUFFIX).fullmatch(cell)
    if not match or match[2] != scheme.separator or NESTED.search(cell):
        return None
    return join(match[1], match[3]) if scheme.name == "prefix" else join(match[3], match[1])


def join(letter: str, kind: str) -> str:
    """ "w", "PER" -> "S-PER" """
    return f"{letter.upper().replace('W', 'S')}-{kind}"


def find_types(cells: Sequence[str]) -> set[str]:
    """Return the types in a column of tags; empty if it has none."""
    scheme = find_scheme(cells)
    if scheme is None:
        return set()
    if scheme.name == "brackets":
        return {cell.strip("()*") for cell in cells} - {""}
    tags = (parse_tag(cell, scheme) or "O" for cell in set(cells))
    return {tag.partition("-")[2] for tag in tags} - {""}


def explain_tag(cell: str, cells: Iterable[str]) -> str:
    """Return a hint on a cell that is no tag, for the end of a message; "" if there is none."""
    if cell == "0":
        return " (the digit; O is the letter)"
    if NESTED.search(cell):
        return " (nested tags; each column must hold one tag a word)"
    if not cell:
        return " (the tag is empty)"
    plain = re.fullmatch(r"[A-Za-z][\w./]*", cell) and O & set(cells)
    return "; option scheme=io reads tags without B- and I-, neighbours of a type as one entity" if plain else ""


# ---- spans ----


def spans_to_bio(spans: Iterable[tuple[str, int, int]], length: int) -> tuple[str, ...]:
    """Return the strict BIO tags of spans (type, first, one past the last) that do not overlap; every span begins with B-."""
    tags = ["O"] * length
    for kind, first, stop in spans:
        tags[first:stop] = ["B-" + kind] + ["I-" + kind] * (stop - first - 1)
    return tuple(tags)


def parse_brackets(path: FilePath, column: list[tuple[int, str]]) -> tuple[str, ...]:
    """Return ("B-ARG1", "I-ARG1", "I-ARG1") for the cells "(ARG1*", "*", "*)", given with their line numbers."""
    spans, role, first = [], None, 0
    for i, (number, cell) in enumerate(column):
        match = BRACKETS.fullmatch(SINGLE.sub(r"(\1*)", cell))
        if not match:
            hint = " (nested spans, of which a word can have one)" if re.match(r"\([^()*]+\(", cell) else ""
            hint = hint or " (a role without brackets: arguments must be spans)" * cell[:1].isalpha()
            raise ValueError(f"{path}:{number}: expected (ROLE*), (ROLE*, * or *), got {cut(cell, 60)!r}{hint}")
        if match[1]:
            if role is not None:
                raise ValueError(f"{path}:{number}: {cut(cell)!r} begins within {cut(role)}, which is still open")
            role, first = match[1], i
        if match[2]:
            if role is None:
                raise ValueError(f"{path}:{number}: {cut(cell)!r} closes what was not opened")
            spans.append((role, first, i + 1))
            role = None
    if role is not None:
        raise ValueError(f"{path}:{column[first][0]}: {cut(column[first][1])!r} is not closed in its sentence")
    return spans_to_bio(spans, len(column))


def continues_span(previous: str, current: str) -> bool:
    """Return whether a tag continues the span of the tag before it, in any of the schemes with a prefix."""
    return current[0] in "IEML" and previous[0] not in "OESLU" and previous[1:] == current[1:]


def select_tags(tags: Sequence[str], kept: Sequence[int]) -> tuple[str, ...]:
    """Return the tags at the indices `kept`; spans that lose their first word, or what stood between them, still begin."""
    if len(kept) == len(tags):
        return tuple(tags)
    span, spans = -1, []
    for i, tag in enumerate(tags):
        span += not (i and continues_span(tags[i - 1], tag))
        spans.append(span)
    selected: list[str] = []
    for k, i in enumerate(kept):
        tag, begins = tags[i], k == 0 or spans[i] != spans[kept[k - 1]]
        if begins and selected and continues_span(selected[-1], tag):
            tag = ("S" if tag[0] in "EL" else "B") + tag[1:]
        selected.append(tag)
    return tuple(selected)
