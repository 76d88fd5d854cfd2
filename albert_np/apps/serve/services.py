"""Services: `parse` turns a JSON object into an example, `answers` answers many examples at once."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from albert_np.apps.fill_mask import load_masked_model, top_tokens
from albert_np.core import backend
from albert_np.core.model.albert import encode
from albert_np.core.model.heads import mlm_head
from albert_np.engine import threads
from albert_np.engine.shards import number_of_shards, split_points
from albert_np.models import AlbertConfig, AlbertForMaskedLM
from albert_np.models.batch import TaskBatch
from albert_np.models.vocabulary import check_vocabulary
from albert_np.tasks.inferred import names_task
from albert_np.tasks.trained import FILE, Trained

MAX_TOP_K = 50
CHOICE_FIELDS = {
    "context": "a passage, which may be missing", "question": "the question", "choices": "the choices, a list; here one per line",
}  # fmt: skip


CHOICE_EXAMPLE = {
    "context": "Ada took the boat to the island.", "question": "Where is she?", "choices": ["on an island", "in town", "at home"],
}  # fmt: skip


class Service(Protocol):
    """Interface of a service.

    name      of the task
    fields    {field of a request: its description}; values are strings unless the description says otherwise
    example   a request, for the page
    """

    name: str
    fields: dict[str, str]
    example: dict[str, Any]

    def parse(self, given: dict[str, Any]) -> Any:
        """Return the example of one request. ValueError that names the invalid field."""

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        """Return the answer to each example, in JSON's types."""


def open_service(folder: str, task: str | None = None) -> Service:
    """Return the service of a model: its task's, or [MASK] for a pretrained model. task: see `Trained.from_pretrained`."""
    path = Path(folder)
    if task is not None or (path / FILE).is_file() or (path.is_dir() and names_task(AlbertConfig.from_pretrained(path))):
        return TaskService(Trained.from_pretrained(folder, task))
    return MaskService.from_pretrained(folder)


def check_fields(request: dict[str, Any], known: dict[str, str], required: tuple[str, ...]) -> dict[str, str]:
    """Return the request if its fields are valid. ValueError for fields that are missing, unknown, empty or not strings."""
    for key in request:
        if key not in known:
            raise ValueError(f"unknown field {key!r}; the fields are {', '.join(known)}")
    for key in required:
        if key not in request:
            raise ValueError(f"the field {key!r} is missing")
    for key, value in request.items():
        if not isinstance(value, str):
            raise ValueError(f"{key!r} must be a string, not {type(value).__name__}")
        if key in required and not value.strip():
            raise ValueError(f"{key!r} is empty")
    return request


def check_choices(request: dict[str, Any]) -> dict[str, Any]:
    """Return the request if it is a question with choices. ValueError that names the invalid field."""
    texts = {key: value for key, value in request.items() if key != "choices"}
    check_fields(texts, CHOICE_FIELDS, ())
    choices = request.get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(each, str) and each.strip() for each in choices):
        raise ValueError("'choices' must be a list of two strings or more that are not empty")
    if not any(text.strip() for text in texts.values()):
        raise ValueError("'question' is empty, and so is 'context'")
    return {"question": "", **request}


