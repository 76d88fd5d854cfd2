"""encoder: one layer, applied again and again."""

from typing import Any

import numpy as np

from albert_np.core.config import Config
from albert_np.core.model.shapes import groups
from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, gradients, normal, random_key


def make_case(seed: int, lengths: tuple[int, ...], A: int, H: int, L: int) -> Case:
    config = Config(
        hidden_size=H, num_attention_heads=A, intermediate_size=H + 1, num_hidden_layers=L, num_hidden_groups=2,
        inner_group_num=2, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2, recompute=bool(seed % 2),
    )  # fmt: skip
    N, p = sum(lengths), parameters({"groups": groups(config)}, seed)
    dhidden = [None if l == 1 and seed % 2 else normal(seed, f"dhidden {l}", N, H) for l in range(L + 1)]
    return Case(
        seed=seed, x=normal(seed, "x", N, H), dhidden=dhidden, p=p, sequences=Sequences(lengths), config=config,
        key=random_key(seed, *lengths), sizes={"N": N, "H": H, "L": L},
    )  # fmt: skip


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    dhidden = [None if d is None else d.astype(c.x.dtype) for d in c.dhidden]

    def call(g: Any) -> Any:
        return names["encoder_backward"](dhidden, cache, c.p.groups, g.groups, c.sequences, c.config)

    def by_block() -> dict[str, Any]:
        """The gradients of each block as one flat array."""
        results = gradients(c, call)
        blocks: dict[str, list[Any]] = {}
        for name, value in results.items():
            if name != "dx":
                blocks.setdefault(".".join(name.split(".")[:5]), []).append(value.reshape(-1))
        return {"dx": results["dx"]} | {name: np.concatenate(values) for name, values in blocks.items()}

    return {"encoder_backward": by_block}


EXERCISE = Exercise(
    name="encoder",
    title="The gradient of the whole encoder",
    minutes=45,
    needs=("block",),
    text="""
    hidden[0] = x;    hidden[l + 1] = layer(hidden[l], p[group of l])  for l = 0, ..., L - 1        (N, H) each

    ALBERT's layers share parameters: the same p[group] computes several layers, and layer_backward adds each one's gradient to
    the same g[group]. So the shared gradient is the sum over the uses, and there is nothing more to do for it.

    Not only the last hidden state may have a gradient: dhidden[l] is what reaches hidden[l] directly from above (a fusion of
    levels, a loss on them), or None. With config.recompute the cache of a layer is None; its input was kept in cache.hidden[l].
    layer_backward(dy, cache, p, g, sequences, config) is there, and so is layer, the forward pass.
    """,
    imports="from collections import namedtuple\n\nfrom albert_np.core.model.encoder import layer, layer_backward",
    given=("core.model.encoder.EncoderCache", "core.model.encoder.encoder"),
    solve=("core.model.encoder.encoder_backward",),
    stub='''
def encoder_backward(dhidden, cache, p, g, sequences, config):
    """dhidden: L + 1 of (N, H) or None -> dx (N, H); adds to the groups of g"""
    dx = dhidden[-1]  # (N, H)
    for l in reversed(range(config.num_hidden_layers)):
        group, c = config.group_of(l), cache.c_layers[l]
        if c is None:  # recompute
            _, c = ...  # layer(its input, p[group], sequences, config, cache.dropout_key, l)
        dx = ...  # (N, H), back through layer l
        if dhidden[l] is not None:
            dx = ...  # (N, H)
    return dx
''',
    hints=(
        "dx is the gradient of hidden[l + 1] before the step of the loop, and that of hidden[l] after it.",
        "dx = layer_backward(dx, c, p[group], g[group], sequences, config).",
        "hidden[l] is used by the layer above it, and directly; its gradient is the sum: dx + dhidden[l].",
        "To recompute, run layer again on cache.hidden[l], with the same key and index, so that the same elements are dropped.",
    ),
    derivation="""
    Backward, from the last layer to the first. hidden[l] is used by layer l, and perhaps by something above the encoder, whose
    gradient is dhidden[l]; it gets the sum of the two:

        dx = dhidden[L]
        for l = L - 1, ..., 0:        dx = layer_backward(dx) + dhidden[l]

    Let each layer have parameters of its own, p₀, p₁, ..., all of the same value p. The loss changes with p through each of them,
    so dp = dp₀ + dp₁ + ...: adding to one g is all that sharing asks for.
    """,
    make=make_case,
    sizes=(((4, 1, 3), 2, 6, 3), ((3, 2), 3, 6, 2), ((2, 1, 3), 2, 8, 2), ((5, 2), 4, 8, 3)),  # lengths, A, H, L
    forward=lambda names, c: names["encoder"](c.x, c.p.groups, c.sequences, c.config, c.key),
    calls=calls,
    large=((30, 20), 4, 32, 4),
    notebook="08_one_layer_twelve_times",
)
