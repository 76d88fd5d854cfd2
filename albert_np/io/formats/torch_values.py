"""What the pickle of a state dict may hold, and the only functions that it may call: descriptions, with no numbers in them.

A tensor is described by a storage (a row of numbers elsewhere in the file), an offset, a size and a stride. Whether it lies
inside its storage is for the reader of the file to check, who knows the storages (torch_file). The names are those that
torch.save writes (torch/serialization.py and torch/_utils.py of torch 2.13); behind each stands a function of this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from albert_np.io.formats.bfloat16 import widened

# What NumPy calls the numbers of torch's storages. It has no bfloat16.
STORAGE_TYPES = {
    "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16", "DoubleStorage": "f8", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A row of `numel` numbers in the file, found by its key. kind: NumPy's letters, such as "f4", or "bfloat16"."""

    key: str
    kind: str
    numel: int


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A view of a storage; offset and stride count numbers, not bytes. Not checked against the storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """A dict or an OrderedDict: its keys and values in order, neither hashed nor compared."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """What stands for an allowed global: a function of this file, or a kind of storage."""

    call: Callable[[tuple[Any, ...]], Any] | None = None
    storage_kind: str = ""


Find = Callable[[Storage], np.ndarray]  # gives the numbers of a storage


def find_global(module: str, name: str) -> Global:
    """What stands for a global here. ValueError, which names it, for all but the few of the table below."""
    found = GLOBALS.get((module, name))
    if found is not None:
        return found
    if module == "torch" and name.endswith("Storage"):
        raise ValueError(f"the storage type {shown(name)} is not supported")
    raise ValueError(
        f"refuses the global {shown(module)}.{shown(name)}, and runs nothing: a file of weights holds tensors only. "
        "If it is a whole pickled model, save the model's state_dict() instead"
    )


def storage(description: Any) -> Storage:
    """What stands for a persistent id: ("storage", type, key, device, numel), in the older form with a view of it, or None."""
    match description:
        case ("storage", Global(storage_kind=kind), str(key), str(), int(numel), *view) if kind and view in ([], [None]):
            if numel < 0 or type(numel) is bool:
                raise ValueError(f"storage {shown(key)}: its size must not be negative, it is {numel}")
            return Storage(key, kind, numel)
        case ("storage", *_):
            raise ValueError("the description of a storage is damaged, or of a kind that is not supported (a view of another)")
        case _:
            raise ValueError(f"unknown persistent id: expected the description of a storage, found {a_kind(description)}")


def is_metadata(state: Any) -> bool:
    """Whether attributes are what a state dict has: _metadata, a dict with the versions of the model's modules."""
    if type(state) is not Pairs or len(state.pairs) != 1:
        return False
    name, value = state.pairs[0]
    return type(name) is str and name == "_metadata" and type(value) is Pairs


def by_name(value: Any, expected: str) -> dict[str, Any]:
    """A pickled dict as a dict; its keys must be strings, and each must come once."""
    if type(value) is not Pairs:
        raise ValueError(f"expected {expected}, found {a_kind(value)}")
    found: dict[str, Any] = {}
    for name, entry in value.pairs:
        if type(name) is not str:
            raise ValueError(f"the names in {expected} must be strings; one is {a_kind(name)}")
        if name in found:
            raise ValueError(f"the name {shown(name)} comes twice in {expected}")
        found[name] = entry
    return found


def size_in_bytes(storage: Storage) -> int:
    return storage.numel * (2 if storage.kind == "bfloat16" else np.dtype(storage.kind).itemsize)


def numbers(data: Any, at: int, storage: Storage, order: str) -> np.ndarray:
    """The numbers of a storage, which has been found to lie inside the file. order: "<" or ">"."""
    kind = {"bfloat16": "u2", "?": "u1"}.get(storage.kind, storage.kind)
    found = np.ndarray((storage.numel,), order + kind, data, at)
    if storage.kind == "bfloat16":
        found = widened(found)
    elif storage.kind == "?":
        if found.max(initial=0) > 1:
            raise ValueError(f"storage {shown(storage.key)} has a truth value that is neither 0 nor 1")
        found = found.view(np.bool_)
    elif not found.dtype.isnative:
        found = found.astype(found.dtype.newbyteorder("="))
    found.flags.writeable = False
    return found


def shown(text: str) -> str:
    """A string of an untrusted file as it may stand in a message: short, and with no control characters."""
    return repr(text[:100])[1:-1] + ("..." if len(text) > 100 else "")


def a_kind(value: Any) -> str:
    """What a value is, in words: "a list"."""
    words = {list: "a list", tuple: "a tuple", Pairs: "a dict", Storage: "a bare storage", Tensor: "a tensor", str: "a string",
             int: "a number", float: "a number", bool: "a truth value", type(None): "None"}  # fmt: skip
    return words.get(type(value), "a class or function")


# What may be called.


def _ordered_dict(arguments: tuple[Any, ...]) -> Pairs:
    if arguments:
        raise ValueError("an OrderedDict is made from arguments, as Python 2 wrote it: load and save the file once with Python 3")
    return Pairs()


def _rebuild_tensor(arguments: tuple[Any, ...]) -> Tensor:
    """(storage, offset, size, stride)"""
    if len(arguments) != 4 or type(arguments[0]) is not Storage:
        raise ValueError("damaged pickle: a tensor needs a storage, an offset, a size and a stride")
    storage, offset, size, stride = arguments
    if not (type(offset) is int and _whole_numbers(size) and _whole_numbers(stride)):
        raise ValueError(f"a tensor of storage {shown(storage.key)}: offset, size and stride must be whole numbers")
    return Tensor(storage, offset, size, stride)


def _rebuild_tensor_v2(arguments: tuple[Any, ...]) -> Tensor:
    """The same, requires_grad, backward hooks (always empty) and, at times, metadata (a lazy negation or conjugation)."""
    if not 6 <= len(arguments) <= 7:
        raise ValueError(f"damaged pickle: a tensor has {len(arguments)} arguments, not 6 or 7")
    if not all(_empty(extra) for extra in arguments[5:]):
        raise ValueError("a tensor has hooks or flags (such as a lazy negation), which are not supported")
    return _rebuild_tensor(arguments[:4])


def _rebuild_parameter(arguments: tuple[Any, ...]) -> Tensor:
    """(tensor, requires_grad, backward hooks)"""
    if len(arguments) != 3 or type(arguments[0]) is not Tensor or not _empty(arguments[2]):
        raise ValueError("damaged pickle: a Parameter needs a tensor, and no hooks")
    return arguments[0]


def _whole_numbers(value: Any) -> bool:
    return type(value) is tuple and all(type(number) is int for number in value)


def _empty(value: Any) -> bool:
    return value is None or (type(value) is Pairs and not value.pairs)


GLOBALS = {
    ("collections", "OrderedDict"): Global(_ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Global(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Global(_rebuild_tensor_v2),
    ("torch._utils", "_rebuild_parameter"): Global(_rebuild_parameter),
} | {("torch", name): Global(storage_kind=kind) for name, kind in STORAGE_TYPES.items()}
