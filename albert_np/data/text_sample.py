"""A sample of text files of any size, in little time."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from albert_np.data.documents import TextFile
from albert_np.data.text_files import find_encoding

SAMPLE = 1 << 20  # bytes
BLOCK = 1 << 14
SEPARATOR = re.compile(r"<\|\w+\|>|</s>")  # signs with which other programs separate documents


def sample_text(files: Sequence[str | os.PathLike[str]], size: int = SAMPLE) -> tuple[list[str], bool]:
    """Return lines of the files, and whether they are only a sample.

    Files of at most `size` bytes together are read whole. Of others, blocks at evenly spaced places are read; of a file that is
    packed, or in UTF-16, its beginning. ValueError as from `TextFile.lines`.
    """
    paths = [Path(file) for file in files]
    sizes = [path.stat().st_size for path in paths]
    total = sum(sizes)
    if total <= size:
        return [line for path in paths for line in TextFile(path).lines()], False
    lines: list[str] = []
    count, start, block = max(1, size // BLOCK), 0, 0
    for path, own in zip(paths, sizes):
        offsets = []
        while block < count and (place := total * block // count) < start + own:
            offsets.append(place - start)
            block += 1
        lines += _read_blocks(path, offsets)
        start += own
    return lines, True


def _read_blocks(path: Path, offsets: list[int]) -> Iterator[str]:
    """Yield blocks of a file; a character that a block cuts is dropped."""
    if not offsets:
        return
    with open(path, "rb") as file:
        if path.suffix in (".gz", ".xz") or find_encoding(file.read(4)) != "utf-8":
            yield from _read_start(path, BLOCK * len(offsets))
            return
        for offset in offsets:
            file.seek(offset)
            yield file.read(BLOCK).decode("utf-8", errors="ignore").lstrip("\ufeff")


def _read_start(path: Path, size: int) -> Iterator[str]:
    done = 0
    for line in TextFile(path).lines():
        yield line[:size]
        done += len(line)
        if done >= size:
            return


def find_separator(lines: list[str]) -> tuple[str, int, int]:
    """Return the sign among these lines that often separates documents, and how often it is a line and is within one.

    ("", 0, 0) if there is none.
    """
    counts = Counter(sign for line in lines for sign in SEPARATOR.findall(line))
    if not counts:
        return "", 0, 0
    sign, count = counts.most_common(1)[0]
    alone = sum(part.strip() == sign for line in lines for part in line.split("\n"))
    return sign, alone, count - alone
