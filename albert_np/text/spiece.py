"""Loading a SentencePiece model as what it is: untrusted input to native code.

The library has crashed on models with very long pieces and on models whose character map points outside itself
(google/sentencepiece issues 1263 and 1269), and a crash cannot be caught. So the file is read here first, bounded, and
the library sees only what has passed. The format is sentencepiece_model.proto: field 1 has the pieces (1 text, 2 score,
3 type), 2 the trainer's settings, 3 the normaliser and 5 the denormaliser (2 the character map in both).
"""

import math
import struct
from pathlib import Path
from typing import Any

from albert_np.text import charsmap
from albert_np.protobuf import BYTES, FOUR_BYTES, VARINT, fields

MAX_FILE_BYTES = 16 << 20  # ALBERT's own has 0.76 MB and 30,000 pieces
MAX_PIECES = 500_000
MAX_SPEC_BYTES = 1 << 20  # of the settings of trainer, normaliser and so on
MAX_PIECE_BYTES = 1024  # SentencePiece's default is 16 characters; its crash needs about 100,000 bytes
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
KINDS = {NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED}


def load(path: str | Path, specials: tuple[str, ...] = ()) -> tuple[Any, bytes]:
    """The processor of a model file that has been checked, and the file's bytes.

    specials: pieces that have to be there as control, unknown or user-defined symbols.
    ValueError, which names the file: it is no SentencePiece model, is damaged, or lacks a special piece.
    """
    import sentencepiece

    path = Path(path)
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise ValueError(f"{path} has {size} bytes; a SentencePiece model has from 1 to {MAX_FILE_BYTES}")
    data = path.read_bytes()
    try:
        check(data, specials)
        processor = sentencepiece.SentencePieceProcessor()
        processor.LoadFromSerializedProto(data)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be used as a SentencePiece model: {error}") from error
    return processor, data


def check(data: bytes, specials: tuple[str, ...] = ()) -> None:
    """ValueError unless `data` is a SentencePiece model that the library can be given."""
    pieces: dict[str, int] = {}
    for count, (number, kind, value) in enumerate(fields(data)):
        if count > MAX_PIECES + 100:
            raise ValueError(f"it has more than {MAX_PIECES} pieces")
        if number > 5:
            continue  # extensions
        if kind != BYTES or isinstance(value, int):
            raise ValueError(f"field {number} of the model has the wire type {kind}, not {BYTES}")
        if number == 1:
            _add(pieces, *_piece(value))
        elif len(value) > MAX_SPEC_BYTES:
            raise ValueError(f"field {number} of the model has {len(value)} bytes; at most {MAX_SPEC_BYTES} are allowed")
        elif number in (3, 5):
            _check_normaliser(value)
        else:
            for _ in fields(value):
                pass
    _check_pieces(pieces, specials)


def _piece(data: memoryview) -> tuple[str, float, int]:
    """One piece: text, score, type."""
    text, score, piece_type = b"", 0.0, NORMAL
    for number, kind, value in fields(data):
        if number == 1 and kind == BYTES and not isinstance(value, int):
            if len(value) > MAX_PIECE_BYTES:
                raise ValueError(f"a piece has {len(value)} bytes; at most {MAX_PIECE_BYTES} are allowed")
            text = bytes(value)
        elif number == 2 and kind == FOUR_BYTES and not isinstance(value, int):
            (score,) = struct.unpack("<f", value)
        elif number == 3 and kind == VARINT and isinstance(value, int):
            piece_type = value
        elif number <= 3:
            raise ValueError(f"field {number} of a piece has the wire type {kind}")
    try:
        return text.decode(), score, piece_type
    except UnicodeDecodeError as error:
        raise ValueError(f"the piece {text!r} is not UTF-8: {error.reason}") from None


def _add(pieces: dict[str, int], text: str, score: float, piece_type: int) -> None:
    if len(pieces) == MAX_PIECES:
        raise ValueError(f"it has more than {MAX_PIECES} pieces")
    if not text or "\0" in text:
        raise ValueError(f"piece {len(pieces)} is {'empty' if not text else 'one with a zero byte'}")
    if text in pieces:
        raise ValueError(f"the piece {text!r} is there twice")
    if not math.isfinite(score):
        raise ValueError(f"the piece {text!r} has the score {score}")
    if piece_type == BYTE:
        raise ValueError("it falls back to bytes for unknown characters, which ALBERT's models do not")
    if piece_type not in KINDS:
        raise ValueError(f"the piece {text!r} has the unknown type {piece_type}")
    pieces[text] = piece_type


def _check_normaliser(data: memoryview) -> None:
    for number, kind, value in fields(data):
        if number == 2 and kind == BYTES and not isinstance(value, int):
            charsmap.check(value)


def _check_pieces(pieces: dict[str, int], specials: tuple[str, ...]) -> None:
    if not pieces:
        raise ValueError("it has no pieces")
    if list(pieces.values()).count(UNKNOWN) != 1:
        raise ValueError(f"it has {list(pieces.values()).count(UNKNOWN)} unknown pieces; there has to be one")
    for special in specials:
        if pieces.get(special) not in (CONTROL, UNKNOWN, USER_DEFINED):
            found = "lacks it" if special not in pieces else "has it as an ordinary piece"
            raise ValueError(f"ALBERT needs the special piece {special!r}, and the model {found}")