class TaskService:
    """A trained task: {"text": ...}, a pair's {"text": ..., "pair": ...}, or {"question": ..., "context": ...}.

    For multiple choice it is {"question": ..., "choices": [...]}, perhaps with "context".
    """

    def __init__(self, trained: Trained) -> None:
        trained.task.note = log
        self.trained, self.name = trained, trained.task.name
        self.required: tuple[str, ...] = ("text",)
        self.example: dict[str, Any]
        if self.name == "question-answering":
            self.fields = {"question": "the question", "context": "the document that it is about"}
            self.example = {"question": "Who was the first?", "context": "Ada Lovelace wrote the first program in 1843."}
        elif self.name == "multiple-choice":
            self.fields = CHOICE_FIELDS
            self.example = CHOICE_EXAMPLE
        else:
            self.fields = {"text": "the text"}
            self.example = {"text": "The river runs through the old town."}
            pairs = trained.task.options.get("pairs")
            if self.name == "classification" and pairs is not False:
                self.fields |= {"pair": "the second text" + ("" if pairs else ", for models of pairs")}
            if pairs:
                self.required, self.example = ("text", "pair"), {**self.example, "pair": "There is a town at the river."}
            if self.name == "relations":
                self.example = {"text": "The <e1>river</e1> runs through the old <e2>town</e2>."}

    def parse(self, given: dict[str, Any]) -> Any:
        """A tab separates the two texts of an example, so tabs within them become spaces."""
        if self.name == "question-answering":
            texts = check_fields(given, self.fields, ("question", "context"))
            return self.trained.task.example(texts["question"].replace("\t", " ") + "\t" + texts["context"])
        if self.name == "multiple-choice":
            return self.trained.task.example(json.dumps(check_choices(given)))
        if "pair" in given and "pair" not in self.fields and self.name == "classification":
            raise ValueError("the model was trained on single texts, so 'pair' is not a field; the only one is 'text'")
        texts = check_fields(given, self.fields, self.required)
        if "pair" not in self.fields:
            return self.trained.task.example(texts["text"])
        return self.trained.task.example("\t".join(texts[name].replace("\t", " ") for name in ("text", "pair") if name in texts))

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
    fields = {"text": "a text with [MASK]", "top_k": "number of tokens for each, an integer"}  # noqa: RUF012
    example = {"text": "The [MASK] was opened.", "top_k": 5}  # noqa: RUF012

    def __init__(self, model: AlbertForMaskedLM, tokenizer: Any) -> None:
        check_vocabulary(model.config, len(tokenizer))
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def from_pretrained(cls, folder: str) -> "MaskService":
        """Load a pretrained model. ValueError if it has no masked-language-model head."""
        return cls(*load_masked_model(folder))

    def parse(self, given: dict[str, Any]) -> tuple[list[int], list[int], int]:
        top_k = given.get("top_k", 5)
        if type(top_k) is not int or not 1 <= top_k <= MAX_TOP_K:
            raise ValueError(f"'top_k' must be an integer from 1 to {MAX_TOP_K}, not {top_k!r}")
        text = check_fields({key: value for key, value in given.items() if key != "top_k"}, self.fields, ("text",))["text"]
        ids = [int(i) for i in self.tokenizer(text)["input_ids"][0]]
        positions = [position for position, i in enumerate(ids) if i == self.tokenizer.mask_token_id]
        most = self.model.config.max_position_embeddings
        if not positions:
            raise ValueError("'text' has no [MASK]")
        if len(ids) > most:
            raise ValueError(f"'text' has {len(ids)} tokens, and the model takes {most}")
        return ids, positions, top_k

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        lengths = np.array([len(ids) for ids, _, _ in examples])
        parts = split_points(lengths, number_of_shards(lengths, self.model.params.embeddings.projection.b))
        logits = np.concatenate(threads.run(self.mask_logits, [examples[first:last] for first, last in parts]))
        answers, first = [], 0
        for _, positions, top_k in examples:
            rows = logits[first : first + len(positions)]
            answers.append({"masks": [self.top_pieces(row, top_k) for row in rows]})
            first += len(positions)
        return answers

    def mask_logits(self, examples: list[Any]) -> np.ndarray:
        """Return the logits (M, V) at each [MASK], of all texts in one packed batch."""
        p, config = self.model.params, self.model.config.replace(recompute=True)
        lengths = np.array([len(ids) for ids, _, _ in examples])
        starts = np.cumsum(lengths) - lengths
        rows = np.concatenate([start + np.array(positions) for start, (_, positions, _) in zip(starts, examples)])
        batch = TaskBatch.pack(
            ids=np.concatenate([ids for ids, _, _ in examples]), lengths=lengths, token_types=np.zeros(lengths.sum(), np.int64),
            positions=np.concatenate([np.arange(length) for length in lengths]),
            output_rows=None if config.fusion_layers else rows, like=p.flat,
        )  # fmt: skip
        (h, _), _ = encode(batch, p, config)
        return backend.to_host(mlm_head(h, backend.asarray_like(rows, h), p, config)[0])

    def top_pieces(self, logits: np.ndarray, top_k: int) -> list[dict[str, Any]]:
        """Return the most probable pieces with their probabilities, in descending order. logits: (V,)"""
        return [{"piece": piece, "probability": round(p, 6)} for piece, p in top_tokens(logits, self.tokenizer, top_k)]
