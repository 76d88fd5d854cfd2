"""Gradient checks of the whole model, from ids to loss, in every configuration of pretraining and for every task."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.dispatch import Array, Cache
from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.core.model.albert import Results
from albert_np.core.model.embeddings import embeddings, embeddings_backward
from albert_np.core.model.encoder import encoder, encoder_backward
from albert_np.core.params import Tree
from albert_np.core.random import RandomKey, generator
from albert_np.gradcheck.checker import key_bias, rows
from albert_np.gradcheck.examples import TINY, batch, parameters, task_batch
from albert_np.gradcheck.registry import CHECKS, SMOOTH
from albert_np.gradcheck.tensor import Row
from albert_np.models import (
    AlbertForMultipleChoice,
    AlbertForPreTraining,
    AlbertForQuestionAnswering,
    AlbertForRelationClassification,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
    AlbertForTranslation,
)
from albert_np.models.config import FACTORED, AlbertConfig
from albert_np.models.distillation import DistillConfig, attach_teacher
from albert_np.models.objective import PRETRAINING, Objective
from albert_np.models.task_losses import TaskResults

# The fields that differ from TINY (three layers that share all parameters); "batch": arguments of `examples.batch`.
DROPOUT = dict(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3)
MODELS: dict[str, dict[str, Any]] = {
    "12 shared layers": dict(num_hidden_layers=12),
    "12 shared layers, 3 levels fused, dropout, recompute": dict(
        num_hidden_layers=12, fusion_layers=(4, 8, 12), recompute=True, **DROPOUT
    ),
    "2 groups of 2 blocks": dict(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2),
    "sharing attention": dict(sharing="attention"),
    "sharing ffn": dict(sharing="ffn"),
    "sharing none": dict(sharing="none"),
    "fusion (1, 3)": dict(fusion_layers=(1, 3)),
    "fusion (0, 1, 3)": dict(fusion_layers=(0, 1, 3)),
    "fusion (1, 2), the top left out": dict(fusion_layers=(1, 2)),
    "fusion (0, 1), the top left out, sharing none": dict(fusion_layers=(0, 1), sharing="none"),
    "dropout": DROPOUT,
    "recompute": dict(recompute=True),
    "dropout, recompute": dict(recompute=True, **DROPOUT),
    **{act: dict(hidden_act=act) for act in ACTIVATIONS if act != TINY.hidden_act},
    "large layer_norm_eps": dict(layer_norm_eps=0.5),
    "heads cut away": dict(num_attention_heads=3, attention_head_size=6, **DROPOUT),
    "weights in factors": dict(ranks=dict(zip(FACTORED, (7, 5, 6, 4, 9, 8))), **DROPOUT),
    "weights in factors, heads cut away, sharing attention": dict(
        num_attention_heads=3, attention_head_size=6, ranks={"attention.output": 5, "ffn.intermediate": 6}, sharing="attention"
    ),
    "MLM only": dict(batch=dict(sop=False)),
    "SOP only": dict(batch=dict(mlm=False)),
    "translation's attention": dict(batch=dict(translation=True), **DROPOUT),
}

# For each task a class, the kind of its labels (see `examples.task_labels`), and the fields that differ from TINY.
ALL = dict(recompute=True, fusion_layers=(1, 2, 3), classifier_dropout_prob=0.25, **DROPOUT)
SEQUENCES, TOKENS, SPANS = AlbertForSequenceClassification, AlbertForTokenClassification, AlbertForQuestionAnswering
TASKS: dict[str, dict[str, Any]] = {
    "sequence classification": dict(model=SEQUENCES, task="classes", num_labels=7),
    "sequences, several labels": dict(model=SEQUENCES, task="sets", num_labels=7),
    "sequences, one number": dict(model=SEQUENCES, task="numbers", num_labels=1),
    "sequences, several numbers": dict(model=SEQUENCES, task="numbers", num_labels=7, problem_type="regression"),
    "token classification": dict(model=TOKENS, task="tokens", num_labels=7),
    "question answering": dict(model=SPANS, task="spans"),
    "relations": dict(model=AlbertForRelationClassification, task="relations", num_labels=7),
    "multiple choice": dict(model=AlbertForMultipleChoice, task="choices"),
    "translation": dict(model=AlbertForTranslation, task="translation"),
}
TASKS |= {f"{name}, all options": {**changes, **ALL} for name, changes in TASKS.items()}


def check_model(
    params: Tree,
    config: AlbertConfig,
    batch: Batch,
    *,
    seed: int = 0,
    rng: RandomKey | None = None,
    coordinates: int = 3,
    objective: Objective = PRETRAINING,
) -> list[Row]:
    """Check all gradients of the loss at these parameters, which must be float64 (`params.astype("float64")`).

    objective: that of the model, `model.objective`; by default pretraining.

    The parameters may be trained. Then the loss hardly changes along a random direction of a large tensor, so directions lean
    towards the gradient (see `check`; a wrong gradient has a large error along itself). If the loss hardly changes in any
    direction of a tensor (as for the attention of a model that has learned only token frequencies), the tensor is checked through
    a random gradient into every hidden state instead, and the note of its row says so.
    """
    loss_rows = list(
        model_rows(params, config, batch, seed=seed, rng=rng, coordinates=coordinates, lean=1.0, objective=objective)
    )
    void = [row.name for row in loss_rows if row.note.startswith("void")]
    if not void:
        return loss_rows
    replaced = {row.name: row for row in hidden_rows(params, config, batch, seed, rng, coordinates, void)}
    return [replaced.get(row.name, row) for row in loss_rows]


def hidden_rows(
    params: Tree, config: AlbertConfig, batch: Batch, seed: int, rng: RandomKey | None, coordinates: int, only: list[str]
) -> Iterator[Row]:
    """Yield the rows of the tensors `only`, checked through a random gradient into every hidden state."""
    rng = rng and rng.for_rows(batch.random_rows)

    def forward(p: Tree) -> tuple[list[Array], Cache]:
        x, c_embeddings = embeddings(batch, p.embeddings, config, rng)
        hidden, c_encoder = encoder(x, p.groups, batch.sequences, config, rng)
        return hidden, (c_embeddings, c_encoder)

    def backward(dhidden: list[Array], cache: Cache, p: Tree, g: Tree) -> None:
        c_embeddings, c_encoder = cache
        dx = encoder_backward(dhidden, c_encoder, p.groups, g.groups, batch.sequences, config)
        embeddings_backward(dx, c_embeddings, p.embeddings, g.embeddings)

    checked = rows(
        forward, backward, {}, params,
        seed=seed, coordinates=coordinates, gain=4, kinks=config.hidden_act not in SMOOTH, lean=1.0, only=only,
    )  # fmt: skip
    for row in checked:
        yield replace(row, note=row.note or "the loss hardly depends on it here: checked through the hidden states")


def model_rows(
    params: Tree, config: AlbertConfig, batch: Batch, *, seed: int, rng: RandomKey | None, coordinates: int = 3,
    lean: float = 0.0, objective: Objective = PRETRAINING, spans: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """Yield the rows of `check_model`, one by one."""
    tables = getattr(batch, "tables", None)
    M, B, items = len(batch.masked or ()), len(batch.order or ()), len(tables[0]) if tables else 0
    # the loss has no output gradient: random denominators weight its parts instead
    mlm, sop, task = generator(seed, "gradcheck loss weights").uniform(0.4, 0.9, size=3).tolist()
    denominators = {"mlm": M / mlm, "sop": B / sop, "task": items / task}

    def forward(p: Tree) -> tuple[list[Array], Cache]:
        results, cache = objective.forward(batch, p, config, denominators, rng)
        return losses(results), cache

    def backward(dy: list[Array], cache: Cache, p: Tree, g: Tree) -> None:
        objective.backward(1.0, cache, p, g, config, batch)

    def unused(name: str) -> bool:
        return name in left_out(params, config, bool(M), bool(B))

    def vanishing(name: str) -> str | None:
        if name == "choice.b" or (name == "task.b" and (spans or objective is SPANS.objective)):  # added to all scores alike
            return name.removesuffix("b")
        return key_bias(name)

    return rows(
        forward, backward, {}, params, seed=seed, coordinates=coordinates, dy=[1.0] * (2 if objective is PRETRAINING else 1),
        kinks=config.hidden_act not in SMOOTH, lean=lean, unused=unused, vanishing=vanishing,
    )  # fmt: skip


def losses(results: Results | TaskResults) -> list[Array]:
    """Return the parts of a loss, which are differentiated separately, because their sum would lose digits."""
    return [results.mlm_loss, results.sop_loss] if isinstance(results, Results) else [results.loss]


def left_out(params: Tree, config: AlbertConfig, mlm: bool, sop: bool) -> set[str]:
    """Return the tensors on which the loss does not depend: heads without labels, and layers above the last fused level."""
    top = config.fusion_layers[-1] if config.fusion_layers else config.num_hidden_layers
    reached = {id(array) for l in range(top) for array in leaves(params.groups[config.group_of(l)])}
    heads = {"mlm": mlm, "pooler": sop or "task" in params.form or "choice" in params.form, "sop": sop}
    return {
        name for name, array in params.items()
        if not heads.get(name.split(".")[0], True) or (name.startswith("groups.") and id(array) not in reached)
    }  # fmt: skip


def leaves(node: Any) -> Iterator[Array]:
    """Yield every array of a nested namespace."""
    if isinstance(node, list):
        for child in node:
            yield from leaves(child)
    elif hasattr(node, "__dict__"):
        yield from leaves(list(vars(node).values()))
    else:
        yield node


def check_configuration(seed: int, **changes: Any) -> Iterator[Row]:
    """Check a model that differs from TINY in these fields."""
    batch_options, task, model = changes.pop("batch", {}), changes.pop("task", ""), changes.pop("model", AlbertForPreTraining)
    config = TINY.replace(**changes)
    b = task_batch(config, seed, task, model.objective) if task else batch(config, seed, **batch_options)
    rng = RandomKey(seed, step=2) if config.hidden_dropout_prob else None
    p = parameters(model.shapes(config), seed)
    return model_rows(p, config, b, seed=seed, rng=rng, objective=model.objective)


# Students of TINY's sizes with a larger teacher: the class, the kind of labels, and the weights of the losses.
DISTILLATIONS: dict[str, dict[str, Any]] = {
    "classes, soft targets": dict(model=SEQUENCES, task="classes", alpha=0.0),
    "classes, all three losses": dict(model=SEQUENCES, task="classes", hidden=0.7),
    "sets": dict(model=SEQUENCES, task="sets", alpha=0.3),
    "numbers": dict(model=SEQUENCES, task="numbers", alpha=0.3, num_labels=1),
    "tokens": dict(model=TOKENS, task="tokens", hidden=0.5),
    "spans": dict(model=SPANS, task="spans", alpha=0.4, num_labels=2),
    "choices": dict(model=AlbertForMultipleChoice, task="choices", alpha=0.4, hidden=0.3),
    "relations, fusion, dropout": dict(
        model=AlbertForRelationClassification, task="relations", hidden=0.4, fusion_layers=(1, 3), **DROPOUT
    ),
}


def check_distillation(
    seed: int, model: Any, task: str, alpha: float = 0.5, hidden: float = 0.0, num_labels: int = 7, **changes: Any
) -> Iterator[Row]:
    """Check the gradients of a student with a teacher."""
    config = TINY.replace(num_labels=num_labels, **changes)
    teacher_config = TINY.replace(num_labels=num_labels, hidden_size=24, num_hidden_layers=5)
    teacher = model.of(teacher_config, parameters(model.shapes(teacher_config), seed + 1)).to(backend.current().name)
    distill = DistillConfig(teacher, temperature=1.5, alpha=alpha, hidden=hidden)
    student = model.of(config, parameters(model.shapes(config), seed))
    attach_teacher(student, distill)
    if hidden:
        student.params.hint.b[...] = 0.1
    rng = RandomKey(seed, step=2) if config.hidden_dropout_prob else None
    return model_rows(
        student.params,
        config,
        task_batch(config, seed, task, student.objective),
        seed=seed,
        rng=rng,
        objective=student.objective,
        spans=model is SPANS,
    )


CHECKS.update(
    {
        f"distillation: {name}": lambda seed, options=options: check_distillation(seed, **options)  # type: ignore[misc]
        for name, options in DISTILLATIONS.items()
    }
)
CHECKS.update(
    {
        f"model: {name}": lambda seed, changes=changes: check_configuration(seed, **changes)  # type: ignore[misc]
        for name, changes in {**MODELS, **TASKS}.items()
    }
)
