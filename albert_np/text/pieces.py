"""Google's rules for single pieces: digits before a comma, and which pieces begin a word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from albert_np.text.spiece import Processor

SPACE = "▁"  # SentencePiece writes a space, and the start of the text, as U+2581
PUNCTUATION = set('!"#$%&()*+,-./:;?@[\\]^_`{|}~')  # Google's set: it lacks ' < = >
ENGLISH = PUNCTUATION | set("abcdefghijklmnopqrstuvwxyz")


def split_commas(pieces: Iterable[str], processor: Processor) -> list[str]:
    """Make a comma after a digit a piece of its own, Google's rule (tokenization.py, `encode_pieces`).

    "2000," is encoded again without its comma; the ▁ that this puts before it is removed unless it was there.
    """
    result: list[str] = []
    for piece in pieces:
        if not ends_in_digit_comma(piece):
            result.append(piece)
            continue
        again = processor.encode(piece[:-1].replace(SPACE, ""), out_type=str)
        if piece[0] != SPACE and again[0][0] == SPACE:
            again = again[1:] if len(again[0]) == 1 else [again[0][1:], *again[1:]]
        result += [*again, ","]
    return result


def ends_in_digit_comma(piece: str) -> bool:
    """Return whether a piece ends in a digit and a comma."""
    return len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()


def make_comma_table(processor: Processor) -> dict[int, list[int]]:
    """Return {id: ids} for each piece of the vocabulary that `split_commas` would divide."""
    pieces = (processor.id_to_piece(i) for i in range(len(processor)))
    divided = {i: split_commas([piece], processor) for i, piece in enumerate(pieces) if ends_in_digit_comma(piece)}
    return {i: [processor.piece_to_id(part) for part in parts] for i, parts in divided.items()}


def starts_word(piece: str) -> bool:
    """Return whether a piece begins a word in Google's whole-word masking (create_pretraining_data.py, `_is_start_piece_sp`).

    It does if it begins with ▁ or <, is a punctuation mark, or has any character that is neither an English letter nor
    punctuation: pieces of other scripts are words by themselves.
    """
    return piece[0] in (SPACE, "<") or piece in PUNCTUATION or not all(c.lower() in ENGLISH for c in piece)
