"""The files of a benchmark in a folder: the official layout, exports from the hub, and original releases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from albert_np.tasks.benchmarks.names import plain, spellings
from albert_np.tasks.benchmarks.record import SUFFIXES, Benchmark, Source, Split

PACKED = ("", ".gz", ".xz")
ARCHIVE = re.compile(r"\.(zip|tgz|tar(\.[a-z0-9]+)?)$", re.IGNORECASE)
INSIDE = ("original/raw", "original", "raw")  # folders within a data set's, as in the archives of CoLA
COLLECTIONS = {  # usual names of the folder that holds all data sets of a group
    "glue": ("glue", "gluedata"), "superglue": ("superglue", "supergluedata"),
}  # fmt: skip


@dataclass(frozen=True)
class Located:
    """The files of a split, read one after the other; ids: a file that says which rows count, and `source.ids` how."""

    paths: tuple[Path, ...]
    source: Source
    ids: Path | None = None


def locate(record: Benchmark, split: Split, data: str | Path) -> Located | None:
    """Return the files of a split in the folder given, or in its subfolder of the benchmark's name; None if there are none.

    ValueError if `data` is not a folder.
    """
    for folder in get_folders(record, data):
        for source in list_sources(record, split):
            if located := find_in(folder, record, source):
                return located
        if shards := sorted(folder.glob(f"{split.hub}-*-of-*.parquet")) if split.hub else []:
            return Located(tuple(shards), Source(tuple(path.name for path in shards)))
    return None


def list_sources(record: Benchmark, split: Split) -> Iterator[Source]:
    """Yield the official names of a split's file, then those of exports from the hub, then those of the original release."""
    if record.fields is not None:
        stems = dict.fromkeys(stem for stem in (split.name, split.hub) if stem)
        yield from (Source((stem + suffix,)) for stem in stems for suffix in SUFFIXES)
    yield from split.sources


def find_in(folder: Path, record: Benchmark, source: Source) -> Located | None:
    """Return the files of a source if all of them are in a folder."""
    paths = [find_path(folder / name, folders=record.fields is None) for name in source.names]
    ids = next((path for name in record.ids if (path := folder / name).is_file()), None) if source.ids else None
    if any(path is None for path in paths) or (source.ids and ids is None):
        return None
    return Located(tuple(path for path in paths if path is not None), source, ids)


def find_path(path: Path, folders: bool) -> Path | None:
    """Return a file, plain or packed, or a folder of files where the task reads one; None if there is none."""
    if folders and path.is_dir():
        return path
    return next((each for end in PACKED if (each := path.with_name(path.name + end)).is_file()), None)


def get_folders(record: Benchmark, data: str | Path) -> list[Path]:
    """Return the folders that may hold the files: the one given, and those of the benchmark's name within it.

    FileNotFoundError if it does not exist, ValueError if it is not a folder.
    """
    root = Path(data)
    if root.is_file() and ARCHIVE.search(root.name):
        raise ValueError(f"`data` must be a folder with the files of {record.title}, not the archive {root}: unpack it")
    if root.is_file():
        raise ValueError(f"`data` must be a folder with the files of {record.title}, not the file {root}; give a file as `train`")
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {str(root)!r} with the files of {record.title} (`data`)")
    collections = COLLECTIONS.get(record.group, ())  # GLUE and SuperGLUE may stand side by side, and both have an RTE
    roots = [root, *(path for path in sorted(root.iterdir()) if path.is_dir() and plain(path.name) in collections)]
    names = spellings(record)
    own = [path for each in roots for path in sorted(each.iterdir()) if path.is_dir() and plain(path.name) in names]
    folders = [root, *own]
    return [*folders, *(path / name for path in folders for name in INSIDE if (path / name).is_dir())]


def describe_missing(record: Benchmark, missing: list[Split], data: str | Path) -> str:
    """Return the message on splits that a folder does not have: which files are expected, where, and where they come from."""
    names = []
    for split in missing:
        official = f"{split.name}.{'jsonl' if record.group == 'superglue' else 'tsv'}" if record.fields is not None else ""
        expected = [[*source.names, *record.ids[: bool(source.ids)]] for source in split.sources if not source.note]
        others = [" and ".join(name if "." in name else f"folder {name}" for name in each) for each in expected]
        names.append(" or ".join(dict.fromkeys(filter(None, [official, *others]))))
    root = Path(data)
    is_own = plain(root.name) in spellings(record)
    where = f"{root}" if is_own else f"{root}, nor in {root / record.title}"
    folder = root if is_own else root / record.title
    archive = find_archive(record, root)
    advice = f"download {record.title} ({record.source}) and put its files" if archive is None else f"unpack {archive}"
    return f"{record.name}: there is no {', no '.join(names)} in {where}: {advice} into {folder}"


def find_archive(record: Benchmark, root: Path) -> Path | None:
    """Return an archive in a folder that has the benchmark's name, such as MRPC.zip or RACE.tar.gz."""
    names = spellings(record)
    paths = sorted(root.iterdir()) if root.is_dir() else []
    return next((path for path in paths if (end := ARCHIVE.search(path.name)) and plain(path.name[: end.start()]) in names), None)
