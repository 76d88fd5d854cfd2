# ruff: noqa: E402  (the threads must be set before NumPy is imported)
"""Each operation beside PyTorch's, forward and backward, one thread each, with the sizes of albert-base and 1024 tokens.

One thread because a step is computed in parts, one thread a part. Times in seconds, medians, taken in turns in one process;
the results go to standard output as JSON. PyTorch has no LAMB: its own is written here in tensors of a whole, as one would.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

for _name in ("OPENBLAS", "MKL", "OMP"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F

import albert_np as ab
from albert_np.core import layers, reference
from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters

QUICK = "--quick" in sys.argv
N, H, W, A, B, M, V, E = (32, 24, 48, 4, 2, 6, 50, 8) if QUICK else (1024, 768, 3072, 12, 8, 154, 30000, 128)
REPEATS = 2 if QUICK else 15
RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def torch_of(x: np.ndarray, grad: bool = True) -> Any:
    return torch.tensor(x, requires_grad=grad)


def median_times(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Who -> seconds, in turns."""
    raw: dict[str, list[float]] = {who: [] for who in runs}
    for turn in range(REPEATS + 2):
        for who, run in runs.items():
            started = time.perf_counter()
            run()
            if turn > 1:
                raw[who].append(time.perf_counter() - started)
    return {who: statistics.median(values) for who, values in raw.items()}


def compare(
    name: str,
    forward: Callable[[], Any],
    backward: Callable[[Any, Any], Any],
    theirs: Callable[[], Any],
    inputs: list[Any],
    same: bool = True,
) -> dict[str, Any]:
    """forward() -> y, cache; backward(dy, cache); theirs() -> y of the tensors `inputs`. same: their results must agree."""
    y, cache = forward()
    with reference():
        _, reference_cache = forward()
    found = theirs()
    if same:
        np.testing.assert_allclose(y, found.detach().numpy(), rtol=2e-3, atol=2e-3)
    dy = np.ones_like(y)
    there = torch.ones_like(found)

    def in_reference(run: Callable[[], Any]) -> Callable[[], Any]:
        def timed() -> None:
            with reference():
                run()

        return timed

    return {
        "name": name,
        "forward": median_times({"ours": forward, "theirs": theirs, "textbook": in_reference(forward)}),
        "backward": median_times({
            "ours": lambda: backward(dy, cache),
            "theirs": lambda: torch.autograd.grad(found, inputs, there, retain_graph=True),
            "textbook": in_reference(lambda: backward(dy, reference_cache)),
        }),
    }  # fmt: skip


