"""One operation on the sheet."""

import re
from dataclasses import dataclass, field

from made.sheet.notation import SYMBOLS

Lines = tuple[tuple[str, str], ...]  # (LaTeX, the same formula in NumPy), in the order of computation
LETTER = re.compile(r"d?[A-Za-z](_[A-Za-z0-9])?")  # x, dx, w_q, de_3: as in LaTeX


@dataclass(frozen=True)
class Operation:
    """One row of the sheet.

    function   dotted name below albert_np. Its backward pass, if there is one, is the name with _backward.
    about      the operation in a few words.
    takes      {array: its axes}, such as {"x": "N I", "b": "O"}; a number of arrays is written "L+1 x N H".
    gives      the same of the results.
    forward    the formulas. The names in NumPy are those of `core` where it has them; `symbols` says how they look in LaTeX.
    kept       names of what the cache has, in its order: the variables of `core`, or the fields of a named tuple.
    backward   the formulas. `f_back` is the backward pass of f, an operation inside. It adds to the gradients
               of f's parameters.
    notebook   number of the notebook that derives it.
    exercise   name in `albert-np learn`; "" if there is none.
    remark     one sentence that is worth remembering, in Markdown without links.
    symbols    {name in NumPy: LaTeX}, of this operation only.
    """

    function: str
    about: str
    takes: dict[str, str]
    gives: dict[str, str]
    forward: Lines
    notebook: int
    kept: tuple[str, ...] = ()
    backward: Lines = ()
    exercise: str = ""
    remark: str = ""
    symbols: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.function.rpartition(".")[2]

    @property
    def file(self) -> str:
        """Path of the source file below albert_np."""
        return self.function.rpartition(".")[0].replace(".", "/") + ".py"

    def symbol(self, name: str) -> str:
        """Return the LaTeX of a name; "dz" is d and the symbol of z."""
        known = SYMBOLS | self.symbols
        if name in known:
            return known[name]
        if name.endswith("_back"):
            return rf"\back{{{name.removesuffix('_back')}}}"
        if name.startswith("d") and name[1:] in known:
            return "d" + known[name[1:]]
        return name if LETTER.fullmatch(name) else rf"\op{{{name}}}"

    def grouped(self, arrays: dict[str, str]) -> list[tuple[str, str]]:
        """Return [(symbols of neighbours with one shape, the shape)] of `takes` or `gives`.

        >>> Operation("f.f", "", {"q": "A T D", "k": "A T D", "gamma": "D"}, {}, (), 1).grouped({"q": "A T D", "k": "A T D"})
        [('q, k', '(A, T, D)')]
        """
        groups: list[tuple[str, str]] = []
        for name, axes in arrays.items():
            symbol, shape = self.symbol(name), format_axes(axes)
            if groups and groups[-1][1] == shape:
                symbol = f"{groups.pop()[0]}, {symbol}"
            groups.append((symbol, shape))
        return groups


def format_axes(axes: str) -> str:
    """Return axes as they are written behind an array.

    >>> format_axes("N H"), format_axes("O"), format_axes(""), format_axes("L+1 x N H")
    ('(N, H)', '(O)', '()', '(N, H), L+1 of them')
    """
    number, _, shape = axes.rpartition(" x ")
    return f"({', '.join(shape.split())})" + (f", {number} of them" if number else "")
