"""Protobuf's wire format, written: for SentencePiece models that nobody trained."""

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


def model(*pieces):
    """A model with ALBERT's special pieces at 0 to 4 and these normal pieces, (text, score), behind them."""
    specials = [("<pad>", 3), ("<unk>", 2), ("[CLS]", 3), ("[SEP]", 3), ("[MASK]", 3)]
    return b"".join([piece(text, 0, kind) for text, kind in specials] + [piece(*pair) for pair in pieces])
