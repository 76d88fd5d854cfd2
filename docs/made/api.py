"""The API reference by module: the public names of each module, which autodoc documents from their docstrings.

<!-- insert: api albert_np.tasks -->              every module of a package
<!-- insert: api albert_np.tasks ner srl -->      these modules of it
"""

import importlib
import pkgutil
from functools import cache

from made import entries


@cache
def by_use() -> dict[str, entries.Entry]:
    """Return {dotted path of the definition: entry} of the functions and classes that are documented by use."""
    documented = ((entries.find(name)[1], entry) for entry in entries.read_all() for name in entry.names)
    return {entries.definition(obj): entry for obj, entry in documented if callable(obj)}


def text(package: str, *only: str) -> str:
    """Return a section for each module of a package, or for these; subpackages have pages of their own."""
    names = [info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__) if not info.ispkg]
    if unknown := set(only) - set(names):
        raise ValueError(f"{package} has no module {', '.join(sorted(unknown))}")
    return "\n\n".join(section(f"{package}.{name}", name) for name in only or names)


def section(path: str, name: str) -> str:
    """Return the section of a module. Names that are documented by use are linked instead."""
    found = {where.rpartition(".")[2]: entry for where, entry in by_use().items() if where.rpartition(".")[0] == path}
    elsewhere, names = list(dict.fromkeys(found.values())), list(found)
    options = "   :members:\n" + (f"   :exclude-members: {', '.join(names)}\n" if names else "")
    more = "\n\nIn the reference by use: " + ", ".join(entry.link for entry in elsewhere) + "." if elsewhere else ""
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {path}\n{options}```{more}"
