"""A corpus, tokenised once into memory-mapped files, so that it may be larger than memory.

A cache folder holds the ids of all tokens end to end, the start of each segment (a sentence, or a part of a long one)
among the tokens, and the start of each document among the segments. The manifest records the sources and settings. It
is written last and atomically, so a folder without a matching manifest holds no corpus, and a process that is killed
leaves nothing that could be mistaken for one. The file names contain a build number, so an older corpus stays intact
until the new one is complete. One process builds at a time; another one that needs the same corpus waits for it.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from albert_np.data.documents import LAYOUTS, TextFile, check_text_file, paragraphs
from albert_np.data.sentences import Segment, encode_segments, split_sentences
from albert_np.data.vocabulary import Tokenizer, Vocabulary
from albert_np.io.files import sha256, sync, write_json

FORMAT = 1  # raise it when the layout of the files or the rules of `sentences` change: older folders are then rebuilt
MANIFEST = "manifest.json"
CHARACTERS_PER_BATCH = 1 << 20  # text passed to the tokenizer at a time
PARTS = ("tokens", "segments", "documents")

Progress = Callable[[int, int], None]
Log = Callable[[str], None]


class Corpus:
    """Tokenised documents, read from memory-mapped files.

    tokens           (tokens,) uint16 or uint32
    segment_starts   (S + 1,) int64: segment s is tokens[segment_starts[s] : segment_starts[s + 1]]
    document_starts  (D + 1,) int64: document d is the segments document_starts[d] ... document_starts[d + 1] - 1
    vocabulary       facts about the tokens, see `vocabulary`
    manifest         sources, settings, and counts (documents, sentences, segments, tokens, unknown)
    rebuild_reason   why `prepare` tokenised the text in this call; None if it reused the folder
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], vocabulary: Vocabulary, rebuild_reason: str | None = None) -> None:
        self.folder, self.manifest, self.vocabulary, self.rebuild_reason = folder, manifest, vocabulary, rebuild_reason
        self.tokens = _map_file(folder, manifest, "tokens")
        self.segment_starts = _map_file(folder, manifest, "segments")
        self.document_starts = _map_file(folder, manifest, "documents")

    @classmethod
    def open(cls, folder: str | os.PathLike[str], tokenizer: Tokenizer) -> "Corpus":
        """Open a corpus that was prepared before; its text files are not needed.

        ValueError if the folder holds none, or one that was made with another tokenizer.
        """
        folder = Path(folder)
        manifest, reason = _read_manifest(folder)
        if manifest is None:
            raise ValueError(f"{folder} holds no prepared corpus: {reason}")
        if manifest["tokenizer"] != tokenizer.fingerprint():
            raise ValueError(f"the corpus in {folder} was tokenised with another tokenizer")
        return cls(folder, manifest, Vocabulary.from_tokenizer(tokenizer))

    @classmethod
    def prepare(
        cls,
        files: Iterable[str | os.PathLike[str]],
        tokenizer: Tokenizer,
        folder: str | os.PathLike[str],
        *,
        max_length: int,
        lines: str = "paragraph",
        document_separator: str | None = None,
        progress: Progress | None = None,
        log: Log | None = None,
    ) -> "Corpus":
        """Return the corpus of these text files, tokenised into `folder` unless that was done before.

        max_length   T; sentences of more than T / 2 tokens are cut, see `sentences`
        lines, document_separator   the layout of the files, see `documents`
        progress     called with (bytes done, bytes in all) of the files on disk
        log          called with a message when the text is tokenised (with the reason) and when the folder is reused

        Files count as unchanged if size and time are the same, or the SHA-256. Raises FileNotFoundError, ValueError
        (not UTF-8, empty, damaged, no text), OSError (folder not writable, disk full); the folder is then unchanged.
        """
        paths = [Path(file) for file in files]
        settings = _check_settings(max_length, lines, document_separator)
        if not paths:
            raise ValueError("no text files were named")
        for path in paths:
            check_text_file(path)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        log = log or (lambda _: None)
        with _lock(folder):
            manifest, reason = _read_manifest(folder)
            if manifest is not None:
                reason = _find_difference(manifest, paths, tokenizer, settings)
            if manifest is not None and reason is None:
                log(f"the tokenised corpus in {folder} is reused")
            else:
                log(f"tokenising {len(paths)} file{'s' * (len(paths) > 1)} into {folder}: {reason}")
                manifest = _build(paths, tokenizer, folder, settings, progress)
            return cls(folder, manifest, Vocabulary.from_tokenizer(tokenizer), reason)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of documents, sentences, segments, tokens and unknown tokens."""
        return self.manifest["counts"]

    def document_tokens(self) -> np.ndarray:
        """Return (D,) int64: the number of tokens of each document."""
        return np.diff(self.segment_starts[self.document_starts])

    def segment_ids(self, first: int, stop: int) -> np.ndarray:
        """Return the tokens of the segments first ... stop - 1 end to end: a view into the file."""
        return self.tokens[self.segment_starts[first] : self.segment_starts[stop]]


def _check_settings(max_length: int, lines: str, separator: str | None) -> dict[str, Any]:
    if lines not in LAYOUTS:
        raise ValueError(f"lines must be one of {', '.join(LAYOUTS)}, not {lines!r}")
    if max_length < 8:
        raise ValueError(f"max_length must be at least 8, not {max_length}")
    if separator is not None and not separator.strip():
        raise ValueError("document_separator must be a line that is not empty")
    return {"longest_segment": max_length // 2, "lines": lines, "document_separator": separator}


# -- does the folder hold the corpus already? --------------------------------------------------------------------------


def _read_manifest(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return (manifest, None), or (None, reason)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, "it is not tokenised yet"
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None, f"{folder / MANIFEST} is damaged"
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return None, "it was written by another version"
    for part in PARTS:
        path = folder / manifest["parts"][part]["file"]
        if not path.is_file() or path.stat().st_size != manifest["parts"][part]["bytes"]:
            return None, f"{path} is missing or has the wrong size"
    return manifest, None


def _find_difference(manifest: dict[str, Any], paths: list[Path], tokenizer: Tokenizer, settings: dict[str, Any]) -> str | None:
    """Describe what has changed since the manifest was written; None if nothing has."""
    if manifest["tokenizer"] != tokenizer.fingerprint():
        return "the tokenizer has changed"
    for name, value in settings.items():
        if manifest["settings"].get(name) != value:
            return f"{name} was {manifest['settings'].get(name)!r} and is now {value!r}"
    if len(manifest["files"]) != len(paths):
        return f"there were {len(manifest['files'])} text files, now there are {len(paths)}"
    for old, path in zip(manifest["files"], paths):
        stat = path.stat()
        same_stamp = old["path"] == str(path.resolve()) and old["mtime_ns"] == stat.st_mtime_ns
        if old["size"] != stat.st_size or not (same_stamp or old["sha256"] == sha256(path)):
            return f"{path} has changed"
    return None


# -- tokenising it ---------------------------------------------------------------------------------------------------


def _build(
    paths: list[Path], tokenizer: Tokenizer, folder: Path, settings: dict[str, Any], progress: Progress | None
) -> dict[str, Any]:
    for stray in folder.glob("*.partial"):  # left by a build that was killed; the lock excludes a running one
        stray.unlink()
    names = _choose_names(folder)
    partial = {part: folder / f"{names[part]}.partial" for part in PARTS}
    try:
        with contextlib.ExitStack() as stack:
            out = {part: stack.enter_context(open(partial[part], "wb")) for part in PARTS}
            writer = _Writer(out, tokenizer)
            files = _tokenise(paths, tokenizer, settings, writer, progress)
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
    paths: list[Path], tokenizer: Tokenizer, settings: dict[str, Any], writer: "_Writer", progress: Progress | None
) -> list[dict[str, Any]]:
    """Tokenise every file into the writer, and return their entries for the manifest."""
    stats = [path.stat() for path in paths]
    total, done, files = sum(stat.st_size for stat in stats), 0, []
    for path, stat in zip(paths, stats):
        file = TextFile(path)
        stream = paragraphs(file, settings["lines"], settings["document_separator"])
        for batch in _batch_paragraphs(stream):
            _encode(batch, tokenizer, settings, writer)
            if progress:
                progress(done + file.bytes_read, total)
        done += stat.st_size
        entry = {"path": str(path.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file.sha256}
        files.append(entry)
    if progress:
        progress(total, total)
    return files


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


def _map_file(folder: Path, manifest: dict[str, Any], part: str) -> np.ndarray:
    """Return a plain array over the mapped file: slicing it is cheaper than slicing np.memmap."""
    return np.asarray(np.memmap(folder / manifest["parts"][part]["file"], manifest["parts"][part]["dtype"], mode="r"))


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Allow one builder at a time. The system releases the lock when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where two simultaneous builds of one folder are not prevented
        yield
        return
    with open(folder / "lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
