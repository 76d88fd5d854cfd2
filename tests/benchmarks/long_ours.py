"""albert_np as a contender in a whole training: python long_ours.py FOLDER, which time_to_loss.py prepares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contender import serve
from long_training import Steps

import albert_np as ab


def make(folder: Path) -> dict[str, Callable[[], Any]]:
    """What can be run."""
    model = ab.AlbertForPreTraining.from_pretrained(folder / "model")
    grads = model.params.zeros_like()

    def step(arrays: Any, rate: float) -> Callable[[], float]:
        grads.flat[...] = 0
        results, _ = model.packed_loss_and_gradients(model.pack_on_host(**arrays), grads)
        ab.optim.clip(grads, steps.case.clip)
        ab.optim.step(model.params, grads, state, rate)
        return lambda: float(results.mlm_loss)

    def warm() -> None:
        nonlocal state
        steps.warm()
        state = ab.optim.init("adamw", model.params, **steps.case.optimizer)

    steps = Steps(folder, lambda arrays: arrays, step)
    state = ab.optim.init("adamw", model.params, **steps.case.optimizer)
    return {"run": steps.run, "warm": warm}


if __name__ == "__main__":
    serve(make)
