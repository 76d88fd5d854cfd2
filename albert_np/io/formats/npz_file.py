"""Reading .npz, NumPy's archive of arrays: a zip of .npy files. No pickled objects, and nothing larger than its file says."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from albert_np.io import impostors

MOST_TIMES = 200  # how much larger than the file its arrays may be: a compressed archive of weights is about as large


def read(path: Path) -> dict[str, np.ndarray]:
    """{name: array}. ValueError, which names the file: it is no .npz file, is damaged, or holds Python objects."""
    path = Path(path)
    with open(path, "rb") as file:
        impostors.check(path, file.read(512), own="a zip archive")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise ValueError("two members have one name")
        claimed, size = sum(member.file_size for member in members), path.stat().st_size
        if claimed > MOST_TIMES * size:
            raise ValueError(f"it claims {claimed} bytes in a file of {size}")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, KeyError, NotImplementedError, SyntaxError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise ValueError(f"{path} is not a whole .npz file: {error}") from None
