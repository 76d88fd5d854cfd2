"""A small fuzzer: good samples, damaged in all kinds of ways for as long as the time allows, and one rule of what may happen.

What reads a file may succeed, or raise ValueError or FileNotFoundError itself (no subclass that Python made for itself, such as
UnicodeDecodeError) with one line that names the file. Nothing else: no other exception, no warning but a UserWarning, no second
of a minute in one case, no gigabyte of memory.

    ALBERT_NP_FUZZ_SECONDS   for each target; if it is not set 5, and at most MOST cases: a faster machine tries no others
    ALBERT_NP_FUZZ_SEED      another number, other cases (0 if it is not set: what passes today passes tomorrow)
    ALBERT_NP_FUZZ_CASE      only this case of the seed, as a failure names it
"""

import contextlib
import json
import os
import random
import resource
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = float(os.environ.get("ALBERT_NP_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("ALBERT_NP_FUZZ_SEED", "0"))
CASE = os.environ.get("ALBERT_NP_FUZZ_CASE")
HANGS = 20  # seconds that no case may take, on a busy machine either
MEMORY = 1 << 30  # bytes that all cases of a target may take together
CASES = 20  # that are tried at least, however slow the machine
MOST = 300 if "ALBERT_NP_FUZZ_SECONDS" not in os.environ else None

WORDS = [
    b"", b"0", b"-1", b"1e999", b"NaN", b"null", b"true", b"{}", b"[]", b'""', b"\x00", b"\xff" * 8, b"\xed\xa0\x80", b"\xc3",
    b'"', b"'", b"\n", b"\r\n", b"\t", b"\t\t\t", b" ", b"\\ud800", b"\xef\xbb\xbf", b"9" * 400, b"[" * 3000, b'{"a":' * 3000,
    b"a" * 70_000, b"../../x", b"\x7f\xff\xff\xff", b"\x80" * 12, b"\x1f\x8b\x08", b"PK\x03\x04", "ﷺ🙂\u0301".encode(),
]  # fmt: skip
VALUES = [
    None, True, False, 0, -1, 1, 7, 10**9, 10**40, 0.5, -1e300, "", "a", "0", "\x00", "a" * 5000, "🙂", [], [[]], [None], {},
    {"a": 1}, ["a", "a"], [0, -1],
]  # fmt: skip


class Hang(BaseException):
    """A case took too long."""


def damaged(rng: random.Random, data: bytes) -> bytes:
    """A copy with one to four places flipped, cut, copied, exchanged for another, or with a word put in; or cut short."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 100))
        kind = rng.randrange(8)
        if kind == 0:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + length :]
        elif kind == 2:
            data = data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at + length :]
        elif kind == 3:
            other = rng.randrange(len(data) + 1)
            data = data[:at] + data[other : other + length] + data[at + length :]
        elif kind == 4:
            data = data[:at]
        elif kind == 5 and b"\n" in data:
            lines = data.split(b"\n")
            a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[a], lines[b] = lines[b], rng.choice((lines[a], b"", lines[a] + b"\t" + lines[b]))
            data = b"\n".join(lines)
        else:
            data = data[:at] + rng.choice(WORDS) + data[at + rng.choice((0, 1, length)) :]
    return data


def damaged_json(rng: random.Random, data: bytes) -> bytes:
    """The same for JSON, or for JSON lines, that stays JSON: one value exchanged for another, taken out, or under another key."""
    lines = data.split(b"\n") if data.lstrip().startswith(b"{") and data.count(b"\n{") else [data]
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except ValueError:
        return damaged(rng, data)
    places = list(_places(value, []))
    path = rng.choice(places)
    if not path:
        value = rng.choice(VALUES)
    else:
        inside = value
        for key in path[:-1]:
            inside = inside[key]
        kind = rng.randrange(6)
        if kind == 0:
            del inside[path[-1]]
        elif kind == 1 and isinstance(inside, dict):
            inside[rng.choice(["", "a", "id", "0", str(path[-1]) + "s"])] = inside.pop(path[-1])
        else:
            inside[path[-1]] = rng.choice(VALUES)
    lines[at] = json.dumps(value).encode()
    return b"\n".join(lines)


def _places(value: Any, path: list[Any]) -> Iterator[list[Any]]:
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], [*path, key])


def fuzz(samples: dict[str, bytes], use: Callable[[str, bytes], str | None], structured: bool = False) -> None:
    """Damage the samples {name: bytes} and hand them to `use`, which gives the name that an error's message must hold, and
    raises what the product raises."""
    names, end, case = sorted(samples), time.monotonic() + SECONDS, int(CASE or 0)
    with _limits():
        for name in names if CASE is None else ():
            _one(use, name, samples[name], f"the sample {name!r} itself", good=True)
        while CASE is not None or (time.monotonic() < end and (MOST is None or case < MOST)) or case < CASES:
            rng = random.Random(f"{SEED} {case}")
            name = rng.choice(names)
            is_json = structured or name.endswith((".json", ".jsonl"))
            data = (damaged_json if is_json and rng.random() < 0.7 else damaged)(rng, samples[name])
            _one(use, name, data, f"ALBERT_NP_FUZZ_SEED={SEED} ALBERT_NP_FUZZ_CASE={case} ({name}: {data[:300]!r})")
            case += 1
            if CASE is not None:
                break
    print(f"{case:,} damaged copies of {', '.join(names)}, seed {SEED}")


def _one(use: Callable[[str, bytes], str | None], name: str, data: bytes, what: str, good: bool = False) -> None:
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        use(name, data)
    except (ValueError, FileNotFoundError) as error:
        said = str(error)
        named = name in said or (name.rpartition(".")[0] or name) in said
        plain = type(error).__module__ != "builtins" or type(error) in (ValueError, FileNotFoundError)
        if good or not plain or not said or "\n" in said or not named:
            raise AssertionError(f"{what}: {type(error).__name__}: {said[:2000]!r}") from error
    except (Exception, Hang) as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {str(error)[:500]}") from error


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Every case may take so long, all together so much memory, and none may warn but as the product does."""

    def hang(*_: object) -> None:
        raise Hang(f"no end after {HANGS} seconds")

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limits, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, hang)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)
