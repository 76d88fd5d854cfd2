"""Text files -> the files of a corpus: token ids, starts of segments, starts of documents, and a manifest."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from albert_np.data.documents import TextFile, paragraphs
from albert_np.data.sentences import Segment, encode_segments, split_sentences
from albert_np.data.vocabulary import Tokenizer
from albert_np.io.files import sync, write_json

FORMAT = 1  # raise it when the layout of the files changes: older folders are then rebuilt
MANIFEST = "manifest.json"
PARTS = ("tokens", "segments", "documents")
CHARACTERS_PER_BATCH = 1 << 20  # text passed to the tokenizer at a time

LONG = 100_000  # characters: longer paragraphs are reported, since the file may have another layout

Log = Callable[[str], None]
Progress = Callable[[int, int], None]


def build_corpus(
    paths: list[Path], tokenizer: Tokenizer, folder: Path, settings: dict[str, Any], progress: Progress | None,
    log: Log,
) -> dict[str, Any]:  # fmt: skip
    """Tokenise text files into a cache folder, and return the manifest.

    settings   longest_segment (tokens), lines and document_separator, see `documents`
    progress   called with (bytes done, bytes in all) of the files on disk
    log        called with a message for each file with very long lines

    ValueError: not UTF-8, a damaged packed file, or no text. The folder is unchanged if this fails.
    """
    for stray in folder.glob("*.partial"):  # left by a build that was killed; the lock excludes a running one
        stray.unlink()
    names = _choose_names(folder)
    partial = {part: folder / f"{names[part]}.partial" for part in PARTS}
    try:
        with contextlib.ExitStack() as stack:
            out = {part: stack.enter_context(open(partial[part], "wb")) for part in PARTS}
            writer = _Writer(out, tokenizer)
            files = _tokenise(paths, tokenizer, settings, writer, progress, log)
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
        "files": files,
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


def _tokenise(
    paths: list[Path], tokenizer: Tokenizer, settings: dict[str, Any], writer: "_Writer", progress: Progress | None,
    log: Log,
) -> list[dict[str, Any]]:  # fmt: skip
    """Tokenise every file into the writer, and return their entries for the manifest."""
    stats = [path.stat() for path in paths]
    total, done, files = sum(stat.st_size for stat in stats), 0, []
    for path, stat in zip(paths, stats):
        file = TextFile(path)
        stream = paragraphs(file, settings["lines"], settings["document_separator"])
        longest = LONG
        for batch in _batch_paragraphs(stream):
            length = max(len(paragraph or "") for paragraph in batch)
            if longest == LONG and length > LONG:
                log(describe_long_line(path, length, settings))
            longest = max(longest, length)
            _encode(batch, tokenizer, settings, writer)
            if progress:
                progress(done + file.bytes_read, total)
        done += stat.st_size
        entry = {"path": str(path.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file.sha256}
        files.append(entry)
    if progress:
        progress(total, total)
    return files


def describe_long_line(path: Path, length: int, settings: dict[str, Any]) -> str:
    """Return a message about a line that is longer than paragraphs are, and about how lines are read."""
    border = "an empty line" if settings["document_separator"] is None else repr(settings["document_separator"])
    if settings["lines"] == "wrapped":
        rule = "lines are joined until an empty one, as lines='wrapped' says"
    else:
        rule = f"a line is a {settings['lines']}, as lines={settings['lines']!r} says, and {border} ends a document"
    return f"{path} has a {settings['lines'].replace('wrapped', 'paragraph')} of {length:,} characters: {rule}"


def _batch_paragraphs(stream: Iterator[str | None]) -> Iterator[list[str | None]]:
    batch: list[str | None] = []
    characters = 0
    for paragraph in stream:
        batch.append(paragraph)
        characters += len(paragraph or "")
        if characters >= CHARACTERS_PER_BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _encode(batch: list[str | None], tokenizer: Tokenizer, settings: dict[str, Any], writer: "_Writer") -> None:
    """Tokenise the sentences of a batch of paragraphs in one call, and pass them to the writer in order."""
    sentences: list[str] = []
    ends = []  # indices of sentences in the batch before which a document ends
    for paragraph in batch:
        if paragraph is None:
            ends.append(len(sentences))
        else:
            sentences += [paragraph] if settings["lines"] == "sentence" else split_sentences(paragraph)
    segments = encode_segments(sentences, tokenizer.encode_batch, settings["longest_segment"])
    start = 0
    for end in ends:
        writer.add(segments[start:end])
        writer.end_document()
        start = end
    writer.add(segments[start:])


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

    def add(self, sentences: list[list[Segment]]) -> None:
        rows = [ids for sentence in sentences for ids in sentence]
        if not rows:
            return
        ids = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
        ends = self.counts["tokens"] + np.cumsum([len(row) for row in rows])
        self._put("tokens", ids)
        self._put("segments", ends)
        self.counts["sentences"] += sum(1 for sentence in sentences if sentence)
        self.counts["segments"] += len(rows)
        self.counts["tokens"] += len(ids)
        self.counts["unknown"] += int((ids == self._unk).sum())

    def end_document(self) -> None:
        """End a document; one without tokens is dropped."""
        if self.counts["segments"] > self._document:
            self._document = self.counts["segments"]
            self._put("documents", [self._document])
            self.counts["documents"] += 1
