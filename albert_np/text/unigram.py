"""Unigram encoding in plain Python: what SentencePiece does with a model, step by step, with the same results to the last id.

A unigram model is a list of pieces with scores, the logarithms of their probabilities. The pieces of a text are those of
highest total score that, end to end, are the text (Kudo, 2018, "Subword Regularization", section 3.1):

    text -> normalised: the model's character map, white space, "▁" for each space and before the text     (Normaliser)
         -> words, each beginning with ▁, since no piece of ALBERT's models goes on after a space             (split_words)
         -> the best pieces of each word, by dynamic programming over its positions: Viterbi's algorithm      (Unigram._search)
         -> runs of unknown characters joined to one piece

`best[j]` is the score of the best pieces that end at position j. Every piece from i to j offers best[i] + its score, and j keeps
the best offer and where it began; following the beginnings back from the end gives the pieces. All pieces that begin at i are
found by walking a trie, here a dictionary of the beginnings of all pieces. A character that is no piece by itself counts as
unknown, with the lowest score of the model less 10; a user-defined piece counts 0 or a little more, so that it always wins.

Two offers can be equal or nearly so, and then rounding decides. SentencePiece keeps one running sum for the whole text, in 32
bits (beyond 100,000 it begins at 0 again), so the result for a word can depend on the text before it. Here each distinct word
is searched once, in 64 bits. Only if an offer that lost was so close that rounding could reverse the result, the word is
searched again at each of its places: in 32 bits, from the sum that SentencePiece would have reached there.

This is the fallback where the sentencepiece library, which is faster, is not installed. `Unigram` has the method names of the
library's processor.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from albert_np.text.charsmap import CharacterMap
from albert_np.text.pieces import SPACE
from albert_np.text.specs import Specs
from albert_np.text.spiece import CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, Model

UNKNOWN_PENALTY = 10.0
USER_DEFINED_BONUS = 0.1  # for each byte of UTF-8 after the first
ROUNDING = 2.0**-22  # relative to a sum: four times the half unit in the last place of 32 bits
LARGEST = 100_000.0  # SentencePiece's sums: at the next position one begins at 0 again
CACHE, LONGEST_CACHED = 1 << 16, 100  # words, and as many texts between spaces; characters of one
INFINITY = float("inf")


class Word(NamedTuple):
    """The best pieces of a word.

    pieces, ids   of each piece
    score         the sum of their scores
    largest       the largest absolute value of a sum on the way
    margin        how much less the closest offer was that lost to one of these pieces
    """

    pieces: tuple[str, ...]
    ids: tuple[int, ...]
    score: float
    largest: float
    margin: float


class Unigram:
    """Encodes texts by a SentencePiece unigram model, and decodes pieces.

    ValueError for a model without pieces for text, and for one with rules for decoded texts, which ALBERT's models do not have.
    """

    def __init__(self, model: Model):
        if model.specs.denormalizes:
            raise ValueError("its denormalizer_spec changes decoded texts, for which the sentencepiece library is needed")
        if not any(piece.kind in (NORMAL, USER_DEFINED, UNUSED) for piece in model.pieces):
            raise ValueError("it has no pieces for text, only special ones")
        self._model = model
        self._ids = {piece.text: i for i, piece in enumerate(model.pieces)}
        self._unknown = next(i for i, piece in enumerate(model.pieces) if piece.kind == UNKNOWN)
        scores = [piece.score for piece in model.pieces if piece.kind == NORMAL]
        self._scores = [to_float32(min(scores, default=0.0) - UNKNOWN_PENALTY)] * len(model.pieces)  # that of the unknown one
        self._trie: dict[str, int] = {}  # every beginning of a piece -> the id of the piece that it is, -1 if it is none
        for i, (text, score, kind) in enumerate(model.pieces):
            if kind not in (NORMAL, USER_DEFINED, UNUSED):
                continue
            self._scores[i] = to_float32(USER_DEFINED_BONUS * (len(text.encode()) - 1)) if kind == USER_DEFINED else score
            for end in range(1, len(text)):
                self._trie.setdefault(text[:end], -1)
            if kind != UNUSED:
                self._trie[text] = i
            else:
                self._trie.setdefault(text, -1)
        self._ends_at_spaces = not any(SPACE in piece.text[1:] for piece in model.pieces)
        self._words: dict[str, Word] = {}
        self._normaliser = Normaliser(model.specs, [piece.text for piece in model.pieces if piece.kind == USER_DEFINED])

    def __len__(self) -> int:
        return len(self._model.pieces)

    def piece_to_id(self, piece: str) -> int:
        """Return the id of a piece, or that of the unknown one."""
        return self._ids.get(piece, self._unknown)

    def id_to_piece(self, i: int) -> str:
        """Return the piece of an id."""
        return self._model.pieces[i].text

    def normalize(self, text: str, with_offsets: bool = False) -> Any:
        """Return the normalised text; with_offsets: and where in `text` each of its characters began, and its end."""
        return self._normaliser.align(text) if with_offsets else self._normaliser(text)

    # ---- encoding

    def encode(self, text: str | Iterable[str], out_type: type = int, num_threads: int = 1) -> list[Any]:
        """Return the ids of a text (out_type=str: its pieces), or a list of them for several texts.

        num_threads: there is one thread, whatever it says.
        """
        if not isinstance(text, str):
            return [self.encode(each, out_type) for each in text]
        words = self._find_words(self._normaliser(text))
        ids = [i for word in words for i in word.ids]
        if out_type is int and self._unknown not in ids:
            return ids
        pieces = join_unknown([piece for word in words for piece in word.pieces], ids, self._unknown)
        return [piece if out_type is str else i for piece, i in pieces]

    def _find_words(self, normal: str) -> list[Word]:
        """Return the words of a normalised text with their pieces."""
        found: list[Word] = []
        total, exact = 0.0, Float32Sum(self._scores)  # of the words so far
        for text in split_words(normal) if self._ends_at_spaces else [normal] * bool(normal):
            word = self._words.get(text) or self._search_cached(text)
            largest = abs(total) + word.largest
            if largest > LARGEST or word.margin <= (len(text) + 1) * ROUNDING * largest:
                word = self._search(text, exact.advance(found))
                total = exact.restart(word.score, len(found) + 1)
            else:
                total += word.score
            found.append(word)
        return found

    def _search_cached(self, text: str) -> Word:
        word = self._search(text)
        if len(text) <= LONGEST_CACHED:
            if len(self._words) >= CACHE:
                self._words.clear()
            self._words[text] = word
        return word

    def _search(self, text: str, start: float | None = None) -> Word:
        """Return the pieces of a word by Viterbi's algorithm.

        start: the sum of the scores of all pieces before the word, to which SentencePiece would add in 32 bits; without it the
        sums begin at 0 and have 64 bits.
        """
        length, scores, is_exact = len(text), self._scores, start is not None
        best = [start or 0.0] + [-INFINITY] * length  # best[j]: of the best pieces that end at j
        begin, ids = [-1] * (length + 1), [-1] * (length + 1)  # where the last of them begins, and its id
        margin = [INFINITY] * (length + 1)  # best[j] less the second best offer
        for i in range(length):
            if is_exact and abs(best[i]) > LARGEST:
                best[i:] = [to_float32(total - best[i]) for total in best[i:]]
            for j, piece in self._find_pieces(text, i):
                total = best[i] + scores[piece]
                if is_exact:
                    total = to_float32(total)
                gain = total - best[j]
                if gain > 0 or begin[j] < 0:
                    best[j], begin[j], ids[j], margin[j] = total, i, piece, gain
                elif -gain < margin[j]:  # of equals the first one stays, that with the longest last piece
                    margin[j] = -gain
        ends = [length]
        while ends[-1]:
            ends.append(begin[ends[-1]])
        ends.reverse()
        return Word(
            tuple([text[i:j] for i, j in pairwise(ends)]), tuple([ids[j] for j in ends[1:]]), best[length],
            max(-min(best), max(best)), min([margin[j] for j in ends]),
        )  # fmt: skip

    def _find_pieces(self, text: str, i: int) -> list[tuple[int, int]]:
        """Return (end, id) of each piece that begins at position i, and of the unknown one if no piece is the character there."""
        found, trie = [], self._trie
        for j in range(i + 1, len(text) + 1):
            piece = trie.get(text[i:j])
            if piece is None:
                break
            if piece >= 0:
                found.append((j, piece))
        if not found or found[0][0] > i + 1:
            found.append((i + 1, self._unknown))
        return found

    # ---- decoding

    def decode_pieces(self, pieces: Sequence[str]) -> str:
        """Return the text of pieces: ▁ is a space, except at the beginning; control symbols are left out."""
        specs = self._model.specs
        removes = bool(specs.add_dummy_prefix or specs.remove_extra_whitespaces)
        text, at_start = "", True
        seen = False  # whether the ▁ that stands for the beginning was removed
        for piece in pieces:
            i = self.piece_to_id(piece)
            kind = self._model.pieces[i].kind
            at_start = at_start and not seen and not text
            seen = False
            if kind == UNKNOWN:
                text += specs.unk_surface.decode(errors="replace") if piece == self.id_to_piece(i) else piece
            elif kind != CONTROL:
                if at_start and removes and piece.startswith(SPACE):
                    piece, seen = piece[1:], not specs.remove_extra_whitespaces
                text += piece.replace(SPACE, " ")
        return text


class Float32Sum:
    """The sum of the scores of a text's pieces, added one after the other in 32 bits as SentencePiece does."""

    def __init__(self, scores: list[float]) -> None:
        self._scores, self._sum, self._words = scores, 0.0, 0

    def advance(self, words: list[Word]) -> float:
        """Return the sum of all words; those that are new since the last call are added."""
        for word in words[self._words :]:
            for i in word.ids:
                self._sum = to_float32(self._sum + self._scores[i])
        self._words = len(words)
        return self._sum

    def restart(self, total: float, words: int) -> float:
        """Set the sum of a number of words, and return it."""
        self._sum, self._words = total, words
        return total


