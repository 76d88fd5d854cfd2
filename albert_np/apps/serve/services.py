"""Services: `parse` turns a JSON object into an example, `answers` answers many examples at once."""

import contextlib
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from albert_np.apps.fill_mask import encode_masked, load_masked_model, mask_logits, top_tokens
from albert_np.apps.serve.embeddings import EmbeddingService
from albert_np.io.similar_names import suggest
from albert_np.io.sources import as_path
from albert_np.models import AlbertConfig, AlbertForMaskedLM
from albert_np.models.vocabulary import check_vocabulary
from albert_np.tasks import TASKS, Task, get_task
from albert_np.tasks.inferred import names_task
from albert_np.tasks.requests import Field, check_request
from albert_np.tasks.trained import FILE, Trained

TOP_K, MAX_TOP_K = 5, 50  # tokens for each [MASK]


class Service(Protocol):
    """Interface of a service.

    name      of the task
    fields    {name: field of a request}
    """

    name: str
    fields: dict[str, Field]

    def parse(self, given: dict[str, Any]) -> Any:
        """Return the example of one request. ValueError that names the invalid field."""

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        """Return the answer to each example, in JSON's types."""


def open_service(folder: str, task: str | None = None, options: dict[str, str] | None = None) -> Service:
    """Return the service of a model: its task's, or [MASK] for a pretrained model.

    task: see `Trained.from_pretrained`, or "embeddings" for vectors by any model, or "fill-mask"; options: of the task, to be
    changed, as they are typed
    """
    if task == EmbeddingService.name:
        return EmbeddingService.from_pretrained(folder, options or {})
    if task == MaskService.name or (task is None and not is_trained(as_path(folder))):
        if options:
            raise ValueError(f"{folder} is a pretrained model, so there are no options of a task, such as {next(iter(options))}")
        return MaskService.from_pretrained(folder)
    named = None if task is None else find_task(task)
    trained = Trained.from_pretrained(folder, named, options=None if named is None else named.parse_options(options or {}))
    if named is None and options:
        trained.task.change_options(trained.task.parse_options(options))
    return TaskService(trained)


def is_trained(path: Path) -> bool:
    """Return whether a folder holds a model that was trained for a task."""
    return (path / FILE).is_file() or (path.is_dir() and names_task(AlbertConfig.from_pretrained(path)))


def find_task(name: str) -> Task:
    """Return the task of this name. ValueError for an unknown one, which names the services that are no tasks, too."""
    try:
        return get_task(name)
    except ValueError as error:
        if not str(error).startswith("unknown task"):
            raise
        others = (EmbeddingService.name, MaskService.name)
        raise ValueError(f"{error}; serve has {' and '.join(others)}, too{suggest(name, [*TASKS, *others])}") from None


class TaskService:
    """A trained task, which declares the fields of its requests (`Task.fields`)."""

    def __init__(self, trained: Trained) -> None:
        trained.task.note = log
        trained.model.prepare()
        self.trained, self.name, self.fields = trained, trained.task.name, trained.task.fields()

    def parse(self, given: dict[str, Any]) -> Any:
        return self.trained.task.example_from_request(check_request(given, self.fields))

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        task = self.trained.task
        answers = task.answers(self.trained.model, self.trained.tokenizer, examples)
        return [task.as_json(example, answer) for example, answer in zip(examples, answers)]


def log(text: str) -> None:
    """Print a note on stderr; a closed stderr is no error."""
    with contextlib.suppress(OSError):
        print(f"albert-np: note: {text}", file=sys.stderr, flush=True)


class MaskService:
    """Prediction of the tokens at each [MASK]: {"text": "The [MASK] was opened.", "top_k": 5}."""

    name = "fill-mask"

    def __init__(self, model: AlbertForMaskedLM, tokenizer: Any) -> None:
        check_vocabulary(model.config, len(tokenizer))
        self.model, self.tokenizer = model.prepare(), tokenizer
        self.fields = {
            "text": Field("a text with [MASK]", "The [MASK] was opened."),
            "top_k": Field("number of tokens for each, an integer", TOP_K, int, required=False, limits=(1, MAX_TOP_K)),
        }

    @classmethod
    def from_pretrained(cls, folder: str) -> "MaskService":
        """Load a pretrained model. ValueError if it has no masked-language-model head."""
        return cls(*load_masked_model(folder))

    def parse(self, given: dict[str, Any]) -> tuple[list[int], list[int], int]:
        request = check_request(given, self.fields)
        text, top_k = request["text"], request.get("top_k", TOP_K)
        ids = encode_masked(self.model, self.tokenizer, text, "'text'")
        positions = [position for position, i in enumerate(ids) if i == self.tokenizer.mask_token_id]
        return ids, positions, top_k

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        logits = mask_logits(self.model, [ids for ids, _, _ in examples], [positions for _, positions, _ in examples])
        answers, first = [], 0
        for _, positions, top_k in examples:
            rows = logits[first : first + len(positions)]
            answers.append({"masks": [self.top_pieces(row, top_k) for row in rows]})
            first += len(positions)
        return answers

    def top_pieces(self, logits: np.ndarray, top_k: int) -> list[dict[str, Any]]:
        """Return the most probable pieces with their probabilities, in descending order. logits: (V,)"""
        return [{"piece": piece, "probability": round(p, 6)} for piece, p in top_tokens(logits, self.tokenizer, top_k)]
