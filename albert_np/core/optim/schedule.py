"""The learning rate over the steps (Google's optimization.py): linear warm-up, then linear decay to 0.

lr(s) = peak · s / warmup          for s < warmup      (s counts the updates made before this one, so the first has lr 0)
lr(s) = peak · (1 - s / total)     from then on: the decay is counted from step 0, so it starts a little below the peak

>>> [learning_rate(s, peak=1.0, warmup=2, total=8) for s in range(9)]
[0.0, 0.5, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]
"""


def learning_rate(step: int, peak: float, warmup: int, total: int) -> float:
    """The learning rate of the update that is made after `step` others."""
    if step < warmup:
        return peak * step / warmup
    return peak * max(0.0, 1 - step / total)
