"""The part of IPython that notebooks use, on a page of the site: `IPython.display`, and a shell without magics."""

from types import SimpleNamespace
from typing import Any

from IPython import display as display

version_info = (8, 24, 0)
__version__ = "8.24.0"
# `kernel` says that outputs can be HTML; matplotlib asks for the others
_SHELL = SimpleNamespace(
    kernel=SimpleNamespace(), events=SimpleNamespace(register=lambda event, function: None), enable_gui=lambda gui=None: None
)


def get_ipython() -> Any:
    """Return the shell."""
    return _SHELL
