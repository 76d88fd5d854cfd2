"""Read a student's file: its functions, the lines that are still to be written, and errors with the line of the file."""

import ast
import difflib
import inspect
import linecache
import re
import textwrap
import types
from dataclasses import dataclass, field, replace
from typing import Any

from albert_np.learn.exercise import MARK
from albert_np.learn.exercises import LADDER, get

FILE = "<your file>"  # the name of the source in tracebacks
ALLOWED_IMPORTS = ("numpy", "math", "typing", "collections", "functools", "itertools", "dataclasses", "albert_np.core")
REFUSED_NAMES = frozenset(
    "open exec eval compile __import__ input breakpoint globals vars __builtins__ __loader__ __spec__ ctypeslib fromfile tofile "
    "memmap save savez savez_compressed savetxt load loadtxt genfromtxt fromregex DataSource".split()
)
# Where indices have 32 bits, NumPy refuses the integers that are usual elsewhere
WIDE_INDEX = (
    "In a browser NumPy's indices have 32 bits: np.bincount, np.repeat and np.take refuse an array of int64. "
    "x.astype(np.intp) has the right integers everywhere"
)


class Unusable(Exception):
    """A file that cannot be graded; the message says why, in words for its author."""


@dataclass
class Submission:
    """A student's code. unfinished: {function: lines with `...`}; source: "" if functions were given."""

    names: dict[str, Any]
    source: str = ""
    unfinished: dict[str, list[int]] = field(default_factory=dict)

    def line(self, number: int) -> str:
        lines = self.source.splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def exercise_named_in(source: str) -> str | None:
    """Return the exercise that a file says it is for, in its first lines; None if it does not say so."""
    for line in source.splitlines()[:5]:
        if line.startswith(MARK):
            return line.removeprefix(MARK).split()[0].rstrip(",") if line.removeprefix(MARK).split() else None
    return None


def bug_named_in(source: str) -> int | None:
    """Return the number of the bug that a file was handed out with; None if it is an ordinary exercise."""
    for line in source.splitlines()[:5]:
        if match := re.fullmatch(re.escape(MARK) + r"\w+, bug (\d+)\s*", line):
            return int(match[1])
    return None


def exercise_for(source: str, names: Any) -> str:
    """Return the exercise that a file is for: the one it names, or else the one whose functions it defines."""
    named = exercise_named_in(source)
    if named:
        try:
            return get(named).name
        except ValueError as error:
            raise Unusable(f"the first line of the file names an exercise that does not exist: {error}") from None
    matching = [name for name in LADDER if get(name).main in names]
    if len(matching) == 1:
        return matching[0]
    expected = ", ".join(get(name).main for name in LADDER)
    raise Unusable(
        f"it is not clear which exercise this is for. Name it: check(source, exercise='layer_norm'), or let the file begin with "
        f"the line '{MARK}layer_norm'. The functions of the exercises are {expected}"
    )


def parse(source: str) -> ast.Module:
    """Return the syntax tree. Unusable, with line and text, if it is not Python."""
    try:
        return ast.parse(source, FILE)
    except SyntaxError as error:
        text = (error.text or "").strip()
        shown = f": {text}" if text else ""
        raise Unusable(f"Python cannot read line {error.lineno}{shown} ({error.msg})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unusable(f"Python cannot read this file: {error}") from None


def is_placeholder(node: ast.AST | None) -> bool:
    """Return whether an expression has a `...` that stands for something to be written; `g.w[...]` does not."""
    if node is None:
        return False
    if isinstance(node, ast.Subscript):
        return is_placeholder(node.value)
    if isinstance(node, ast.Constant):
        return node.value is ...
    return any(is_placeholder(child) for child in ast.iter_child_nodes(node))


def placeholder_lines(function: ast.FunctionDef) -> list[int]:
    """Return the lines of a function's statements that have a `...` to be replaced."""
    lines = []
    for node in ast.walk(function):
        value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr) else None
        if value is not None and is_placeholder(value):
            lines.append(node.lineno)  # type: ignore[attr-defined]
    return sorted(lines)


