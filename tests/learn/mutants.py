"""Random wrong versions of a solution: operators swapped, factors, axes, signs, names and lines left out."""

import ast
import copy
import random
from collections.abc import Iterator

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


def places(tree: ast.AST, functions: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
    """Yield (kind of mutation, node) of everything in these functions that can be changed."""
    for function in ast.walk(tree):
        if not (isinstance(function, ast.FunctionDef) and function.name in functions):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp):
                if type(node.op) in OPERATORS:
                    yield "operator", node
                yield "left", node
                yield "right", node
                yield "factor", node
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean", "max"):
                yield "reduction", node
                yield "axis", node
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
                yield "number", node
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in ("np", "math"):
                yield "name", node
            if isinstance(node, ast.AugAssign):
                yield "assign", node
                yield "omit", node
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield "omit", node
            if isinstance(node, ast.Attribute) and node.attr == "T":
                yield "transpose", node


def mutate(source: str, functions: tuple[str, ...], seed: int) -> str:
    """Return the source with one random change in one of these functions."""
    rng = random.Random(seed)
    tree = ast.parse(source)
    kind, node = rng.choice(list(places(tree, functions)))
    names = sorted({each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)})
    replacement: ast.AST = node
    if kind == "operator":
        node.op = OPERATORS[type(node.op)]()
    elif kind in ("left", "right"):
        replacement = getattr(node, kind)
    elif kind == "factor":
        constant = ast.Constant(rng.choice([-1.0, 0.5, 2.0, 0.3]))
        replacement = ast.BinOp(constant, ast.Mult(), copy.deepcopy(node))
    elif kind == "reduction":
        node.func.attr = rng.choice([each for each in ("sum", "mean", "max") if each != node.func.attr])
    elif kind == "axis":
        node.args = [ast.Constant(rng.choice([0, -1]))]
    elif kind == "number":
        node.value = rng.choice([node.value + 1, -node.value, 2 * node.value, 0])
    elif kind == "name":
        node.id = rng.choice(names) if names else node.id
    elif kind == "assign":
        replacement = ast.Assign([ast.Subscript(node.target, ast.Constant(...), ast.Store())], node.value)
    elif kind == "omit":
        replacement = ast.Pass()
    elif kind == "transpose":
        replacement = node.value

    class Replace(ast.NodeTransformer):
        def visit(self, each: ast.AST) -> ast.AST:
            return replacement if each is node else self.generic_visit(each)

    tree = Replace().visit(tree) if replacement is not node else tree
    return "# albert-np learn: " + source.splitlines()[0].rpartition(" ")[2] + "\n" + ast.unparse(ast.fix_missing_locations(tree))
