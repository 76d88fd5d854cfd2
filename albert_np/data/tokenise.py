"""Text files -> the files of a corpus: token ids, starts of segments, starts of documents, and a manifest."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from albert_np.data.documents import TextFile, paragraphs
from albert_np.data.encode import Batch, Encoded, encode_all
from albert_np.data.vocabulary import Tokenizer
from albert_np.io.files import sync, write_json

FORMAT = 1  # raise it when the layout of the files changes: older folders are then rebuilt
MANIFEST = "manifest.json"
PARTS = ("tokens", "segments", "documents")
CHARACTERS_PER_BATCH = 1 << 20  # text passed to the tokenizer at a time

LONG = 100_000  # characters: longer paragraphs are reported, since the file may have another layout

Log = Callable[[str], None]
Progress = Callable[[int, int], None]
Count = Callable[[int], None]


def build_corpus(
    paths: list[Path], tokenizer: Tokenizer, folder: Path, settings: dict[str, Any], progress: Progress | None,
    log: Log, processes: int = 1, count: Count | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Tokenise text files into a cache folder, and return the manifest.

    settings   longest_segment (tokens), lines and document_separator, see `documents`
    progress   called with (bytes done, bytes in all) of the files on disk
    log        called with a message for each file with very long lines
    processes  number of processes that tokenise, see `encode`
    count      called with the number of tokens so far, each time before `progress`

    ValueError: not UTF-8, a damaged packed file, or no text. The folder is unchanged if this fails.
    """
    for stray in folder.glob("*.partial"):  # left by a build that was killed; the lock excludes a running one
        stray.unlink()
    names = _choose_names(folder)
    partial = {part: folder / f"{names[part]}.partial" for part in PARTS}
    try:
        with contextlib.ExitStack() as stack:
            out = {part: stack.enter_context(open(partial[part], "wb")) for part in PARTS}
            writer, reader = _Writer(out, tokenizer), _Reader(paths, settings, log)
            encoded_batches = encode_all(reader.batches(), tokenizer, settings, writer.dtypes["tokens"], processes, log)
            for done, encoded in stack.enter_context(contextlib.closing(encoded_batches)):
                writer.add(encoded)
                if count:
                    count(writer.counts["tokens"])
                if progress:
                    progress(done, reader.total)
        if progress:
            progress(reader.total, reader.total)
        if writer.counts["segments"] == 0:
            raise ValueError(f"there is no text in {', '.join(map(str, paths))}")
        parts = {}
        for part in PARTS:
            sync(partial[part])
            os.replace(partial[part], folder / names[part])
            size = (folder / names[part]).stat().st_size
            parts[part] = {"file": names[part], "dtype": writer.dtypes[part], "bytes": size}
    except BaseException:
        for path in partial.values():
            path.unlink(missing_ok=True)
        raise
    manifest = {
        "format": FORMAT,
        "tokenizer": tokenizer.fingerprint(),
        "settings": settings,
        "files": reader.entries,
        "counts": writer.counts,
        "parts": parts,
    }
    write_json(folder / MANIFEST, manifest)
    for old in folder.glob("*.bin"):
        if old.name not in names.values():
            old.unlink()
    return manifest


def _choose_names(folder: Path) -> dict[str, str]:
    """Return new file names that are not in use, even if the clock was set back."""
    build = time.time_ns()
    while any((folder / f"{part}-{build:x}.bin").exists() for part in PARTS):
        build += 1
    return {part: f"{part}-{build:x}.bin" for part in PARTS}


class _Reader:
    """The batches of paragraphs of several text files, one file after the other.

    total    bytes of all files on disk
    entries  of the manifest: those of the files that have been read to their ends
    """

    def __init__(self, paths: list[Path], settings: dict[str, Any], log: Log) -> None:
        self.paths, self.settings, self.log = paths, settings, log
        self.stats = [path.stat() for path in paths]
        self.total = sum(stat.st_size for stat in self.stats)
        self.entries: list[dict[str, Any]] = []

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield (bytes read so far, paragraphs)."""
        done = 0
        for path, stat in zip(self.paths, self.stats):
            file = TextFile(path)
            longest = LONG
            for batch in _batch_paragraphs(paragraphs(file, self.settings["lines"], self.settings["document_separator"])):
                length = max(len(paragraph or "") for paragraph in batch)
                if longest == LONG and length > LONG:
                    self.log(describe_long_line(path, length, self.settings))
                longest = max(longest, length)
                yield done + file.bytes_read, batch
            done += stat.st_size
            entry = {"path": str(path.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file.sha256}
            self.entries.append(entry)


def describe_long_line(path: Path, length: int, settings: dict[str, Any]) -> str:
    """Return a message about a line that is longer than paragraphs are, and about how lines are read."""
    border = "an empty line" if settings["document_separator"] is None else repr(settings["document_separator"])
    if settings["lines"] == "wrapped":
        rule = "lines are joined until an empty one, as lines='wrapped' says"
    else:
        rule = f"a line is a {settings['lines']}, as lines={settings['lines']!r} says, and {border} ends a document"
    return f"{path} has a {settings['lines'].replace('wrapped', 'paragraph')} of {length:,} characters: {rule}"


def _batch_paragraphs(stream: Iterator[str | None]) -> Iterator[Batch]:
    batch: Batch = []
    characters = 0
    for paragraph in stream:
        batch.append(paragraph)
        characters += len(paragraph or "")
        if characters >= CHARACTERS_PER_BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Writer:
    """Appends segments to the three open files, and counts them."""

    def __init__(self, files: Mapping[str, IO[bytes]], tokenizer: Tokenizer) -> None:
        token_type = "uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32"
        self.dtypes = {"tokens": token_type, "segments": "int64", "documents": "int64"}
        self.counts = {"documents": 0, "sentences": 0, "segments": 0, "tokens": 0, "unknown": 0}
        self._files, self._unk = files, tokenizer.unk_token_id
        self._document = 0  # the first segment of the unfinished document
        self._put("segments", [0])
        self._put("documents", [0])

    def _put(self, part: str, numbers: Sequence[int] | np.ndarray) -> None:
        self._files[part].write(np.asarray(numbers, dtype=self.dtypes[part]).tobytes())

    def add(self, encoded: Encoded) -> None:
        """Append segments. A document without tokens is dropped."""
        self._put("tokens", encoded.ids)
        self._put("segments", self.counts["tokens"] + encoded.lengths.cumsum(dtype=np.int64))
        for end in (self.counts["segments"] + encoded.ends).tolist():
            if end > self._document:
                self._document = end
                self._put("documents", [end])
                self.counts["documents"] += 1
        self.counts["sentences"] += encoded.sentences
        self.counts["segments"] += len(encoded.lengths)
        self.counts["tokens"] += len(encoded.ids)
        self.counts["unknown"] += int((encoded.ids == self._unk).sum())
