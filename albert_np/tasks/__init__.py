"""The tasks that a model can be fine-tuned for, one per file: examples -> rows -> answers -> score.

task.py defines the protocol. `get_task` returns a task by name; a task of your own is named as "file.py:Class".
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from albert_np.io.similar_names import suggest
from albert_np.tasks.task import Item, Task

__all__ = ["TASKS", "Item", "Task", "get_task"]
__dir__ = __all__.copy  # for completion

TASKS = {
    "classification": "albert_np.tasks.classification:Classification",
    "question-answering": "albert_np.tasks.question_answering:QuestionAnswering",
    "multiple-choice": "albert_np.tasks.multiple_choice:MultipleChoice",
    "ner": "albert_np.tasks.ner:NamedEntities",
    "relations": "albert_np.tasks.relation:Relations",
    "srl": "albert_np.tasks.roles:SemanticRoles",
    "translation": "albert_np.tasks.translation:Translation",
    "zero-shot": "albert_np.tasks.zero_shot:ZeroShot",  # over models of classification
}


def get_task(name: str | Task, **options: Any) -> Task:
    """Return the task of this name with these options. name: a key of `TASKS`, that of a benchmark such as "glue:mrpc" (see
    `tasks.benchmarks`), "module:Class" or "file.py:Class"; a `Task` is returned unchanged.

    Raises ValueError for an unknown name or option, FileNotFoundError for a missing file.
    """
    if isinstance(name, Task):
        return name
    if benchmark := _find_benchmark(name):
        return get_task(benchmark.task, **{**benchmark.task_options(), **options})
    target = TASKS.get(name.replace("_", "-"), name)
    module, colon, class_name = target.rpartition(":")
    if not colon:
        from albert_np.tasks.benchmarks.names import suggest_benchmark

        raise ValueError(
            f"unknown task {name!r}; expected one of {', '.join(TASKS)}, a benchmark such as glue:mrpc, or file.py:Class for a "
            f"task of your own{suggest(name, list(TASKS)) or suggest_benchmark(name)}"
        )
    task_class = getattr(_import_module(module), class_name, None)
    if not (isinstance(task_class, type) and issubclass(task_class, Task)):
        raise ValueError(f"{target}: {class_name} is not a subclass of albert_np.tasks.Task")
    return task_class(**options)


def _find_benchmark(name: str) -> Any:
    from albert_np.tasks.benchmarks import find_benchmark

    return find_benchmark(name)


def _import_module(name: str) -> ModuleType:
    """Import a module by its dotted name, or a file by its path, which ends in .py."""
    if not name.endswith(".py"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ValueError(f"the task's module {name!r} cannot be imported ({error})") from None
    if not Path(name).is_file():
        raise FileNotFoundError(f"there is no file {name!r} to import the task from")
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
