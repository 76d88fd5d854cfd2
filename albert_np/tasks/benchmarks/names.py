"""The names of benchmarks, tolerant of case, hyphens and other usual spellings."""

from albert_np.io.similar_names import suggest
from albert_np.tasks.benchmarks import glue, other, superglue
from albert_np.tasks.benchmarks.record import Benchmark

BENCHMARKS = {record.name: record for record in (*glue.RECORDS, *superglue.RECORDS, *other.RECORDS)}
ALONE = {record.name: record for record in other.RECORDS if ":" not in record.name}
SQUAD = "squad"
GROUPS = ("glue", "superglue", SQUAD)  # the part before the colon
ALL = "all"  # of the benchmarks of a group, those that its average counts
ELSEWHERE = {  # spellings of data sets that the groups have beside these
    "glue": ("snli",), "superglue": ("multirc", "record", "wsc", "wscfixed", "axb", "axg"),
}  # fmt: skip
RACE_PARTS = ("all", "middle", "high")  # configurations on the hub
CHOICES = ("swag", "hellaswag", "copa", "arc", "openbookqa", "commonsenseqa", "csqa", "obqa")  # that multiple-choice reads
AVERAGED = {"glue": [record.name for record in glue.RECORDS if record.train is not None]}


def plain(text: str) -> str:
    """Return a name in lower case without hyphens, underscores, blanks and points."""
    return "".join(c for c in text.lower() if c not in "-_ .")


def spellings(record: Benchmark) -> set[str]:
    """Return the plain spellings of what stands behind the colon, which are also those of the data's folder."""
    own = record.name.partition(":")[2] or record.name
    return {plain(each) for each in (own, record.title, *record.aliases, *record.folders)}


def split_name(name: str) -> tuple[str, str] | None:
    """Return (group, rest) of a name such as "GLUE:sst2", "squad" or "glue"; None if it is not that of a benchmark."""
    prefix, colon, rest = name.partition(":")
    if not colon and plain(name) != SQUAD and plain(name).startswith(SQUAD):  # "squad2.0"
        prefix, rest = SQUAD, name[len(SQUAD) :]
        if plain(rest) not in {each for record in other.RECORDS for each in spellings(record)}:
            return None
    group = plain(prefix)
    return None if group not in GROUPS or rest.endswith(".py") else (group, rest)


def find_benchmark(name: object) -> Benchmark | None:
    """Return the record of a name; None if it is not a benchmark's at all, such as "ner" or "file.py:Class".

    ValueError for an unknown one of a known group, with the one that was probably meant.
    """
    if isinstance(name, str) and plain(name) in ALONE:
        return ALONE[plain(name)]
    if isinstance(name, str) and any(plain(name) == f"race:{part}" for part in RACE_PARTS):
        raise ValueError(f"unknown benchmark {name!r}; expected race, which has a score of RACE-M and of RACE-H, too")
    parts = split_name(name) if isinstance(name, str) else None
    if parts is None:
        return None
    group, rest = parts
    known = {record.name.partition(":")[2]: record for record in BENCHMARKS.values() if record.name.startswith(group + ":")}
    for record in known.values():
        if plain(rest) in spellings(record):
            return record
    several = f", or {group}:{ALL} for those of its average" if group in AVERAGED else ""
    if not rest:
        names = ", ".join(each.name for each in known.values())
        raise ValueError(f"{str(name).rstrip(':')}: which one? Expected one of {names}{several}")
    if plain(rest) == ALL and group in AVERAGED:
        raise ValueError(f"{group}:{ALL} stands for several data sets; expected one of {', '.join(AVERAGED[group])}")
    expected = f"expected {group}: and one of {', '.join(known)}{several}"
    if plain(rest) in ELSEWHERE.get(group, ()):
        raise ValueError(f"{name} is not among the benchmarks of albert_np; {expected}")
    written = {spelling: repr(record.name) for record in known.values() for spelling in list_similar(record)}
    raise ValueError(f"unknown benchmark {name!r}; {expected}{suggest(rest, written)}")


def list_similar(record: Benchmark) -> list[str]:
    """Return the spellings that a wrong name is compared with, also those of single sets, such as "mnli_matched"."""
    own = record.name.partition(":")[2]
    return [*spellings(record), record.title, *(split.name.replace("dev", own) for split in record.dev)]


def suggest_benchmark(name: str) -> str:
    """Return "; did you mean glue:mrpc?" for a task's name that is a data set's without its group; "" if it is not."""
    wanted = {plain(name), plain(name.replace("/", ":"))}
    found = [
        record.name
        for record in BENCHMARKS.values()
        if wanted & {plain(record.name), *(spellings(record) if record.group else ())}
    ]
    found += ["multiple-choice, which reads its files"] if plain(name) in CHOICES else []
    return f"; did you mean {' or '.join(found)}?" if found else ""


def get_benchmark(name: str | Benchmark) -> Benchmark:
    """Return the record of a name. ValueError for any other name."""
    record = name if isinstance(name, Benchmark) else find_benchmark(name)
    if record is None:
        hint = suggest_benchmark(name) if isinstance(name, str) else ""
        raise ValueError(f"unknown benchmark {name!r}; expected one of {', '.join(BENCHMARKS)}{hint}")
    return record


def get_group(name: object) -> list[Benchmark]:
    """Return the benchmarks that "glue:all" stands for, in their order; [] for another name."""
    parts = split_name(name) if isinstance(name, str) else None
    return [BENCHMARKS[each] for each in AVERAGED.get(parts[0], [])] if parts is not None and plain(parts[1]) == ALL else []
