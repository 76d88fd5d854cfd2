"""A stand-in for lzma, which the runtime of the pages lacks: a file NAME.xz is read from NAME.gz, beside it."""

import gzip
import os
from typing import Any


class LZMAError(Exception):
    """Never raised."""


def open(filename: Any, mode: str = "rb", **options: Any) -> Any:
    """Open a packed file of the notebooks for reading; options: encoding, errors, newline. NotImplementedError for any other."""
    packed = os.fspath(filename).removesuffix(".xz") + ".gz"
    if "r" not in mode or not os.path.exists(packed):
        raise NotImplementedError(f"{filename}: this page can read the .xz files of the notebooks, and no others")
    return gzip.open(packed, mode, **options)


class LZMAFile:
    """A packed file of the notebooks, opened for reading."""

    def __new__(cls, filename: Any, mode: str = "r", **options: Any) -> Any:
        return open(filename, "rb")
