"""From a config and a parameter tree to files that others read: Hugging Face's folder, Google's checkpoint, .npz."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core.params import Tree
from albert_np.io.files import make_folder, write_json, write_whole
from albert_np.io.names import renamed
from albert_np.models.config import AlbertConfig

DTYPES = ("float16", "float32", "float64")
PREFIX = "model.ckpt"


def save_hf(folder: str | os.PathLike[str], config: AlbertConfig, params: Tree, architecture: str, dtype: str = "") -> None:
    """Write model.safetensors and config.json, each whole or not at all. dtype: one of DTYPES; "" keeps that of params.

    A config that shares only attention or only feed-forward is saved as one group a layer, which is what other programs can
    read; the key `sharing` stays in it, so that loading here ties the copies again.
    """
    folder = Path(folder)
    make_folder(folder)
    write_safetensors(folder / "model.safetensors", renamed(config, params, "hf"), dtype)
    write_config(folder, config, architecture, stacklevel=4)


def save_npz(folder: Path, config: AlbertConfig, params: Tree, architecture: str, dtype: str = "") -> None:
    """Write model.npz, the tensors under HF's names in HF's layout, and config.json."""
    make_folder(folder)
    tensors: dict[str, Any] = {name: cast(array, dtype) for name, array in renamed(config, params, "hf").items()}

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # given a name, NumPy would add .npz to it
            np.savez(file, **tensors)

    write_whole(folder / "model.npz", write)
    write_config(folder, config, architecture, stacklevel=4)


def save_tf(folder: Path, config: AlbertConfig, params: Tree, dtype: str = "") -> None:
    """Write Google's checkpoint: albert_config.json, model.ckpt.index, model.ckpt.data-00000-of-00001 and `checkpoint`.

    ValueError where Google's code has no such model: fusion, and E = H with a projection that does something.
    """
    from albert_np.io.formats import tensorflow

    if config.fusion_layers:
        raise ValueError("Google's checkpoints have no place for fusion_layers; --to hf or npz keeps them")
    tensors = renamed(config, params, "tf")
    if config.embedding_size == config.hidden_size:
        tensors = _without_projection(tensors)
    if config.hidden_act == "gelu":
        said = 'the erf form of gelu is written as "gelu_erf", which Google\'s code refuses: its own "gelu" is the tanh form'
        warnings.warn(said, stacklevel=3)
    make_folder(folder)
    tensorflow.write(folder / PREFIX, {name: cast(array, dtype) for name, array in tensors.items()})
    write_json(folder / "albert_config.json", config.replace(num_hidden_groups=config.num_groups, sharing="all").to_google())
    lines = f'model_checkpoint_path: "{PREFIX}"\nall_model_checkpoint_paths: "{PREFIX}"\n'
    write_whole(folder / "checkpoint", lambda temporary: temporary.write_text(lines, encoding="utf-8"))


def _without_projection(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Google's code has no mapping E -> H where E = H; it may be left out if it is the identity."""
    mapping = "bert/encoder/embedding_hidden_mapping_in/"
    w, b = tensors[mapping + "kernel"], tensors[mapping + "bias"]
    if not np.array_equal(w, np.eye(len(w), dtype=w.dtype)) or b.any():
        raise ValueError(
            "Google's code has no embedding_hidden_mapping_in where embedding_size is hidden_size; this model has learned one"
        )
    return {name: array for name, array in tensors.items() if not name.startswith(mapping)}


def write_config(folder: Path, config: AlbertConfig, architecture: str, stacklevel: int, compressed: str = "") -> None:
    """Write config.json for a model of this class. compressed: how its weights are stored, if not as plain numbers."""
    extra = {key: value for key, value in config.extra.items() if key != "compressed"} | {"architectures": [architecture]}
    extra |= {"compressed": compressed} if compressed else {}
    if config.sharing in ("attention", "ffn"):
        said = f"sharing={config.sharing!r} is saved as {config.num_groups} groups with equal copies of what they share"
        warnings.warn(said, stacklevel=stacklevel)
    config.replace(num_hidden_groups=config.num_groups, extra=extra).save_pretrained(folder)


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """The array in a dtype of DTYPES ("" keeps its own), contiguous. ValueError: a number does not fit."""
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(array, dtype or array.dtype)
    if out.dtype.itemsize < array.dtype.itemsize and np.isinf(out).sum() > np.isinf(array).sum():
        raise ValueError(f"{np.abs(array[np.isfinite(array)]).max():.3g} is too large for {dtype}")
    return out


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], dtype: str = "") -> None:
    """Write tensors with safetensors' own writer, with the metadata that transformers expects."""
    from safetensors.numpy import save_file

    arrays = {name: cast(array, dtype) for name, array in tensors.items()}
    write_whole(path, lambda temporary: save_file(arrays, temporary, metadata={"format": "pt"}))
