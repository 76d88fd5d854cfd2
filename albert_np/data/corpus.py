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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.data.documents import LAYOUTS, check_text_file
from albert_np.data.formats.summary import count_noun
from albert_np.data.tokenise import FORMAT, MANIFEST, PARTS, Count, Log, Progress, build_corpus
from albert_np.data.vocabulary import Tokenizer, Vocabulary
from albert_np.io.files import DataError, map_file, sha256

NEW = "it is not tokenised yet"  # why a new folder holds no corpus


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

    def __repr__(self) -> str:
        return f"Corpus({', '.join(f'{count:,} {name}' for name, count in self.counts.items())}; {str(self.folder)!r})"

    @classmethod
    def open(cls, folder: str | os.PathLike[str], tokenizer: Tokenizer) -> "Corpus":
        """Open a corpus that was prepared before; its text files are not needed.

        ValueError if the folder holds none, or one that was made with another tokenizer.
        """
        folder = Path(folder)
        manifest, reason = _read_manifest(folder)
        if manifest is None:
            raise DataError(f"{folder} holds no prepared corpus: {reason}")
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
        processes: int = 1,
        count: Count | None = None,
    ) -> "Corpus":
        """Return the corpus of these text files, tokenised into `folder` unless that was done before.

        max_length   T; sentences of more than T / 2 tokens are cut, see `sentences`
        lines, document_separator   the layout of the files, see `documents`
        progress     called with (bytes done, bytes in all) of the files on disk
        log          called with a message when the text is tokenised (with the reason), when the folder is reused, and
                     for very long lines
        processes    number of processes that tokenise the text; the corpus is the same for any
        count        called with the number of tokens so far, each time before `progress`

        Files count as unchanged if size and time are the same, or the SHA-256. Raises FileNotFoundError, ValueError
        (not UTF-8, empty, damaged, no text), OSError (folder not writable, disk full); the folder is then unchanged.
        """
        paths = [Path(file) for file in files]
        settings = _check_settings(max_length, lines, document_separator)
        if not paths:
            raise ValueError("no text files were named")
        if processes < 1:
            raise ValueError(f"processes must be at least 1, not {processes}")
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
                several = f", in {processes} processes" if processes > 1 else ""
                log(f"tokenising {count_noun(len(paths), 'file')} into {folder}{several}{'' if reason == NEW else f': {reason}'}")
                if note := getattr(tokenizer, "encoding_note", ""):
                    log(note)
                manifest = build_corpus(paths, tokenizer, folder, settings, progress, log, processes, count)
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
        return None, NEW
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


def _map_file(folder: Path, manifest: dict[str, Any], part: str) -> np.ndarray:
    """Return a plain array over the mapped file: slicing it is cheaper than slicing np.memmap."""
    return np.frombuffer(map_file(folder / manifest["parts"][part]["file"]), manifest["parts"][part]["dtype"])


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
