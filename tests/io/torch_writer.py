"""torch.save's two forms, written by hand: for files of weights, whole or damaged, that need no torch."""

import io
import struct
import zipfile

MAGIC = 0x1950A86A20F9469CFC6C
EMPTY = b"ccollections\nOrderedDict\n)R"  # an OrderedDict: how a state dict begins, and a tensor's empty hooks
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def string(text):
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def row(*parts):
    """A tuple; must be integers may be given as such."""
    return b"(" + b"".join(number(part) if isinstance(part, int) else part for part in parts) + b"t"


def entries(start, **values):
    """A dict (or EMPTY, an OrderedDict) with these entries."""
    return start + b"(" + b"".join(string(name) + value for name, value in values.items()) + b"u"


def name_of(module, name):
    return f"c{module}\n{name}\n".encode()


def storage(key, numel, kind="FloatStorage", module="torch", extra=()):
    return row(string("storage"), name_of(module, kind), string(key), string("cpu"), numel, *extra) + b"Q"


def tensor(of, offset, size, stride, hooks=EMPTY, metadata=()):
    return (
        name_of("torch._utils", "_rebuild_tensor_v2") + row(of, offset, row(*size), row(*stride), FALSE, hooks, *metadata) + b"R"
    )


def pickled(value, protocol=2):
    return b"\x80" + bytes([protocol]) + value + b"."


def zipped(value, storages, order=b"little", folder="archive", others=(), method=zipfile.ZIP_STORED):
    """The zip form. value: opcodes, or a whole pickle. storages: key -> bytes. others: (member's name, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(f"{folder}/data.pkl", value if value.startswith(b"\x80") else pickled(value))
        if order is not None:
            archive.writestr(f"{folder}/byteorder", order)
        for key, data in storages.items():
            archive.writestr(f"{folder}/data/{key}", data)
        archive.writestr(f"{folder}/version", b"3\n")
        for name, data in others:
            archive.writestr(name, data)
    return file.getvalue()


def legacy(value, storages, magic=MAGIC, version=1001, little=TRUE, keys=None, sizes=None):
    """The older form. storages: key -> (how many numbers, bytes); sizes: other numbers to claim, by key."""
    listed = b"](" + b"".join(string(key) for key in storages) + b"e" if keys is None else keys
    machine = entries(b"}", protocol_version=number(1001), little_endian=little, type_sizes=entries(b"}", short=number(2)))
    parts = [number(magic), number(version), machine, value, listed]
    data = b"".join(pickled(part) for part in parts)
    for key, (numel, numbers) in storages.items():
        data += struct.pack("<q", (sizes or {}).get(key, numel)) + numbers
    return data
