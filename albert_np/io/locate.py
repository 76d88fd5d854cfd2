"""Where in a folder the weights are, and in which of the formats."""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from albert_np.io.config_files import NO_WEIGHTS

READERS = {"safetensors": "safetensors_file", "torch": "torch_file", "tf": "tensorflow", "npz": "npz_file"}


@dataclass(frozen=True)
class Weights:
    """A file of weights (of a TensorFlow checkpoint: its prefix) and its format."""

    file: Path
    format: str

    @property
    def form(self) -> str:
        """By whose names it goes: "hf" or "tf"."""
        return "tf" if self.format == "tf" else "hf"

    def read(self) -> dict[str, np.ndarray]:
        """{name: array}, under the file's own names and in its own layout; see `albert_np.io.formats`."""
        from albert_np.io.formats.shards import sharded

        read = importlib.import_module(f"albert_np.io.formats.{READERS[self.format]}").read
        return sharded(self.file, read) if self.file.name.endswith(".index.json") else read(self.file)


def locate(path: Path) -> Weights:
    """The weights that `path` means: a file of weights, a checkpoint's prefix, or a folder, which is searched in this order:
    model.safetensors(.index.json), pytorch_model.bin(.index.json), model.npz, a single *.safetensors, *.bin, *.pth or *.pt, a
    TensorFlow checkpoint.

    FileNotFoundError: there are none. ValueError: there are several, and nothing says which.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _of_file(path)
    if path.with_name(path.name + ".index").is_file():
        return Weights(path, "tf")
    raise FileNotFoundError(f"there is no file or folder {path}")


def _of_file(path: Path) -> Weights:
    name = path.name
    if name.endswith(".safetensors") or name.endswith(".safetensors.index.json"):
        return Weights(path, "safetensors")
    if name.endswith((".bin", ".pth", ".pt", ".bin.index.json")):
        return Weights(path, "torch")
    if name.endswith(".npz"):
        return Weights(path, "npz")
    if name.endswith(".index"):
        return Weights(path.with_name(name.removesuffix(".index")), "tf")
    if match := re.match(r"(.+)\.data-\d{5}-of-\d{5}$", name):
        return Weights(path.with_name(match[1]), "tf")
    _refuse_v1(path)
    raise ValueError(f"{path}: weights end in .safetensors, .bin, .pth, .pt, .npz or .index (TensorFlow); or name their folder")


def _in_folder(folder: Path) -> Weights:
    for name in ("model.safetensors", "pytorch_model.bin"):
        for file in (folder / name, folder / f"{name}.index.json"):
            if file.is_file():
                return _of_file(file)
    if (folder / "model.npz").is_file():
        return _of_file(folder / "model.npz")
    for ending in (".safetensors", ".bin", ".pth", ".pt"):
        files = [file for file in sorted(folder.glob(f"*{ending}")) if file.is_file() and not file.name.startswith(NO_WEIGHTS)]
        if len(files) > 1:
            raise ValueError(f"{folder} has several files of weights: {_names(files)}; name the one that is meant")
        if files:
            return _of_file(files[0])
    return _tensorflow(folder)


def _tensorflow(folder: Path) -> Weights:
    """The checkpoint of a folder: the one that its text file `checkpoint` names, or the only one."""
    prefixes = [file.with_suffix("") for file in sorted(folder.glob("*.index"))]
    newest = named_newest(folder / "checkpoint")
    if newest and (folder / f"{newest}.index").is_file():
        return Weights(folder / newest, "tf")
    if newest and (folder / newest).is_file():
        _refuse_v1(folder / newest)
    if newest and prefixes:
        raise ValueError(
            f"{folder / 'checkpoint'} names {newest}, but there is only {_names(prefixes)}: name the one that is meant"
        )
    if len(prefixes) > 1:
        raise ValueError(f"{folder} has several checkpoints: {_names(prefixes)}; name the one that is meant")
    if prefixes:
        return Weights(prefixes[0], "tf")
    for file in sorted(folder.glob("*ckpt*")):
        _refuse_v1(file)
    wanted = "model.safetensors, pytorch_model.bin, a single *.pth, model.ckpt*.index, or an index of several files"
    raise FileNotFoundError(f"no weights in {folder}: expected {wanted}")


def _refuse_v1(file: Path) -> None:
    from albert_np.io.formats import tensorflow

    with open(file, "rb") as stream:
        if tensorflow.is_v1(stream.read(4096)):
            raise ValueError(f"{file} is a TensorFlow checkpoint in the V1 format, which is not supported: save it again with V2")


def named_newest(checkpoint: Path) -> str:
    """The prefix that TensorFlow's text file `checkpoint` names as the newest, without its folder; "" if there is none."""
    if not checkpoint.is_file():
        return ""
    text = checkpoint.read_bytes()[:65536].decode("utf-8", "replace")
    match = re.search(r'^\s*model_checkpoint_path:\s*"([^"]*)"', text, re.MULTILINE)
    return re.split(r"[/\\]", match[1])[-1] if match else ""


def _names(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:6]) + (f" and {len(files) - 6} more" if len(files) > 6 else "")
