"""The task of a model that was trained elsewhere: a folder without task.json, as transformers and `convert --to hf` write it.

config.json says it: the class under "architectures" is the task, id2label has the labels in the order of their ids, problem_type
the kind of classification, and max_position_embeddings the length of a text.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from albert_np.io.files import DataError
from albert_np.io.names import get_named_classes
from albert_np.io.sources import shown_name
from albert_np.models.config import AlbertConfig
from albert_np.tasks import TASKS, Task, get_task
from albert_np.tasks.classification import PROBLEM_TYPES


class NotFinetuned(ValueError):
    """A folder holds a pretrained model, without the head of a task."""


CLASSES = {  # class in config.json -> tasks that it may have been trained for; the first is taken
    "AlbertForSequenceClassification": ("classification",),
    "AlbertForTokenClassification": ("ner", "srl"),
    "AlbertForQuestionAnswering": ("question-answering",),
    "AlbertForMultipleChoice": ("multiple-choice",),
    "AlbertForRelationClassification": ("relations",),
    "AlbertForTranslation": ("translation",),
}
PRETRAINED = ("AlbertModel", "AlbertForPreTraining", "AlbertForMaskedLM")
SHOWN = 6  # labels in a note
UNNAMED = re.compile(r"LABEL_\d+")  # transformers' names of labels that have none


def get_class(config: AlbertConfig) -> str:
    """Return the class that a config names, without the prefix of another framework; "" for none."""
    return re.sub("^(TF|Flax)", "", next(iter(get_named_classes(config)), ""))


def names_task(config: AlbertConfig) -> bool:
    """Return whether a config names the class of a task."""
    return get_class(config) in CLASSES


def infer_task(path: Path, config: AlbertConfig, max_tokens: int, task: str | Task | None = None) -> tuple[Task, str]:
    """Return the task of a folder without task.json, and one line on what it was inferred from.

    task        the expected task, whose options count where they are not the defaults; None: that of the class in config.json
    max_tokens  of a text, as the tokenizer limits it

    Raises ValueError for a class without a task here, another class than the expected task's, and labels that do not fit it.
    """
    chosen = _choose_task(path, config, task)
    options: dict[str, Any] = {"max_length": min(config.max_position_embeddings, max_tokens)}
    described = ""
    if "kind" in chosen.defaults:
        options["kind"] = _get_kind(path, config)
    if "labels" in chosen.defaults and options.get("kind") != "number":
        options["labels"] = labels = get_labels(path, config)
        described = " with the labels " + describe_labels(labels)
    if options.get("kind") == "number":
        described = " of a number"
    elif options.get("kind") == "sets":
        described += ", any number of them for a text"
    if "decoding" in chosen.defaults:
        options["decoding"] = "each"
        described += ", for each word the most probable one"
    if "unanswerable" in chosen.defaults:
        described = ", every question with an answer"
    if "other" in chosen.defaults and "Other" not in options["labels"] and "no_relation" in options["labels"]:
        options["other"] = "no_relation"
    known = {key: value for key, value in options.items() if key in chosen.defaults}
    given = {key: value for key, value in chosen.options.items() if value != chosen.defaults[key]}
    made = type(chosen)(**{**known, **given})
    return made, f"{path}: no task.json: {made.name}{described} (from config.json)"


def _choose_task(path: Path, config: AlbertConfig, task: str | Task | None) -> Task:
    named = get_class(config)
    if named in PRETRAINED:
        name = "TASK" if task is None else get_task(task).name
        masks = "" if named == "AlbertModel" else "; as it is, fill-mask and serve can use it"
        raise NotFinetuned(
            f"{shown_name(path)} holds a pretrained model ({named}) without the head of a task: fine-tune it first, "
            f"finetune {name} with `model` {shown_name(path)}{masks}"
        )
    if task is None:
        if named not in CLASSES:
            given = f"the class {named!r}, for which there is no task here" if named else 'no class under "architectures"'
            raise ValueError(f"{path} has no task.json, and its config.json names {given}: name the task, {', '.join(TASKS)}")
        return get_task(CLASSES[named][0])
    expected = get_task(task)
    if named and expected.model.__name__ != named:
        tasks = " or ".join(CLASSES.get(named, ())) or "a task that is not here"
        raise ValueError(f"{path} was trained as {named}, which is for {tasks}, not for {expected.name!r}")
    return expected


def _get_kind(path: Path, config: AlbertConfig) -> str:
    """Return the kind of classification; a single output without a problem_type is a number, as in transformers."""
    problem = config.problem_type or ("regression" if config.num_labels == 1 else "single_label_classification")
    kind = next(kind for kind, name in PROBLEM_TYPES.items() if name == problem)
    if kind == "number" and config.num_labels != 1:
        raise DataError(f"{path} is a regression of {config.num_labels} numbers; classification here is of one number at most")
    return kind


def get_labels(path: Path, config: AlbertConfig) -> list[str]:
    """Return the labels in the order of their ids; without id2label they are LABEL_0, LABEL_1, ... as in transformers.

    Raises ValueError if two have the same name.
    """
    names = config.id2label or {i: f"LABEL_{i}" for i in range(config.num_labels)}
    labels = [names[i] for i in range(len(names))]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise DataError(f"{path}: id2label of config.json has the name {twice[0]!r} for {labels.count(twice[0])} labels")
    return labels


def describe_labels(labels: Sequence[str]) -> str:
    """Return the first labels and how many more there are."""
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    unnamed = ", which have no names in id2label" if all(map(UNNAMED.fullmatch, labels)) else ""
    return ", ".join(labels[:SHOWN]) + more + unnamed


def rename_ids(examples: list[Any], labels: list[str]) -> tuple[list[Any], str]:
    """Return examples whose labels are all ids of `labels` with the names instead, and one line that says so.

    The examples are unchanged, and the line is "", if any label is a name, or no id.
    """
    given = [label for example in examples for label in _as_list(getattr(example, "label", None))]
    ids = {str(i): label for i, label in enumerate(labels)}
    ids |= {f"LABEL_{i}": label for i, label in enumerate(labels)}
    if not given or any(label in labels or label not in ids for label in map(str, given)):
        return examples, ""
    renamed = []
    for example in examples:
        label = example.label
        name = [ids[str(each)] for each in label] if isinstance(label, list) else None if label is None else ids[str(label)]
        renamed.append(replace(example, label=name))
    used = sorted(set(map(str, given)))
    pairs = ", ".join(f"{each} as {ids[each]}" for each in used[:SHOWN])
    return renamed, f"the labels are ids of the model's labels: {pairs}{' ...' if len(used) > SHOWN else ''}"


def _as_list(label: Any) -> list[Any]:
    return [] if label is None else label if isinstance(label, list) else [label]
