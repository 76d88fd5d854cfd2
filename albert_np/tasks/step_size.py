"""The tokens of a step of fine-tuning where they were not given: fewer if there are few examples.

A step of the usual size would have 100 short examples all in it, and an epoch of one step teaches nothing. An epoch gets about
LEAST_STEPS steps, as long as a step has about LEAST_UNITS examples, and never more tokens than usual: with enough text
nothing changes. (Zhang et al. 2021, Revisiting few-sample BERT fine-tuning: what is missing there is the number of updates.)
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from albert_np.tasks import Task
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.units import get_units

LEAST_STEPS = 16  # of an epoch
LEAST_UNITS = 8  # of a step, about: examples, or windows of long ones
GIVEN = ("tokens_per_batch", "batch_size")  # settings of which each says how large a step is


def limit_tokens(sizes: Iterable[int], usual: int) -> tuple[int, int, int]:
    """Return the tokens of a step, and about how many units and steps that means in a step and an epoch; (usual, 0, 0) if the
    size is the usual one, as soon as that is known.

    sizes: the tokens of each unit
    """
    units = tokens = 0
    for size in sizes:
        units, tokens = units + 1, tokens + size
        if tokens >= LEAST_STEPS * usual:
            return usual, 0, 0
    if units <= LEAST_UNITS:
        return usual, 0, 0
    in_step = max(units / LEAST_STEPS, LEAST_UNITS)
    chosen = math.ceil((in_step + 0.5) * tokens / units)  # and half a unit of room, since no step may have more
    steps = math.ceil(tokens / chosen)
    return (chosen, round(units / steps), steps) if chosen < usual else (usual, 0, 0)


def choose_step_size(
    settings: FinetuneSettings,
    given: Mapping[str, Any],
    task: Task,
    tokenizer: Any,
    examples: Iterable[Any],
    stored: Mapping[str, Any],
    note: Callable[[str], None],
) -> FinetuneSettings:
    """Return the settings with the tokens of a step, and note them in one line if few examples made them fewer.

    given    the settings that were asked for, or that a benchmark has: a size of the step among them is kept
    stored   the settings of the run that is resumed, whose size is kept; {} for a new run
    """
    if any(given.get(name) is not None for name in GIVEN):
        return settings
    if isinstance(tokens := stored.get(GIVEN[0]), int):
        return dataclasses.replace(settings, tokens_per_batch=tokens)
    usual = settings.tokens_per_batch
    sizes = (sum(len(row.ids) for row in unit) for each in examples for unit in get_units(task, [task.items(each, tokenizer)]))
    tokens, units, steps = limit_tokens(sizes, usual)
    if steps:
        note(
            f"few examples: a step has {tokens:,} tokens, about {units} examples, instead of {usual:,}, so that an epoch has "
            f"about {steps} steps (`tokens_per_batch` or `batch_size` sets another size)"
        )
    return dataclasses.replace(settings, tokens_per_batch=tokens)
