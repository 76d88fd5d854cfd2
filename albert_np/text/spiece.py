"""Loading a SentencePiece model, which is untrusted input to native code.

The library has crashed on models with very long pieces and on models whose character map points outside itself
(google/sentencepiece issues 1263 and 1269), and a crash cannot be caught. So the file is first read and checked here, with
limits, and only a valid one is passed to the library. The format is sentencepiece_model.proto: field 1 has the pieces
(1 text, 2 score, 3 type), 2 the trainer's settings, 3 the normaliser and 5 the denormaliser (2 the character map in both).
"""

import math
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from albert_np.io import file_types
from albert_np.io.protobuf import BYTES, FOUR_BYTES, VARINT, fields
from albert_np.text import specs
from albert_np.text.specs import Specs

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

    from albert_np.text.unigram import Unigram

    Processor: TypeAlias = SentencePieceProcessor | Unigram

MAX_FILE_BYTES = 16 << 20  # ALBERT's own has 0.76 MB and 30,000 pieces
MAX_PIECES = 500_000
MAX_SPEC_BYTES = 1 << 20  # of the settings of trainer, normaliser and so on
MAX_PIECE_BYTES = 1024  # SentencePiece's default is 16 characters; its crash needs about 100,000 bytes
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
KINDS = {NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED}


class Piece(NamedTuple):
    """A piece. kind: NORMAL, UNKNOWN, CONTROL, ..."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class Model:
    """The contents of a model file: its bytes, its pieces in the order of their ids, and its settings."""

    data: bytes
    pieces: list[Piece]
    specs: Specs


def load(path: str | Path, specials: tuple[str, ...] = ()) -> tuple["Processor", Model]:
    """Return (the processor of a model file, the file's contents); see `make_processor`.

    specials: pieces that the model must have as control, unknown or user-defined symbols. A model whose settings contradict
    its pieces is loaded with a warning.
    ValueError, which names the file: it is not a SentencePiece model, is damaged, or lacks a special piece.
    """
    path = Path(path)
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    file_types.check_type(path, data[:512], wanted="a SentencePiece model")
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a SentencePiece model has {MAX_FILE_BYTES} at most")
    if re.match(rb"[^\t\n]+\t-?\d+(\.\d+)?(e-?\d+)?\r?\n", data):
        raise ValueError(f"{path} is the text .vocab, not the .model that belongs to it")
    if _is_text(data):
        raise ValueError(f"{path} is a text file, not a SentencePiece model: name the folder of a model, or its .model file")
    return load_bytes(data, path, specials)


def _is_text(data: bytes) -> bool:
    """Return whether a file is plain text. In a model the tag of a score is a control character."""
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1f]", data.decode())
    except UnicodeDecodeError:
        return False


def load_bytes(data: bytes, path: Path, specials: tuple[str, ...] = ()) -> tuple["Processor", Model]:
    """Return `load` of a model's bytes; `path` is the file that messages name."""
    try:
        model = check(data, specials)
        processor = make_processor(model)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be used as a SentencePiece model: {error}") from error
    specs.warn_of_contradictions(model.specs, _find_unknown(model.pieces), len(model.pieces), path)
    return processor, model


def make_processor(model: Model) -> "Processor":
    """Return a processor of the sentencepiece library; without it, or with ALBERT_NP_PYTHON_TOKENIZER=1, a `Unigram`."""
    from albert_np.text.unigram import Unigram

    if os.environ.get("ALBERT_NP_PYTHON_TOKENIZER", "") not in ("", "0"):
        return Unigram(model)
    try:
        import sentencepiece
    except ModuleNotFoundError:
        return Unigram(model)
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model.data)
    return processor


def is_library(processor: "Processor") -> bool:
    """Return whether a processor is the sentencepiece library's."""
    return type(processor).__module__.split(".")[0] == "sentencepiece"


