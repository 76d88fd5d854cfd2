"""Models that are part of the package, by name: the folder, after the files that are read were compared with their hashes."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from albert_np import pretrained
from albert_np.io.files import DataError, sha256
from albert_np.io.similar_names import suggest

FILES = {
    "config": ("config.json",),
    "tokenizer": ("spiece.model", "tokenizer_config.json"),
    "model": ("config.json", "model.safetensors"),
    "run": ("run.json",),
    "card": (pretrained.CARD,),
}
PREFIXES = ("albert-np", "albert_np")  # of names without an owner that can be of no model but a packaged one
PART = 4  # characters of a name that is taken for a part of one of these: "mini"
REINSTALL = "uninstall albert_np and install it again"


def is_packaged(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is the name of a packaged model. A `Path` that exists is that folder."""
    return os.fspath(path) in pretrained.NAMES and (isinstance(path, str) or not Path(path).exists())


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return the folder of a packaged model if `path` is its name; else the path itself."""
    return pretrained.get_folder(os.fspath(path)) if is_packaged(path) else Path(path)


def open_folder(name: str, what: str) -> Path:
    """Return the folder of a packaged model. what: a key of FILES, which are compared with their hashes.

    Raises DataError if one of them is missing or damaged. A folder of the same name in the working directory is a warning.
    """
    folder = pretrained.get_folder(name)
    if Path(name).is_dir() and not Path(name).samefile(folder):
        warnings.warn(
            f"{name} is the model in the package; the folder of this name here is read as ./{name}", stacklevel=1
        )  # with this stacklevel it is shown once, however often the model is opened
    check_files(folder, FILES[what])
    return folder


def check_files(folder: Path, names: Iterable[str]) -> None:
    """Raise DataError unless these files of a packaged model have the hashes in its SHA256SUMS."""
    sums = folder / pretrained.SUMS
    if not sums.is_file():
        raise DataError(f"the model {folder.name} is missing in this installation ({sums} does not exist): {REINSTALL}")
    hashes = {name: digest for digest, name in (line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines() if line)}
    for name in names:
        if not (folder / name).is_file() or sha256(folder / name) != hashes.get(name):
            state = "damaged" if (folder / name).is_file() else "missing"
            raise DataError(f"the model {folder.name} in the package is not whole ({folder / name} is {state}): {REINSTALL}")


def shown_name(path: str | os.PathLike[str]) -> str:
    """Return how a path is named in a message: a packaged model's folder by its name."""
    return Path(path).name if Path(path).parent == Path(pretrained.__file__).parent else os.fspath(path)


def suggest_name(path: str | os.PathLike[str]) -> str:
    """Return "; did you mean 'albert-np-mini-en', ...?" for a name without an owner that resembles one; else ""."""
    name = os.fspath(path)
    parts = [each for each in pretrained.NAMES if len(name) >= PART and name.lower().replace("_", "-") in each]
    hint = "" if "/" in name else suggest(parts[0] if parts else name, pretrained.NAMES)
    return hint.replace("?", ", which is part of the package?") if hint else hint


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise FileNotFoundError for a name that only a packaged model could have, and none has."""
    name = os.fspath(path)
    if name.lower().startswith(PREFIXES) and "/" not in name:
        there = f"the package has no model of this name ({', '.join(pretrained.NAMES)})"
        raise FileNotFoundError(f"there is no file or folder {name!r} here, and {there}{suggest(name, pretrained.NAMES)}")
