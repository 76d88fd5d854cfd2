"""The uses of the model, one a file: what a file of examples means, what the model is asked, and how its answers are scored.

task.py is the protocol that they share. `task_of` gives a task by its name; one of your own is "file.py:Class".
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from albert_np.tasks.task import Item, Task

__all__ = ["TASKS", "Item", "Task", "task_of"]

TASKS = {
    "classification": "albert_np.tasks.classification:Classification",
    "question-answering": "albert_np.tasks.question_answering:QuestionAnswering",
    "ner": "albert_np.tasks.ner:NamedEntities",
    "relations": "albert_np.tasks.relation:Relations",
    "srl": "albert_np.tasks.roles:SemanticRoles",
    "translation": "albert_np.tasks.translation:Translation",
}


def task_of(name: str | Task, **options: Any) -> Task:
    """The task of this name, with these options; or of a class of your own, "module:Class" or "file.py:Class".

    ValueError for an unknown name or option.
    """
    if isinstance(name, Task):
        return name
    place = TASKS.get(name.replace("_", "-"), name)
    module, colon, cls = place.rpartition(":")
    if not colon:
        raise ValueError(f"unknown task {name!r}; there are {', '.join(TASKS)}, and your own as file.py:Class")
    found = getattr(_module(module), cls, None)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(f"{place}: {cls} is no subclass of albert_np.tasks.Task")
    return found(**options)


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ValueError(f"the task's module {name!r} cannot be found ({error})") from None
    if not Path(name).is_file():
        raise FileNotFoundError(f"there is no file {name!r} with a task")
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
