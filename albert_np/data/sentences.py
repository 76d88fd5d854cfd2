"""Paragraphs -> sentences -> token ids, none longer than a limit: the segments that sentence pairs are made of.

**Where a sentence ends.** At one or more of ``. ! ? …`` (also ``؟ ۔ ։``) and any closing quotes and brackets, if a space
follows and then, after any opening quotes and brackets, a capital letter, a digit or a letter of a script without capitals. Not
after

  * an abbreviation that is followed by a name ("Mr. Hill", "St. Paul") or by a number ("No. 5", "Jan. 3");
  * a single letter (an initial: "J. Hill", "U. S."), except the word "I", or letters with points ("U.S.", "e.g.");
  * a beginning without a letter ("1. The first ..."): a sentence has at least one letter.

A decimal point is not followed by a space, and an ellipsis before a lower-case letter does not end a sentence. After the
marks ``。！？｡`` of Chinese and Japanese, ``। ॥`` of Indian scripts, and ``። ။`` a sentence ends without a space. When in
doubt, the rule does not end a sentence.

**Sentences that are too long.** A sentence with more than `limit` tokens (half a sequence, so that a sequence has at least
two segments) is divided at its commas, semicolons, colons and dashes; if that is not enough, at its spaces; and if there
are none (a web address, Chinese), between any two tokens. Segments are of nearly equal length, never longer than the
limit; no token is lost.
"""

import math
import re
from collections.abc import Callable, Sequence

Segment = Sequence[int]  # token ids
Encode = Callable[[list[str]], Sequence[Segment]]

_WORDS_BEFORE_NAMES = """
mr mrs ms messrs mme mlle mm dr drs prof rev hon st ste gen col capt cpt lt lieut sgt maj cmdr adm gov sen rep pres supt
fr hr frl ven viz cf vs mt ft
"""
_WORDS_BEFORE_NUMBERS = """
no nos nr art arts p pp vol vols ch chap sec sect fig figs par pt bk ver v vv ca approx
jan feb mar apr jun jul aug sep sept oct nov dec
"""
BEFORE_NAMES = frozenset(_WORDS_BEFORE_NAMES.split())
BEFORE_NUMBERS = frozenset(_WORDS_BEFORE_NUMBERS.split())
_CLOSERS = "\"'”’»)\\]}"
_OPENERS = "\"'“‘„«([{¿¡"
_END = re.compile(rf"([.!?…؟۔։]+)[{_CLOSERS}]*\s+(?=[{_OPENERS}]*(\w))|[。！？｡।॥።။]+[{_CLOSERS}」』】）]*\s*(?=\S)")
_LAST_WORD = re.compile(r"[^\s\"'“”‘’„«»()\[\]{}—–-]*$")
_CLAUSE = re.compile(r"(?<=[,;:–])\s+|(?<=[，；：、])|(?<=—)\s*|(?<=--)(?!-)\s*")


def split_sentences(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph, each stripped, none empty."""
    sentences, start = [], 0
    for match in _END.finditer(paragraph):
        if _is_end(paragraph, start, match):
            sentences.append(paragraph[start : match.end()].strip())
            start = match.end()
    sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_end(paragraph: str, start: int, match: re.Match[str]) -> bool:
    marks, following = match.groups()
    if marks is None:  # 。！？ and others that end nothing but sentences
        return True
    if following.islower() or not _has_letter(paragraph, start, match.start()):
        return False
    if marks != ".":  # ! ? ... … are never part of an abbreviation
        return True
    last = _LAST_WORD.search(paragraph, max(start, match.start() - 40), match.start())
    word = last.group() if last else ""
    if len(word) == 1 and word.isalpha() and word != "I":
        return False
    if "." in word and all(len(part) <= 2 for part in word.split(".")) and word[0].isalpha():
        return False
    word = word.lower()
    return not (word in BEFORE_NAMES or (word in BEFORE_NUMBERS and following.isdigit()))


def _has_letter(text: str, start: int, end: int) -> bool:
    return any(text[i].isalpha() for i in range(start, end))


def encode_segments(sentences: list[str], encode: Encode, limit: int) -> list[list[Segment]]:
    """Return the segments of each sentence, of at most `limit` tokens each; a sentence without tokens has none."""
    encoded = encode(sentences)
    long = [i for i, ids in enumerate(encoded) if len(ids) > limit]
    segments = [[ids] if len(ids) else [] for ids in encoded]
    for i, shorter in zip(long, _divide([sentences[i] for i in long], encode, limit)):
        segments[i] = shorter
    return segments


def _divide(texts: list[str], encode: Encode, limit: int) -> list[list[Segment]]:
    """Return the segments of texts with more than `limit` tokens.

    Texts are divided into clauses, a clause that is too long into words, and a word that is too long anywhere; neighbours are
    then joined again as far as the limit allows. Each step encodes the parts of all texts in one call.
    """
    clauses = _encode_parts([_CLAUSE.split(text) for text in texts], encode)
    long = [(t, c) for t, row in enumerate(clauses) for c, (_, ids) in enumerate(row) if len(ids) > limit]
    words = _encode_parts([clauses[t][c][0].split() for t, c in long], encode)
    atoms: list[list[list[Segment]]] = [[[ids] for _, ids in row] for row in clauses]
    for (t, c), row in zip(long, words):
        atoms[t][c] = _join_neighbours([part for _, ids in row for part in _split_evenly(ids, limit)], limit)
    return [_join_neighbours([ids for row in text for ids in row], limit) for text in atoms]


def _encode_parts(rows: list[list[str]], encode: Encode) -> list[list[tuple[str, Segment]]]:
    encoded = iter(encode([part for row in rows for part in row]))
    return [[(part, next(encoded)) for part in row] for row in rows]


def _split_evenly(ids: Segment, limit: int) -> list[Segment]:
    """Split ids into nearly equal parts of at most `limit`."""
    count = math.ceil(len(ids) / limit)
    return [ids[len(ids) * k // count : len(ids) * (k + 1) // count] for k in range(count)]


def _join_neighbours(atoms: Sequence[Segment], limit: int) -> list[Segment]:
    """Join neighbouring atoms (each at most `limit` long) to segments of at most `limit`, as even as one pass makes them."""
    total = sum(map(len, atoms))
    target = total / math.ceil(total / limit) if total else limit
    segments: list[Segment] = []
    for atom in atoms:
        if segments and len(segments[-1]) < target and len(segments[-1]) + len(atom) <= limit:
            segments[-1] = [*segments[-1], *atom]
        elif len(atom):
            segments.append(atom)
    return segments
