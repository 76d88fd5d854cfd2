"""A stand-in for lzma, which the runtime of the pages lacks: a file NAME.xz is read from NAME.gz, beside it."""

import gzip
import os
from typing import Any


class LZMAError(Exception):
    """Never raised."""


def open(filename: Any, mode: str = "rb", *, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> Any:
    """Open a packed file of the notebooks for reading. NotImplementedError for any other."""
    name = os.fspath(filename) if not hasattr(filename, "read") else getattr(filename, "name", "")
    packed = str(name).removesuffix(".xz") + ".gz"
    if "r" not in mode or not os.path.exists(packed):
        raise NotImplementedError(f"{name or filename}: this page can read the .xz files of the notebooks, and no others")
    return gzip.open(packed, mode, encoding=encoding, errors=errors, newline=newline)


class LZMAFile:
    """A packed file of the notebooks, opened for reading."""

    def __new__(cls, filename: Any, mode: str = "r", **options: Any) -> Any:
        return open(filename, "rb")
