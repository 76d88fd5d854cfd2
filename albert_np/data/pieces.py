"""What data must know of a vocabulary: its size, its special ids, and which pieces start a word."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

BLANK = "▁"  # how SentencePiece writes the blank in front of a word


class Tokenizer(Protocol):
    """The part of `AlbertTokenizer` that data uses."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def pad_token_id(self) -> int: ...
    @property
    def unk_token_id(self) -> int: ...
    @property
    def cls_token_id(self) -> int: ...
    @property
    def sep_token_id(self) -> int: ...
    @property
    def mask_token_id(self) -> int: ...
    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...
    def word_starts(self) -> np.ndarray: ...
    def convert_ids_to_tokens(self, ids: Any) -> Any: ...
    def fingerprint(self) -> str: ...


@dataclass(frozen=True)
class Pieces:
    """V pieces.

    word_starts   (V,) bool: the piece starts a word, as Google's masking counts words (punctuation and pieces with
                  anything but a-z are words of their own).
    blank_starts  (V,) bool: a blank stands in front of it in the text. A sentence is cut in two only there, never
                  before its comma. (A vocabulary that does not write blanks, WordPiece: the same as word_starts.)
    special       (V,) bool: pad, unk, cls, sep, mask.
    """

    word_starts: np.ndarray
    blank_starts: np.ndarray
    special: np.ndarray
    unk: int
    cls: int
    sep: int
    mask: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Pieces":
        V = tokenizer.vocab_size
        word_starts = np.asarray(tokenizer.word_starts(), dtype=bool)
        if word_starts.shape != (V,):
            raise ValueError(f"word_starts has shape {word_starts.shape}, expected ({V},)")
        blank_starts = np.array([piece.startswith(BLANK) for piece in tokenizer.convert_ids_to_tokens(range(V))])
        special = np.zeros(V, dtype=bool)
        unk, cls_, sep, mask = (
            tokenizer.unk_token_id,
            tokenizer.cls_token_id,
            tokenizer.sep_token_id,
            tokenizer.mask_token_id,
        )
        special[[tokenizer.pad_token_id, unk, cls_, sep, mask]] = True
        return cls(word_starts, blank_starts if blank_starts.any() else word_starts, special, unk, cls_, sep, mask)

    @property
    def size(self) -> int:
        """V"""
        return len(self.word_starts)
