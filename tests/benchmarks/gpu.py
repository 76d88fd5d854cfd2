"""The GPU beside PyTorch on the same card: correctness first, then the cases, and how far from the two floors. Five minutes.

    python tests/benchmarks/gpu.py --out tests/benchmarks/results/gpu-NAME.json
    python tests/benchmarks/gpu.py --table tests/benchmarks/results/gpu-NAME.json

Each case is a step (forward, backward, clipping, AdamW) or a forward pass of ALBERT-base, both sides in the same precision, on
batches that are drawn afresh. Ours packs them, theirs pads them to their longest row; attention is PyTorch's SDPA. The two take
turns, timed by events on the device, after a warm-up; ratios are of medians. The floors: the case's matrix products at the rate
of a large one in this precision, and the parameters and activations that must move, at the rate of a large copy.
Without a GPU, `--backend numpy --quick` tries the program on a tiny model.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from products import flops, of_batch

import albert_np as ab
from albert_np.core import backend, reference
from albert_np.engine.precision import get_precision_policy
from albert_np.training.memory import empty_tree

# Tokens of SST-2's phrases: 33 quantiles, from the shortest to the longest.
PHRASES = [
    3, 4, 4, 4, 5, 5, 6, 6, 6, 7, 7, 8, 8, 9, 10, 10, 11, 12, 12, 13, 14, 15, 16, 18, 19, 21, 22, 24, 27, 31, 35, 40, 75,
]  # fmt: skip
RATE, CLIP, ROUNDS = 1e-5, 1.0, 7
PRECISIONS = ("tf32", "float16")


@dataclass(frozen=True)
class Case:
    """lengths: makes those of a batch · task: "pretraining", "classification" or "call", the forward pass of a classifier"""

    name: str
    title: str
    task: str
    lengths: Callable[[np.random.Generator], np.ndarray]
    target: float


def full(B: int, T: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: np.full(B, T)


def phrases(B: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: np.interp(rng.random(B), np.linspace(0, 1, len(PHRASES)), PHRASES).astype(int)


CASES = [
    Case("pretrain", "pretraining step, 32 × 512", "pretraining", full(32, 512), 1.0),
    Case("pretrain-small", "pretraining step, 2 × 128", "pretraining", full(2, 128), 1.0),
    Case("finetune", "fine-tuning step, 128 phrases", "classification", phrases(128), 2.0),
    Case("finetune-small", "fine-tuning step, 8 phrases", "classification", phrases(8), 1.0),
    Case("infer", "inference, 256 phrases", "call", phrases(256), 2.0),
    Case("latency", "inference, one sentence of 16 tokens", "call", full(1, 16), 1.0),
]


def batch_of(case: Case, config: Any, number: int) -> dict[str, Any]:
    """Host arrays as `Batch.pack` takes them; another number is another batch."""
    rng = np.random.default_rng(number)
    lengths = np.minimum(case.lengths(rng), config.max_position_embeddings)
    N, B = int(lengths.sum()), len(lengths)
    given: dict[str, Any] = dict(
        ids=rng.integers(5, config.vocab_size, N), lengths=lengths, token_types=np.zeros(N, int),
        positions=np.concatenate([np.arange(n) for n in lengths]),
    )  # fmt: skip
    if case.task == "pretraining":
        masked = np.sort(rng.choice(N, max(1, round(0.15 * N)), replace=False))
        return {**given, "masked_rows": masked, "masked_labels": given["ids"][masked], "order_labels": np.arange(B) % 2}
    return {**given, "labels": [(np.arange(B), np.arange(B) % 2)]}


# ---- the two sides: each makes what runs batch `number` ----


def ours(case: Case, folder: Path, precision: str) -> Callable[[dict[str, Any]], Any]:
    cls = ab.AlbertForPreTraining if case.task == "pretraining" else ab.AlbertForSequenceClassification
    model = cls.from_pretrained(folder)
    if case.task == "call":
        if precision == "tf32":
            backend.of(model.params.flat).tf32 = True
        if precision == "float16":
            model.params = model.params.astype("float16")
        return lambda arrays: model(*padded(arrays)[:2]).logits
    steps = get_precision_policy(model, precision)
    grads, state = model.params.zeros_like(), ab.optim.init("adamw", model.params)
    if steps.loss_scale is not None:
        state.loss_scale = steps.loss_scale  # the optimiser's kernel reads whether to skip the update

    def step(arrays: dict[str, Any]) -> Any:
        whole = {"mlm": float(len(arrays.get("masked_rows", [0]))), "sop": float(len(arrays["lengths"]))}
        results = steps.compute_gradients([arrays], {**whole, "task": whole["sop"]}, None, grads)
        steps.update_loss_scale(ab.optim.clip(grads, CLIP))
        ab.optim.step(model.params, grads, state, RATE)
        return results[0].loss

    return step


def padded(arrays: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids, mask, labels of the masked language model, all (B, T)"""
    lengths = arrays["lengths"]
    mask = np.arange(lengths.max()) < lengths[:, None]
    targets = np.full(len(arrays["ids"]), -100)
    if "masked_rows" in arrays:
        targets[arrays["masked_rows"]] = arrays["masked_labels"]
    found = []
    for values, empty in ((arrays["ids"], 0), (targets, -100)):
        table = np.full(mask.shape, empty)
        table[mask] = values
        found.append(table)
    return found[0], mask.astype(int), found[1]


