"""Training a small vocabulary in plain Python: byte-pair merges, written as a SentencePiece model.

For a browser, where there is no sentencepiece library, and for texts of at most a few megabytes. The pieces are found as by
Sennrich, Haddow & Birch (2016, "Neural Machine Translation of Rare Words with Subword Units", algorithm 1): beginning with
characters, the most frequent pair of adjacent pieces within a word becomes a piece, until there are enough. A piece's score is
then the logarithm of its share of the text, as in a unigram model, so the file is one: every tokenizer of spiece.model reads it.
The likelier cut of a word wins, which need not be the one that the merges made.

The special pieces are those of `train_tokenizer`, in their order; the text is normalised in the same way. There is no character
map, so the only normalisation is ALBERT's own.
"""

import heapq
import math
import struct
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from albert_np.io.files import write_whole
from albert_np.io.protobuf import BYTES, FOUR_BYTES, VARINT, field
from albert_np.text.pieces import SPACE
from albert_np.text.specs import UNIGRAM
from albert_np.text.spiece import CONTROL, NORMAL, UNKNOWN, USER_DEFINED, Piece
from albert_np.text.train import CONTROL as CONTROL_PIECES
from albert_np.text.train import SIGNS, SMALLEST, NormalisedLines, TextTooSmall

SPECIALS = [("<pad>", CONTROL), ("<unk>", UNKNOWN), *((name, CONTROL) for name in CONTROL_PIECES)]
LONGEST_PIECE = 16  # characters, as SentencePiece's
LEAST_COUNT = 2  # of a pair that is merged, and of a piece that is kept: what occurs once says nothing about the language
AHEAD = 1.1  # how many more pieces than wanted are made before the last state with the right number is taken
Pair = tuple[str, str]


def train_small_tokenizer(
    lines: Iterable[str], model_path: str | Path, vocab_size: int, *, do_lower_case: bool = True, keep_accents: bool = False,
    character_coverage: float = 0.9995,
) -> Path:  # fmt: skip
    """Train a vocabulary of exactly `vocab_size` pieces on raw lines and write it to `model_path`, whole or not at all.

    The arguments and the result are those of `train_tokenizer`. The rarest characters, at most 1 - character_coverage of the
    text, are left out and unknown. The same lines give the same bytes.

    TextTooSmall, a ValueError, if the text does not give that many pieces; ValueError if it is empty, or if its characters alone
    are more.
    """
    if vocab_size <= SMALLEST:
        raise ValueError(f"vocab_size must be over {SMALLEST} (the special symbols alone), not {vocab_size}")
    parts = count_parts(NormalisedLines(lines, do_lower_case, keep_accents))
    if not parts:
        raise ValueError("there is no text to train a vocabulary on: every line is empty, or has no characters that are kept")
    characters = choose_characters(parts, character_coverage)
    least = SMALLEST + len(characters)
    if least > vocab_size:
        raise ValueError(
            f"the text has too many different characters for a vocabulary of {vocab_size} pieces: vocab_size must be at least "
            f"{least}"
        )
    pieces, uses = Merges(parts, characters).choose_pieces(vocab_size - least, least)
    model = serialise([*characters, *pieces], uses)
    write_whole(Path(model_path), lambda temporary: temporary.write_bytes(model))
    return Path(model_path)


def count_parts(lines: Iterable[str]) -> Counter[str]:
    """Return how often each part of a word occurs: "▁so", "called" and "," of "so-called,"; the signs are pieces already."""
    words = Counter(word for line in lines for word in line.split())
    parts: Counter[str] = Counter()
    for word, count in words.items():
        apart = "".join(f" {c} " if unicodedata.category(c)[0] in "PS" else c for c in word)
        for part in (SPACE + apart).split():
            if part not in SIGNS:
                parts[part] += count
    return parts


def choose_characters(parts: Counter[str], coverage: float) -> list[str]:
    """Return the characters of the vocabulary, the most frequent first: as many as make up this share of the text."""
    counts: Counter[str] = Counter()
    for part, count in parts.items():
        for character in part:
            counts[character] += count
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    total, covered, chosen = sum(counts.values()), 0, []
    for character, count in ordered:
        if covered >= coverage * total:
            break
        chosen.append(character)
        covered += count
    return chosen


