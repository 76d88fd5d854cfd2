"""A mistake, and functions that plant it in the running code."""

import ast
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A wrong version of one function.

    function     its dotted name below albert_np, such as "core.layers.linear.linear_backward".
    old, new     a text that occurs exactly once in the function's source, and its wrong replacement. The wrong function
                 still runs: no check is needed for a mistake that raises an error.
    explanation  what is wrong, as a sentence for a student.
    check        the name in `gradcheck.CHECKS` of a gradient check that catches it. If none can, because the
                 forward and the backward pass agree with each other, the name of an invariant in tests/invariants.py.
    """

    function: str
    old: str
    new: str
    explanation: str
    check: str

    def __str__(self) -> str:
        return f"{self.function}: {self.explanation}"


def mistakes_in(function: str, check: str, *texts: tuple[str, str, str]) -> list[Mistake]:
    """Return the mistakes of one function that one check catches. texts: (old, new, explanation) of each."""
    return [Mistake(function, old, new, explanation, check) for old, new, explanation in texts]


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """Plant the mistake in its function, wherever it was imported to, until the context ends.

    Raises ValueError if the old text does not occur exactly once in the function's source.

    >>> from albert_np.gradcheck import CHECKS
    >>> from albert_np.core import reference
    >>> mistake = Mistake(
    ...     "core.layers.linear.linear_backward", "dy.sum(0)", "dy.mean(0)", "The bias gets the mean of the tokens.", "linear"
    ... )
    >>> with reference(), planted(mistake):
    ...     [row.name for row in CHECKS[mistake.check](0) if not row.passed]
    ['b']
    """
    function = get_function(mistake.function)
    before = function.__code__
    function.__code__ = wrong_version(
        function, mistake
    ).__code__  # replacing the code object affects every reference to the function
    try:
        yield
    finally:
        function.__code__ = before


def get_function(name: str) -> Any:
    """Return the plain function of this name below albert_np, without `@op` and unbound."""
    function = inspect.unwrap(pkgutil.resolve_name("albert_np." + name))
    return getattr(function, "__func__", function)


def get_source(name: str) -> str:
    """Return the source of the function of this name below albert_np, without decorators."""
    text = textwrap.dedent(inspect.getsource(get_function(name)))
    first = ast.parse(text).body[0].lineno  # the line of `def`, after the decorators
    return "".join(text.splitlines(keepends=True)[first - 1 :])


def wrong_version(function: Any, mistake: Mistake) -> Callable[..., Any]:
    """Compile the function with the mistake in its source."""
    namespace = dict(vars(inspect.getmodule(function)))
    exec(with_mistake(mistake.function, get_source(mistake.function), mistake), namespace)
    return namespace[function.__name__]


def with_mistake(name: str, source: str, mistake: Mistake) -> str:
    """Return the source with the mistake. name: the function or file, for the error message."""
    count = source.count(mistake.old)
    if count != 1:
        raise ValueError(f"{name}: expected the text {mistake.old!r} exactly once in its source, found it {count} times")
    return source.replace(mistake.old, mistake.new)
