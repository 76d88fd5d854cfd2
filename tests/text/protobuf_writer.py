"""Writing protobuf's wire format, for SentencePiece models without training."""

import struct


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number, kind, value):
    """One field in protobuf's wire format."""
    if kind == 2:
        return varint(number << 3 | kind) + varint(len(value)) + value
    return varint(number << 3 | kind) + (varint(value) if kind == 0 else value)


def piece(text, score=-1.0, piece_type=1):
    text = text if isinstance(text, bytes) else text.encode()
    return field(1, 2, field(1, 2, text) + field(2, 5, struct.pack("<f", score)) + field(3, 0, piece_type))


def specs(trainer=b"", normalizer=b""):
    """trainer_spec and normalizer_spec; the first says that the model is a unigram one."""
    return field(2, 2, field(3, 0, 1) + trainer) + field(3, 2, normalizer)


def model(*pieces, trainer=b"", normalizer=b"", kinds=None):
    """A model with ALBERT's special pieces at 0 to 4 and these normal pieces, (text, score), behind them.

    kinds: {piece: its type} where it is another one.
    """
    specials = {"<pad>": 3, "<unk>": 2, "[CLS]": 3, "[SEP]": 3, "[MASK]": 3}
    kinds = {**specials, **(kinds or {})}
    listed = [*((text, 0) for text in specials), *pieces]
    return b"".join(piece(text, score, kinds.get(text, 1)) for text, score in listed) + specs(trainer, normalizer)