class Merges:
    """The words of a text as pieces, with the counts of all adjacent pairs, kept up to date from merge to merge.

    words, counts   of each different word: its pieces, and how often it occurs
    pairs, where    of each pair of adjacent pieces: how often it occurs, and the words in which it was
    uses            how often each piece occurs now
    kept            the merged pieces that the text still needs: "▁daught" goes when "▁daughter" comes
    """

    def __init__(self, parts: Counter[str], characters: list[str]) -> None:
        known = set(characters)
        self.uses: Counter[str] = Counter()
        self.kept: set[str] = set()
        self.words: list[list[str]] = []
        self.counts: list[int] = []
        self.pairs: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)
        for part, count in parts.items():
            for known_part in "".join(c if c in known else "\0" for c in part).split("\0"):
                if known_part:
                    self._add_word(list(known_part), count)
        self._queue = [(-count, pair) for pair, count in self.pairs.items()]
        heapq.heapify(self._queue)

    def _add_word(self, pieces: list[str], count: int) -> None:
        for pair in pairwise(pieces):
            self.pairs[pair] += count
            self.where[pair].add(len(self.words))
        for piece in pieces:
            self.uses[piece] += count
        self.words.append(pieces)
        self.counts.append(count)

    def choose_pieces(self, number: int, besides: int) -> tuple[list[str], Counter[str]]:
        """Return this number of merged pieces, and how often every piece occurs then.

        A word's last merge makes its parts superfluous, so the number also falls now and then, and is reached several times: the
        last time counts, when most words are whole. TextTooSmall if it is never reached. besides: the other pieces of the
        vocabulary.
        """
        pieces, uses, largest = None, Counter(self.uses), 0
        while len(self.kept) <= AHEAD * number + 10 and self.merge_most_frequent():
            largest = max(largest, len(self.kept))
            if len(self.kept) == number:
                pieces, uses = list(self.kept), Counter(self.uses)
        if pieces is None:
            raise TextTooSmall(besides + number, besides + largest)
        return pieces, uses

    def merge_most_frequent(self) -> bool:
        """Make the most frequent pair a piece, of equals the first by its characters; False if no pair is frequent enough."""
        while self._queue:
            count, pair = heapq.heappop(self._queue)
            if -count != self.pairs[pair]:
                if self.pairs[pair] >= LEAST_COUNT:  # it became rarer since
                    heapq.heappush(self._queue, (-self.pairs[pair], pair))
                continue
            if -count < LEAST_COUNT:
                return False
            piece = "".join(pair)
            if len(piece) > LONGEST_PIECE:
                continue
            self._merge(pair, piece)
            return True
        return False

    def _merge(self, pair: Pair, piece: str) -> None:
        changed: set[Pair] = set()
        for index in self.where.pop(pair, set()):
            word, count = self.words[index], self.counts[index]
            for before in pairwise(word):
                self.pairs[before] -= count
            merged = join_pair(word, pair, piece)
            joined = (len(word) - len(merged)) * count
            for each, change in ((pair[0], -joined), (pair[1], -joined), (piece, joined)):
                self.uses[each] += change
            for after in pairwise(merged):
                self.pairs[after] += count
                self.where[after].add(index)
            changed.update(near for near in pairwise(merged) if piece in near)
            self.words[index] = merged
        self.pairs.pop(pair, None)
        for each in (*pair, piece):
            if len(each) > 1 and self.uses[each] >= LEAST_COUNT:
                self.kept.add(each)
            else:
                self.kept.discard(each)
        for near in changed:
            heapq.heappush(self._queue, (-self.pairs[near], near))


def join_pair(word: list[str], pair: Pair, piece: str) -> list[str]:
    """Return the pieces of a word in which this pair is one piece wherever it occurs, from the left.

    >>> join_pair(["b", "a", "n", "a", "n", "a"], ("a", "n"), "an")
    ['b', 'an', 'an', 'a']
    """
    merged: list[str] = []
    i = 0
    while i < len(word):
        if word[i] == pair[0] and word[i + 1 : i + 2] == [pair[1]]:
            merged.append(piece)
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged


def serialise(pieces: Iterable[str], uses: Counter[str]) -> bytes:
    """Return a SentencePiece unigram model with the special pieces and these, the most frequent first."""
    ordered = sorted(pieces, key=lambda piece: (-uses[piece], piece))
    total = sum(uses[piece] + 0.5 for piece in ordered)
    listed = [Piece(name, 0.0, kind) for name, kind in SPECIALS]
    listed += [Piece(sign, 0.0, USER_DEFINED) for sign in SIGNS]
    listed += [Piece(piece, math.log((uses[piece] + 0.5) / total), NORMAL) for piece in ordered]
    trainer = field(3, VARINT, UNIGRAM) + field(4, VARINT, len(listed)) + field(40, VARINT, 1)  # unk_id
    for number, value in ((41, -1), (42, -1), (43, 0)):  # no begin and end symbols; pad_id
        trainer += field(number, VARINT, value % (1 << 64))
    normaliser = field(1, BYTES, b"identity")
    model = b"".join(field(1, BYTES, serialise_piece(piece)) for piece in listed)
    return model + field(2, BYTES, trainer) + field(3, BYTES, normaliser)


def serialise_piece(piece: Piece) -> bytes:
    score = struct.pack("<f", piece.score)
    return field(1, BYTES, piece.text.encode()) + field(2, FOUR_BYTES, score) + field(3, VARINT, piece.kind)
