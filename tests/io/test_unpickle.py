"""The machine that reads pickles: the same plain values as Python's own, and no harm from any program."""

import gc
import pickle
import time
import tracemalloc

import pytest
from torch_writer import EMPTY, MAGIC, entries, name_of, number, pickled, row, storage, string, tensor

from albert_np.io.formats import unpickle
from albert_np.io.formats.torch_values import Pairs, Storage, Tensor


def plain(value):
    """Dicts for Pairs, all the way down: for values that a test made."""
    if type(value) is Pairs:
        return {plain(key): plain(entry) for key, entry in value.pairs}
    if type(value) in (list, tuple):
        return type(value)(plain(entry) for entry in value)
    return value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_as_python_writes_them(protocol):
    text = "ü" * 300
    value = {
        "numbers": [1, -1, 255, 256, 70_000, -70_000, 1 << 40, MAGIC, 0.5, float("-inf")],
        3: (None, True, False),
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        text: text,
        "nested": {"again": [text, [], {}]},
        "many": list(range(2000)),
    }
    data = pickle.dumps(value, protocol)
    found = unpickle.load(b"before" + data + b"behind", len(b"before"))
    assert plain(found.value) == value
    assert found.end == len(b"before") + len(data)
    assert found.storages == {}


def test_tensor():
    found = unpickle.load(pickled(tensor(storage("k", 12), 2, (2, 3), (3, 1))))
    assert type(found.value) is Tensor
    assert (found.value.offset, found.value.size, found.value.stride) == (2, (2, 3), (3, 1))
    assert found.storages == {"k": found.value.storage}
    assert (found.value.storage.key, found.value.storage.kind, found.value.storage.numel) == ("k", "f4", 12)


def test_one_storage_of_two_tensors_is_one():
    two = unpickle.load(pickled(row(tensor(storage("k", 6), 0, (6,), (1,)), tensor(storage("k", 6), 0, (3,), (2,)))))
    assert two.value[0].storage is two.value[1].storage


def test_metadata_is_left_aside():
    found = unpickle.load(pickled(entries(EMPTY, a=number(1)) + entries(b"}", _metadata=EMPTY) + b"b"))
    assert plain(found.value) == {"a": 1}


REBUILD = name_of("torch._utils", "_rebuild_tensor")
PARAMETER = name_of("torch._utils", "_rebuild_parameter")
TENSOR = tensor(storage("0", 1), 0, (), ())


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b"", "it ends without STOP"),
        (b"\x80\x02N", "it ends without STOP"),
        (b"\x80\x63.", "unknown pickle protocol 99"),
        (b"\x80\x01.", "unknown pickle protocol 1"),
        (b"\x80\x02.", "does not end with one value"),
        (b"\x80\x02NN.", "does not end with one value"),
        (b"\x80\x02N(.", "does not end with one value"),
        (b"\x80\x02R.", "the stack is empty"),
        (b"\x80\x02a.", "the stack is empty"),
        (b"\x80\x02(\x85.", "the stack is empty"),
        (b"\x80\x02t.", "no MARK"),
        (b"\x80\x02h\x63.", "fetches value 99"),
        (b"\x80\x02j\xff\xff\xff\xff.", "fetches value 4294967295"),
        (b"\x80\x02}(Nu.", "a key without a value"),
        (b"\x80\x02]NNs.", "the wrong value"),
        (b"\x80\x02}Na.", "the wrong value"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "it ends inside a string"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "it ends inside a string"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "it ends inside a number"),
        (b"\x80\x02\x8b\xff\xff\xff\xffabc.", "it ends inside a number"),
        (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "it ends inside a frame"),
        (b"\x80\x02\x8a\x11" + bytes(17) + b".", "a number of 17 bytes"),
        (b"\x80\x02X\x02\0\0\0\xff\xff.", "not UTF-8"),
        (b"\x80\x02cos\nsystem", "has no end"),
        (b"\x80\x02c" + b"a" * 10_000 + b"\nb\n.", "has no end"),
        (b"\x80\x04NN\x93.", "not a string"),
        (b"\x80\x02\x07.", "byte 0x07 at 2 is not an opcode"),
        (pickled(name_of("os", "system")), "refuses the global os.system"),
        (pickled(name_of("builtins", "getattr")), "refuses the global builtins.getattr"),
        (pickled(name_of("torch", "load")), "refuses the global torch.load"),
        (pickled(name_of("torch.storage", "_load_from_bytes")), "refuses the global torch.storage._load_from_bytes"),
        (pickled(name_of("torch._utils", "_rebuild_tensor_v2.__globals__")), r"refuses the global torch._utils.*__globals__"),
        (pickled(name_of("evil\x1b[2J", "x")), r"refuses the global evil\\x1b\[2J.x"),
        (pickled(string("os") + string("system") + b"\x93", 4), "refuses the global os.system"),
        (pickled(name_of("torch", "FloatStorage") + b")R"), "calls a class or function with a tuple"),
        (pickled(b"N)R"), "calls None with a tuple"),
        (pickled(EMPTY[:-2] + b"NR"), "calls a class or function with None"),
        (pickled(EMPTY[:-2] + row(b"](" + row(string("a"), 1) + b"e") + b"R"), "Python 2"),
        (pickled(EMPTY + entries(b"}", update=number(1)) + b"b"), "refuses to set attributes"),
        (pickled(EMPTY + entries(b"}", _metadata=EMPTY, update=EMPTY) + b"b"), "refuses to set attributes"),
        (pickled(EMPTY + entries(b"}", _metadata=number(1)) + b"b"), "refuses to set attributes"),
        (pickled(EMPTY + entries(b"}", __class__=EMPTY) + b"b"), "refuses to set attributes"),
        (pickled(EMPTY + row(b"N", entries(b"}", _metadata=EMPTY)) + b"b"), "refuses to set attributes"),
        (pickled(b"]" + entries(b"}", _metadata=EMPTY) + b"b"), "the wrong value"),
        (pickled(name_of("torch._utils", "_rebuild_tensor_v2") + b")R"), "0 arguments"),
        (pickled(REBUILD + row(b"N", 0, b")", b")") + b"R"), "needs a storage"),
        (pickled(REBUILD + row(storage("0", 1), b"\x88", b")", b")") + b"R"), "must be integers"),
        (pickled(REBUILD + row(storage("0", 1), 0, b"](K\x01e", row(1)) + b"R"), "must be integers"),
        (pickled(PARAMETER + row(b"N", b"\x88", EMPTY) + b"R"), "needs a tensor"),
        (
            pickled(name_of("torch._utils", "_rebuild_parameter") + row(TENSOR, b"\x88", entries(EMPTY, f=EMPTY)) + b"R"),
            "no hooks",
        ),
    ],
)  # fmt: skip
def test_refused(program, words):
    with pytest.raises(ValueError, match=words):
        unpickle.load(program)


# INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, EXT2, EXT4, PERSID, DUP, POP, POP_MARK, DICT, LIST, GET, PUT, INT, LONG, FLOAT, STRING,
# BINSTRING, SHORT_BINSTRING, UNICODE, BINBYTES, SHORT_BINBYTES, BINBYTES8, EMPTY_SET, ADDITEMS, FROZENSET, BYTEARRAY8, buffers
REFUSED = b"io\x81\x92\x82\x83\x84P20" + b"1dlgpILFSTUVBC\x8e\x8f\x90\x91\x96\x97\x98"


@pytest.mark.parametrize("code", REFUSED, ids=hex)
def test_opcodes_that_are_not_spoken(code):
    with pytest.raises(ValueError, match=r"refuses the opcode [A-Z0-9_]+ at byte 3"):
        unpickle.load(b"\x80\x05N" + bytes([code]) + b"\n" * 10 + b".")


def test_all_opcodes_are_either_spoken_or_refused():
    import pickletools

    assert {ord(opcode.code) for opcode in pickletools.opcodes} == set(unpickle.OPERATIONS) | set(REFUSED) | {unpickle.STOP}


class Payload:
    def __reduce__(self):
        return print, ("the payload ran",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_code_as_python_writes_it(protocol, capsys):
    with pytest.raises(ValueError, match=r"refuses the global (__builtin__|builtins)\.print"):
        unpickle.load(pickle.dumps({"a": Payload()}, protocol))
    assert capsys.readouterr().out == ""


DEEP = 200_000


@pytest.mark.parametrize(
    "program",
    [
        b")" + b"\x85" * DEEP,  # tuples in tuples
        b"]" * (DEEP + 1) + b"a" * DEEP,  # lists in lists
        b"}K\x01" * DEEP + b"N" + b"s" * DEEP,  # dicts in dicts
        b"]q\0h\0a",  # a list in itself
        b"}q\0K\x01h\0s",  # a dict in itself
        b"]q\0(h\0h\0h\0e",  # a list that holds itself three times
    ],
)
def test_depth_and_cycles(program):
    started = time.process_time()
    found = unpickle.load(b"\x80\x02" + program + b".")
    del found
    gc.collect()
    assert time.process_time() - started < 5


def test_a_bomb_of_references_stays_small():
    """Each list holds the one before twice: 2^60 leaves for whoever walks it."""
    program = b"]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60))
    value = unpickle.load(b"\x80\x02(" + program + b"t.").value
    assert len(value) == 61 and value[60][0] is value[59]


def test_claims_take_no_memory():
    tracemalloc.start()
    for program in (b"X\xff\xff\xff\xffa", b"\x8d\0\0\0\0\0\0\0\x10a", b"\x8b\xff\xff\xff\x7fa", b"r\xff\xff\xff\xff"):
        with pytest.raises(ValueError, match="pickle"):
            unpickle.load(b"\x80\x04" + program + b".")
    assert tracemalloc.get_traced_memory()[1] < 1e5
    tracemalloc.stop()


def test_a_pickle_is_not_endless():
    with pytest.raises(ValueError, match="longer than 2097152 bytes"):
        unpickle.load(b"\x80\x02X\0\0\x30\0" + bytes(0x300000) + b".")


def test_descriptions_hold_nothing_that_runs():
    """No attribute can be added, and none is callable but the functions of this package."""
    for value in (Storage("0", "f4", 6), Tensor(Storage("0", "f4", 6), 0, (), ()), Pairs()):
        with pytest.raises((AttributeError, TypeError)):
            value.extra = 1
