"""Sources of pretrained models: local paths, Google's .tar.gz archives, the package itself, and names on the Hugging Face hub.

local      a context manager that gives the local folder or file for any of them
kind       which of them a path is
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from albert_np.io.sources import archive, packaged
from albert_np.io.sources.packaged import as_path, is_packaged, shown_name

__all__ = ["ALIASES", "as_path", "is_packaged", "kind", "local", "shown_name"]

WANTED = ("config", "tokenizer", "model")

# Names of Google's models in transformers from before the hub had owners
ALIASES = {
    f"albert-{size}-{version}": f"albert/albert-{size}-{version}"
    for size in ("base", "large", "xlarge", "xxlarge")
    for version in ("v1", "v2")
}

# owner/name or name, by the hub's rules: letters, digits, "_", "-" and ".", no "--" or "..", no "-" or "." at an end
HUB_NAME = re.compile(r"(?!.*(--|\.\.))\w([\w.-]{0,94}\w)?(/\w([\w.-]{0,94}\w)?)?", re.ASCII)
FILE_NAME = re.compile(r".*\.(json|safetensors|bin|pth?|ckpt|index|model|txt|npz|onnx|h5|zip|gz|tgz|tar)", re.IGNORECASE)


def kind(path: str | os.PathLike[str]) -> str:
    """Return "packaged" for the name of a model in the package, "file" for an existing path (or the prefix of a TensorFlow
    checkpoint), "archive", or "hub" for a valid name.

    Only a string can be a name on the hub; a Path is always a path, except that of a packaged model where there is no such
    folder. Raises FileNotFoundError if it is none of these.
    """
    if is_packaged(path):
        return "packaged"
    local_path = Path(path)
    if local_path.is_file() and local_path.name.lower().endswith(archive.ENDINGS):
        return "archive"
    if str(path) and (local_path.exists() or Path(f"{local_path}.index").is_file()):  # Path("") would be the current folder
        return "file"
    name = str(path)
    packaged.check_name(path)
    if not HUB_NAME.fullmatch(name) or FILE_NAME.fullmatch(name):
        raise FileNotFoundError(f"there is no file or folder {name!r}, and it is not a valid name on the hub (owner/name)")
    if not isinstance(path, str):
        raise FileNotFoundError(f"there is no file or folder {name!r} (names on the hub are given as a string, not as a Path)")
    return "hub"


@contextmanager
def local(
    path: str | os.PathLike[str],
    what: str,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
) -> Iterator[Path]:
    """Give the local folder or file with the wanted files of a path or name, inside a `with` block.

    what: "config", "tokenizer" or "model" (config and weights).
    The name of a packaged model is its folder in the package, once its files were compared with their hashes, whatever else has
    this name: ./NAME is a folder here. Any other existing path is given as it is, except an archive (.tar.gz, .tgz, .tar): its
    wanted members are unpacked into a folder that is deleted after the block. Any other string is a name on the hub: only the
    wanted files are downloaded into the cache of huggingface_hub (the extra `hub`), and the folder in the cache is given. Its
    environment variables apply (HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN, ...); revision (branch, tag or commit),
    cache_dir, local_files_only and token are its arguments, and are ignored for local paths.

    Raises FileNotFoundError if there is neither a local path nor a repository; OSError (ConnectionError, PermissionError) if the
    hub cannot be reached or refuses the files; ImportError without huggingface_hub; ValueError for a damaged archive, DataError
    for a damaged packaged model.
    """
    if what not in WANTED:
        raise ValueError(f"what must be one of {', '.join(WANTED)}, not {what!r}")
    source = kind(path)
    if source == "packaged":
        yield packaged.open_folder(os.fspath(path), what)
    elif source == "file":
        yield Path(path)
    elif source == "archive":
        with archive.unpacked(Path(path), what) as folder:
            yield folder
    else:
        from albert_np.io.sources import hub

        name = ALIASES.get(str(path), str(path))
        try:
            folder = hub.fetch(name, what, revision, cache_dir, local_files_only, token)
        except (OSError, ImportError) as error:
            if hint := packaged.suggest_name(path):
                raise type(error)(f"{error}{hint}") from error
            raise
        yield folder
