"""The slice of the original text that each piece came from.

Three alignments are composed, each a list with one entry per character:

    original text  <- lower case          (normalise.lower_each_aligned)
                   <- ALBERT's normaliser (normalise.normalise)
                   <- SentencePiece's own (its model's character map, and ▁ for spaces)

The pieces end to end are the text that SentencePiece's normaliser returns, so a piece is a slice of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from albert_np.text.normalise import Span
from albert_np.text.pieces import SPACE

if TYPE_CHECKING:
    from albert_np.text.spiece import Processor


def find_spans(processor: Processor, text: str, pieces: Iterable[str]) -> list[Span]:
    """Return the slice of `text` (the input of SentencePiece) of each piece, without the space that it begins with.

    A ▁ alone has the slice of the character that follows it, as in Hugging Face's fast tokenizers.
    """
    chars, starts = processor.normalize(text, with_offsets=True)
    ends = _find_ends(starts, len(text))  # starts, ends: one per character of chars, in characters of text
    visible = [c != SPACE or text[starts[k] : ends[k]] == SPACE for k, c in enumerate(chars)]
    spans, k = [], 0
    for piece in pieces:
        first, k = k, k + len(piece)
        own = [i for i in range(first, min(k, len(chars))) if visible[i]]
        own = own or [next((i for i in range(k, len(chars)) if visible[i]), len(chars) - 1)]
        spans.append((starts[own[0]], ends[own[-1]]))
    return spans


def _find_ends(starts: Sequence[int], length: int) -> list[int]:
    """Return the end of each character's slice; characters made from one (1⁄2 from ½) share its slice."""
    ends, following = [], length
    for k in range(len(starts) - 2, -1, -1):
        if starts[k + 1] > starts[k]:
            following = starts[k + 1]
        ends.append(following)
    return ends[::-1]


def shift_spans(spans: Iterable[Span], by: int) -> list[Span]:
    """Return the spans moved by a number of characters."""
    return [(start + by, end + by) for start, end in spans]
