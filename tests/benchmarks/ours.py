"""albert_np as a contender: python ours.py CASE_FOLDER. Besides the case it runs "products", its matrix products alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from contender import serve
from folder import RATE, load
from products import of_case

import albert_np as ab
from albert_np.engine.inference import describe_products
from albert_np.models.padded import check_padded, pack


def make(folder: Path) -> dict[str, Callable[[], Any]]:
    """What can be run."""
    case, batches = load(folder)
    cls = ab.AlbertForPreTraining if case.task == "pretraining" else ab.AlbertForSequenceClassification
    model = cls.from_pretrained(folder / "model", recompute=case.recompute)
    run = {"run": runs(case, model, batches), "products": of_case(case, model.config, batches)}
    return {**run, "about": describe_products} if case.mode == "call" else run


def runs(case: Any, model: Any, batches: list[Any]) -> Callable[[], Any]:
    """The case itself."""
    if case.mode == "call":
        model.prepare()  # gives the logits alone, as theirs do
        return lambda: [model(b["ids"], b["mask"]) for b in batches for _ in range(case.calls)]
    packed = [packed_of(case, model, batch) for batch in batches]
    grads, state = model.params.zeros_like(), ab.optim.init("adamw", model.params)

    def step(batch: Any) -> None:
        grads.flat[...] = 0
        model.packed_loss_and_gradients(batch, grads)
        if case.clip:
            ab.optim.clip(grads, case.clip)
        if case.mode == "step":
            ab.optim.step(model.params, grads, state, RATE)

    return lambda: [step(batch) for _ in range(case.calls) for batch in packed]


def packed_of(case: Any, model: Any, b: Any) -> Any:
    """A batch as training has it."""
    inputs = check_padded(model.config, b["ids"], b["mask"], b.get("types"))
    if case.task == "pretraining":
        return pack(inputs, model.config, model.params.flat, b["targets"], b["labels"], objective=model.objective)
    rows = np.arange(len(b["ids"]))
    return pack(inputs, model.config, model.params.flat, task=[(rows, b["labels"])], objective=model.objective)


if __name__ == "__main__":
    serve(make)
