"""The objects that the pickle of a state dict may contain, and the only functions that it may call: descriptions of tensors.

A tensor is described by a storage (a 1-D array elsewhere in the file), an offset, a size and a stride. torch_file checks that it
is inside its storage. The globals are those that torch.save writes (torch/serialization.py and torch/_utils.py of torch 2.13);
each is replaced by a function of this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from albert_np.io.formats.bfloat16 import from_bfloat16

# torch's storages -> NumPy's dtypes, which lack bfloat16
STORAGE_TYPES = {
    "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16", "DoubleStorage": "f8", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A 1-D array of `numel` numbers in the file, identified by its key. kind: NumPy's dtype, such as "f4", or "bfloat16"."""

    key: str
    kind: str
    numel: int


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A view of a storage, not validated; offset and stride count numbers, not bytes."""

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
    """The replacement of an allowed global: a function of this file, or a kind of storage."""

    call: Callable[[tuple[Any, ...]], Any] | None = None
    storage_kind: str = ""


Find = Callable[[Storage], np.ndarray]  # returns the numbers of a storage


def find_global(module: str, name: str) -> Global:
    """Return the replacement of a global. ValueError, which names it, for all that are not in the table below."""
    replacement = GLOBALS.get((module, name))
    if replacement is not None:
        return replacement
    if module == "torch" and name.endswith("Storage"):
        raise ValueError(f"the storage type {printable(name)} is not supported")
    raise ValueError(
        f"refuses the global {printable(module)}.{printable(name)} and executes nothing: a file of weights holds tensors only. "
        "If it is a whole pickled model, save the model's state_dict() instead"
    )


def parse_storage(description: Any) -> Storage:
    """Parse a persistent id: ("storage", type, key, device, numel), in the older format with a view of it, or None."""
    match description:
        case ("storage", Global(storage_kind=kind), str(key), str(), int(numel), *view) if kind and view in ([], [None]):
            if numel < 0 or type(numel) is bool:
                raise ValueError(f"storage {printable(key)}: its size must not be negative, it is {numel}")
            return Storage(key, kind, numel)
        case ("storage", *_):
            raise ValueError("the description of a storage is damaged, or of a kind that is not supported (a view of another)")
        case _:
            raise ValueError(f"unknown persistent id: expected the description of a storage, found {describe_type(description)}")


def is_metadata(state: Any) -> bool:
    """Return whether attributes are those of a state dict: _metadata, a dict with the versions of the model's modules."""
    if type(state) is not Pairs or len(state.pairs) != 1:
        return False
    name, value = state.pairs[0]
    return type(name) is str and name == "_metadata" and type(value) is Pairs


def to_dict(value: Any, expected: str) -> dict[str, Any]:
    """Convert a pickled dict to a dict; its keys must be strings, each of which occurs once."""
    if type(value) is not Pairs:
        raise ValueError(f"expected {expected}, found {describe_type(value)}")
    result: dict[str, Any] = {}
    for name, entry in value.pairs:
        if type(name) is not str:
            raise ValueError(f"the names in {expected} must be strings; one is {describe_type(name)}")
        if name in result:
            raise ValueError(f"the name {printable(name)} occurs twice in {expected}")
        result[name] = entry
    return result


def size_in_bytes(storage: Storage) -> int:
    return storage.numel * (2 if storage.kind == "bfloat16" else np.dtype(storage.kind).itemsize)


def read_storage(data: Any, at: int, storage: Storage, order: str) -> np.ndarray:
    """Return the numbers of a storage, which must be inside the file. order: "<" or ">"."""
    kind = {"bfloat16": "u2", "?": "u1"}.get(storage.kind, storage.kind)
    array = np.ndarray((storage.numel,), order + kind, data, at)
    if storage.kind == "bfloat16":
        array = from_bfloat16(array)
    elif storage.kind == "?":
        if array.max(initial=0) > 1:
            raise ValueError(f"storage {printable(storage.key)} has a truth value that is neither 0 nor 1")
        array = array.view(np.bool_)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    array.flags.writeable = False
    return array


def printable(text: str) -> str:
    """Format a string from an untrusted file for a message: short, without control characters."""
    return repr(text[:100])[1:-1] + ("..." if len(text) > 100 else "")


def describe_type(value: Any) -> str:
    """Describe the type of a value: "a list"."""
    words = {list: "a list", tuple: "a tuple", Pairs: "a dict", Storage: "a bare storage", Tensor: "a tensor", str: "a string",
             int: "a number", float: "a number", bool: "a truth value", type(None): "None"}  # fmt: skip
    return words.get(type(value), "a class or function")


# ---- the functions that may be called ----


def _ordered_dict(arguments: tuple[Any, ...]) -> Pairs:
    if arguments:
        raise ValueError("an OrderedDict has arguments, as written by Python 2: load and save the file once with Python 3")
    return Pairs()


def _rebuild_tensor(arguments: tuple[Any, ...]) -> Tensor:
    """(storage, offset, size, stride)"""
    if len(arguments) != 4 or type(arguments[0]) is not Storage:
        raise ValueError("damaged pickle: a tensor needs a storage, an offset, a size and a stride")
    storage, offset, size, stride = arguments
    if not (type(offset) is int and _are_integers(size) and _are_integers(stride)):
        raise ValueError(f"a tensor of storage {printable(storage.key)}: offset, size and stride must be integers")
    return Tensor(storage, offset, size, stride)


def _rebuild_tensor_v2(arguments: tuple[Any, ...]) -> Tensor:
    """(storage, offset, size, stride, requires_grad, backward hooks: always empty[, metadata: a lazy negation or conjugation])"""
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


def _are_integers(value: Any) -> bool:
    return type(value) is tuple and all(type(number) is int for number in value)


def _empty(value: Any) -> bool:
    return value is None or (type(value) is Pairs and not value.pairs)


GLOBALS = {
    ("collections", "OrderedDict"): Global(_ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Global(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Global(_rebuild_tensor_v2),
    ("torch._utils", "_rebuild_parameter"): Global(_rebuild_parameter),
} | {("torch", name): Global(storage_kind=kind) for name, kind in STORAGE_TYPES.items()}
