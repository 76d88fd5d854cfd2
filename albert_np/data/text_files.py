"""The encodings of text files: UTF-8 with or without a byte order mark, and UTF-16 and UTF-32 with one."""

import codecs

BYTE_ORDER_MARK = "\ufeff"
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def find_encoding(start: bytes) -> str:
    """Return the encoding that the first bytes of a file show: "utf-16", "utf-32", or else "utf-8"."""
    return next((encoding for mark, encoding in MARKS.items() if start.startswith(mark)), "utf-8")


def check_plausible(start: bytes, source: str) -> None:
    """Raise ValueError if the first bytes of a file have so many NUL bytes that it is UTF-16 without a mark, or no text."""
    if find_encoding(start) == "utf-8" and 4 * start.count(0) > len(start):
        raise ValueError(
            f"{source} has {start.count(0)} NUL bytes among its first {len(start)}: it is not a text file, or it is UTF-16 "
            "without a byte order mark. Convert it first, for example with: iconv -f UTF-16LE -t UTF-8"
        )
