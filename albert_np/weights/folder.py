"""A model's folder: config.json and model.safetensors, under Hugging Face's names."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.config import AlbertConfig
from albert_np.files import write_whole
from albert_np.params import Tree, initialise, place, shapes
from albert_np.weights.names import from_hf, table, to_hf

HEADS = ("pooler", "mlm", "sop")


def save(folder: str | os.PathLike[str], config: AlbertConfig, params: Tree, architecture: str) -> None:
    """Write config.json and model.safetensors, each whole or not at all.

    A config that shares only attention or only feed-forward is saved as one group a layer, which is what other programs can
    read; the key `sharing` stays in it, so that loading here ties the copies again.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = to_hf(config, params)
    write_whole(folder / "model.safetensors", lambda file: save_file(tensors, file, metadata={"format": "pt"}))
    extra = {**config.extra, "architectures": [architecture]}
    if config.sharing in ("attention", "ffn"):
        said = f"sharing={config.sharing!r} is saved as {config.num_groups} groups with equal copies of what they share"
        warnings.warn(said, stacklevel=3)
    config.replace(num_hidden_groups=config.num_groups, extra=extra).save_pretrained(folder)


def load(path: str | os.PathLike[str], parts: tuple[str, ...], dtype: Any, seed: int) -> tuple[AlbertConfig, Tree]:
    """Read config and parameters of a folder (or of a .safetensors file beside its config.json).

    Heads in the file that `parts` leaves out are dropped, heads in `parts` that the file lacks start fresh from `seed`; either
    is said once. Raises ValueError naming each tensor that does not fit, FileNotFoundError where there is no such file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    file = path if path.suffix == ".safetensors" else path / "model.safetensors"
    if not file.exists():
        raise FileNotFoundError(f"no model in {path}: expected a folder with config.json and model.safetensors")
    config = AlbertConfig.from_pretrained(file.parent)
    if config.sharing != "all":
        config = config.replace(num_hidden_groups=1)  # the groups of the file are how it says the sharing to others
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file: {error}") from None
    form = shapes(config, parts)
    fresh = initialise(form, config, seed, dtype)
    values, wrong = from_hf(config, tensors, fresh)
    absent = [name for name, _ in fresh.items() if name not in values]
    names = table(config)
    wrong += [f"{names[name][0]} is missing" for name in absent if name.split(".")[0] not in HEADS]
    if wrong:
        more = f"; and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise ValueError(f"{file} does not fit its config: " + "; ".join(wrong[:8]) + more)
    _say(file, tensors, absent, parts)
    values |= {name: array for name, array in fresh.items() if name in absent}
    return config, place(form, values, np.dtype(dtype))


def _say(file: Path, tensors: dict[str, Any], absent: list[str], parts: tuple[str, ...]) -> None:
    """One notice each for heads that start fresh and heads that are dropped."""
    if absent:
        heads = sorted({name.split(".")[0] for name in absent})
        warnings.warn(f"{file} has no weights for {', '.join(heads)}: initialised afresh, train before use", stacklevel=4)
    marks = {"pooler": "pooler.", "mlm": "predictions.", "sop": "sop_classifier."}
    dropped = [head for head in HEADS if head not in parts and any(marks[head] in name for name in tensors)]
    if dropped:
        warnings.warn(f"{file} also holds {', '.join(dropped)}, which this class does not use: left out", stacklevel=4)
