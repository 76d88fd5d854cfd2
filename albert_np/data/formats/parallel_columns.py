"""Which columns of a table, or keys of an object, are a sentence and its translation."""

import re
from collections.abc import Sequence

from albert_np.data.formats.languages import get_language
from albert_np.data.formats.objects import quote_names

# The usual names, with any sign between their words; the first one that a file has is used.
SOURCE = "source src source_text src_text source_sentence src_sentence".split()
TARGET = "target tgt trg target_text tgt_text trg_text target_sentence tgt_sentence translation reference ref".split()

Rows = list[tuple[str, str, str | None]]  # (position, source, target)
Names = Sequence[str | None]  # of source and target, as far as they are known
NONE = (None, None)


def choose_columns(names: Sequence[str], given: Names, known: Names, position: str, wrapped: bool = False) -> list[str | None]:
    """Return the names of source and target among the names of columns. The target is None if there is no column for it.

    given     names or numbers from 1, by the options: they must exist
    known     the names in the training examples, used if these columns or others for the same languages exist
    wrapped   whether all names are languages: then "id" is Indonesian

    Next come the usual names, and then the only two columns that are named after languages, in their order. ValueError that
    names the position if this does not find a source.
    """
    columns = [None if name is None else find_column(names, name, position) for name in given]
    for i, name in enumerate(known):
        if columns[i] is None and (own := find_language(names, name)) not in columns:
            columns[i] = own
    languages = [name for name in names if is_language(name, wrapped) and name not in columns]
    usual = [find_usual(names, SOURCE), find_usual(names, TARGET)]
    if columns == [None, None] and len(languages) == 2 and None in usual:
        return list(languages)
    for i in (0, 1):
        if columns[i] is None and usual[i] not in columns:
            columns[i] = usual[i]
    for i in (0, 1):
        decided = known[i] is not None and not any(given)  # and not among the columns
        if columns[i] is None and columns[1 - i] is not None and not decided and len(languages) == 1:
            columns[i] = languages[0]
    if columns[0] is None or columns[0] == columns[1]:
        raise ValueError(
            f"{position}: expected 'source' and 'target', or two languages such as 'en' and 'de', got {quote_names(names)}; name "
            "them by the options source=NAME and target=NAME"
        )
    return columns


def find_column(names: Sequence[str], given: str, position: str) -> str:
    """Return the column with this name (or this number from 1, or this name in other case). ValueError if there is none."""
    if given in names:
        return given
    if given.isascii() and given.isdecimal() and 1 <= int(given) <= len(names):
        return names[int(given) - 1]
    same = [name for name in names if name.lower() == given.strip().lower()]
    if len(same) == 1:
        return same[0]
    raise ValueError(f"{position}: there is no column or key {given!r}; there are {quote_names(names)}")


def find_language(names: Sequence[str], name: str | None) -> str | None:
    """Return the column with this name, or else the only one for the same language; None if there is none."""
    if name is None or name in names:
        return name
    language = get_language(name)
    same = [each for each in names if language is not None and get_language(each) == language and is_language(each)]
    return same[0] if len(same) == 1 else None


def is_language(name: str, wrapped: bool = False) -> bool:
    """Return whether a column is named after a language. "id" is not, as it may be an identifier, unless `wrapped`."""
    return get_language(name) is not None and (wrapped or name.lower() != "id")


def find_usual(names: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the first of the usual names that occurs."""
    plain = {simplify(name): name for name in reversed(names)}
    return next((plain[name] for name in usual if name in plain), None)


def is_usual(name: str) -> bool:
    """Return whether the name is a usual one for source or target."""
    return simplify(name) in SOURCE or simplify(name) in TARGET


def simplify(name: str) -> str:
    """Return "source_text" for "Source Text"."""
    return "_".join(re.findall(r"[^\W_]+", name.lower()))
