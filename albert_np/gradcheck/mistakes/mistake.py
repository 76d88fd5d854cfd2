"""One mistake, and how it is planted in the live code."""

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
    old, new     a text that occurs exactly once in the function's source, and its wrong replacement. The function still runs with
                 it: a mistake that raises an error needs no check to be noticed.
    explanation  what is wrong, as a sentence for a student.
    check        the name in `gradcheck.CHECKS` of a gradient check that catches it. Where no gradient check can, because the
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
    """The mistakes of one function that one check catches. texts: (old, new, explanation) of each."""
    return [Mistake(function, old, new, explanation, check) for old, new, explanation in texts]


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """Within it the function has the mistake, wherever it is called from; afterwards it is the right one again.

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
    function.__code__ = wrong_version(function, mistake).__code__  # every reference to the function runs it, wherever imported
    try:
        yield
    finally:
        function.__code__ = before


def get_function(name: str) -> Any:
    """The plain function of this name below albert_np: without `@op`, without the binding of a method."""
    found = inspect.unwrap(pkgutil.resolve_name("albert_np." + name))
    return getattr(found, "__func__", found)


def get_source(name: str) -> str:
    """The source of the function of this name below albert_np, from its `def` on."""
    text = textwrap.dedent(inspect.getsource(get_function(name)))
    first = ast.parse(text).body[0].lineno  # that of the def: decorators stand before it
    return "".join(text.splitlines(keepends=True)[first - 1 :])


def wrong_version(function: Any, mistake: Mistake) -> Callable[..., Any]:
    """The function made from the source with the mistake in it."""
    namespace = dict(vars(inspect.getmodule(function)))
    exec(with_mistake(mistake.function, get_source(mistake.function), mistake), namespace)
    return namespace[function.__name__]


def with_mistake(name: str, source: str, mistake: Mistake) -> str:
    """A source with the mistake in it. name: where it is from, for the error message."""
    count = source.count(mistake.old)
    if count != 1:
        raise ValueError(f"{name}: expected the text {mistake.old!r} exactly once in its source, found it {count} times")
    return source.replace(mistake.old, mistake.new)
