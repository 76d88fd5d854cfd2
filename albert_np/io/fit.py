"""Does what a file holds fit what a config asks for? What does not fit is named, with its likely cause.

A file's names are first brought into the table's form (old spellings, optional prefixes); what is known to be no weight of a
model is put aside (optimiser slots, position numbers); the rest must be the table's, with its shapes, or it is an error.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.io.names import TASK_TABLES, column_of, table, task_of
from albert_np.models.config import AlbertConfig

HEADS = ("pooler", "mlm", "sop", "task", "relation")
POSITIONS = re.compile(r"(^|\.)position_ids$")  # a buffer of old transformers: 0, 1, 2, ...
SLOTS = re.compile(r"([/.](adam|lamb)_[mv]|/Adam(_1)?|^global_step|^beta[12]_power|AdamWeightDecayOptimizer.*|LAMBOptimizer.*)$")
# The heads of Google's SQuAD 2 models, which have no class here
OTHER_HEADS = re.compile(r"^(start_logits|end_logits|answer_class)/")
DECODER = "predictions.decoder.weight"

# What gives other kinds of files away: a part of a tensor's name -> what the file is
CLUES = (
    (r"word_embeddings_2|layer_shared",
     "this is the layout of brightmart's albert_zh (word_embeddings_2, layer_shared), a different network that is not supported; "
     "its models with _google in their name are"),
    (r"(encoder[./]layer[._]\d+[./])", "this is a BERT file (weights of its own for every layer), not ALBERT"),
    (r"layer_normalization_\d",
     "it holds layer_normalization_*: a TF2 port with Keras' layer norms (one a layer); export it under Google's names"),
    (r"\.ATTRIBUTES/VARIABLE_VALUE$", "this is a TF2 object checkpoint; export its variables under Google's names"),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """values: our name -> array in our layout (views of the file's) · places: our name -> the tree's array · ignored: names that
    were put aside and are worth a notice"""

    values: dict[str, np.ndarray]
    places: dict[str, Any]
    ignored: tuple[str, ...]


def canonical(name: str, form: str) -> str:
    """A file's name for a tensor as the table spells it."""
    if form == "tf":
        return name.removeprefix("module/")  # a TF-Hub module
    name = name.removeprefix("module.")  # torch's DataParallel
    if name.startswith(("embeddings.", "encoder.", "pooler.")):
        name = "albert." + name  # the file of a bare AlbertModel
    name = re.sub(r"(layer_norm|LayerNorm)\.gamma$", r"\1.weight", name)
    name = re.sub(r"(layer_norm|LayerNorm)\.beta$", r"\1.bias", name)
    return "predictions.bias" if name == "predictions.decoder.bias" else name


def heads_of(tensors: dict[str, Any], form: str, config: AlbertConfig) -> tuple[str, ...]:
    """Which of HEADS a file has, judged by its names; the head of another task than the config's is none of these."""
    marks = {
        "hf": {"pooler": "albert.pooler.", "mlm": "predictions.", "sop": "sop_classifier."},
        "tf": {"pooler": "bert/pooler/", "mlm": "cls/predictions/", "sop": "cls/seq_relationship/"},
    }[form]
    names = [canonical(name, form) for name in tensors if not SLOTS.search(name)]
    found = [head for head, mark in marks.items() if any(name.startswith(mark) for name in names)]
    own = task_in(tensors, form)
    return (*found, "relation" if own == "relation" else "task") if own == task_of(config) else tuple(found)


def task_in(tensors: dict[str, Any], form: str) -> str:
    """Which task's head a file has ("" for none), judged by its names."""
    names = {canonical(name, form) for name in tensors}
    return next((task for task in TASK_TABLES if not names.isdisjoint(task_names(task, form))), "")


def task_names(task: str, form: str) -> list[str]:
    """The names of a task's head in this form."""
    return [row[column_of(form)] for row in TASK_TABLES[task]]


def fit(config: AlbertConfig, form: str, tensors: dict[str, np.ndarray], tree: Any) -> Fit:
    """Match a file's tensors with the places of a tree.

    ValueError that lists everything that does not fit: names the config has no place for, tensors that are missing, shapes and
    dtypes that differ, copies of one shared tensor that are not equal. Heads that the file lacks whole, and heads that the tree
    has no place for, are the caller's to judge.
    """
    names = table(config, form)
    by_theirs = {theirs: (ours, transposed) for ours, (theirs, transposed) in names.items()}
    places: dict[str, np.ndarray] = dict(tree.paths())
    owner = first_places(places)
    values: dict[str, np.ndarray] = {}
    wrong: list[str] = []
    ignored: list[str] = []
    unknown: list[str] = []
    misfits: set[str] = set()  # complained of already: not missing
    decoder = None
    for theirs, tensor in tensors.items():
        name = canonical(theirs, form)
        ours, transposed = by_theirs.get(name, ("", False))
        if SLOTS.search(name) or (OTHER_HEADS.search(name) and form == "tf"):
            ignored.append(theirs)
        elif POSITIONS.search(name) or (not ours and _of_other_task(name, form)):
            pass
        elif name == DECODER:
            decoder = tensor
        elif not ours:
            unknown.append(theirs)
        elif ours in places and (fault := _misfit(tensor, places[ours], transposed)):
            wrong.append(f"{theirs}: {fault}")
            misfits.add(owner[ours])
        elif ours in places:
            value = tensor.T if transposed else tensor
            if not _equal(values.setdefault(owner[ours], value), value):
                other = names[owner[ours]][0]
                wrong.append(f"{theirs} and {other} differ, but " + _why_one(config, theirs, other))
    if decoder is not None and not _equal(values.get("embeddings.word"), decoder):
        wrong.append(f"{DECODER} and the word embeddings differ, but the decoder is tied to them (tie_word_embeddings)")
    heads = heads_of(tensors, form, config)
    absent = [ours for ours in places if owner[ours] == ours and ours not in values and ours not in misfits]
    if form == "tf" and config.embedding_size == config.hidden_size:
        values |= _identity(places, absent)
    missing = [ours for ours in absent if ours not in values and (ours.split(".")[0] not in HEADS or ours.split(".")[0] in heads)]
    if unknown or missing or wrong:
        raise ValueError(_explained(tensors, form, wrong, [names[ours][0] for ours in missing], unknown))
    return Fit(values, places, tuple(ignored))


def first_places(places: dict[str, Any]) -> dict[str, str]:
    """Our name -> the first of the names that the same tensor has (its own, unless it is shared)."""
    first: dict[int, str] = {}
    return {ours: first.setdefault(id(array), ours) for ours, array in places.items()}


def _equal(a: np.ndarray | None, b: np.ndarray) -> bool:
    return a is b or (a is not None and np.array_equal(a, b))


def _of_other_task(name: str, form: str) -> bool:
    return any(name in task_names(task, form) for task in TASK_TABLES)


def _why_one(config: AlbertConfig, name: str, other: str) -> str:
    if name.startswith("predictions."):
        return "they are two names of the one MLM bias"
    return f"sharing={config.sharing!r} makes them one"


def _identity(places: dict[str, np.ndarray], absent: list[str]) -> dict[str, np.ndarray]:
    """Google's code has no mapping E -> H where E = H: here it is the identity and zero."""
    made: dict[str, np.ndarray] = {}
    if "embeddings.projection.w" in absent and "embeddings.projection.b" in absent:
        made["embeddings.projection.w"] = np.eye(len(places["embeddings.projection.w"]), dtype=np.float32)
        made["embeddings.projection.b"] = np.zeros(len(places["embeddings.projection.b"]), np.float32)
    return made


def _misfit(tensor: np.ndarray, place: np.ndarray, transposed: bool) -> str:
    """What is wrong with a tensor for its place; "" if nothing is."""
    expected = place.shape[::-1] if transposed else place.shape
    if tensor.shape != expected:
        looks = "; it looks transposed" if len(expected) == 2 and tensor.shape == expected[::-1] else ""
        return f"expected {expected}, file has {tensor.shape}{looks}"
    if tensor.dtype.kind != "f":
        return f"weights must be floating point, file has {tensor.dtype}"
    return ""


def _explained(tensors: dict[str, Any], form: str, wrong: list[str], missing: list[str], unknown: list[str]) -> str:
    """One message with everything that does not fit, the likely cause first."""
    parts = wrong, [f"missing: {name}" for name in missing], [f"unexpected: {name}" for name in unknown]
    shown = [line for lines in parts for line in lines[:4]]
    more = sum(map(len, parts)) - len(shown)
    cause = likely_cause(tensors, form, missing, unknown)
    return (f"{cause}; in detail: " if cause else "") + "; ".join(shown) + (f"; and {more} more" if more else "")


def likely_cause(tensors: dict[str, Any], form: str, missing: list[str], unknown: list[str]) -> str:
    """What kind of file this probably is, or which number of the config is probably wrong; "" if nobody knows."""
    for clue, cause in CLUES:
        if any(re.search(clue, name) for name in tensors):
            return cause
    known = [name for name in tensors if name not in unknown]
    if unknown and not known:
        return f"none of its {len(unknown)} tensors has a name known from ALBERT models"
    text = " ".join(unknown)
    if re.search(r"albert_layer_groups\.\d|/group_\d", text):
        if re.search(r"albert_layers\.\d|inner_group_\d", text) and not missing:
            groups, inner = _numbering(tensors, form)
            return f"num_hidden_groups is probably {groups} and inner_group_num is probably {inner}"
        return "the groups are numbered otherwise than 0, 1, 2, ..."
    if missing and not unknown and re.search(r"albert_layer_groups|/group_\d", " ".join(missing)):
        found, asked = _numbering(tensors, form), _numbering([*tensors, *missing], form)
        if found != asked:
            return f"the file has {found[0]} groups of {found[1]} inner layers, the config asks for {asked[0]} of {asked[1]}"
    return ""


def _numbering(tensors: Iterable[str], form: str) -> tuple[int, int]:
    """How many groups and inner layers a file's names count."""
    pattern = {"hf": r"albert_layer_groups\.(\d+)\.albert_layers\.(\d+)\.", "tf": r"/group_(\d+)/inner_group_(\d+)/"}[form]
    numbers = [tuple(map(int, match.groups())) for name in tensors if (match := re.search(pattern, name))]
    return (1 + max(g for g, _ in numbers), 1 + max(i for _, i in numbers)) if numbers else (0, 0)
