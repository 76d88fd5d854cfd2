"""Shared by the tests of the readers: the rules on a page, and the ways in which one text can be stored."""

import gzip
import lzma
import re
import warnings
from pathlib import Path

from hypothesis import strategies as st

DOCS = Path(__file__).parents[3] / "docs"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
ENDS = ["\n", "\r\n", "\r"]
PACKED = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


def page_table(page, heading):
    """Return the rows of the table below a heading of a page, as lists of cells."""
    section = (DOCS / page).read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n#")[0]
    rows = [re.split(r"(?<!\\) ?\| ?", line.strip().strip("|").strip()) for line in section.splitlines() if line.startswith("|")]
    return [[cell.replace("\\|", "|") for cell in row] for row in rows[2:]]


def writer(folder):
    """Return a function that writes text or bytes into a file of this name in the folder, and returns its path."""

    def write(name, text):
        path = folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def read_quietly(read, path, **options):
    """Return what a reader returns, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return read(path, **options), [str(each.message) for each in caught]


@st.composite
def storages(draw):
    """Draw (encoding, line end, suffix of packing)."""
    return draw(st.sampled_from(ENCODINGS)), draw(st.sampled_from(ENDS)), draw(st.sampled_from(list(PACKED)))


def store(folder, name, lines, storage, last=True):
    """Write lines into folder/name with this encoding, line end and packing; return the path. last: end the last line, too."""
    encoding, end, suffix = storage
    text = end.join(lines) + (end if last else "")
    path = folder / f"{name}{suffix}"
    path.write_bytes(PACKED[suffix](text.encode(encoding)))
    return path