def theirs(case: Case, folder: Path, precision: str, compiled: bool, device: str) -> Callable[[dict[str, Any]], Any]:
    import torch
    from transformers import AlbertForPreTraining, AlbertForSequenceClassification

    torch.backends.cuda.matmul.allow_tf32 = precision != "float32"
    torch.backends.cudnn.allow_tf32 = precision != "float32"
    cls = AlbertForPreTraining if case.task == "pretraining" else AlbertForSequenceClassification
    model = cls.from_pretrained(folder, attn_implementation="sdpa").to(device)
    called = torch.compile(model, dynamic=None) if compiled else model
    half = torch.autocast(device, torch.float16, enabled=precision == "float16")

    def put(array: np.ndarray) -> Any:
        return torch.as_tensor(array, device=device)

    if case.task == "call":
        model.eval()
        model = model.half() if precision == "float16" else model

        def call(arrays: dict[str, Any]) -> Any:
            ids, mask, _ = padded(arrays)
            with torch.inference_mode():
                return called(input_ids=put(ids), attention_mask=put(mask)).logits

        return call
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=device == "cuda")
    scaler = torch.amp.GradScaler(device, enabled=precision == "float16")

    def step(arrays: dict[str, Any]) -> Any:
        ids, mask, targets = padded(arrays)
        if case.task == "pretraining":
            labels = {"labels": put(targets), "sentence_order_label": put(arrays["order_labels"])}
        else:
            labels = {"labels": put(arrays["labels"][0][1])}
        optimizer.zero_grad(set_to_none=True)
        with half:
            loss = called(input_ids=put(ids), attention_mask=put(mask), **labels).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return step


# ---- time ----


class Clock:
    """Milliseconds of work on the device, between two events; on the host, by its clock."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def events(self) -> tuple[Any, Any]:
        if self.kind == "torch":
            import torch

            return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        import cupy

        return cupy.cuda.Event(), cupy.cuda.Event()

    def time(self, work: Callable[[], Any]) -> float:
        if self.kind == "host":
            began = time.perf_counter()
            work()
            return 1000 * (time.perf_counter() - began)
        first, last = self.events()
        first.record()
        work()
        last.record()
        last.synchronize()
        if self.kind == "torch":
            return float(first.elapsed_time(last))
        import cupy

        return float(cupy.cuda.get_elapsed_time(first, last))


def all_of(run: Callable[[dict[str, Any]], Any], batches: list[dict[str, Any]]) -> None:
    for batch in batches:
        run(batch)


def measured(case: Case, config: Any, sides: dict[str, tuple[Callable[..., Any], Clock]], steps: int) -> dict[str, list[float]]:
    """side -> milliseconds a batch, in each of ROUNDS turns; every side sees the same batches."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    number = 0
    for turn in range(ROUNDS + 1):
        batches = [batch_of(case, config, number + i) for i in range(steps)]
        number += steps
        for name, (run, clock) in sides.items():
            if turn == 0:  # compile, fill pools, and see each form of batch often enough to be recorded
                for again in range(6):
                    run(batches[again % steps])
            taken = clock.time(partial(all_of, run, batches))
            if turn:
                found[name].append(taken / steps)
    return found


