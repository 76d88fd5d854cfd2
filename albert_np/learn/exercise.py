"""An exercise: one record with everything that is particular to it."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from albert_np.core import override
from albert_np.core.params import Form, Tree, flat_size
from albert_np.core.random import RandomKey, generator
from albert_np.gradcheck.mistakes.mistake import Mistake, get_function, get_source

Names = dict[str, Any]  # the functions that a file defines
Calls = dict[str, Callable[[], dict[str, Any]]]
Case = SimpleNamespace  # the arguments of one call: arrays, and `p` if there are parameters; `sizes` {letter: number}
MARK = "# albert-np learn: "  # a comment that begins so says which exercise a file is for


@dataclass(frozen=True)
class Exercise:
    """One exercise on the ladder.

    name         as in `albert-np learn start NAME`.
    title        what is to be written, in one line.
    minutes      an estimate of the time that it takes.
    needs        names of exercises that come before it.
    text         formula and shapes of the forward pass, and the task. It stands at the top of the file.
    imports      import lines of the file.
    given        dotted names below albert_np of functions that stand in the file as they are in core.
    solve        dotted names of the functions that the student writes: in core, or else in learn.references.
    stub         source of these functions with `...` in place of what is to be written.
    hints        at least three, each with more in it than the one before.
    make         function of (seed, *sizes): the arguments of a call. Odd seeds use the options of the operation.
    sizes        sizes of the cases that are graded, one after the other.
    forward      function of (names, case): y and the cache; None if there is no forward pass.
    outputs      names of the values that the backward pass returns; the gradients that it adds to g are graded with them.
    calls        function of (names, case, cache): {function: a call without arguments that returns {tensor: array}}, graded;
                 None: the backward pass is called with what the case has under the names of its parameters.
    writes       names of the arguments in the case that the functions write to, as an optimiser does.
    large        sizes of a case that is large enough to compare times; (): times are not compared.
    more_imports import lines of the solution that would give it away.
    steps        {name of a local variable of the solution: what it is}: graded one by one.
    terms        function of (case, locals of the solution, right results): {tensor: {description of a term: array}}.
    notebook     the notebook with the derivation.
    derivation   the backward pass in formulas, where the text at the top of the operation's file does not have it.
    mistakes     known mistakes in functions that `gradcheck.mistakes` does not have.
    replace      function of (the exercise, the names of a file): a context in which the functions take the place of core's.
    """

    name: str
    title: str
    minutes: int
    needs: tuple[str, ...]
    text: str
    imports: str
    given: tuple[str, ...]
    solve: tuple[str, ...]
    stub: str
    hints: tuple[str, ...]
    make: Callable[..., Case]
    sizes: tuple[tuple[Any, ...], ...]
    notebook: str
    forward: Callable[[Names, Case], tuple[Any, Any]] | None = None
    outputs: tuple[str, ...] = ("dx",)
    calls: Callable[[Names, Case, Any], Calls] | None = None
    writes: tuple[str, ...] = ()
    large: tuple[Any, ...] = ()
    more_imports: str = ""
    steps: dict[str, str] = field(default_factory=dict)
    terms: Callable[[Case, dict[str, Any], dict[str, Any]], dict[str, dict[str, Any]]] = lambda case, local, right: {}
    derivation: str = ""
    mistakes: tuple[Mistake, ...] = ()
    replace: Callable[["Exercise", Names], AbstractContextManager[None]] = lambda exercise, names: replace_operation(
        exercise, names
    )

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that the student writes."""
        return tuple(name.rpartition(".")[2] for name in self.solve)

    @property
    def main(self) -> str:
        """The name of the last of them, which calls the others if there are several."""
        return self.functions[-1]

    @property
    def file_name(self) -> str:
        return f"{self.name}.py"

    def draw(self, seed: int) -> Case:
        """Return the case of a seed."""
        return self.draw_sized(seed, self.sizes[seed % len(self.sizes)])

    def draw_sized(self, seed: int, sizes: tuple[Any, ...]) -> Case:
        """Return the case of a seed and sizes. Its integers are np.intp, the only indices that NumPy takes on every platform."""
        case = self.make(seed, *sizes)
        return Case(**{name: as_index(value) for name, value in vars(case).items()})

    def run(self, names: Names, case: Case, cache: Any) -> Calls:
        """Return {function: a call without arguments that returns {tensor: array}} for the functions of a file."""
        if self.calls is not None:
            return self.calls(names, case, cache)
        return {self.main: lambda: gradients(case, backward_pass(self, names, case, cache), self.outputs)}


def without_types(source: str) -> str:
    """Return the source of a function without type annotations; its comments stay.

    >>> print(without_types('def f(x: int, *, y: float = 0) -> int:\\n    return x  # (N,)'))
    def f(x, *, y=0):
        return x  # (N,)
    """
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    body = source.splitlines()[node.body[0].lineno - 1 :]
    return "\n".join([f"def {node.name}({ast.unparse(node.args)}):", *body])


def core_source(name: str) -> str:
    """Return the source of a function or a constant of core as it stands in an exercise's file."""
    if isinstance(get_function(name), FunctionType):
        return without_types(get_source(name))
    module, _, constant = name.rpartition(".")
    lines = inspect.getsource(import_module(f"albert_np.{module}")).splitlines()
    return next(line for line in lines if line.startswith(f"{constant} = "))


def header(exercise: Exercise, more_imports: str = "") -> str:
    """Return the first lines of a file: which exercise it is, and its text."""
    text = textwrap.dedent(exercise.text).strip()
    imports = "\n\n".join(filter(None, (exercise.imports.strip(), more_imports)))
    return f'{MARK}{exercise.name}\n"""{exercise.title}\n\n{text}\n"""\n\n{imports}\n'


