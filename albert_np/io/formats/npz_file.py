"""Read .npz, NumPy's zip archive of .npy files: no pickled objects, and a limit on what it may unpack to."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from albert_np.io import file_types

MAX_RATIO = 200  # of the size of the arrays to that of the file; for weights, compressed or not, it is about 1


def read(path: Path) -> dict[str, np.ndarray]:
    """Return {name: array}. ValueError, which names the file, if it is not .npz, is damaged or contains Python objects."""
    path = Path(path)
    with open(path, "rb") as file:
        file_types.check_type(path, file.read(512), expected="a zip archive")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise ValueError("two members have the same name")
        claimed, size = sum(member.file_size for member in members), path.stat().st_size
        if claimed > MAX_RATIO * size:
            raise ValueError(f"it claims {claimed} bytes in a file of {size}")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, KeyError, NotImplementedError, SyntaxError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise ValueError(f"{path} is not a whole .npz file: {error}") from None
