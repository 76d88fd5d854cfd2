"""What a model answers to a request: `parse` a JSON object into an example, `answers` many examples at once."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from albert_np.apps.fill_mask import likeliest
from albert_np.core import backend
from albert_np.core.model.albert import encode
from albert_np.core.model.heads import mlm_head
from albert_np.engine import threads
from albert_np.engine.shards import number_of_shards, split_points
from albert_np.models import AlbertForMaskedLM
from albert_np.models.batch import TaskBatch
from albert_np.tasks.trained import FILE, Trained

MOST_PIECES = 50  # of a request for what may stand at [MASK]


class Service(Protocol):
    """name: of the task · fields: {field of a request: what it is}, all strings unless said"""

    name: str
    fields: dict[str, str]
    example: dict[str, Any]

    def parse(self, given: dict[str, Any]) -> Any:
        """One request's example. ValueError that names the field."""

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        """The answer to each, in JSON's types."""


def service_of(folder: str, task: str | None = None) -> Service:
    """The service of a model's folder: that of its task, or [MASK] for a model that was only pretrained. task: of your own."""
    if (Path(folder) / FILE).is_file():
        return TaskService(Trained.from_pretrained(folder, task))
    return MaskService.of(folder)


def fields_of(given: dict[str, Any], known: dict[str, str], needed: tuple[str, ...]) -> dict[str, str]:
    """The strings of a request. ValueError for fields that are missing, unknown, or no text."""
    for key in given:
        if key not in known:
            raise ValueError(f"unknown field {key!r}; there are {', '.join(known)}")
    for key in needed:
        if key not in given:
            raise ValueError(f"the field {key!r} is missing")
    for key, value in given.items():
        if not isinstance(value, str):
            raise ValueError(f"{key!r} must be a string, not {type(value).__name__}")
        if key in needed and not value.strip():
            raise ValueError(f"{key!r} is empty")
    return given


class TaskService:
    """A trained task: {"text": ...}, a pair's {"text": ..., "pair": ...}, or {"question": ..., "context": ...}."""

    def __init__(self, trained: Trained) -> None:
        self.trained, self.name = trained, trained.task.name
        if self.name == "question-answering":
            self.fields = {"question": "the question", "context": "the document that it is about"}
            self.example = {"question": "Who was the first?", "context": "Ada Lovelace wrote the first program in 1843."}
        else:
            self.fields = {"text": "the text"}
            self.example = {"text": "The river runs through the old town."}
            if self.name == "classification":
                self.fields |= {"pair": "a second text, for models of pairs"}
            if self.name == "relations":
                self.example = {"text": "The <e1>river</e1> runs through the old <e2>town</e2>."}

    def parse(self, given: dict[str, Any]) -> Any:
        """A tab parts the two texts of an example, so within the first one it must not stand."""
        if self.name == "question-answering":
            found = fields_of(given, self.fields, ("question", "context"))
            return self.trained.task.example(found["question"].replace("\t", " ") + "\t" + found["context"])
        found = fields_of(given, self.fields, ("text",))
        if "pair" not in self.fields:
            return self.trained.task.example(found["text"])
        return self.trained.task.example("\t".join(found[name].replace("\t", " ") for name in ("text", "pair") if name in found))

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        task = self.trained.task
        found = task.answers(self.trained.model, self.trained.tokenizer, examples)
        return [task.as_json(example, answer) for example, answer in zip(examples, found)]


class MaskService:
    """What stands at each [MASK]: {"text": "The [MASK] was opened.", "top_k": 5}."""

    name = "fill-mask"
    fields = {"text": "a text with [MASK]", "top_k": "how many pieces for each, an integer"}  # noqa: RUF012
    example = {"text": "The [MASK] was opened.", "top_k": 5}  # noqa: RUF012

    def __init__(self, model: AlbertForMaskedLM, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def of(cls, folder: str) -> "MaskService":
        import warnings

        from albert_np.text import AlbertTokenizer

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*left out")  # the sentence-order head is not needed here
            return cls(AlbertForMaskedLM.from_pretrained(folder), AlbertTokenizer.from_pretrained(folder))

    def parse(self, given: dict[str, Any]) -> tuple[list[int], list[int], int]:
        top_k = given.get("top_k", 5)
        if type(top_k) is not int or not 1 <= top_k <= MOST_PIECES:
            raise ValueError(f"'top_k' must be an integer from 1 to {MOST_PIECES}, not {top_k!r}")
        text = fields_of({key: value for key, value in given.items() if key != "top_k"}, self.fields, ("text",))["text"]
        ids = [int(i) for i in self.tokenizer(text)["input_ids"][0]]
        places = [place for place, i in enumerate(ids) if i == self.tokenizer.mask_token_id]
        most = self.model.config.max_position_embeddings
        if not places:
            raise ValueError("'text' has no [MASK]")
        if len(ids) > most:
            raise ValueError(f"'text' has {len(ids)} pieces, and the model takes {most}")
        return ids, places, top_k

    def answers(self, examples: list[Any]) -> list[dict[str, Any]]:
        lengths = np.array([len(ids) for ids, _, _ in examples])
        parts = split_points(lengths, number_of_shards(lengths, self.model.params.embeddings.projection.b))
        logits = np.concatenate(threads.run(self.logits, [examples[first:last] for first, last in parts]))
        found, at = [], 0
        for _, places, top_k in examples:
            found.append({"masks": [self.best(row, top_k) for row in logits[at : at + len(places)]]})
            at += len(places)
        return found

    def logits(self, examples: list[Any]) -> np.ndarray:
        """-> (M, V), the vocabulary's scores at each [MASK]. All texts end to end; other places are not scored."""
        p, config = self.model.params, self.model.config.replace(recompute=True)
        lengths = np.array([len(ids) for ids, _, _ in examples])
        starts = np.cumsum(lengths) - lengths
        rows = np.concatenate([start + np.array(places) for start, (_, places, _) in zip(starts, examples)])
        batch = TaskBatch.pack(
            ids=np.concatenate([ids for ids, _, _ in examples]), lengths=lengths, token_types=np.zeros(lengths.sum(), np.int64),
            positions=np.concatenate([np.arange(length) for length in lengths]),
            masked_rows=rows, masked_labels=np.zeros_like(rows), output_rows=None if config.fusion_layers else rows, like=p.flat,
        )  # fmt: skip
        (h, _), _ = encode(batch, p, config)
        return backend.to_host(mlm_head(h, batch.masked.rows, p, config)[0])

    def best(self, logits: np.ndarray, top_k: int) -> list[dict[str, Any]]:
        """logits (V,) -> the best pieces with their probabilities, most likely first"""
        return [{"piece": piece, "probability": round(p, 6)} for piece, p in likeliest(logits, self.tokenizer, top_k)]