def to_float32(x: float) -> float:
    """Return a number rounded to 32 bits."""
    return array("f", [x])[0]


def split_words(normal: str) -> list[str]:
    """Return the parts of a normalised text that begin with ▁, and first the part before them, if there is one."""
    first, *rest = normal.split(SPACE)
    return [first] * bool(first) + [SPACE + word for word in rest]


def join_unknown(pieces: list[str], ids: list[int], unknown: int) -> list[tuple[str, int]]:
    """Return (piece, id) of each; adjacent unknown pieces become one."""
    joined: list[tuple[str, int]] = []
    for piece, i in zip(pieces, ids):
        if i == unknown and joined and joined[-1][1] == unknown:
            joined[-1] = joined[-1][0] + piece, unknown
        else:
            joined.append((piece, i))
    return joined


class Normaliser:
    """The normalisation that a model prescribes.

    At each position of a text the longest user-defined piece stays as it is, or else the longest rule of the character map
    applies, or else one character stays. remove_extra_whitespaces: no space at either end, and one between words.
    add_dummy_prefix: ▁ before the text.
    """

    def __init__(self, specs: Specs, user_defined: list[str]):
        self._squeezes, self._adds_prefix = bool(specs.remove_extra_whitespaces), bool(specs.add_dummy_prefix)
        self._map = CharacterMap(specs.charsmap) if specs.charsmap else None
        longest_first = sorted((text.encode() for text in user_defined), key=len, reverse=True)
        self._user_defined = re.compile(b"|".join(map(re.escape, longest_first))) if user_defined else None
        # Text between spaces is independent of what stands around it, unless a rule spans a space; it is cached then.
        spanning = any(" " in text for text in user_defined) or b"  " in specs.charsmap
        self._is_local = not spanning and (self._map is None or not self._map.has_spaces)
        self._rewritten: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Return the normalised text."""
        if not self._is_local:
            return self.align(text)[0]
        if not text:
            return ""
        rewritten = " ".join([self._rewritten.get(part) or self._rewrite_cached(part) for part in text.split(" ")])
        if not self._squeezes:
            return SPACE * self._adds_prefix + rewritten.replace(" ", SPACE)
        normal = SPACE.join([word for word in rewritten.split(" ") if word])
        return (SPACE * self._adds_prefix + normal).rstrip(SPACE)

    def _rewrite_cached(self, part: str) -> str:
        rewritten = "".join([replacement for _, replacement in self._rewrite(part.encode())])
        if len(part) <= LONGEST_CACHED:
            if len(self._rewritten) >= CACHE:
                self._rewritten.clear()
            self._rewritten[part] = rewritten
        return rewritten

    def _rewrite(self, text: bytes) -> list[tuple[int, str]]:
        """Return (start, replacement) of each part of a text that one rule applies to."""
        parts: list[tuple[int, str]] = []
        at = 0
        while at < len(text):
            end, replacement = self._find_rule(text, at)
            parts.append((at, replacement))
            at = end
        return parts

    def _find_rule(self, text: bytes, at: int) -> tuple[int, str]:
        """Return (end, replacement) of the part of a text that begins at byte `at`."""
        if self._user_defined and (match := self._user_defined.match(text, at)):
            return match.end(), match.group().decode()
        if self._map and (found := self._map.find(text, at)):
            return found
        if text[at] & 0xC0 == 0x80:  # the rest of a character whose beginning was replaced
            return at + 1, "\ufffd"
        end = at + 1
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end += 1
        return end, text[at:end].decode()

    def align(self, text: str) -> tuple[str, list[int]]:
        """Return the normalised text and where in `text` each of its characters began, and the end of the last one."""
        data = text.encode()
        parts = self._rewrite(data)
        first = 0
        if self._squeezes:
            while first < len(parts) and parts[first][1] == " ":
                first += 1
        if first == len(parts):
            return "", [0]
        chars, starts = ([SPACE], [parts[first][0]]) if self._adds_prefix else ([], [])
        after_space = self._squeezes
        for start, replacement in parts[first:]:
            kept = replacement.lstrip(" ") if after_space else replacement
            chars += kept.replace(" ", SPACE)
            starts += [start] * len(kept)
            if kept:
                after_space = self._squeezes and kept.endswith(" ")
        end = len(data)
        while self._squeezes and chars and chars[-1] == SPACE:
            chars.pop()
            end = starts.pop()
        return "".join(chars), _count_characters(data, [*starts, end])


def _count_characters(data: bytes, positions: list[int]) -> list[int]:
    """Return the number of characters of UTF-8 that begin before each position, in bytes."""
    if data.isascii():
        return positions
    counts = [0]
    for byte in data:
        counts.append(counts[-1] + (byte & 0xC0 != 0x80))
    return [counts[position] for position in positions]
