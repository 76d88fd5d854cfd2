"""The facts about a vocabulary that data needs: its size, its special ids, and which tokens start a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Tokenizer(Protocol):
    """The part of `text.Tokenizer` that data uses."""

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
    def encode_batch(self, texts: list[str]) -> Sequence[Sequence[int]]: ...
    def word_starts(self) -> np.ndarray: ...
    def space_starts(self) -> np.ndarray: ...
    def fingerprint(self) -> str: ...


@dataclass(frozen=True)
class Vocabulary:
    """V tokens.

    word_starts    (V,) bool: the token starts a word, as Google's masking counts words (punctuation and tokens with anything
                   but a-z are words by themselves)
    space_starts   (V,) bool: a space precedes the token in the text. A sentence is cut in two only there, never before its
                   comma. (Where a vocabulary does not mark spaces, as WordPiece: the same as word_starts.)
    special        (V,) bool: pad, unk, cls, sep, mask
    """

    word_starts: np.ndarray
    space_starts: np.ndarray
    special: np.ndarray
    unk: int
    cls: int
    sep: int
    mask: int

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """Return the facts about a tokenizer's vocabulary. ValueError if it returns arrays of the wrong shape."""
        V = tokenizer.vocab_size
        word_starts = np.asarray(tokenizer.word_starts(), dtype=bool)
        space_starts = np.asarray(tokenizer.space_starts(), dtype=bool)
        for name, starts in (("word_starts", word_starts), ("space_starts", space_starts)):
            if starts.shape != (V,):
                raise ValueError(f"{name} has shape {starts.shape}, expected ({V},)")
        ids = tokenizer.unk_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id
        special = np.zeros(V, dtype=bool)
        special[[tokenizer.pad_token_id, *ids]] = True
        return cls(word_starts, space_starts, special, *ids)

    @property
    def size(self) -> int:
        """V"""
        return len(self.word_starts)