def stub_file(exercise: Exercise) -> str:
    """Return the file that a student starts with."""
    given = [core_source(name) for name in exercise.given]
    return "\n\n".join([header(exercise), *(f"{each}\n" for each in given), exercise.stub.strip()]) + "\n"


def solution_file(exercise: Exercise) -> str:
    """Return the same file with the functions of core."""
    parts = [core_source(name) for name in (*exercise.given, *exercise.solve)]
    return "\n\n".join([header(exercise, exercise.more_imports), *(f"{each}\n" for each in parts)])


def derivation(exercise: Exercise) -> str:
    """Return the derivation: the text at the top of the operation's file, and what the exercise adds to it."""
    module = inspect.getmodule(get_function(exercise.solve[-1]))
    parts = [inspect.getdoc(module), textwrap.dedent(exercise.derivation).strip()]
    text = "\n\n".join(filter(None, parts))
    return f"{text}\n\nIn small steps, with a check of each: notebooks/{exercise.notebook}.ipynb"


# ---- for `draw` ----


def random_key(seed: int, *lengths: int, first: int = 0) -> RandomKey:
    """Return the key of dropout masks for the tokens of sequences of these lengths, the examples first, first + 1, ..."""
    rows = [np.stack([np.full(T, i), np.arange(T)], axis=1) for i, T in enumerate(lengths, first)]  # (T, 2) each
    return RandomKey(seed, 1, rows=np.concatenate(rows))


def normal(seed: int, name: str, *shape: int) -> np.ndarray:
    """Return standard normal numbers, a function of the arguments."""
    return generator(seed, "learn " + name).standard_normal(shape)


def parameters(seed: int, form: Form) -> Tree:
    """Return parameters of this form, away from the values at which mistakes have no effect."""
    p = Tree(form, np.zeros(flat_size(form)))
    for name, array in p.items():
        array[...] = normal(seed, name, *array.shape) * 0.7 + 0.4
    return p


def as_index(value: Any) -> Any:
    """Return an array of int64, as random generators make them everywhere, as np.intp; anything else as it is."""
    return value.astype(np.intp) if getattr(value, "dtype", None) == np.int64 else value


def convert(value: Any, dtype: Any) -> Any:
    """Return a copy of a case, a tree or an array with floating-point arrays in this dtype."""
    if isinstance(value, Tree):
        return value.astype(dtype)
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value.copy()
    return value


def convert_case(case: Case, dtype: Any) -> Case:
    """Return the case with all its arrays in this dtype."""
    return Case(**{name: convert(value, dtype) for name, value in vars(case).items()})


# ---- for `calls` ----


def backward_pass(exercise: Exercise, names: Names, case: Case, cache: Any) -> Callable[[Any], Any]:
    """Return the student's backward pass as a function of g: its other arguments are the cache, and members of the case."""
    parameters = list(inspect.signature(get_function(exercise.solve[-1])).parameters)
    second = "cache" if "cache" in parameters else parameters[1]  # a cache of one member bears that member's name

    def call(g: Any) -> Any:
        given = {"g": g, second: cache}
        return names[exercise.main](*(given[name] if name in given else getattr(case, name) for name in parameters))

    return call


def gradients(case: Case, call: Callable[[Any], Any], outputs: tuple[str, ...] = ("dx",)) -> dict[str, Any]:
    """Call a backward pass with a gradient tree that starts at random numbers, and return the gradients.

    call(g) -> the value or the tuple of values that `outputs` names; g is None without parameters. The gradients of the
    parameters are named "g.w".
    """
    g = None if getattr(case, "p", None) is None else case.p.zeros_like()
    start = {}
    if g is not None:
        for name, array in g.items():
            array[...] = start[name] = normal(case.seed, "start " + name, *array.shape).astype(array.dtype)
    try:
        value = call(g)
    except Exception as error:  # gradients that were added before it count
        added = {f"g.{name}": array - start[name] for name, array in g.items()} if g is not None else {}
        error.reached = {name: value for name, value in added.items() if value.any()}  # type: ignore[attr-defined]
        raise
    results = returned(value, outputs)
    if g is not None:
        results |= {f"g.{name}": array - start[name] for name, array in g.items()}
    return results


def returned(value: Any, outputs: tuple[str, ...]) -> dict[str, Any]:
    """Return {output: value} of what a function returned; those that are missing are None. TypeError for too many values."""
    if len(outputs) < 2:
        return dict.fromkeys(outputs, value)
    if value is None or value is ...:
        return dict.fromkeys(outputs, value)
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) > len(outputs):
        raise TypeError(f"{len(values)} values are returned, but expected are {len(outputs)}: {', '.join(outputs)}")
    return dict.fromkeys(outputs) | dict(zip(outputs, values))


# ---- for `replace` ----


def replace_operation(exercise: Exercise, names: Names) -> AbstractContextManager[None]:
    """Put the functions of a file in the place of the operation of core that they are named after."""
    from albert_np.core import train  # noqa: F401  (loads every operation of core)
    from albert_np.core.dispatch import operations

    name = exercise.main.removesuffix("_backward")
    functions = [names[name], names[exercise.main]] if name != exercise.main else [names[name]]
    return override(operations[name], *functions)


def not_in_the_model(exercise: Exercise, names: Names) -> AbstractContextManager[None]:
    """Raise ValueError: the functions are for something that comes before training, or after it."""
    raise ValueError(f"{exercise.name} is no operation of the model, so there is nothing to put its functions in the place of")
