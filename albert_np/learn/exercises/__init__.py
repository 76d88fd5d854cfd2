"""The ladder of exercises, from the simplest. Each file has one record, `EXERCISE`."""

from importlib import import_module

from albert_np.learn.exercise import Exercise

LADDER = (
    "linear", "gelu", "softmax", "layer_norm", "embedding", "gather", "dropout", "attention", "cross_entropy", "pooler", "fuse",
    "feed_forward", "add_norm", "self_attention", "embeddings", "mlm_head", "order_head", "block", "encoder",
    "masking", "pretraining", "clip", "adamw", "lamb", "translation_mask", "int8",
)  # fmt: skip


def get(name: str) -> Exercise:
    """Return the exercise of this name. ValueError for others."""
    if name not in LADDER:
        from difflib import get_close_matches

        near = get_close_matches(name, LADDER, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ValueError(f"there is no exercise {name!r}{hint} The exercises are {', '.join(LADDER)}")
    exercise: Exercise = import_module(f"albert_np.learn.exercises.{name}").EXERCISE
    return exercise


def every() -> list[Exercise]:
    """Return all exercises in the order of the ladder."""
    return [get(name) for name in LADDER]
