"""transformers on PyTorch as a contender in a whole training: python long_theirs.py FOLDER eager|compile.

The optimiser is torch's AdamW, with the same betas, epsilon, decay (of weights, not of biases and layer norms), clipping and
learning rates as ours.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contender import serve
from folder import Arrays, from_packed
from long_training import Steps
from theirs import THREADS, arguments, quiet


def make(folder: Path) -> dict[str, Callable[[], Any]]:
    """What can be run."""
    quiet()
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AlbertForPreTraining

    torch.set_num_threads(THREADS)
    model = AlbertForPreTraining.from_pretrained(folder / "model")
    model.train()
    called = torch.compile(model, dynamic=None) if sys.argv[2] == "compile" else model

    def make_optimizer() -> Any:
        chosen = steps.case.optimizer
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": decayed, "weight_decay": chosen["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=0.0, betas=(chosen["beta1"], chosen["beta2"]), eps=chosen["eps"])

    def read(arrays: Arrays) -> dict[str, Any]:
        return arguments(steps.case, torch, from_packed(arrays))

    def step(kwargs: dict[str, Any], rate: float) -> Callable[[], float]:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        out = called(**kwargs)
        out.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), steps.case.clip)
        optimizer.step()

        def masked_loss() -> float:  # theirs is the sum of both
            with torch.no_grad():
                return float(out.loss - cross_entropy(out.sop_logits, kwargs["sentence_order_label"]))

        return masked_loss

    def warm() -> None:
        nonlocal optimizer
        steps.warm()
        optimizer = make_optimizer()

    steps = Steps(folder, read, step)
    optimizer = make_optimizer()
    return {"run": steps.run, "warm": warm}


if __name__ == "__main__":
    serve(make)
