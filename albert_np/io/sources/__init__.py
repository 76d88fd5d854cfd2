"""Where a pretrained thing comes from: a local path, Google's .tar.gz, or a name on the Hugging Face hub.

local      any of them -> a local folder or file, for as long as a `with` block lasts
kind       which of them a path is
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from albert_np.io.sources import archive

WANTED = ("config", "tokenizer", "model")

# The names under which transformers knew Google's models before the hub had owners.
ALIASES = {
    f"albert-{size}-{version}": f"albert/albert-{size}-{version}"
    for size in ("base", "large", "xlarge", "xxlarge")
    for version in ("v1", "v2")
}

# owner/name or name, as the hub allows them: letters, digits, "_", "-" and ".", no "--" and "..", neither at an end.
HUB_NAME = re.compile(r"(?!.*(--|\.\.))\w([\w.-]{0,94}\w)?(/\w([\w.-]{0,94}\w)?)?", re.ASCII)
FILE_NAME = re.compile(r".*\.(json|safetensors|bin|pth?|ckpt|index|model|txt|npz|onnx|h5|zip|gz|tgz|tar)", re.IGNORECASE)


def kind(path: str | os.PathLike[str]) -> str:
    """ "file" for what is there (also the prefix of a TensorFlow checkpoint), "archive", or "hub" for a name that may be there.

    Only a string can be a hub's name; a Path is always a path. Raises FileNotFoundError for what can be none of them.
    """
    here = Path(path)
    if here.is_file() and here.name.lower().endswith(archive.ENDINGS):
        return "archive"
    if str(path) and (here.exists() or Path(f"{here}.index").is_file()):  # Path("") would be the current folder
        return "file"
    name = str(path)
    if not HUB_NAME.fullmatch(name) or FILE_NAME.fullmatch(name):
        raise FileNotFoundError(f"there is no file or folder {name!r}, and it cannot be a name on the hub (owner/name)")
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
    """The local folder or file that holds what is wanted of a path or hub name, inside a `with` block.

    what: "config", "tokenizer" or "model" (its config and its weights).
    An existing path is given as it is, but of an archive (.tar.gz, .tgz, .tar) what is wanted is unpacked into a folder that is
    gone after the block. Any other string is a name on the hub: what is wanted, and no more, is fetched into the cache of
    huggingface_hub (the extra `hub`), and the folder there is given. The environment of that library counts (HF_HOME,
    HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN ...); revision (branch, tag or commit), cache_dir, local_files_only and token are its
    own arguments and mean nothing for local paths.

    Raises FileNotFoundError for what is neither here nor on the hub, OSError (ConnectionError, PermissionError) for a hub that
    cannot be reached or does not give the files, ImportError without huggingface_hub, ValueError for a damaged archive.
    """
    if what not in WANTED:
        raise ValueError(f"what must be one of {', '.join(WANTED)}, not {what!r}")
    source = kind(path)
    if source == "file":
        yield Path(path)
    elif source == "archive":
        with archive.unpacked(Path(path), what) as folder:
            yield folder
    else:
        from albert_np.io.sources import hub

        name = ALIASES.get(str(path), str(path))
        yield hub.fetch(name, what, revision, cache_dir, local_files_only, token)
