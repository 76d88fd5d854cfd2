"""An interpreter for the pickles of state dicts: it builds descriptions of tensors (torch_values), and nothing else.

A pickle is a program for a stack machine (Python's pickletools.py describes the opcodes). Python's unpicklers execute all of it:
they import modules, call functions, set attributes, hash keys and allocate the sizes in the file. Instead of forbidding these one
by one, this is a separate interpreter of the 37 opcodes that torch.save writes with protocols 2 to 5; nothing else is possible:

- a global is looked up in a table of a few functions that return descriptions;
- every size is compared with the number of remaining bytes before anything is read, so a file cannot cause large allocations;
- a dict stays a list of pairs, so a file cannot make hashing, comparing or printing deep, endless or slow;
- there is no recursion, so deep nesting and cycles are harmless.
"""

import pickle  # only for the names of opcodes
import pickletools
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from albert_np.io.formats.torch_values import (
    Global,
    Pairs,
    Storage,
    describe_type,
    find_global,
    is_metadata,
    parse_storage,
    printable,
)

MAX_BYTES = 2 << 20  # a state dict needs about 200 per tensor
MAX_NUMBER_BYTES = 16  # the longest in use is the magic number of torch's older format, with 10
MAX_GLOBAL_BYTES = 400  # the names of a module and of something in it


class Pickle(NamedTuple):
    """The content of a pickle: its value, the position after its end, and all storages by key."""

    value: Any
    end: int
    storages: dict[str, Storage]


def load(data: Any, at: int = 0) -> Pickle:
    """Read the pickle that begins at byte `at` of a buffer (bytes, memoryview, mmap). More bytes may follow it.

    Values are None, bool, int, float, str, list, tuple, Pairs, Storage, Tensor and Global, possibly in cycles: check their types
    one level at a time, and do not traverse or print them.
    Raises ValueError if the pickle is truncated, damaged, too long, or contains something that no state dict needs.
    """
    machine = Machine(memoryview(data), at)
    while (code := machine.number(1, "STOP")) != STOP:
        operation = OPERATIONS.get(code)
        if operation is None:
            raise ValueError(_opcode_error(code, machine.at - 1))
        operation(machine)
    if machine.marks or len(machine.stack) != 1:
        raise ValueError("damaged pickle: it does not end with one value, a dict of tensors or what else belongs there")
    return Pickle(machine.stack[0], machine.at, machine.storages)


def _opcode_error(code: int, at: int) -> str:
    names = {opcode.code: opcode.name for opcode in pickletools.opcodes}
    if chr(code) not in names:
        return f"damaged pickle: byte {code:#04x} at {at} is not an opcode"
    return f"refuses the opcode {names[chr(code)]} at byte {at}: no state dict needs it"


