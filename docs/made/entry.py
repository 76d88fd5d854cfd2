"""The signature and the docstring of a name of the API reference: <!-- insert: entry optim.step -->, see entries.py."""

from made.entries import directive


def text(name: str, *members: str) -> str:
    """Return the directive that documents the name, and these members of a class."""
    return directive(name, members)
