"""transformers on PyTorch as a contender: python theirs.py CASE_FOLDER eager|compile|onnx.

Batches are padded to their longest row, as its data collators do it. Attention is the library's default.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contender import serve
from folder import RATE, load

THREADS = int(os.environ["OMP_NUM_THREADS"])


def make(folder: Path) -> dict[str, Callable[[], Any]]:
    """What can be run."""
    quiet()
    import torch
    from transformers import AlbertForPreTraining, AlbertForSequenceClassification

    torch.set_num_threads(THREADS)
    case, batches = load(folder)
    way = sys.argv[2]
    cls = AlbertForPreTraining if case.task == "pretraining" else AlbertForSequenceClassification
    model = cls.from_pretrained(folder / "model")
    inputs = [arguments(case, torch, batch) for batch in batches]
    if way == "onnx":
        return {"run": exported(case, torch, model, inputs, folder)}
    called = torch.compile(model, dynamic=None) if way == "compile" else model
    return {
        "run": forward(case, torch, model, called, inputs)
        if case.mode == "call"
        else training(case, torch, model, called, inputs)
    }


def quiet() -> None:
    """Before the imports: no progress bars, and no warnings, such as the exporter's about itself."""
    os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    warnings.simplefilter("ignore")


def arguments(case: Any, torch: Any, b: Any) -> dict[str, Any]:
    """The keyword arguments of a call."""
    found = {"input_ids": b["ids"], "attention_mask": b["mask"]}
    if "types" in b:
        found["token_type_ids"] = b["types"]
    if case.mode != "call":
        pretraining = case.task == "pretraining"
        found |= {"labels": b["targets"], "sentence_order_label": b["labels"]} if pretraining else {"labels": b["labels"]}
    return {name: torch.tensor(array, dtype=torch.long) for name, array in found.items()}


def forward(case: Any, torch: Any, model: Any, called: Any, inputs: list[Any]) -> Callable[[], Any]:
    model.eval()

    def run() -> None:
        with torch.inference_mode():
            for kwargs in inputs:
                for _ in range(case.calls):
                    called(**kwargs)

    return run


def training(case: Any, torch: Any, model: Any, called: Any, inputs: list[Any]) -> Callable[[], Any]:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)

    def run() -> None:
        for _ in range(case.calls):
            for kwargs in inputs:
                optimizer.zero_grad()
                called(**kwargs).loss.backward()
                if case.clip:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), case.clip)
                if case.mode == "step":
                    optimizer.step()

    return run


def exported(case: Any, torch: Any, model: Any, inputs: list[Any], folder: Path) -> Callable[[], Any]:
    """The model in ONNX, with the batch's sizes left open, run by onnxruntime."""
    import onnxruntime

    file = str(folder / "model.onnx")
    names = ["input_ids", "attention_mask"]
    sizes = {name: {0: "B", 1: "T"} for name in names}
    model.eval()
    model.config.return_dict = False
    example = tuple(inputs[0][name] for name in names)
    torch.onnx.export(model, example, file, input_names=names, dynamic_axes=sizes, dynamo=False, opset_version=17)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    fed = [{name: kwargs[name].numpy() for name in names} for kwargs in inputs]
    return lambda: [session.run(None, arrays) for arrays in fed for _ in range(case.calls)]


if __name__ == "__main__":
    serve(make)