def check(data: bytes, specials: tuple[str, ...] = ()) -> Model:
    """Return the contents of a model. ValueError unless it is safe to pass to the library, and a model for ALBERT."""
    pieces: dict[str, Piece] = {}
    parts: dict[int, list[memoryview]] = {2: [], 3: []}
    denormalizes = False
    for count, (number, kind, value) in enumerate(fields(data)):
        if count > MAX_PIECES + 100:
            raise ValueError(f"it has more than {MAX_PIECES} pieces")
        if number > 5:
            continue  # extensions
        if kind != BYTES or isinstance(value, int):
            raise ValueError(f"field {number} of the model has the wire type {kind}, not {BYTES}")
        if number == 1:
            _add_piece(pieces, _parse_piece(value, len(pieces)))
        elif len(value) > MAX_SPEC_BYTES:
            raise ValueError(f"field {number} of the model has {len(value)} bytes; at most {MAX_SPEC_BYTES} are allowed")
        elif number in parts:
            parts[number].append(value)
        else:
            denormalizes |= _check_other(number, value)
    listed = list(pieces.values())
    _check_pieces(pieces, specials)
    settings = specs.read(parts[2], parts[3])
    specs.check(settings, len(listed))
    settings.denormalizes = denormalizes
    return Model(data, listed, settings)


def _parse_piece(data: memoryview, index: int) -> Piece:
    text, score, kind_of_piece = b"", 0.0, NORMAL
    for number, kind, value in fields(data):
        if number == 1 and kind == BYTES and not isinstance(value, int):
            if len(value) > MAX_PIECE_BYTES:
                raise ValueError(f"piece {index} is too long: it has {len(value)} bytes; at most {MAX_PIECE_BYTES} are allowed")
            text = bytes(value)
        elif number == 2 and kind == FOUR_BYTES and not isinstance(value, int):
            (score,) = struct.unpack("<f", value)
        elif number == 3 and kind == VARINT and isinstance(value, int):
            kind_of_piece = value
        elif number <= 3:
            raise ValueError(f"field {number} of piece {index} has the wire type {kind}")
    try:
        return Piece(text.decode(), score, kind_of_piece)
    except UnicodeDecodeError as error:
        raise ValueError(f"piece {index}, {text[:40]!r}, is not valid UTF-8: {error.reason}") from None


def _add_piece(pieces: dict[str, Piece], piece: Piece) -> None:
    text, index = piece.text, len(pieces)
    if index == MAX_PIECES:
        raise ValueError(f"it has more than {MAX_PIECES} pieces")
    if not text or "\0" in text:
        raise ValueError(f"piece {index} is {'empty' if not text else 'one with a zero byte'}")
    if text in pieces:
        raise ValueError(f"there is a duplicate piece, {text!r}")
    if not math.isfinite(piece.score):
        raise ValueError(f"the score of piece {index}, {text!r}, is not finite: {piece.score}")
    if piece.kind == BYTE:
        raise ValueError("byte_fallback is not supported: there are pieces for bytes, which ALBERT's models do not have")
    if piece.kind not in KINDS:
        raise ValueError(f"piece {index}, {text!r}, has the unknown type {piece.kind}")
    pieces[text] = piece


def _check_other(number: int, data: memoryview) -> bool:
    """Check the test samples (4) and the denormaliser (5), which are empty in ALBERT's models; return whether it has a map."""
    has_map = False
    for field, kind, value in fields(data):
        if number == 5 and field == 2 and kind == BYTES and not isinstance(value, int):
            specs.check_charsmap(value)
            has_map = len(value) > 0
    return has_map


def _check_pieces(pieces: dict[str, Piece], specials: tuple[str, ...]) -> None:
    if not pieces:
        raise ValueError("it has no pieces")
    unknown = sum(piece.kind == UNKNOWN for piece in pieces.values())
    if unknown != 1:
        raise ValueError(f"it has {unknown or 'no'} unknown pieces; there has to be one")
    for special in specials:
        if special not in pieces:
            raise ValueError(f"{special} is not in the model: ALBERT needs it as a special piece")
        if pieces[special].kind not in (CONTROL, UNKNOWN, USER_DEFINED):
            raise ValueError(f"{special} is an ordinary piece of the model: ALBERT needs it as a special piece")


def _find_unknown(pieces: list[Piece]) -> int:
    return next(i for i, piece in enumerate(pieces) if piece.kind == UNKNOWN)
