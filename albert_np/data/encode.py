"""Paragraphs -> tokens and lengths of segments, in this process or in several others, in the order of the text in either case.

The others are started by `encode_all` and end with it. Each of them imports the package anew, gets a copy of the tokenizer, and
has one batch of paragraphs at a time; batches go round, so they come back in order and at most one per process is in memory. The
tokens of a batch depend on nothing but its text, so the number of processes changes nothing.
"""

import contextlib
import inspect
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from albert_np.data.sentences import Encode, encode_segments, split_sentences
from albert_np.data.vocabulary import Tokenizer

Batch = list[str | None]  # paragraphs; None: a document ends
PROGRAM = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from albert_np.data.encode import serve; serve()"
NO_PROCESSES = ("emscripten", "wasi", "ios", "android")  # platforms on which a program cannot start others


class Encoded(NamedTuple):
    """The S segments of some paragraphs.

    ids        (tokens,) of all segments, end to end, in the dtype of the corpus
    lengths    (S,) int32: the tokens of each segment
    ends       (documents,) int64: the number of segments before each end of a document
    sentences  the number of sentences that have tokens
    """

    ids: np.ndarray
    lengths: np.ndarray
    ends: np.ndarray
    sentences: int


class CannotCopy(Exception):
    """The tokenizer cannot be copied to another process; the reason."""


def encode_paragraphs(batch: Batch, encode: Encode, settings: dict[str, Any], dtype: str) -> Encoded:
    """Tokenise the sentences of some paragraphs in one call. settings: of the corpus, see `tokenise`."""
    sentences: list[str] = []
    ends = []  # indices of sentences before which a document ends
    for paragraph in batch:
        if paragraph is None:
            ends.append(len(sentences))
        else:
            sentences += [paragraph] if settings["lines"] == "sentence" else split_sentences(paragraph)
    segments = encode_segments(sentences, encode, settings["longest_segment"])
    counts = np.array([len(each) for each in segments], dtype=np.int64)  # segments of each sentence
    rows = [np.asarray(ids, dtype=dtype) for sentence in segments for ids in sentence]
    ids = np.concatenate(rows) if rows else np.empty(0, dtype)
    lengths = np.array([len(row) for row in rows], dtype=np.int32)
    before = np.append(0, counts.cumsum())  # segments before each sentence, and all
    return Encoded(ids, lengths, before[ends], int((counts > 0).sum()))


def encode_all(
    batches: Iterable[tuple[int, Batch]], tokenizer: Tokenizer, settings: dict[str, Any], dtype: str, processes: int,
    note: Callable[[str], None],
) -> Generator[tuple[int, Encoded], None, None]:  # fmt: skip
    """Yield (number, segments) for every (number, batch), in this order.

    processes: 1 for none besides this one. `note` is called with a message if there cannot be several.
    """
    if processes > 1:
        with contextlib.ExitStack() as stack:
            try:
                others = start_processes(processes, tokenizer, settings, dtype, stack)
            except CannotCopy as error:
                note(f"the text is tokenised in one process: the tokenizer cannot be copied to others ({error})")
            else:
                yield from take_turns(batches, others)
                return
    for number, batch in batches:
        yield number, encode_paragraphs(batch, tokenizer.encode_batch, settings, dtype)


# ---- several processes: this side ----


class EncodingProcess:
    """A process that tokenises one batch at a time."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        """Start it, to be ended with the stack. Ctrl-C in a terminal does not reach it: this process ends it."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # it multiplies no matrices
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        stack.callback(self.end)

    def send(self, value: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # `receive` says how it ended
            self.process.stdin.write(value)  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def receive(self) -> Any:
        """Return its answer, or raise the exception that it had. RuntimeError if it has ended."""
        try:
            answer = pickle.load(self.process.stdout)  # type: ignore[arg-type]
        except (EOFError, pickle.UnpicklingError):
            raise RuntimeError(f"a process that tokenises text has ended with code {self.process.wait()}") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self) -> None:
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self.process.wait()


def start_processes(
    count: int, tokenizer: Tokenizer, settings: dict[str, Any], dtype: str, stack: contextlib.ExitStack
) -> list[EncodingProcess]:
    """Start processes, each with a copy of the tokenizer. CannotCopy if there can be no copies."""
    if sys.platform in NO_PROCESSES or not sys.executable:
        raise CannotCopy("there can be no other processes here")
    if type(tokenizer).__module__ == "__main__":
        raise CannotCopy(f"its class {type(tokenizer).__qualname__} is defined in the program itself, not in a module")
    try:
        first = pickle.dumps(sys.path) + pickle.dumps((tokenizer, settings, dtype))
    except Exception as error:  # whatever its members raise
        raise CannotCopy(f"{type(error).__name__}: {error}") from None
    others = [EncodingProcess(stack) for _ in range(count)]
    for each in others:
        each.send(first)
    for each in others:
        each.receive()  # it is ready
    return others


def take_turns(batches: Iterable[tuple[int, Batch]], others: list[EncodingProcess]) -> Iterator[tuple[int, Encoded]]:
    """Give each batch to the process whose turn it is, once its last one has come back."""
    waiting: deque[tuple[int, EncodingProcess]] = deque()
    for index, (number, batch) in enumerate(batches):
        if len(waiting) == len(others):
            earlier, process = waiting.popleft()
            encoded = process.receive()
        else:
            process, encoded = others[index], None
        process.send(pickle.dumps(batch))
        waiting.append((number, process))
        if encoded is not None:
            yield earlier, encoded
    for number, process in waiting:
        yield number, process.receive()


# ---- the other side ----


def serve() -> None:
    """Be one of the processes: answer batches on standard input by their segments on standard output, until that is closed."""
    source, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not among the answers
    with contextlib.suppress(EOFError, OSError):
        tokenizer, settings, dtype = pickle.load(source)
        answer: Any = True
        while True:
            out.write(pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))
            out.flush()
            batch = pickle.load(source)
            try:
                answer = encode_paragraphs(batch, encode_alone(tokenizer), settings, dtype)
            except Exception as error:
                answer = error


def encode_alone(tokenizer: Tokenizer) -> Encode:
    """Return the tokenizer's `encode_batch` in one thread, if it has that argument."""
    encode: Any = tokenizer.encode_batch
    return partial(encode, num_threads=1) if "num_threads" in inspect.signature(encode).parameters else encode
