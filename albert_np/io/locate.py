"""Find the weights in a folder, and their format."""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from albert_np.io.config_files import NOT_WEIGHTS
from albert_np.io.files import DataError, IncompleteFolder, data_errors

RUN = ("params.safetensors", "moments.safetensors")  # of a checkpoint of a training run
READERS = {"safetensors": "safetensors_file", "torch": "torch_file", "tf": "tensorflow", "npz": "npz_file"}


@dataclass(frozen=True)
class Weights:
    """A file of weights (for a TensorFlow checkpoint, its prefix) and its format."""

    file: Path
    format: str

    @property
    def is_run(self) -> bool:
        """True for a checkpoint of a training run, whose tensors have the names of the parameter tree."""
        return self.file.name == RUN[0] and self.file.with_name(RUN[1]).is_file()

    @property
    def naming(self) -> str:
        """Whose names the tensors have: "hf" or "tf"."""
        return "tf" if self.format == "tf" else "hf"

    def read(self) -> dict[str, np.ndarray]:
        """Return {name: array} under the file's own names and in its layout; see `albert_np.io.formats`."""
        from albert_np.io.formats.shards import read_shards

        read = importlib.import_module(f"albert_np.io.formats.{READERS[self.format]}").read
        with data_errors():
            return read_shards(self.file, read) if self.file.name.endswith(".index.json") else read(self.file)


def locate(path: Path) -> Weights:
    """Return the weights at `path`: a file of weights, the prefix of a checkpoint, or a folder, which is searched in this order:
    model.safetensors(.index.json), pytorch_model.bin(.index.json), model.npz, a training run's params.safetensors, a single
    *.safetensors, *.bin, *.pth, *.pt or (Lightning's) *.ckpt, a TensorFlow checkpoint.

    Raises FileNotFoundError if there are none; ValueError if there are several and it is not clear which to take.
    """
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return _from_file(path)
    if path.with_name(path.name + ".index").is_file():
        return Weights(path, "tf")
    raise FileNotFoundError(f"there is no file or folder {path}")


def _from_file(path: Path) -> Weights:
    name = path.name
    if name.endswith(".safetensors") or name.endswith(".safetensors.index.json"):
        return Weights(path, "safetensors")
    if name.endswith((".bin", ".pth", ".pt", ".bin.index.json")) or (name.endswith(".ckpt") and _is_zip(path)):
        return Weights(path, "torch")
    if name.endswith(".npz"):
        return Weights(path, "npz")
    if name.endswith(".index"):
        return Weights(path.with_name(name.removesuffix(".index")), "tf")
    if match := re.match(r"(.+)\.data-\d{5}-of-\d{5}$", name):
        return Weights(path.with_name(match[1]), "tf")
    _check_not_v1(path)
    raise ValueError(f"{path}: weights end in .safetensors, .bin, .pth, .pt, .npz or .index (TensorFlow); or name their folder")


def _from_folder(folder: Path) -> Weights:
    for name in ("model.safetensors", "pytorch_model.bin"):
        for file in (folder / name, folder / f"{name}.index.json"):
            if file.is_file():
                return _from_file(file)
    if (folder / "model.npz").is_file():
        return _from_file(folder / "model.npz")
    if all((folder / name).is_file() for name in RUN):
        return _from_file(folder / RUN[0])
    for ending in (".safetensors", ".bin", ".pth", ".pt", ".ckpt"):
        files = [file for file in sorted(folder.glob(f"*{ending}")) if file.is_file() and not file.name.startswith(NOT_WEIGHTS)]
        files = [file for file in files if ending != ".ckpt" or _is_zip(file)]  # Lightning's, not TensorFlow's V1
        if len(files) > 1:
            raise ValueError(f"{folder} has several files of weights: {_list_names(files)}; name the one to load")
        if files:
            return _from_file(files[0])
    return _tensorflow(folder)


def _is_zip(file: Path) -> bool:
    """Return whether a file begins as torch.save's zip archives do."""
    with open(file, "rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _tensorflow(folder: Path) -> Weights:
    """Return the checkpoint of a folder: the one that its text file `checkpoint` names, or the only one."""
    prefixes = [file.with_suffix("") for file in sorted(folder.glob("*.index"))]
    newest = read_newest(folder / "checkpoint")
    if newest and (folder / f"{newest}.index").is_file():
        return Weights(folder / newest, "tf")
    if newest and (folder / newest).is_file():
        _check_not_v1(folder / newest)
    if newest and prefixes:
        raise DataError(
            f"{folder / 'checkpoint'} names {newest}, but there is only {_list_names(prefixes)}: name the one to load"
        )
    if len(prefixes) > 1:
        raise ValueError(f"{folder} has several checkpoints: {_list_names(prefixes)}; name the one to load")
    if prefixes:
        return Weights(prefixes[0], "tf")
    for file in sorted(folder.glob("*ckpt*")):
        _check_not_v1(file)
    wanted = "model.safetensors, pytorch_model.bin, a single *.pth, model.ckpt*.index, or an index of several files"
    raise IncompleteFolder(f"no weights in {folder}: expected {wanted}")


def _check_not_v1(file: Path) -> None:
    """Raise ValueError for a TensorFlow checkpoint of the old V1 format."""
    from albert_np.io.formats import tensorflow

    with open(file, "rb") as stream:
        if tensorflow.is_v1(stream.read(4096)):
            raise DataError(f"{file} is a TensorFlow checkpoint in the V1 format, which is not supported: save it again with V2")


def read_newest(checkpoint: Path) -> str:
    """Return the prefix that TensorFlow's text file `checkpoint` names as the newest, without its folder; "" if there is none."""
    if not checkpoint.is_file():
        return ""
    text = checkpoint.read_bytes()[:65536].decode("utf-8", "replace")
    match = re.search(r'^\s*model_checkpoint_path:\s*"([^"]*)"', text, re.MULTILINE)
    return re.split(r"[/\\]", match[1])[-1] if match else ""


def _list_names(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:6]) + (f" and {len(files) - 6} more" if len(files) > 6 else "")
