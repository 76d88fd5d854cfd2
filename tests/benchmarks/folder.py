"""Reading a case's folder. Without albert_np, whose import tells the C library to keep memory: that would help others, too."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
RATE = 1e-5  # of the optimisers: small, so that many steps on random weights stay tame
STORED = {  # of many batches, end to end: the array of a packed batch -> what its length is counted by
    "ids": "tokens", "token_types": "tokens", "positions": "tokens", "lengths": "sequences", "examples": "sequences",
    "order_labels": "sequences", "masked_rows": "masked", "masked_labels": "masked",
}  # fmt: skip


def load(folder: Path) -> tuple[Any, list[Arrays]]:
    """-> case.json as a namespace, the batches"""
    case = load_case(folder)
    with np.load(folder / "batches.npz") as file:
        return case, [dict(_of(file, i)) for i in range(case.count)]


def load_case(folder: Path) -> Any:
    """-> case.json as a namespace"""
    return SimpleNamespace(**json.loads((folder / "case.json").read_text()))


def _of(file: Any, i: int) -> Iterator[tuple[str, np.ndarray]]:
    for name in file.files:
        key, _, number = name.rpartition("_")
        if number == str(i):
            yield key, file[name]


def from_packed(arrays: Arrays) -> Arrays:
    """A packed batch of our own data, padded as transformers wants it."""
    lengths = arrays["lengths"]
    visible = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
    targets = np.full(len(arrays["ids"]), -100)
    targets[arrays["masked_rows"]] = arrays["masked_labels"]
    made = {"mask": visible.astype(np.int64), "labels": np.asarray(arrays["order_labels"])}
    for name, values, empty in (("ids", arrays["ids"], 0), ("types", arrays["token_types"], 0), ("targets", targets, -100)):
        made[name] = np.full(visible.shape, empty)
        made[name][visible] = values
    return made


# ---- the batches of a whole training, packed ----


def store_batches(folder: Path, batches: Iterable[Arrays]) -> None:
    """Write packed batches to a folder, from which one at a time is read."""
    with open(folder / "sizes.txt", "w") as sizes:
        files = {name: open(folder / f"{name}.bin", "wb") for name in STORED}  # noqa: SIM115
        for batch in batches:
            print(*(len(batch[name]) for name in ("ids", "lengths", "masked_rows")), file=sizes)
            for name, file in files.items():
                file.write(np.ascontiguousarray(batch[name], np.int32).tobytes())
        for file in files.values():
            file.close()


class StoredBatches:
    """The batches of a folder: stored[i], packed."""

    def __init__(self, folder: Path) -> None:
        sizes = np.loadtxt(folder / "sizes.txt", dtype=np.int64, ndmin=2)  # (batches, 3)
        ends = np.concatenate([np.zeros((1, 3), np.int64), sizes.cumsum(0)])
        self.ends = dict(zip(("tokens", "sequences", "masked"), ends.T))
        self.arrays = {name: np.memmap(folder / f"{name}.bin", np.int32, "r") for name in STORED}

    def __len__(self) -> int:
        return len(self.ends["tokens"]) - 1

    def __getitem__(self, i: int) -> Arrays:
        found = {
            name: np.array(self.arrays[name][self.ends[count][i] : self.ends[count][i + 1]]) for name, count in STORED.items()
        }
        return {**found, "lengths": found["lengths"].astype(np.intp), "masked_rows": found["masked_rows"].astype(np.intp)}
