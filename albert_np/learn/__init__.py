"""Exercises that grade themselves: backward passes to write, and a checker that says what a wrong one looks like.

ab.learn.exercises()                    the ladder, from `linear` upwards
print(ab.learn.stub("layer_norm"))      the file to start with
ab.learn.check("layer_norm.py")         grade a file, its text, a function or a module; returns a `Report`
print(ab.learn.bug(3))                  a layer with one mistake, to be found and corrected
with ab.learn.use("layer_norm.py"): ... your functions take the place of the library's

At the command line: `albert-np learn list`.
"""

from albert_np.learn.bugs import bug
from albert_np.learn.exercise import Exercise
from albert_np.learn.grade import check
from albert_np.learn.guide import derivation, exercises, hints, solution, stub
from albert_np.learn.in_place import use
from albert_np.learn.ipynb import notebook
from albert_np.learn.progress import DictStore, FileStore
from albert_np.learn.report import Item, Report

__all__ = [
    "DictStore", "Exercise", "FileStore", "Item", "Report", "bug", "check", "derivation", "exercises", "hints", "notebook",
    "solution", "stub", "use",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
