"""The learning rate of a run whose length is open: warm-up, plateau, decay (Hu et al. 2024, MiniCPM, section 4).

A checkpoint of the plateau can be continued for longer, or be brought to its end by a decay of any length.

>>> [plateau_rate(s, peak=1.0, warmup=2, decay=4, total=9) for s in range(10)]
[0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
"""


def plateau_rate(step: int, peak: float, warmup: int, decay: int, total: int) -> float:
    """Return the rate of the update that is made after `step` others: up to the peak, constant, and linearly to 0 at `total`."""
    rising = step / warmup if warmup else 1.0
    return peak * max(0.0, min(1.0, rising, (total - step) / decay))
