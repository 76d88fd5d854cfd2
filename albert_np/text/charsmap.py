"""The character map of a SentencePiece model: its check, and finding the rule that applies to the beginning of a text.

It is the one part of the file in which the library follows raw offsets. The map is a size (uint32), a double array trie of
that many bytes (Darts-clone: uint32 units) and a sequence of texts, each ended by a zero byte. Normalising follows the trie
from unit to unit with the bytes of the input,

    next = (unit's index ^ unit's offset) ^ byte,

and an index past the end reads memory outside the map. So every index that any input can reach is checked here first.
"""

import numpy as np

MAX_BYTES = 1 << 20  # SentencePiece's own maps have a quarter of that
CHUNK = 4096  # units that are followed at once
LEAF, LABEL = np.uint32(1 << 8), np.uint32((1 << 31) | 0xFF)
BYTES = np.arange(1, 256)  # the bytes of a step: a zero byte ends a key


def check(data: bytes | memoryview) -> None:
    """Raise ValueError unless every input stays within the map. An empty map is valid: there is none."""
    if len(data) == 0:
        return
    if not 8 <= len(data) <= MAX_BYTES:
        raise ValueError(f"the character map has {len(data)} bytes; from 8 to {MAX_BYTES} are allowed")
    size = int.from_bytes(data[:4], "little")
    texts = bytes(data[4 + size :])
    if size % 4 or not 0 < size < len(data) - 4:
        raise ValueError(f"the character map's trie has {size} bytes of {len(data) - 4}")
    if texts[-1:] != b"\0":
        raise ValueError("the character map's last text has no end")
    units = np.frombuffer(data, "<u4", size // 4, 4)
    values = _find_values(units)
    if values.size and int(values.max()) >= len(texts):
        raise ValueError(f"the character map points at byte {int(values.max())} of {len(texts)} bytes of texts")
    try:
        texts.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the character map's texts are not UTF-8: {error}") from None
    if np.any(np.frombuffer(texts, np.uint8)[values] & 0xC0 == 0x80):
        raise ValueError("the character map points into the middle of a character")


class CharacterMap:
    """The rules of a map that was checked: what replaces which beginnings of a text.

    has_spaces: whether a space is part of any beginning; if not, words are rewritten independently of each other.
    """

    def __init__(self, data: bytes):
        size = int.from_bytes(data[:4], "little")
        units = np.frombuffer(data, "<u4", size // 4, 4)
        self._units: list[int] = units.tolist()  # a list, since its items are Python's integers
        self._texts = bytes(data[4 + size :])
        self.has_spaces = bool(np.any((units[_find_reachable(units)[0]] & LABEL) == ord(" ")))

    def find(self, text: bytes, at: int) -> tuple[int, str] | None:
        """Return (end, replacement) of the longest rule for the text from byte `at` on; None if there is none."""
        units, found = self._units, None
        unit = units[0]
        i = unit >> 10 << ((unit & 512) >> 6)
        for end in range(at, len(text)):
            byte = text[end]
            i ^= byte
            unit = units[i]
            if unit & 0x800000FF != byte:
                break
            i ^= unit >> 10 << ((unit & 512) >> 6)
            if unit & 256:
                found = end + 1, units[i] & 0x7FFFFFFF
        return found and (found[0], self._get_text(found[1]))

    def _get_text(self, start: int) -> str:
        return self._texts[start : self._texts.index(b"\0", start)].decode()


def _find_values(units: np.ndarray) -> np.ndarray:
    """Return the values of the reachable leaves. ValueError for an index outside the trie.   units (U,) -> (leaves,)"""
    return _find_reachable(units)[1]


def _find_reachable(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which units any text can reach, and the values of their leaves.   units (U,) -> (U,) bool, (leaves,)"""
    reached = np.zeros(len(units), bool)
    reached[0] = True
    pending = [np.zeros(1, np.int64)]  # units that have been reached and not yet followed
    values = []
    while pending:
        indices = pending.pop()
        unit = units[indices]
        offset = (unit >> 10).astype(np.int64) << ((unit & 512) >> 6).astype(np.int64)
        base = indices ^ offset  # (indices,)
        furthest = int((base | 255).max())
        if furthest >= len(units):
            raise ValueError(f"the character map's trie leads to unit {furthest} of {len(units)}")
        values.append(units[base[(unit & LEAF) != 0]] & np.uint32(0x7FFFFFFF))
        children = base[:, None] ^ BYTES  # (indices, 255)
        children = children[(units[children] & LABEL) == BYTES]
        children = np.unique(children[~reached[children]])
        reached[children] = True
        pending += [children[i : i + CHUNK] for i in range(0, len(children), CHUNK)]
    return reached, np.concatenate(values)
