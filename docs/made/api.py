"""The API reference: the public names of each module, which autodoc documents from their docstrings."""

import importlib
import pkgutil


def text(package: str) -> str:
    """Return a section for each module of a package; subpackages have pages of their own."""
    names = [info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__) if not info.ispkg]
    return "\n\n".join(section(f"{package}.{name}", name) for name in names)


def section(path: str, name: str) -> str:
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {path}\n   :members:\n   :undoc-members:\n```"
