"""Paragraphs -> sentences -> token ids, none longer than a limit: the segments that sentence pairs are made of.

**Where a sentence ends.** At one or more of ``. ! ? …`` with the quotes and brackets that close on them, if a blank
follows and then, past opening quotes and brackets, a capital letter, a digit or a letter of a script without
capitals. Not after

  * an abbreviation that is followed by a name ("Mr. Hill", "St. Paul") or by a number ("No. 5", "Jan. 3");
  * a single letter (an initial: "J. Hill", "U. S."), except the word "I", or letters with points ("U.S.", "e.g.");
  * a beginning that has no letter yet ("1. The first ..."): a sentence has at least one letter.

A decimal point has no blank behind it, and an ellipsis that runs on in small letters does not end a sentence. After the
marks ``。！？`` of Chinese and Japanese a sentence ends without a blank. The rule would rather miss an end than invent
one.

**Pieces that are too long.** Of a sentence with more than `limit` tokens (half a sequence, so that at least two
pieces make one sequence) parts are made at its commas, semicolons, colons and dashes, where that is not enough at its
blanks, and where there are none (a web address, Chinese) at a token. Parts are of nearly equal length, never longer
than the limit; no token is lost.
"""

import math
import re
from collections.abc import Callable

Encode = Callable[[list[str]], list[list[int]]]

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
_END = re.compile(rf"([.!?…]+)[{_CLOSERS}]*\s+(?=[{_OPENERS}]*(\w))|[。！？]+[{_CLOSERS}」』】）]*\s*(?=\S)")
_LAST_WORD = re.compile(r"[^\s\"'“”‘’„«»()\[\]{}—–-]*$")
_CLAUSE = re.compile(r"(?<=[,;:–])\s+|(?<=[，；：、])|(?<=—)\s*|(?<=--)(?!-)\s*")


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, each stripped, none empty."""
    sentences, start = [], 0
    for match in _END.finditer(paragraph):
        if _is_end(paragraph, start, match):
            sentences.append(paragraph[start : match.end()].strip())
            start = match.end()
    sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_end(paragraph: str, start: int, match: re.Match[str]) -> bool:
    marks, following = match.groups()
    if marks is None:  # 。！？
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


def segments(sentences: list[str], encode: Encode, limit: int) -> list[list[list[int]]]:
    """Token ids of each sentence, as one or more parts of at most `limit` tokens; a sentence without tokens has no
    part."""
    encoded = encode(sentences)
    long = [i for i, ids in enumerate(encoded) if len(ids) > limit]
    parts = [[ids] if ids else [] for ids in encoded]
    for i, shorter in zip(long, _divide([sentences[i] for i in long], encode, limit)):
        parts[i] = shorter
    return parts


def _divide(texts: list[str], encode: Encode, limit: int) -> list[list[list[int]]]:
    """Parts of at most `limit` tokens of texts that have more: at clauses, a clause that is too long at its blanks,
    and a word that is too long anywhere. Each step encodes the pieces of all texts in one call."""
    clauses = _encode_pieces([_CLAUSE.split(text) for text in texts], encode)
    long = [(t, c) for t, row in enumerate(clauses) for c, (_, ids) in enumerate(row) if len(ids) > limit]
    words = _encode_pieces([clauses[t][c][0].split() for t, c in long], encode)
    atoms = [[[ids] for _, ids in row] for row in clauses]
    for (t, c), row in zip(long, words):
        atoms[t][c] = _fill([piece for _, ids in row for piece in _chop(ids, limit)], limit)
    return [_fill([ids for row in text for ids in row], limit) for text in atoms]


def _encode_pieces(rows: list[list[str]], encode: Encode) -> list[list[tuple[str, list[int]]]]:
    encoded = iter(encode([piece for row in rows for piece in row]))
    return [[(piece, next(encoded)) for piece in row] for row in rows]


def _chop(ids: list[int], limit: int) -> list[list[int]]:
    """Nearly equal pieces of at most `limit`."""
    count = math.ceil(len(ids) / limit) if ids else 0
    return [ids[len(ids) * k // count : len(ids) * (k + 1) // count] for k in range(count)]


def _fill(atoms: list[list[int]], limit: int) -> list[list[int]]:
    """Neighbouring atoms (each at most `limit` long) joined to parts of at most `limit`, as even as one pass makes
    them."""
    total = sum(map(len, atoms))
    wanted = total / math.ceil(total / limit) if total else limit
    parts: list[list[int]] = []
    for atom in atoms:
        if parts and len(parts[-1]) < wanted and len(parts[-1]) + len(atom) <= limit:
            parts[-1] = parts[-1] + atom
        elif atom:
            parts.append(atom)
    return parts
