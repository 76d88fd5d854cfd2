"""From any form of checkpoint to any other: albert-np convert."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.compress.dense import dense
from albert_np.core.params import Tree
from albert_np.io import sources
from albert_np.io.files import make_folder, write_whole
from albert_np.io.load import ARCHITECTURES, named_by_its_task, opened, placed
from albert_np.io.onnx import save_onnx
from albert_np.io.save import DTYPES, save_hf, save_npz, save_tf
from albert_np.models.config import AlbertConfig

TARGETS = ("hf", "tf", "npz", "onnx")
TOKENIZER_FILES = (
    "spiece.model", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], to: str = "hf", dtype: str = "", **hub: Any
) -> dict[str, Any]:
    """Write the checkpoint that `source` means (a folder, a file, an archive, a hub name) into the folder `target`.

    to     "hf": config.json and model.safetensors · "tf": Google's checkpoint · "npz": config.json and model.npz ·
           "onnx": config.json and model.onnx, a graph in float32
    dtype  float16, float32 or float64; "" keeps the widest that the source has (bfloat16 becomes float32)

    Every tensor of the model goes along, whichever heads there are, and the tokenizer's files too. -> what was done. A compressed
    model becomes an ordinary one, of all its zeros and in float32; "npz" and "onnx" keep its smaller sizes.
    ValueError: an unknown form or dtype, tensors that do not fit, a model that the form cannot hold, a folder that holds a model.
    """
    target = Path(target)
    if to not in TARGETS:
        raise ValueError(f"to: expected one of {', '.join(TARGETS)}, got {to!r}")
    if to == "onnx" and dtype not in ("", "float32"):
        raise ValueError(f"dtype: the ONNX graph is in float32, not in {dtype!r}")
    if dtype and dtype not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} exists and is not an empty folder: nothing is overwritten")
    with sources.local(source, "model", **hub) as local:
        found = named_by_its_task(opened(local))
        widest = widest_dtype(found.tensors)
        dtype = "float32" if to == "onnx" else dtype or widest
        config = found.config
        tree, _ = placed(found, found.heads, np.dtype("float64" if widest == "float64" else "float32"))
    if to in ("hf", "tf"):  # the other two have a place for the smaller sizes
        config, tree = dense(config, tree)
    architecture = (config.extra.get("architectures") or [architecture_of(config, tree)])[0]
    with whole_folder(target) as folder:
        if to == "hf":
            save_hf(folder, config, tree, architecture, dtype)
        elif to == "onnx":
            save_onnx(folder, config, tree, architecture)
        elif to == "npz":
            save_npz(folder, config, tree, architecture, dtype)
        else:
            save_tf(folder, config, tree, dtype)
        tokenizer = copy_tokenizer(source, folder, to, **hub)
    return {"from": found.weights.format, "to": to, "dtype": dtype, "heads": list(found.heads), "architecture": architecture,
            "parameters": tree.count(), "tokenizer": tokenizer, "folder": str(target)}  # fmt: skip


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which takes the target's name when all is written; on an error nothing of it is left."""
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        made = Path(temporary) / target.name
        made.mkdir()
        yield made
        if target.exists():
            target.rmdir()  # it is empty
        made.rename(target)


def widest_dtype(tensors: dict[str, np.ndarray]) -> str:
    """The widest floating dtype among them."""
    kinds = {array.dtype for array in tensors.values() if array.dtype.kind == "f"}
    return str(max(kinds, key=lambda dtype: dtype.itemsize, default=np.dtype("float32")))


def architecture_of(config: AlbertConfig, tree: Tree) -> str:
    """The smallest class that has these heads."""
    if "task" in tree.form or "relation" in tree.form:
        return ARCHITECTURES["classification" if "task" in tree.form else "relation"]
    if "mlm" not in tree.form and "sop" not in tree.form:
        return "AlbertModel"
    return "AlbertForMaskedLM" if "pooler" not in tree.form else "AlbertForPreTraining"


def copy_tokenizer(source: Any, target: Path, to: str, **hub: Any) -> list[str]:
    """Copy the tokenizer's files, if there are any; Google's single *.model takes the name spiece.model. -> their names

    transformers cuts text rightly only with a tokenizer.json: for "hf" it is written where the source has none.
    """
    from albert_np.text import AlbertTokenizer

    beside = source if sources.kind(source) != "file" or Path(source).is_dir() else Path(source).parent
    with contextlib.suppress(FileNotFoundError), sources.local(beside, "tokenizer", **hub) as folder:
        found = {name: folder / name for name in TOKENIZER_FILES if (folder / name).is_file()}
        models = sorted(folder.glob("*.model"))
        if "spiece.model" not in found and len(models) == 1:
            found["spiece.model"] = models[0]
        for name, file in found.items():
            write_whole(target / name, partial(shutil.copyfile, file))
    if to == "hf" and (target / "spiece.model").is_file() and not (target / "tokenizer.json").is_file():
        AlbertTokenizer.from_pretrained(target).save_pretrained(target)
    return sorted(file.name for file in target.iterdir() if file.name in TOKENIZER_FILES)