class WithoutUnfinished(ast.NodeTransformer):
    """Replace `g.w += ...` by `pass`, so that the lines after it run."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if is_placeholder(node.value) else node


def refuse(tree: ast.Module) -> None:
    """Raise Unusable for imports and names that an exercise does not need."""
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or '.'}.{alias.name}" if node.module == "albert_np" else node.module or "."
                       for alias in node.names]  # fmt: skip
        for module in modules:
            if not any(module == allowed or module.startswith(allowed + ".") for allowed in ALLOWED_IMPORTS):
                raise Unusable(
                    f"line {node.lineno} imports {module}, which no exercise needs. "  # type: ignore[attr-defined]
                    f"Allowed are {', '.join(ALLOWED_IMPORTS)}"
                )
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name in REFUSED_NAMES or (name.startswith("__") and name != "__name__"):
            raise Unusable(f"line {node.lineno} uses {name}, which no exercise needs")  # type: ignore[attr-defined]


def load(source: str, restricted: bool = False) -> Submission:
    """Execute a file and return its functions. restricted: refuse imports and names that no exercise needs."""
    if not source.strip():
        raise Unusable("the file is empty")
    tree = parse(source)
    if restricted:
        refuse(tree)
    return execute(source, tree, {})


def from_functions(functions: dict[str, Any]) -> Submission:
    """Return functions as a submission. Those with a `...` still in them are executed from their source, without these lines."""
    sources = [source for each in functions.values() if (source := read_source(each))]
    text = "\n\n".join(sources)
    tree = parse(text)
    if not any(placeholder_lines(node) for node in tree.body if isinstance(node, ast.FunctionDef)):
        return Submission(functions)
    around = {name: value for each in functions.values() for name, value in getattr(each, "__globals__", {}).items()}
    submission = execute(text, tree, around | functions)
    # only these are to be graded: the names around them may be forward passes with other arguments
    return replace(submission, names={name: submission.names[name] for name in functions})


def read_source(function: Any) -> str:
    """Return the source of a function that reads no variables of a function around it; "" if there is none."""
    if not isinstance(function, types.FunctionType) or function.__closure__:
        return ""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""
    return source if source.startswith("def ") else ""


def execute(source: str, tree: ast.Module, names: dict[str, Any]) -> Submission:
    """Execute a file, with these names defined, and return its functions."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    unfinished = {name: lines for name, node in functions.items() if (lines := placeholder_lines(node))}
    tree = ast.fix_missing_locations(WithoutUnfinished().visit(tree))
    module = types.ModuleType("your_file")
    vars(module).update(names)
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    try:
        exec(compile(tree, FILE, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise Unusable(describe_error(error, Submission({}, source))) from None
    return Submission(vars(module), source, unfinished)


def missing_function(name: str, names: dict[str, Any]) -> str:
    """Return the message for a function that the file does not define."""
    own = [each for each, value in names.items() if isinstance(value, types.FunctionType)]
    near = difflib.get_close_matches(name, own, n=1, cutoff=0.7)
    hint = f"; is {near[0]} meant for it?" if near else ""
    return f"the function {name} is not there{hint}" + (
        "" if callable(names.get(name, print)) else ": the name is used for something else"
    )


# ---- errors ----


def line_of_error(error: BaseException) -> int | None:
    """Return the last line of the student's file that the traceback passes through; None if there is none."""
    line, at = None, error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == FILE:
            line = at.tb_lineno
        at = at.tb_next
    return line


def describe_error(error: BaseException, submission: Submission) -> str:
    """Return an exception in one or two sentences: the line of the student's file, its text, and advice if there is any."""
    line = line_of_error(error)
    place = "" if line is None else f"line {line}: {submission.line(line)}: " if submission.line(line) else f"line {line}: "
    if isinstance(error, SystemExit):
        return f"{place}the file ends the program; remove the call of exit() or quit()"
    if isinstance(error, RecursionError):
        return f"{place}a function calls itself without end (RecursionError)"
    text = f"{place}{type(error).__name__}: {' '.join(str(error).split())}"
    advice = advise(error)
    return f"{text}. {advice}" if advice else text


def advise(error: BaseException) -> str:
    """Return advice for common errors; "" for others."""
    text = str(error)
    if "non-broadcastable output operand" in text:
        return "You add an array to a gradient of another shape: is a sum over the rows, .sum(0), missing?"
    if "could not be broadcast" in text:
        shapes = re.findall(r"\([\d,]*\)", text)
        if len(shapes) == 3 and shapes[0] == shapes[2]:  # an operation in place, such as g.b += ...
            return "You add an array to one of another shape: is the sum over the right axis? Or is a factor to be transposed?"
        return "These shapes do not fit together. Write the shape of each array beside its line; keepdims=True keeps an axis"
    if "matmul" in text and "mismatch" in text:
        return (
            "In A @ B the last axis of A must be as long as the second last of B: is one of them to be transposed? .T "
            "reverses all axes; with three or more, .swapaxes(-1, -2) exchanges the last two"
        )
    if "from dtype('int64') to dtype('int32')" in text and isinstance(error, TypeError):
        return WIDE_INDEX
    if "cannot be replaced" in text:
        return "Gradients are added in place"
    if "truth value of an array" in text:
        return "An array has no truth value of its own: np.where(condition, a, b) chooses element by element"
    if "'NoneType'" in text:
        return "Something is None here: is a return missing in your function, or does None stand for something that is not there?"
    if "'Tree' object is not subscriptable" in text or "'Tree' object does not support item" in text:
        return "Parameters and gradients are attributes: write g.w instead of g['w']"
    if isinstance(error, IndexError) and "must be of integer" in text:
        return "Row numbers come before the values: np.add.at(table, ids, rows)"
    if isinstance(error, KeyError):
        return "There is no such key; .get(key, value) gives a value for keys that are not there"
    if isinstance(error, UnboundLocalError):  # a kind of NameError
        return "It is used before it is assigned: an assignment anywhere in a function makes a name local to it"
    if isinstance(error, NameError):
        return "Is it spelled as in the line where it is assigned, or is an import missing?"
    if isinstance(error, ModuleNotFoundError):
        return "The exercises need only numpy, math and albert_np"
    return ""
