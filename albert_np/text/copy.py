"""Copy the files of a tokenizer from one checkpoint to another."""

import contextlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.io import sources
from albert_np.io.files import write_whole
from albert_np.text.tokenizer import AlbertTokenizer

FILES = (
    "spiece.model", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def copy_tokenizer(source: str | os.PathLike[str], target: Path, to: str, **hub_options: Any) -> list[str]:
    """Copy the tokenizer's files beside the checkpoint `source`, if there are any; return their names.

    Google's single *.model is renamed to spiece.model. For to="hf" a tokenizer.json is written if the source has none, because
    transformers tokenizes correctly only with it.
    """
    beside = source if sources.kind(source) != "file" or Path(source).is_dir() else Path(source).parent
    with contextlib.suppress(FileNotFoundError), sources.local(beside, "tokenizer", **hub_options) as folder:
        files = {name: folder / name for name in FILES if (folder / name).is_file()}
        models = sorted(folder.glob("*.model"))
        if "spiece.model" not in files and len(models) == 1:
            files["spiece.model"] = models[0]
        for name, file in files.items():
            write_whole(target / name, partial(shutil.copyfile, file))
    if to == "hf" and (target / "spiece.model").is_file() and not (target / "tokenizer.json").is_file():
        AlbertTokenizer.from_pretrained(target).save_pretrained(target)
    return sorted(file.name for file in target.iterdir() if file.name in FILES)
