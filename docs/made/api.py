"""The reference: modules and their public names, for autodoc to fill in from the docstrings."""

import importlib
import pkgutil


def text(package: str, *only: str) -> str:
    """Each module of a package, or only those named, under its own heading, with all that it defines."""
    found = importlib.import_module(package)
    names = only or [info.name for info in pkgutil.iter_modules(found.__path__) if not info.ispkg]
    return "\n\n".join(module(f"{package}.{name}", name) for name in names)


def module(path: str, name: str) -> str:
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {path}\n   :members:\n   :undoc-members:\n```"
