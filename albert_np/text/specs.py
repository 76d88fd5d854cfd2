"""The settings in a SentencePiece model: its fields trainer_spec (2) and normalizer_spec (3).

Both may come in several parts; if two parts have the same setting, the later one counts (protobuf's rule for merging
messages). The numbers of the fields are those of sentencepiece_model.proto.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.io.protobuf import BYTES, VARINT, fields
from albert_np.text import charsmap

UNIGRAM, NAMES = 1, {1: "unigram", 2: "BPE", 3: "WORD", 4: "CHAR"}
TRAINER = {
    3: ("model_type", VARINT),
    4: ("vocab_size", VARINT),
    24: ("whitespace_as_suffix", VARINT),
    35: ("byte_fallback", VARINT),
    40: ("unk_id", VARINT),
    44: ("unk_surface", BYTES),
}
NORMALIZER = {
    1: ("normalizer", BYTES),
    2: ("charsmap", BYTES),
    3: ("add_dummy_prefix", VARINT),
    4: ("remove_extra_whitespaces", VARINT),
    5: ("escape_whitespaces", VARINT),
}


@dataclass
class Specs:
    """The settings that matter for ALBERT, with protobuf's defaults; None if the file does not have the setting."""

    model_type: int = UNIGRAM
    vocab_size: int | None = None
    whitespace_as_suffix: int = 0
    byte_fallback: int = 0
    unk_id: int | None = None
    unk_surface: bytes = " ⁇ ".encode()
    normalizer: bytes = b""
    charsmap: bytes = b""
    add_dummy_prefix: int = 1
    remove_extra_whitespaces: int = 1
    escape_whitespaces: int = 1
    denormalizes: bool = False  # a character map for decoded texts


def read(trainer: list[memoryview], normalizer: list[memoryview]) -> Specs:
    """Return the settings in the parts of the two fields. ValueError if one is missing or damaged."""
    missing = [name for name, parts in (("trainer_spec", trainer), ("normalizer_spec", normalizer)) if not parts]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}: the file may have been cut")
    settings: dict[str, Any] = {}
    for parts, table, message in ((trainer, TRAINER, "trainer_spec"), (normalizer, NORMALIZER, "normalizer_spec")):
        for part in parts:
            for number, kind, value in fields(part):
                if number not in table:
                    continue
                name, expected = table[number]
                if kind != expected:
                    raise ValueError(f"{name} in its {message} has the wire type {kind}, not {expected}")
                settings[name] = _to_signed(value) if isinstance(value, int) else bytes(value)
    check_charsmap(settings.get("charsmap", b""))
    return Specs(**settings)


def check_charsmap(data: bytes | memoryview) -> None:
    """Raise ValueError for a character map that would make the library read outside it."""
    try:
        charsmap.check(data)
    except ValueError as error:
        raise ValueError(f"its precompiled_charsmap is damaged: {error}") from None


def check(specs: Specs, size: int) -> None:
    """Raise ValueError for a model that cuts text in another way than ALBERT's.   size: the number of pieces"""
    if specs.model_type != UNIGRAM:
        name = NAMES.get(specs.model_type, specs.model_type)
        raise ValueError(f"the model type {name} is not supported: ALBERT's is unigram")
    if specs.byte_fallback:
        raise ValueError("byte_fallback is not supported: it turns unknown characters into bytes, which ALBERT's models do not")
    if specs.whitespace_as_suffix or not specs.escape_whitespaces:
        raise ValueError("it does not write the space before a word as ▁, as ALBERT's models do")
    if specs.unk_id is not None and not 0 <= specs.unk_id < size:
        raise ValueError(f"its unk_id {specs.unk_id} is not a piece: there are {size}")


def warn_of_contradictions(specs: Specs, unknown: int, size: int, path: Path) -> None:
    """Warn of settings that contradict the pieces.   unknown: the id of the unknown piece; size: the number of pieces"""
    contradictions = []
    if specs.vocab_size is not None and specs.vocab_size != size:
        contradictions.append(f"its vocab_size is {specs.vocab_size}, but it has {size} pieces; the pieces count")
    if specs.unk_id is not None and specs.unk_id != unknown:
        contradictions.append(f"its unk_id is {specs.unk_id}, but the unknown piece is number {unknown}; the piece counts")
    if specs.normalizer not in (b"", b"identity") and not specs.charsmap:
        name = specs.normalizer[:40].decode(errors="replace")
        contradictions.append(f"its normalizer {name!r} has no character map, so it changes no character")
    for text in contradictions:
        warnings.warn(f"{path}: {text}", stacklevel=2)


def _to_signed(value: int) -> int:
    """Return a varint as protobuf's int32."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)
