"""From any form of checkpoint to any other: albert-np convert."""

import contextlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from albert_np import sources
from albert_np.config import AlbertConfig
from albert_np.files import make_folder, write_whole
from albert_np.params import Tree
from albert_np.weights.load import ARCHITECTURES, named_by_its_task, opened, placed
from albert_np.weights.save import DTYPES, save_hf, save_npz, save_tf

TARGETS = ("hf", "tf", "npz")
TOKENIZER_FILES = (
    "spiece.model", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], to: str = "hf", dtype: str = "", **hub: Any
) -> dict[str, Any]:
    """Write the checkpoint that `source` means (a folder, a file, an archive, a hub name) into the folder `target`.

    to     "hf": config.json and model.safetensors · "tf": Google's checkpoint · "npz": config.json and model.npz
    dtype  float16, float32 or float64; "" keeps the widest that the source has (bfloat16 becomes float32)

    Every tensor of the model goes along, whichever heads there are, and the tokenizer's files too. -> what was done.
    ValueError: an unknown form or dtype, tensors that do not fit, a model that the form cannot hold, a folder that holds a model.
    """
    target = Path(target)
    if to not in TARGETS:
        raise ValueError(f"to: expected one of {', '.join(TARGETS)}, got {to!r}")
    if dtype and dtype not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} exists and is not an empty folder: nothing is overwritten")
    with sources.local(source, "model", **hub) as local:
        found = named_by_its_task(opened(local))
        widest = widest_dtype(found.tensors)
        dtype = dtype or widest
        config = found.config
        tree, _ = placed(found, found.heads, np.dtype("float64" if widest == "float64" else "float32"))
        architecture = (config.extra.get("architectures") or [architecture_of(config, tree)])[0]
        if to == "hf":
            save_hf(target, config, tree, architecture, dtype)
        elif to == "npz":
            save_npz(target, config, tree, architecture, dtype)
        else:
            save_tf(target, config, tree, dtype)
        folder = local if local.is_dir() else local.parent
        copied = copy_tokenizer(folder, target)
    if not copied and sources.kind(source) != "file":  # an archive or a repository gives only what it is asked for
        with contextlib.suppress(FileNotFoundError), sources.local(source, "tokenizer", **hub) as local:
            copied = copy_tokenizer(local, target)
    return {"from": found.weights.format, "to": to, "dtype": dtype, "heads": list(found.heads), "architecture": architecture,
            "parameters": tree.count(), "tokenizer": copied, "folder": str(target)}  # fmt: skip


def widest_dtype(tensors: dict[str, np.ndarray]) -> str:
    """The widest floating dtype among them."""
    kinds = {array.dtype for array in tensors.values() if array.dtype.kind == "f"}
    return str(max(kinds, key=lambda dtype: dtype.itemsize, default=np.dtype("float32")))


def architecture_of(config: AlbertConfig, tree: Tree) -> str:
    """The smallest class that has these heads."""
    if "task" in tree.form:
        return ARCHITECTURES["classification"]
    if "mlm" not in tree.form and "sop" not in tree.form:
        return "AlbertModel"
    return "AlbertForMaskedLM" if "pooler" not in tree.form else "AlbertForPreTraining"


def copy_tokenizer(folder: Path, target: Path) -> list[str]:
    """Copy a tokenizer's files; Google's single *.model takes the name spiece.model. -> their names"""
    found = {name: folder / name for name in TOKENIZER_FILES if (folder / name).is_file()}
    models = sorted(folder.glob("*.model"))
    if "spiece.model" not in found and len(models) == 1:
        found["spiece.model"] = models[0]
    make_folder(target)
    for name, file in found.items():
        write_whole(target / name, partial(shutil.copyfile, file))
    return sorted(found)
