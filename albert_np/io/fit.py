"""Match the tensors of a file with the parameters of a config; report everything that does not fit, with the likely cause.

Names are normalised first (old spellings, optional prefixes). Tensors that are not weights (optimiser slots, position ids) are
set aside. All others must be in the table of names, with the expected shapes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from albert_np.core.params import Tree
from albert_np.io.model_config import ModelConfig
from albert_np.io.names import TASK_TABLES, column_index, get_declared_task, get_head_task, name_table

T = TypeVar("T")

HEADS = ("pooler", "mlm", "sop", "task", "relation", "choice")
POSITIONS = re.compile(r"(^|\.)position_ids$")  # a buffer of old transformers releases: 0, 1, 2, ...
SLOTS = re.compile(r"([/.](adam|lamb)_[mv]|/Adam(_1)?|^global_step|^beta[12]_power|AdamWeightDecayOptimizer.*|LAMBOptimizer.*)$")
# Heads of Google's SQuAD 2 models, for which there is no class here
OTHER_HEADS = re.compile(r"^(start_logits|end_logits|answer_class)/")
DECODER = "predictions.decoder.weight"

# Signs of other kinds of files: (part of a tensor's name, what the file is)
CLUES = (
    (r"word_embeddings_2|layer_shared",
     "this is the layout of brightmart's albert_zh (word_embeddings_2, layer_shared), a different network that is not supported; "
     "its models with _google in their name are"),
    (r"(encoder[./]layer[._]\d+[./])", "this is a BERT file (separate weights for every layer), not ALBERT"),
    (r"layer_normalization_\d",
     "it holds layer_normalization_*: a TF2 port with Keras' layer norms (one per layer); export it under Google's names"),
    (r"\.ATTRIBUTES/VARIABLE_VALUE$", "this is a TF2 object checkpoint; export its variables under Google's names"),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """The result of matching: what goes where.

    values   {our name: array in our layout}, views of the file's arrays
    targets  {our name: the tree's array}
    ignored  names of tensors that are not weights and deserve a notice
    """

    values: dict[str, np.ndarray]
    targets: dict[str, Any]
    ignored: tuple[str, ...]


WRAPPERS = re.compile(r"^((module|model|_orig_mod)\.)+|(?<=\.)_orig_mod\.")  # DataParallel, Lightning, torch.compile
WORD_TABLE = re.compile(r"^(.*?)(albert\.)?embeddings\.word_embeddings\.weight$")


def unwrap_names(tensors: dict[str, T]) -> dict[str, T]:
    """Return a file's tensors without the prefixes that wrappers put before all names of a model.

    These are torch.compile's _orig_mod., DataParallel's module., Lightning's model., in any combination, and any other prefix
    that all tensors share with the word embeddings, such as the name of an attribute. Names that would then be equal stay.
    """
    names = {name: WRAPPERS.sub("", name) for name in tensors}
    tables = [match for name in names.values() if (match := WORD_TABLE.match(name))]
    prefix = tables[0][1] if len(tables) == 1 else ""
    if prefix and all(name.startswith(prefix) for name in names.values()):
        names = {name: stripped.removeprefix(prefix) for name, stripped in names.items()}
    if len(set(names.values())) < len(names):
        return tensors
    return {names[name]: tensor for name, tensor in tensors.items()}


def normalise_name(name: str, naming: str) -> str:
    """Return a tensor's name in a file as the table of names spells it."""
    if naming == "tf":
        return name.removeprefix("module/")  # a TF-Hub module
    if name.startswith(("embeddings.", "encoder.", "pooler.")):
        name = "albert." + name  # the file of a bare AlbertModel
    name = re.sub(r"(layer_norm|LayerNorm)\.gamma$", r"\1.weight", name)
    name = re.sub(r"(layer_norm|LayerNorm)\.beta$", r"\1.bias", name)
    return "predictions.bias" if name == "predictions.decoder.bias" else name


def find_heads(tensors: dict[str, Any], naming: str, config: ModelConfig) -> tuple[str, ...]:
    """Return which of HEADS a file has, judged by names; the head of another task than the config's is left out."""
    prefixes = {
        "hf": {"pooler": "albert.pooler.", "mlm": "predictions.", "sop": "sop_classifier."},
        "tf": {"pooler": "bert/pooler/", "mlm": "cls/predictions/", "sop": "cls/seq_relationship/"},
    }[naming]
    names = [normalise_name(name, naming) for name in tensors if not SLOTS.search(name)]
    heads = tuple(head for head, prefix in prefixes.items() if any(name.startswith(prefix) for name in names))
    task = find_task(tensors, naming, config)
    return (*heads, get_head(task)) if task == get_head_task(config) else heads


def get_head(task: str) -> str:
    """Return the name in the tree, one of HEADS, of the head of a task."""
    return TASK_TABLES[task][0][0].split(".")[0]


def find_task(tensors: dict[str, Any], naming: str, config: ModelConfig) -> str:
    """Return the task whose head a file has, judged by names; "" for none.

    Classifiers and multiple choice have the same names. A head of several outputs is a classifier. One of a single output belongs
    to the class that the config names; if it names none, a classifier needs num_labels 1.
    """
    shapes = {normalise_name(name, naming): np.shape(tensor) for name, tensor in tensors.items()}
    found = [task for task in TASK_TABLES if not shapes.keys().isdisjoint(task_names(task, naming))]
    if "multiple choice" not in found:
        return found[0] if found else ""
    several = any(shapes[name][:1] != (1,) for name in task_names("multiple choice", naming) if name in shapes)
    declared = get_declared_task(config)
    if several or (declared != "multiple choice" if declared else config.num_labels == 1):
        return "classification"
    return "multiple choice"


def task_names(task: str, naming: str) -> list[str]:
    """Return the names of the tensors of a task's head."""
    return [row[column_index(naming)] for row in TASK_TABLES[task]]


def fit(config: ModelConfig, naming: str, tensors: dict[str, np.ndarray], tree: Tree) -> Fit:
    """Match a file's tensors with the arrays of a tree. Heads that only the file or only the tree has are left to the caller.

    Raises ValueError that lists everything that does not fit: names the config has no place for, missing tensors, different
    shapes and dtypes, unequal copies of one shared tensor.
    """
    names = name_table(config, naming)
    by_theirs = {theirs: (ours, transposed) for ours, (theirs, transposed) in names.items()}
    targets: dict[str, np.ndarray] = dict(tree.paths())
    owner = first_names(targets)
    values: dict[str, np.ndarray] = {}
    wrong: list[str] = []
    ignored: list[str] = []
    unknown: list[str] = []
    reported: set[str] = set()  # not missing: an error is listed already
    decoder = None
    heads, task = find_heads(tensors, naming, config), find_task(tensors, naming, config)
    foreign = task_names(task, naming) if task and task != get_head_task(config) else []  # may be names of this class's head, too
    for theirs, tensor in tensors.items():
        name = normalise_name(theirs, naming)
        ours, transposed = by_theirs.get(name, ("", False))
        if SLOTS.search(name) or (OTHER_HEADS.search(name) and naming == "tf"):
            ignored.append(theirs)
        elif POSITIONS.search(name) or name in foreign or (not ours and _is_other_task(name, naming)):
            pass
        elif name == DECODER:
            decoder = tensor
        elif not ours:
            unknown.append(theirs)
        elif ours in targets and (fault := _find_misfit(tensor, targets[ours], transposed)):
            wrong.append(f"{theirs}: {fault}{_explain_labels(config, ours, tensor)}")
            reported.add(owner[ours])
        elif ours in targets:
            value = tensor.T if transposed else tensor
            if not _equal(values.setdefault(owner[ours], value), value):
                other = names[owner[ours]][0]
                wrong.append(f"{theirs} and {other} differ, but " + _why_shared(config, theirs))
    if decoder is not None and "embeddings.word" not in reported:
        if fault := _find_misfit(decoder, targets["embeddings.word"], False):
            wrong.append(f"{DECODER}: {fault}")
            reported.add("embeddings.word")
        elif not _equal(values.setdefault("embeddings.word", decoder), decoder):  # a file may hold only one of the two
            wrong.append(f"{DECODER} and the word embeddings differ, but the decoder is tied to them (tie_word_embeddings)")
    absent = [ours for ours in targets if owner[ours] == ours and ours not in values and ours not in reported]
    if naming == "tf" and config.embedding_size == config.hidden_size:
        values |= _identity_projection(targets, absent)
    missing = [ours for ours in absent if ours not in values and (ours.split(".")[0] not in HEADS or ours.split(".")[0] in heads)]
    if unknown or missing or wrong:
        raise ValueError(_format_errors(tensors, naming, wrong, [names[ours][0] for ours in missing], unknown))
    return Fit(values, targets, tuple(ignored))


def first_names(arrays: dict[str, Any]) -> dict[str, str]:
    """Return {name: the first name of the same array}; a name maps to itself unless the array is shared."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(array), name) for name, array in arrays.items()}


def _equal(a: np.ndarray | None, b: np.ndarray) -> bool:
    return a is b or (a is not None and np.array_equal(a, b))


def _is_other_task(name: str, naming: str) -> bool:
    return any(name in task_names(task, naming) for task in TASK_TABLES)


def _why_shared(config: ModelConfig, name: str) -> str:
    if name.startswith("predictions."):
        return "they are two names of the one MLM bias"
    return f"sharing={config.sharing!r} makes them one"


def _identity_projection(targets: dict[str, np.ndarray], absent: list[str]) -> dict[str, np.ndarray]:
    """Google's code has no projection E -> H where E = H; here it is the identity with a bias of 0."""
    w, b = "embeddings.projection.w", "embeddings.projection.b"
    if w not in absent or b not in absent:
        return {}
    return {w: np.eye(len(targets[w]), dtype=np.float32), b: np.zeros(len(targets[b]), np.float32)}


def _explain_labels(config: ModelConfig, ours: str, tensor: np.ndarray) -> str:
    """Return the cause of a task's head that has another number of labels than the config; "" for other tensors."""
    if ours not in ("task.b", "relation.b") or tensor.ndim != 1:
        return ""
    key = "id2label" if config.id2label else "num_labels"
    return f" (the config's {key} is for {config.num_labels} labels, the file's head for {len(tensor)}: correct {key})"


def _find_misfit(tensor: np.ndarray, target: np.ndarray, transposed: bool) -> str:
    """Return why a tensor does not fit the tree's array; "" if it does."""
    expected = target.shape[::-1] if transposed else target.shape
    if tensor.shape != expected:
        hint = "; it looks transposed" if len(expected) == 2 and tensor.shape == expected[::-1] else ""
        return f"expected {expected}, file has {tensor.shape}{hint}"
    if tensor.dtype.kind != "f":
        return f"weights must be floating point, file has {tensor.dtype}"
    return ""


def _format_errors(tensors: dict[str, Any], naming: str, wrong: list[str], missing: list[str], unknown: list[str]) -> str:
    """Return one message with everything that does not fit, the likely cause first."""
    groups = wrong, [f"missing: {name}" for name in missing], [f"unexpected: {name}" for name in unknown]
    lines = [line for group in groups for line in group[:4]]
    more = sum(map(len, groups)) - len(lines)
    cause = likely_cause(tensors, naming, missing, unknown)
    return (f"{cause}; in detail: " if cause else "") + "; ".join(lines) + (f"; and {more} more" if more else "")


def likely_cause(tensors: dict[str, Any], naming: str, missing: list[str], unknown: list[str]) -> str:
    """Return what kind of file this probably is, or which number in the config is probably wrong; "" if there is no sign."""
    for clue, cause in CLUES:
        if any(re.search(clue, name) for name in tensors):
            return cause
    known = [name for name in tensors if name not in unknown]
    if unknown and not known:
        prefix = next((match[1] for name in unknown if (match := WORD_TABLE.match(name))), "")
        hint = f": those of the model begin with {prefix!r}, others do not; save the model's alone" if prefix else ""
        return f"none of its {len(unknown)} tensors has a name known from ALBERT models{hint}"
    text = " ".join(unknown)
    if re.search(r"albert_layer_groups\.\d|/group_\d", text):
        if re.search(r"albert_layers\.\d|inner_group_\d", text) and not missing:
            groups, inner = _count_groups(tensors, naming)
            return f"num_hidden_groups is probably {groups} and inner_group_num is probably {inner}"
        return "the groups are not numbered 0, 1, 2, ..."
    if missing and not unknown and re.search(r"albert_layer_groups|/group_\d", " ".join(missing)):
        actual, expected = _count_groups(tensors, naming), _count_groups([*tensors, *missing], naming)
        if actual != expected:
            return (
                f"the file has {actual[0]} groups of {actual[1]} inner layers, the config asks for {expected[0]} of {expected[1]}"
            )
    return ""


def _count_groups(tensors: Iterable[str], naming: str) -> tuple[int, int]:
    """Return the numbers of groups and of inner layers in a file's names."""
    pattern = {"hf": r"albert_layer_groups\.(\d+)\.albert_layers\.(\d+)\.", "tf": r"/group_(\d+)/inner_group_(\d+)/"}[naming]
    indices = [tuple(map(int, match.groups())) for name in tensors if (match := re.search(pattern, name))]
    return (1 + max(g for g, _ in indices), 1 + max(i for _, i in indices)) if indices else (0, 0)
