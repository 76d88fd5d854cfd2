"""Write a config and a parameter tree as files for other programs: Hugging Face's folder, Google's checkpoint, .npz."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core.params import Tree
from albert_np.io.files import make_folder, write_json, write_whole
from albert_np.io.formats import safetensors_file
from albert_np.io.model_config import ModelConfig
from albert_np.io.names import rename_tree

DTYPES = ("float16", "float32", "float64")
PREFIX = "model.ckpt"


def save_hf(folder: str | os.PathLike[str], config: ModelConfig, params: Tree, architecture: str, dtype: str = "") -> None:
    """Write model.safetensors and config.json, each atomically. dtype: one of DTYPES; "" keeps that of params.

    A config that shares only attention or only feed-forward is saved as one group per layer, which other programs can read. It
    keeps the key `sharing`, so that loading here ties the copies again.
    """
    folder = Path(folder)
    make_folder(folder)
    write_safetensors(folder / "model.safetensors", rename_tree(config, params, "hf"), dtype)
    write_config(folder, config, architecture, stacklevel=4)


def save_npz(folder: Path, config: ModelConfig, params: Tree, architecture: str, dtype: str = "") -> None:
    """Write model.npz, the tensors under HF's names in HF's layout, and config.json."""
    make_folder(folder)
    tensors: dict[str, Any] = {name: cast(array, dtype) for name, array in rename_tree(config, params, "hf").items()}

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # given a name instead, NumPy appends .npz
            np.savez(file, **tensors)

    write_whole(folder / "model.npz", write)
    write_config(folder, config, architecture, stacklevel=4)


def save_tf(folder: Path, config: ModelConfig, params: Tree, dtype: str = "") -> None:
    """Write Google's checkpoint: albert_config.json, model.ckpt.index, model.ckpt.data-00000-of-00001 and `checkpoint`.

    Raises ValueError for models that Google's code does not have: fusion, or E = H with a projection that is not the identity.
    """
    from albert_np.io.formats import tensorflow

    if config.fusion_layers:
        raise ValueError("Google's checkpoints have no place for fusion_layers; the formats hf and npz keep them")
    tensors = rename_tree(config, params, "tf")
    if config.embedding_size == config.hidden_size:
        tensors = _without_projection(tensors)
    if config.hidden_act == "gelu":
        message = 'the erf form of gelu is written as "gelu_erf", which Google\'s code refuses: its own "gelu" is the tanh form'
        warnings.warn(message, stacklevel=3)
    elif config.hidden_act not in ("gelu_new", "relu", "tanh"):
        warnings.warn(f"Google's code does not have the activation {config.hidden_act!r}", stacklevel=3)
    make_folder(folder)
    tensorflow.write(folder / PREFIX, {name: cast(array, dtype) for name, array in tensors.items()})
    write_json(folder / "albert_config.json", config.replace(num_hidden_groups=config.num_groups, sharing="all").to_google())
    lines = f'model_checkpoint_path: "{PREFIX}"\nall_model_checkpoint_paths: "{PREFIX}"\n'
    write_whole(folder / "checkpoint", lambda temporary: temporary.write_text(lines, encoding="utf-8"))


def _without_projection(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Google's code has no projection E -> H where E = H; it can be left out if it is the identity."""
    prefix = "bert/encoder/embedding_hidden_mapping_in/"
    w, b = tensors[prefix + "kernel"], tensors[prefix + "bias"]
    if not np.array_equal(w, np.eye(len(w), dtype=w.dtype)) or b.any():
        raise ValueError(
            "Google's code has no embedding_hidden_mapping_in where embedding_size is hidden_size; this model has learned one"
        )
    return {name: array for name, array in tensors.items() if not name.startswith(prefix)}


def write_config(folder: Path, config: ModelConfig, architecture: str, stacklevel: int, compressed: str = "") -> None:
    """Write config.json for a model of this class. compressed: how the weights are stored, if not as plain numbers."""
    extra = {key: value for key, value in config.extra.items() if key != "compressed"} | {"architectures": [architecture]}
    extra |= {"compressed": compressed} if compressed else {}
    if config.sharing in ("attention", "ffn"):
        message = f"sharing={config.sharing!r} is saved as {config.num_groups} groups with equal copies of the shared tensors"
        warnings.warn(message, stacklevel=stacklevel)
    config.replace(num_hidden_groups=config.num_groups, extra=extra).save_pretrained(folder)


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """Return the array in a dtype of DTYPES ("" keeps its own), contiguous. ValueError if a number is too large for it."""
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(array, dtype or array.dtype)
    if out.dtype.itemsize < array.dtype.itemsize and np.isinf(out).sum() > np.isinf(array).sum():
        raise ValueError(f"{np.abs(array[np.isfinite(array)]).max():.3g} is too large for {dtype}")
    return out


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], dtype: str = "") -> None:
    """Write a .safetensors file with the metadata that transformers expects."""
    arrays = {name: cast(array, dtype) for name, array in tensors.items()}
    write_whole(path, lambda temporary: safetensors_file.write(temporary, arrays, {"format": "pt"}))