# ---- what must hold before anything is timed ----


def correct(precision: str) -> dict[str, float]:
    """Relative errors of the loss and of the gradient, against float64 on the host, of fresh random input each time."""
    config = ab.AlbertConfig.preset("tiny", vocab_size=1000)
    case = Case("", "", "pretraining", phrases(32), 0)
    found = {}
    for name in ("float64", "float32", precision) if backend.current().name != "numpy" else ("float64", "float32"):
        exact = ab.AlbertForPreTraining(config, seed=1, dtype="float64").to("numpy")
        model = ab.AlbertForPreTraining(config, seed=1, dtype="float64" if name == "float64" else "float32")
        arrays = batch_of(case, config, int.from_bytes(os.urandom(4), "big"))
        whole = {"mlm": float(len(arrays["masked_rows"])), "sop": float(len(arrays["lengths"]))}
        ends = []
        for each, how in ((exact, "float32"), (model, name if name in PRECISIONS else "float32")):
            grads = each.params.zeros_like()
            with reference(each is exact):
                steps = get_precision_policy(each, how)
                for _ in range(6 if each is model else 1):  # from the fifth time on a recording is replayed
                    results = steps.compute_gradients([arrays], whole, ab.Dropout(3), grads)
            ends.append((float(backend.to_host(results[0].loss)), backend.to_host(grads.flat).astype(np.float64)))
        (loss0, g0), (loss, g) = ends
        found[name] = max(abs(loss / loss0 - 1), float(np.linalg.norm(g - g0) / np.linalg.norm(g0)))
        if hasattr(backend.of(model.params.flat), "tf32"):
            backend.of(model.params.flat).tf32 = False
    return found


LARGEST_ERROR = {"float64": 1e-10, "float32": 1e-5, "tf32": 5e-3, "float16": 2e-2}


def floors(precision: str, quick: bool) -> tuple[float, float]:
    """Operations a second of a large matrix product in this precision; bytes a second of a large copy, read and written."""
    place_, n, size = backend.current(), 512 if quick else 8192, 1 << (20 if quick else 28)
    rng = np.random.default_rng(0)
    kind = np.float16 if precision == "float16" else np.float32
    a, b = (place_.asarray(rng.standard_normal((n, n), dtype=np.float32).astype(kind)) for _ in range(2))
    x = place_.asarray(rng.standard_normal(size, dtype=np.float32))
    y, out, clock = np.empty_like(x), np.empty_like(a), clock_of(place_)

    def multiply() -> None:
        if hasattr(place_, "product"):
            place_.product(a, b, out, False, False, False)
        else:
            np.matmul(a, b, out=out)

    if hasattr(place_, "tf32"):
        place_.tf32 = precision == "tf32"
    best = [min(clock.time(work) for _ in range(8)) / 1000 for work in (multiply, lambda: y.__setitem__(..., x))]
    return 2 * n**3 / best[0], 2 * x.nbytes / best[1]


def clock_of(place_: Any) -> Clock:
    return Clock("host" if place_.name == "numpy" else "cupy")


def floor_of(case: Case, config: Any, rates: tuple[float, float], precision: str) -> float:
    """Milliseconds that no version could beat: its products, or the parameters (with gradients and moments) and, once in each
    direction, the activations between operations."""
    arrays = batch_of(case, config, 0)
    M = len(arrays.get("masked_rows", []))
    training, task = case.task != "call", "pretraining" if case.task == "pretraining" else "classification"
    operations = flops(of_batch(config, arrays["lengths"].tolist(), M, task, training))
    width = 2 if precision == "float16" else 4
    count = empty_tree(config).count()
    moved = count * width if not training else count * (width * 3 + 4 * 7)
    moved += (
        len(arrays["ids"])
        * config.num_hidden_layers
        * (6 * config.hidden_size + 2 * config.intermediate_size)
        * width
        * (3 if training else 1)
    )
    return 1000 * max(operations / rates[0], moved / rates[1])


