"""Text files packed by xz, which a Python without the module lzma cannot unpack, such as the one of a browser."""

from pathlib import Path
from typing import IO, Any

from albert_np.io.files import DataError

try:
    from lzma import LZMAError, LZMAFile
except ModuleNotFoundError:
    LZMAFile = None  # type: ignore[assignment,misc]

    class LZMAError(Exception):  # type: ignore[no-redef]
        """Never raised: nothing is unpacked."""


def open_xz(path: Path, packed: Any = None) -> IO[bytes]:
    """Open a packed file, or the open file `packed` of that path. DataError if this Python cannot unpack it."""
    if LZMAFile is None:
        raise DataError(f"{path} is packed by xz, which this Python cannot unpack (it has no module lzma): unpack the file first")
    return LZMAFile(path if packed is None else packed)  # type: ignore[return-value]
