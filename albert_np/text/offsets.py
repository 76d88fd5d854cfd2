"""Where each piece stands in the text that was given to the tokenizer.

Three alignments are composed, each a list with one entry a character:

    original text  <- lower case          (normalise.lower_each_aligned)
                   <- ALBERT's normaliser (normalise.normalise)
                   <- SentencePiece's own (its model's character map, and ▁ for blanks)

The pieces laid end to end are the text that SentencePiece's normaliser gives, so a piece is a slice of that.
"""

from typing import Any

from albert_np.text.normalise import Span
from albert_np.text.pieces import SPACE


def piece_spans(processor: Any, text: str, pieces: list[str]) -> list[Span]:
    """The slice of `text` (what was given to SentencePiece) of each piece, without the blank that it begins with.

    A lone ▁ has the slice of the character that follows it, as in Hugging Face's fast tokenizers.
    """
    chars, starts = processor.normalize(text, with_offsets=True)
    ends = _ends(starts, len(text))  # starts, ends: one a character of chars, in characters of text
    solid = [c != SPACE or text[starts[k] : ends[k]] == SPACE for k, c in enumerate(chars)]
    spans, k = [], 0
    for piece in pieces:
        first, k = k, k + len(piece)
        own = [i for i in range(first, min(k, len(chars))) if solid[i]]
        own = own or [next((i for i in range(k, len(chars)) if solid[i]), len(chars) - 1)]
        spans.append((starts[own[0]], ends[own[-1]]))
    return spans


def _ends(starts: list[int], length: int) -> list[int]:
    """Where each character's slice ends: characters made from one (1⁄2 from ½) share its slice."""
    ends, following = [], length
    for k in range(len(starts) - 2, -1, -1):
        if starts[k + 1] > starts[k]:
            following = starts[k + 1]
        ends.append(following)
    return ends[::-1]


def shifted(spans: list[Span], by: int) -> list[Span]:
    return [(start + by, end + by) for start, end in spans]