class Machine:
    """State of the interpreter: the bytes and the position in them, the stack (and those set aside by MARK), the memo."""

    def __init__(self, data: memoryview, at: int):
        self.data, self.at, self.limit = data, at, at + MAX_BYTES
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def take(self, size: int, what: str) -> memoryview:
        """Return the next `size` bytes, which are part of `what`."""
        end = self.at + size
        if end > len(self.data):
            raise ValueError(f"the pickle is truncated: it ends {'without' if what == 'STOP' else 'inside'} {what}")
        if end > self.limit:
            raise ValueError(f"the pickle is longer than {MAX_BYTES} bytes")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, size: int, what: str = "a number", signed: bool = False) -> int:
        return int.from_bytes(self.take(size, what), "little", signed=signed)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            raise ValueError(f"damaged pickle: the stack is empty before byte {self.at}")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        """Return the value on top of the stack without removing it; it must be of this type."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"damaged pickle: an operation before byte {self.at} finds the wrong value on the stack")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        """Remove and return all values since the last MARK."""
        if not self.marks:
            raise ValueError(f"damaged pickle: no MARK before byte {self.at}")
        above, self.stack = self.stack, self.marks.pop()
        return above


# ---- the operations, in the order of the table below ----


def _protocol(m: Machine) -> None:
    version = m.number(1)
    if not 2 <= version <= 5:
        raise ValueError(f"unknown pickle protocol {version}")


def _frame(m: Machine) -> None:
    """The length of a frame, used only by readers of a stream."""
    if m.number(8) > len(m.data) - m.at:
        raise ValueError("the pickle is truncated: it ends inside a frame")


def _long(m: Machine, size_bytes: int) -> None:
    size = m.number(size_bytes)
    digits = m.take(size, "a number")
    if size > MAX_NUMBER_BYTES:
        raise ValueError(f"the pickle has a number of {size} bytes; at most {MAX_NUMBER_BYTES} are allowed")
    m.push(int.from_bytes(digits, "little", signed=True))


def _float(m: Machine) -> None:
    m.push(struct.unpack(">d", m.take(8, "a number"))[0])


def _string(m: Machine, size_bytes: int) -> None:
    text = m.take(m.number(size_bytes), "a string")
    try:
        m.push(str(text, "utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"damaged pickle: the string that ends at byte {m.at} is not UTF-8") from None


def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


def _tuple(m: Machine, length: int) -> None:
    values = [m.pop() for _ in range(length)]
    m.push(tuple(reversed(values)))


def _tuple_from_mark(m: Machine) -> None:
    values = m.pop_mark()
    m.push(tuple(values))


def _append(m: Machine) -> None:
    value = m.pop()
    m.top(list).append(value)


def _appends(m: Machine) -> None:
    values = m.pop_mark()
    m.top(list).extend(values)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.top(Pairs).pairs.append((key, value))


def _set_items(m: Machine) -> None:
    values = m.pop_mark()
    if len(values) % 2:
        raise ValueError(f"damaged pickle: a key without a value before byte {m.at}")
    m.top(Pairs).pairs.extend(zip(values[::2], values[1::2]))


def _put(m: Machine, index: int) -> None:
    value = m.pop()
    m.memo[index] = value
    m.push(value)


def _get(m: Machine, index: int) -> None:
    if index not in m.memo:
        raise ValueError(f"damaged pickle: it fetches value {index}, which it never stored")
    m.push(m.memo[index])


def _global(m: Machine) -> None:
    """Two lines of text: a module and a name in it."""
    lines = bytes(m.data[m.at : m.at + MAX_GLOBAL_BYTES]).split(b"\n", 2)
    if len(lines) < 3:
        raise ValueError(f"the pickle is truncated or damaged: the name of a global at byte {m.at} has no end")
    m.take(len(lines[0]) + len(lines[1]) + 2, "a name")
    m.push(find_global(*(line.decode("utf-8", "backslashreplace") for line in lines[:2])))


def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if type(name) is not str or type(module) is not str:
        raise ValueError(f"damaged pickle: the name of a global before byte {m.at} is not a string")
    m.push(find_global(module, name))


def _reduce(m: Machine) -> None:
    arguments, function = m.pop(), m.pop()
    if type(function) is not Global or function.call is None or type(arguments) is not tuple:
        raise ValueError(f"damaged pickle: before byte {m.at} it calls {describe_type(function)} with {describe_type(arguments)}")
    m.push(function.call(arguments))


def _persistent_id(m: Machine) -> None:
    storage = parse_storage(m.pop())
    known = m.storages.setdefault(storage.key, storage)
    if (known.kind, known.numel) != (storage.kind, storage.numel):
        raise ValueError(f"storage {printable(storage.key)} is described twice, and differently")
    m.push(known)


def _build(m: Machine) -> None:
    """Python sets attributes here. A state dict's _metadata is ignored, since it is not needed; others are refused."""
    state = m.pop()
    m.top(Pairs)
    if not is_metadata(state):
        raise ValueError("refuses to set attributes other than the _metadata of a state dict")


STOP = pickle.STOP[0]
OPERATIONS: dict[int, Callable[[Machine], None]] = {
    opcode[0]: operation
    for opcode, operation in {
        pickle.PROTO: _protocol,
        pickle.FRAME: _frame,
        pickle.NONE: lambda m: m.push(None),
        pickle.NEWTRUE: lambda m: m.push(True),
        pickle.NEWFALSE: lambda m: m.push(False),
        pickle.BININT: lambda m: m.push(m.number(4, signed=True)),
        pickle.BININT1: lambda m: m.push(m.number(1)),
        pickle.BININT2: lambda m: m.push(m.number(2)),
        pickle.LONG1: lambda m: _long(m, 1),
        pickle.LONG4: lambda m: _long(m, 4),
        pickle.BINFLOAT: _float,
        pickle.SHORT_BINUNICODE: lambda m: _string(m, 1),
        pickle.BINUNICODE: lambda m: _string(m, 4),
        pickle.BINUNICODE8: lambda m: _string(m, 8),
        pickle.MARK: _mark,
        pickle.EMPTY_TUPLE: lambda m: m.push(()),
        pickle.TUPLE1: lambda m: _tuple(m, 1),
        pickle.TUPLE2: lambda m: _tuple(m, 2),
        pickle.TUPLE3: lambda m: _tuple(m, 3),
        pickle.TUPLE: _tuple_from_mark,
        pickle.EMPTY_LIST: lambda m: m.push([]),
        pickle.APPEND: _append,
        pickle.APPENDS: _appends,
        pickle.EMPTY_DICT: lambda m: m.push(Pairs()),
        pickle.SETITEM: _set_item,
        pickle.SETITEMS: _set_items,
        pickle.BINPUT: lambda m: _put(m, m.number(1)),
        pickle.LONG_BINPUT: lambda m: _put(m, m.number(4)),
        pickle.MEMOIZE: lambda m: _put(m, len(m.memo)),
        pickle.BINGET: lambda m: _get(m, m.number(1)),
        pickle.LONG_BINGET: lambda m: _get(m, m.number(4)),
        pickle.GLOBAL: _global,
        pickle.STACK_GLOBAL: _stack_global,
        pickle.REDUCE: _reduce,
        pickle.BINPERSID: _persistent_id,
        pickle.BUILD: _build,
    }.items()
}
