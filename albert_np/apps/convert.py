"""Convert checkpoints from any format to any other: albert-np convert."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.compress.dense import densify
from albert_np.core.params import Tree
from albert_np.io import sources
from albert_np.io.files import read_json, write_folder, write_json
from albert_np.io.load import get_architecture, open_checkpoint, read_params, widest_dtype, with_architecture
from albert_np.io.onnx import save_onnx
from albert_np.io.save import DTYPES, save_hf, save_npz, save_tf
from albert_np.models.config import AlbertConfig
from albert_np.models.shapes import shapes
from albert_np.tasks.scale import Scale, read_scale, rescale_head
from albert_np.tasks.trained import FILE as TASK_FILE
from albert_np.text.copy import copy_tokenizer

TARGETS = ("hf", "tf", "npz", "onnx")


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], to: str = "hf", dtype: str = "", **hub: Any
) -> dict[str, Any]:
    """Convert a checkpoint (a folder, a file, an archive or a hub name), with all its heads and its tokenizer.

    target  a new or empty folder
    to      "hf": config.json and model.safetensors · "tf": Google's checkpoint · "npz": config.json and model.npz ·
            "onnx": config.json and model.onnx, a graph in float32
    dtype   float16, float32 or float64; "" keeps the widest of the source (bfloat16 becomes float32)

    Returns a summary. The head of a regression that `finetune` trained takes in the scale of its labels, which only task.json
    holds: the outputs are in the labels' units. A compressed model becomes an ordinary one, with zeros stored and in float32;
    "npz" and "onnx" keep its smaller sizes. Raises ValueError for an unknown format or dtype, tensors that do not fit, and a
    model that the format cannot represent; FileExistsError if `target` is not empty.
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
        checkpoint = with_architecture(open_checkpoint(local, AlbertConfig))
        widest = widest_dtype(checkpoint.tensors)
        dtype = "float32" if to == "onnx" else dtype or widest
        config, scale = checkpoint.config, read_scale(local) if "task" in checkpoint.heads else None
        tree, _ = read_params(
            checkpoint, shapes(config, checkpoint.heads), np.dtype("float64" if "float64" in (dtype, widest) else "float32")
        )
    if scale is not None:
        fold_scale(tree, scale, dtype)
    if to in ("hf", "tf"):  # the other two can represent the smaller sizes
        config, tree = densify(config, tree)
    architecture = get_architecture(config, tree)
    with write_folder(target) as folder:
        if to == "hf":
            save_hf(folder, config, tree, architecture, dtype)
        elif to == "onnx":
            save_onnx(folder, config, tree, architecture)
        elif to == "npz":
            save_npz(folder, config, tree, architecture, dtype)
        else:
            save_tf(folder, config, tree, dtype)
        tokenizer = copy_tokenizer(source, folder, to, **hub)
        if to == "hf":
            copy_task(sources.as_path(source), folder)
    return {
        "from": checkpoint.weights.format, "to": to, "dtype": dtype, "heads": list(checkpoint.heads),
        "architecture": architecture, "parameters": tree.count(), "tokenizer": tokenizer, "folder": str(target),
        "scale": None if scale is None else list(scale),
    }  # fmt: skip


def fold_scale(tree: Tree, scale: Scale, dtype: str) -> None:
    """Put the scale of a regression's labels into its head. Warn if labels differ by less than the rounding of the dtype."""
    try:
        rescale_head(tree, scale)
    except ValueError as error:
        raise ValueError(f"{error}: give dtype float64, which has more") from None
    rounding = abs(scale.mean) * float(np.finfo(dtype).eps)
    if rounding > 0.01 * scale.deviation:
        warnings.warn(
            f"labels near {scale.mean:g} that differ by {scale.deviation:g} need more digits than {dtype} has: "
            f"outputs are rounded to about {rounding:.1g}", stacklevel=3,
        )  # fmt: skip


def copy_task(source: Path, target: Path) -> None:
    """Write the source's task.json, if it has one, beside the converted model, so that it answers as before.

    The scale of a regression's targets is left out: the conversion folds it into the weights.
    """
    file = (source.parent if source.is_file() else source) / TASK_FILE
    if not file.is_file():
        return
    values = read_json(file)
    if isinstance(values, dict) and isinstance(values.get("options"), dict) and "scale" in values["options"]:
        values["options"]["scale"] = None
    write_json(target / TASK_FILE, values)
