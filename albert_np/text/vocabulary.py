"""Reading a WordPiece vocabulary: vocab.txt, one piece per line, or the tokenizer.json that transformers 5 saves without it."""

from pathlib import Path

from albert_np.io import file_types
from albert_np.io.files import DataError, read_json
from albert_np.text.locate import MODEL_FILE, VOCAB_FILE

MAX_FILE_BYTES = 16 << 20  # that of the Chinese models has 0.11 MB and 21,128 pieces
MAX_PIECES = 500_000
MAX_PIECE_CHARACTERS = 1024
MAX_JSON_BYTES = 64 << 20


def read(path: Path, specials: tuple[str, ...]) -> list[str]:
    """Return the pieces in the order of their ids.

    specials: pieces that the vocabulary must have.
    ValueError, which names the file: it is something else, is damaged, has a piece twice, or lacks a special piece.
    """
    pieces = read_tokenizer_json(path) if path.suffix.lower() == ".json" else _read_lines(path)
    if len(pieces) > MAX_PIECES:
        raise ValueError(f"{path} has {len(pieces)} pieces; at most {MAX_PIECES} are allowed")
    ids: dict[str, int] = {}
    for i, piece in enumerate(pieces):
        if not 0 < len(piece) <= MAX_PIECE_CHARACTERS:
            raise ValueError(
                f"piece {i} (counted from 0) of {path} has {len(piece)} characters; 1 to {MAX_PIECE_CHARACTERS} are allowed"
            )
        if ids.setdefault(piece, i) != i:
            raise ValueError(f"{path} has the piece {piece[:40]!r} twice: as number {ids[piece]} and {i} (counted from 0)")
    missing = [piece for piece in specials if piece not in ids]
    if missing:
        raise ValueError(f"{path} is not a WordPiece vocabulary for ALBERT: {', '.join(missing)} not in it")
    return pieces


def _read_lines(path: Path) -> list[str]:
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    file_types.check_type(path, data[:512], wanted="a vocabulary")
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a vocabulary has {MAX_FILE_BYTES} at most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}") from None
    # Not splitlines: a piece can be a character at which Python ends a line, such as U+2028.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def read_tokenizer_json(path: Path) -> list[str]:
    """Return the pieces in a tokenizer.json. ValueError: it has no WordPiece vocabulary."""
    values = read_json(path, MAX_JSON_BYTES)
    model = values.get("model") if isinstance(values, dict) else None
    kind = model.get("type") if isinstance(model, dict) else None
    if kind == "Unigram":
        raise DataError(f"{path} holds a Unigram model, not {VOCAB_FILE}: AlbertTokenizer reads it")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if kind != "WordPiece" or not isinstance(vocab, dict):
        raise ValueError(f"{path} holds neither a Unigram nor a WordPiece model ({kind}): {MODEL_FILE} or {VOCAB_FILE} is needed")
    if any(type(i) is not int for i in vocab.values()) or sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError(f"{path} has {len(vocab)} pieces, but their ids are not 0 to {len(vocab) - 1}")
    return sorted(vocab, key=vocab.__getitem__)