# ---- the program ----


def run(given: argparse.Namespace) -> dict[str, Any]:
    ab.use(given.backend)
    place_ = backend.current()
    on_gpu = place_.name != "numpy"
    results: dict[str, Any] = {
        "device": place_.device if on_gpu else "the host (a trial of the program)", "cases": {}, "correct": {}, "rates": {},
        "versions": versions(),
    }  # fmt: skip
    config = ab.AlbertConfig.preset("base", classifier_dropout_prob=0.0)
    if given.quick:
        config = ab.AlbertConfig.preset("tiny", vocab_size=300, classifier_dropout_prob=0.0)
    sides = given.against if find_spec("torch") and find_spec("transformers") else []
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS if on_gpu else ("float32",):
            errors = correct(precision)
            results["correct"] |= errors
            wrong = {name: error for name, error in errors.items() if not error <= LARGEST_ERROR[name]}
            assert not wrong, f"not correct, so nothing is timed: {wrong}"
            rates = floors(precision, given.quick)
            results["rates"][precision] = {"tflops": rates[0] / 1e12, "gb_per_second": rates[1] / 1e9}
            for case in CASES:
                if given.cases and case.name not in given.cases:
                    continue
                cls = ab.AlbertForPreTraining if case.task == "pretraining" else ab.AlbertForSequenceClassification
                path = Path(folder) / cls.__name__
                if not path.exists():
                    cls(config, seed=1).save_pretrained(path)
                contenders = {"ours": (ours(case, path, precision), clock_of(place_))}
                for side in sides:
                    device, kind = ("cuda", "torch") if on_gpu else ("cpu", "host")
                    contenders[side] = theirs(case, path, precision, side == "compile", device), Clock(kind)
                times = measured(case, config, contenders, 2 if given.quick else 8)
                floor = floor_of(case, config, rates, precision)
                results["cases"][f"{case.name}, {precision}"] = {
                    "title": case.title, "precision": precision, "target": case.target, "floor_ms": floor,
                    "ms": {name: statistics.median(each) for name, each in times.items()},
                    "spread": {name: [min(each), max(each)] for name, each in times.items()},
                }  # fmt: skip
                print(f"{case.name}, {precision}: {results['cases'][f'{case.name}, {precision}']['ms']}", flush=True)
    if on_gpu:
        results["memory"] = {name: size / 2**20 for name, size in place_.memory().items()}
    return results


def versions() -> dict[str, str]:
    wanted = ("numpy", "cupy-cuda13x", "cupy-cuda12x", "torch", "transformers")
    return {each.name: each.version for each in distributions() if each.name in wanted}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    rates = "; ".join(
        f"{precision}: {found['tflops']:.1f} Tflop/s, {found['gb_per_second']:.0f} GB/s"
        for precision, found in results["rates"].items()
    )
    errors = ", ".join(f"{name} {error:.1e}" for name, error in results["correct"].items())
    lines = [
        f"{results['device']}; {versions}. A large product and a large copy: {rates}. Relative errors: {errors}.", "",
        "| | precision | ours, ms | PyTorch, ms | theirs / ours | target | against torch.compile | of the floor |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for found in results["cases"].values():
        ms = found["ms"]
        eager, compiled = ms.get("eager"), ms.get("compile")
        cells = [
            found["title"], found["precision"], f"{ms['ours']:.2f}", f"{eager:.2f}" if eager else "–",
            f"**{eager / ms['ours']:.2f}**" if eager else "–", f"{found['target']:.1f}",
            f"{compiled / ms['ours']:.2f}" if compiled else "–", f"{found['floor_ms'] / ms['ours']:.0%}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="cupy")
    parser.add_argument("--cases", nargs="*", choices=[case.name for case in CASES])
    parser.add_argument("--against", nargs="*", default=["eager", "compile"], choices=["eager", "compile"])
    parser.add_argument("--quick", action="store_true", help="a tiny model, to try the program")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of results that there are")
    given = parser.parse_args()
    results = json.loads(given.table.read_text(encoding="utf-8")) if given.table else run(given)
    if given.out:
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