def elementwise() -> list[dict[str, Any]]:
    """layer norm, the activations, softmax, dropout"""
    found = []
    x, p = numbers(N, H), parameters({"gamma": (H,), "beta": (H,)}, 0).astype("float32")
    g, t, gamma, beta = p.zeros_like(), torch_of(x), torch_of(p.gamma), torch_of(p.beta)
    found.append(compare(
        f"layer norm ({N}, {H})", lambda: layers.layer_norm(x, p), lambda dy, c: layers.layer_norm_backward(dy, c, p, g),
        lambda: F.layer_norm(t, (H,), gamma, beta, 1e-12), [t, gamma, beta],
    ))  # fmt: skip
    wide = numbers(N, W)
    for act, approximate in (("gelu_new", "tanh"), ("gelu", "none")):
        z = torch_of(wide)
        found.append(compare(
            f"{act} ({N}, {W})", lambda act=act: layers.activation(wide, act),
            lambda dy, c, act=act: layers.activation_backward(dy, c, act),
            lambda z=z, how=approximate: F.gelu(z, approximate=how), [z],
        ))  # fmt: skip
    T = N // B
    scores = numbers(B, A, T, T)
    s = torch_of(scores)
    found.append(
        compare(
            f"softmax ({B}, {A}, {T}, {T})",
            lambda: layers.softmax(scores),
            layers.softmax_backward,
            lambda: torch.softmax(s, -1),
            [s],
        )
    )
    rng = ab.Dropout(1).for_rows(np.stack([np.arange(N) // T, np.arange(N) % T], 1)).fold_in("here", 0)
    d = torch_of(x)
    found.append(
        compare(
            f"dropout ({N}, {H})",
            lambda: layers.dropout(x, 0.1, rng),
            layers.dropout_backward,
            lambda: F.dropout(d, 0.1),
            [d],
            same=False,
        )
    )
    return found


def attention() -> dict[str, Any]:
    """The whole layer with its four projections; theirs with scaled_dot_product_attention."""
    x, here = numbers(N, H), Sequences(np.full(B, N // B))
    p = parameters({name: {"w": (H, H), "b": (H,)} for name in ("query", "key", "value", "output")}, 0).astype("float32")
    g, t = p.zeros_like(), torch_of(x)
    theirs = {
        name: (torch_of(getattr(p, name).w.T.copy()), torch_of(getattr(p, name).b))
        for name in ("query", "key", "value", "output")
    }

    def call() -> Any:
        heads = [F.linear(t, *theirs[name]).view(B, N // B, A, H // A).transpose(1, 2) for name in ("query", "key", "value")]
        context = F.scaled_dot_product_attention(*heads).transpose(1, 2).reshape(N, H)
        return F.linear(context, *theirs["output"])

    return compare(
        f"attention, {B} × {N // B} tokens, {A} heads, with projections", lambda: layers.attention(x, p, here, A),
        lambda dy, c: layers.attention_backward(dy, c, p, g, here, A), call, [t, *(z for pair in theirs.values() for z in pair)],
    )  # fmt: skip


def with_tables() -> list[dict[str, Any]]:
    """cross-entropy, embedding, linear"""
    logits, labels, weights = numbers(M, V), RNG.integers(0, V, M), np.ones(M, np.float32)
    t, target = torch_of(logits), torch.tensor(labels)
    found = [compare(
        f"cross-entropy ({M}, {V})", lambda: layers.cross_entropy(logits, labels, weights, M),
        lambda dy, c: layers.cross_entropy_backward(dy, c), lambda: F.cross_entropy(t, target), [t],
    )]  # fmt: skip
    ids, positions, types = RNG.integers(0, V, N), np.arange(N) % (N // B), np.zeros(N, np.int64)
    p = parameters({"word": (V, E), "position": (N // B, E), "token_type": (2, E)}, 0).astype("float32")
    g, tables = p.zeros_like(), [torch_of(table) for table in (p.word, p.position, p.token_type)]
    rows = [torch.tensor(r) for r in (ids, positions, types)]
    found.append(compare(
        f"embedding, {N} of {V} rows", lambda: layers.embedding(ids, positions, types, p),
        lambda dy, c: layers.embedding_backward(dy, c, g), lambda: sum(map(F.embedding, rows, tables)), tables,
    ))  # fmt: skip
    x, q = numbers(N, H), parameters({"w": (H, W), "b": (W,)}, 0).astype("float32")
    gq, tx, w, b = q.zeros_like(), torch_of(x), torch_of(q.w.T.copy()), torch_of(q.b)
    found.append(compare(
        f"linear ({N}, {H}) to {W}", lambda: layers.linear(x, q), lambda dy, c: layers.linear_backward(dy, c, q, gq),
        lambda: F.linear(tx, w, b), [tx, w, b],
    ))  # fmt: skip
    return found


def optimisers() -> list[dict[str, Any]]:
    """One step over the parameters of a base model."""
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny" if QUICK else "base"))
    params, grads = model.params, model.params.zeros_like()
    grads.flat[...] = 1e-3 * RNG.standard_normal(len(grads.flat), np.float32)
    leaves = [torch.nn.Parameter(torch.tensor(array)) for _, array in params.items()]
    for leaf, (_, g) in zip(leaves, grads.items()):
        leaf.grad = torch.tensor(g)
    found = []
    for name in ("adamw", "lamb"):
        state = ab.optim.init(name, params)
        theirs = torch.optim.AdamW(leaves, lr=1e-4).step if name == "adamw" else lamb_of(leaves)

        def ours(state: Any = state) -> None:
            ab.optim.step(params, grads, state, 1e-4)

        def in_reference(ours: Callable[[], None] = ours) -> None:
            with reference():
                ours()

        times = median_times({"ours": ours, "theirs": theirs, "textbook": in_reference})
        found.append({"name": f"{'AdamW' if name == 'adamw' else 'LAMB'}, {params.count():,} parameters", "forward": times})
    return found


def lamb_of(leaves: list[Any]) -> Callable[[], None]:
    m, v = ([torch.zeros_like(leaf) for leaf in leaves] for _ in range(2))

    @torch.no_grad()
    def step() -> None:
        g = [leaf.grad for leaf in leaves]
        torch._foreach_lerp_(m, g, 0.1)
        torch._foreach_mul_(v, 0.999)
        torch._foreach_addcmul_(v, g, g, 0.001)
        u = torch._foreach_sqrt(v)
        torch._foreach_add_(u, 1e-6)
        u = torch._foreach_div(m, u)
        torch._foreach_add_(u, leaves, alpha=0.01)
        for leaf, update, up, down in zip(leaves, u, torch._foreach_norm(leaves), torch._foreach_norm(u)):
            leaf.sub_(update * (1e-4 * up / down))

    return step


def main() -> None:
    torch.set_num_threads(1)
    print(json.dumps([*elementwise(), attention(), *with_tables(), *optimisers()]))


if __name__ == "__main__":
    main()
