"""A case for each operation of the sheet: arguments, with the names that the formulas use, and calls of the real functions."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from scipy import special

from albert_np.core import layers, optim
from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.dispatch import untagged
from albert_np.core.model import albert, block, embeddings, encoder, heads, shapes
from albert_np.core.params import Namespace, Tree, flat_size
from albert_np.core.random import RandomKey, threshold
from albert_np.core.sequences import Sequences

LENGTHS = (5, 1, 3)
SIZES = dict(N=9, B=3, T=6, V=13, E=4, H=10, A=2, D=5, F=11, L=3, M=7, C=8, W=12, I=14, O=15, P=16, S=17, R=18)
HELPERS: dict[str, Any] = {  # functions of the formulas
    "np": np, "sum_n": lambda x: x.sum(0), "sum_m": lambda x: x.sum(0), "sum_k": lambda x: x.sum(-1, keepdims=True),
    "mean": lambda x: x.mean(-1, keepdims=True), "exp": np.exp, "log": np.log, "tanh": np.tanh, "erf": special.erf,
    "sqrt": np.sqrt, "pi": math.pi, "inf": math.inf, "maximum": np.maximum, "minimum": np.minimum, "round": np.round,
    "clip": np.clip, "abs": np.abs, "row_max": lambda x: x.max(-1, keepdims=True),
    "softmax": lambda x: layers.softmax(x)[0], "norm": lambda x: np.sqrt((x * x).sum()),
    "column": lambda x: x[:, None], "flat": lambda x: x[:, 0],
    "join": lambda *each: np.concatenate(each, axis=-1), "split": lambda x: np.split(x, 2, axis=-1),
}  # fmt: skip


@dataclass
class Case:
    """Arguments and calls.

    names     the arguments as the formulas call them, and operations inside: f, and f_back for its backward pass.
    forward   calls the real function and returns (results by the names of the formulas, the cache).
    backward  calls the real backward pass with a cache; it adds to g, the formulas to g_formulas, which starts alike.
    """

    names: dict[str, Any] = field(default_factory=dict)
    forward: Callable[[], tuple[dict[str, Any], Any]] = lambda: ({}, None)
    backward: Callable[[Any], dict[str, Any]] = lambda cache: {}
    p: Any = None
    g: Any = None
    g_formulas: Any = None
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def draw(self, **axes: str) -> None:
        """Draw arrays, such as x="N I"."""
        for name, letters in axes.items():
            self.names[name] = self.rng.normal(size=[size_of(letter) for letter in letters.split()])

    def parameters(self, form: Any) -> None:
        self.p, self.g, self.g_formulas = (Tree(form, np.zeros(flat_size(form))) for _ in range(3))
        for name, array in self.p.items():
            array[...] = self.rng.normal(size=array.shape) * 0.7 + 0.4
            for tree in (self.g, self.g_formulas):
                dict(tree.items())[name][...] = array - 1.5

    def name_parameters(self, **paths: str) -> None:
        """Give parameters and their gradients names: w="dense.w" is w, and its gradient dw."""
        for name, path in paths.items():
            self.names[name] = dict(self.p.paths())[path]
            self.names[f"d{name}"] = dict(self.g_formulas.paths())[path]

    def inside(self, name: str, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Give the formulas an operation that keeps its cache, and its backward pass, called with (cache, *gradients)."""
        caches: list[Any] = []

        def f(*arguments: Any) -> Any:
            y, cache = forward(*arguments)
            caches.append(cache)
            return y

        self.names |= {name: f, f"{name}_back": lambda *gradients: backward(caches[-1], *gradients)}

    def linear_inside(self, **inputs: tuple[str, Namespace, Namespace]) -> None:
        """Give the formulas linear_back(dz, w). inputs: {name of w: (name of its input, parameters, gradients)}."""

        def linear_back(dz: Any, w: Any) -> Any:
            ((x, p, g),) = (each for name, each in inputs.items() if self.names[name] is w)
            return layers.linear_backward(dz, self.names[x], p, g)

        self.names["linear_back"] = linear_back

    def calls(self, forward: Callable[[], Any], backward: Callable[[Any], Any], y: str = "y", dx: str = "dx") -> "Case":
        """Set the real calls. y, dx: names of the results, several with spaces between."""

        def run_forward() -> tuple[dict[str, Any], Any]:
            results, cache = forward()
            return name_results(y, results), cache

        self.forward, self.backward = run_forward, lambda cache: name_results(dx, backward(cache))
        return self


def size_of(letter: str) -> int:
    """Return the size of an axis such as "N", "2H", "2" or "L+1"."""
    if letter.isdigit():
        return int(letter)
    if letter.endswith("+1"):
        return SIZES[letter[0]] + 1
    return SIZES[letter[-1]] * int(letter[:-1] or 1)


def name_results(names: str, values: Any) -> dict[str, Any]:
    names_ = names.split()
    return dict(zip(names_, values if len(names_) > 1 else [values], strict=True))


def key(N: int) -> RandomKey:
    return RandomKey(3, 1, rows=np.stack([np.arange(N), np.arange(N)], axis=1))


def small_config(**more: Any) -> Config:
    values = dict(
        vocab_size=SIZES["V"], embedding_size=SIZES["E"], hidden_size=SIZES["H"], num_hidden_layers=SIZES["L"],
        num_hidden_groups=2, inner_group_num=2, num_attention_heads=SIZES["A"], intermediate_size=SIZES["F"],
        hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2, max_position_embeddings=SIZES["P"],
        type_vocab_size=SIZES["S"], layer_norm_eps=1e-3, pad_token_id=2, pad_row_gradient=False, fusion_layers=(1, 2, 3),
    )  # fmt: skip
    return Config(**values | more)


def draw_batch(rng: np.random.Generator) -> Batch:
    """Return a batch with repeated ids, and labels of both losses."""
    N, M, B = (SIZES[letter] for letter in "NMB")
    ids, positions, types = (rng.integers(SIZES[letter], size=N) for letter in "VPS")
    ids[:3], ids[-2:] = ids[3], 2
    rows, labels = rng.permutation(N)[:M], rng.integers(SIZES["V"], size=M)
    return Batch.pack(
        ids, np.array(LENGTHS), types, positions, masked_rows=rows, masked_labels=labels, order_labels=rng.integers(2, size=B)
    )


# ---- layers ----


def linear() -> Case:
    c = Case()
    c.draw(x="N I", dy="N O")
    c.parameters({"w": (SIZES["I"], SIZES["O"]), "b": (SIZES["O"],)})
    c.name_parameters(w="w", b="b")
    n = c.names
    return c.calls(lambda: layers.linear(n["x"], c.p), lambda cache: layers.linear_backward(n["dy"], cache, c.p, c.g))


def softmax() -> Case:
    c = Case()
    c.draw(x="N W", dy="N W")
    return c.calls(lambda: layers.softmax(c.names["x"]), lambda y: layers.softmax_backward(c.names["dy"], y))


def cross_entropy() -> Case:
    c, C = Case(), SIZES["C"]
    c.draw(x="M C", weights="M")
    c.names |= {"labels": c.rng.integers(C, size=SIZES["M"]), "Z": 4.3, "C": C, "smoothing": 0.15, "dloss": 1.7}
    c.names["one_hot"] = lambda labels: np.eye(C)[labels]
    values = [c.names[name] for name in ("x", "labels", "weights", "Z", "smoothing")]
    return c.calls(
        lambda: layers.cross_entropy(*values), lambda cache: layers.cross_entropy_backward(c.names["dloss"], cache), y="loss"
    )


def layer_norm() -> Case:
    c, W = Case(), SIZES["W"]
    c.draw(x="N W", dy="N W")
    c.parameters({"gamma": (W,), "beta": (W,)})
    c.name_parameters(gamma="gamma", beta="beta")
    c.names["eps"] = 0.03
    n = c.names
    return c.calls(
        lambda: layers.layer_norm(n["x"], c.p, n["eps"]), lambda cache: layers.layer_norm_backward(n["dy"], cache, c.p, c.g)
    )


def activation_named(name: str) -> Case:
    forward, backward = layers.activations.ACTIVATIONS[name]
    c = Case()
    c.draw(x="N F", dy="N F")
    return c.calls(lambda: forward(c.names["x"]), lambda cache: backward(c.names["dy"], cache))


def activation() -> Case:
    c = activation_named("relu")
    forward, backward = layers.activations.ACTIVATIONS["relu"]
    c.inside("act", forward, lambda cache, dy: backward(dy, cache))
    n = c.names
    return c.calls(lambda: layers.activation(n["x"], "relu"), lambda cache: layers.activation_backward(n["dy"], cache, "relu"))


def dropout() -> Case:
    c = Case()
    c.draw(x="N W", dy="N W")
    keep, _ = untagged(layers.dropout(c.names["x"], 0.3, key(SIZES["N"]))[1])
    c.names |= {"keep": keep, "rate": threshold(0.3) / 65536}
    n = c.names
    return c.calls(lambda: layers.dropout(n["x"], 0.3, key(SIZES["N"])), lambda cache: layers.dropout_backward(n["dy"], cache))


def embedding() -> Case:
    c = Case()
    c.draw(dy="N E")
    c.parameters({name: (SIZES[rows], SIZES["E"]) for name, rows in (("word", "V"), ("position", "P"), ("token_type", "S"))})
    c.name_parameters(word="word", position="position", token_type="token_type")
    batch = draw_batch(c.rng)
    c.names |= {"ids": batch.ids, "positions": batch.positions, "token_types": batch.token_types, "padding_idx": 2}
    n = c.names
    return c.calls(
        lambda: layers.embedding(n["ids"], n["positions"], n["token_types"], c.p, 2),
        lambda cache: layers.embedding_backward(n["dy"], cache, c.g), dx="nothing",
    )  # fmt: skip


def gather() -> Case:
    c = Case()
    c.draw(x="N W", dy="M W")
    c.names |= {"rows": c.rng.integers(SIZES["N"] - 2, size=SIZES["M"]), "zeros": 0 * c.names["x"]}  # some rows twice
    n = c.names
    return c.calls(lambda: layers.gather(n["x"], n["rows"]), lambda cache: layers.gather_backward(n["dy"], cache))


def attend() -> Case:
    c, T = Case(), SIZES["T"]
    c.draw(q="A T D", k="A T D", v="A T D", dcontext="A T D")
    n, visible, dropout_key = c.names, np.tril(np.ones((T, T), bool)), key(T)
    n |= {"D": SIZES["D"], "where_visible": lambda x, other: np.where(visible, x, other)}

    def by_query(x: Any) -> Any:
        return x.swapaxes(0, 1).reshape(T, -1)

    def by_head(x: Any) -> Any:
        return x.reshape(T, SIZES["A"], T).swapaxes(0, 1)

    def drop(a: Any) -> Any:
        y, cache = layers.dropout(by_query(a), 0.3, dropout_key)
        return by_head(y), cache

    c.inside("dropout", drop, lambda cache, d: by_head(layers.dropout_backward(by_query(d), cache)))
    return c.calls(
        lambda: layers.attend(n["q"], n["k"], n["v"], visible, 0.3, dropout_key),
        lambda cache: layers.attend_backward(n["dcontext"], cache), y="context", dx="dq dk dv",
    )  # fmt: skip


def attention() -> Case:
    c, sequences, A = Case(), Sequences(LENGTHS), SIZES["A"]
    c.draw(x="N H", dy="N H")
    form = {name: shapes.linear(SIZES["H"], SIZES["H"]) for name in ("query", "key", "value", "output")}
    c.parameters(form)
    for name in form:
        c.name_parameters(**{f"w_{name[0]}": f"{name}.w", f"b_{name[0]}": f"{name}.b"})
    c.linear_inside(**{
        f"w_{name[0]}": ("c" if name == "output" else "x", getattr(c.p, name), getattr(c.g_formulas, name)) for name in form
    })  # fmt: skip
    functions = vars(import_module("albert_np.core.layers.attention"))
    split, merge = functions["split_heads"], functions["merge_heads"]
    dropout_key = key(SIZES["N"])

    def attend_all(q: Any, k: Any, v: Any) -> Any:
        both = [
            layers.attend(*(split(z[rows], A) for z in (q, k, v)), None, 0.2, dropout_key.for_rows(dropout_key.rows[rows]))
            for rows in sequences
        ]
        return np.concatenate([merge(context) for context, _ in both]), [cache for _, cache in both]

    def attend_all_backward(caches: Any, dc: Any) -> Any:
        each = [layers.attend_backward(split(dc[rows], A), cache) for rows, cache in zip(sequences, caches)]
        return tuple(np.concatenate([merge(d) for d in three]) for three in zip(*each))

    c.inside("attend", attend_all, attend_all_backward)
    n = c.names
    return c.calls(
        lambda: layers.attention(n["x"], c.p, sequences, A, 0.2, dropout_key),
        lambda cache: layers.attention_backward(n["dy"], cache, c.p, c.g, sequences, A),
    )


def feed_forward() -> Case:
    c = Case()
    c.draw(x="N H", dy="N H")
    c.parameters({"intermediate": shapes.linear(SIZES["H"], SIZES["F"]), "output": shapes.linear(SIZES["F"], SIZES["H"])})
    c.name_parameters(w_1="intermediate.w", b_1="intermediate.b", w_2="output.w", b_2="output.b")
    g = c.g_formulas
    c.linear_inside(w_1=("x", c.p.intermediate, g.intermediate), w_2=("a", c.p.output, g.output))
    c.inside("activation", lambda z: layers.activation(z, "gelu"), lambda k, d: layers.activation_backward(d, k, "gelu"))
    n = c.names
    return c.calls(
        lambda: layers.feed_forward(n["x"], c.p, "gelu"),
        lambda cache: layers.feed_forward_backward(n["dy"], cache, c.p, c.g, "gelu"),
    )


def norm_inside(c: Case, p: Namespace, g: Namespace, eps: float) -> None:
    c.inside("layer_norm", lambda x: layers.layer_norm(x, p, eps), lambda k, d: layers.layer_norm_backward(d, k, p, g))


def add_norm() -> Case:
    c = Case()
    c.draw(x="N H", f="N H", dy="N H")
    c.parameters(shapes.norm(SIZES["H"]))
    c.inside("dropout", lambda f: layers.dropout(f, 0.3, key(SIZES["N"])), lambda k, d: layers.dropout_backward(d, k))
    norm_inside(c, c.p, c.g_formulas, 1e-3)
    n = c.names
    return c.calls(
        lambda: layers.add_norm(n["x"], n["f"], c.p, 1e-3, 0.3, key(SIZES["N"])),
        lambda cache: layers.add_norm_backward(n["dy"], cache, c.p, c.g), dx="dx df",
    )  # fmt: skip


def fuse() -> Case:
    c = Case()
    c.draw(low="N H", high="N H", dh="N H")
    c.parameters(shapes.linear(2 * SIZES["H"], SIZES["H"]))
    c.name_parameters(w="w", b="b")
    n = c.names
    n["both"] = np.concatenate([n["low"], n["high"]], axis=-1)
    c.linear_inside(w=("both", c.p, c.g_formulas))
    return c.calls(
        lambda: layers.fuse(n["low"], n["high"], c.p), lambda cache: layers.fuse_backward(n["dh"], cache, c.p, c.g),
        y="h", dx="dlow dhigh",
    )  # fmt: skip


def fuse_levels() -> Case:
    c, levels, L = Case(), (0, 2, 3), SIZES["L"]
    c.parameters({"fusion": [shapes.linear(2 * SIZES["H"], SIZES["H"]) for _ in range(2)]})
    c.draw(df_2="N H")
    n = c.names
    n["hidden"] = [c.rng.normal(size=(SIZES["N"], SIZES["H"])) for _ in range(L + 1)]
    n |= {f"h_{letter}": n["hidden"][level] for letter, level in zip("ijk", levels)}
    for i, (p, g) in enumerate(zip(c.p.fusion, c.g_formulas.fusion), 1):
        c.inside(
            f"fuse_{i}", lambda low, high, p=p: layers.fuse(low, high, p), lambda k, d, p=p, g=g: layers.fuse_backward(d, k, p, g)
        )

    def backward(cache: Any) -> Any:
        dhidden = layers.fuse_levels_backward(n["df_2"], cache, c.p.fusion, c.g.fusion, levels, L)
        assert dhidden[1] is None
        return [dhidden[level] for level in levels]

    return c.calls(lambda: layers.fuse_levels(n["hidden"], c.p.fusion, levels), backward, y="f_2", dx="dh_i dh_j dh_k")


def gather_inside(c: Case) -> None:
    c.inside("gather", layers.gather, lambda cache, dy: layers.gather_backward(dy, cache))


def pooler() -> Case:
    c, sequences = Case(), Sequences(LENGTHS, np.array([0, 5, 6]))
    c.draw(x="N H", dy="B H")
    c.parameters(shapes.linear(SIZES["H"], SIZES["H"]))
    c.name_parameters(w="w", b="b")
    c.linear_inside(w=("f", c.p, c.g_formulas))
    gather_inside(c)
    n = c.names
    n["first_rows"] = sequences.first_rows
    return c.calls(lambda: layers.pooler(n["x"], c.p, sequences), lambda cache: layers.pooler_backward(n["dy"], cache, c.p, c.g))


# ---- the model ----


def whole(**more: Any) -> tuple[Case, Config, Batch]:
    """Return a case with the parameters of a whole model and a batch."""
    c, config = Case(), small_config(**more)
    c.parameters(shapes.body(config) | shapes.pretraining_heads(config))
    batch = draw_batch(c.rng)
    c.names |= {"ids": batch.ids, "positions": batch.positions, "token_types": batch.token_types}
    return c, config, batch


def embeddings_case() -> Case:
    c, config, batch = whole()
    c.draw(dx="N H")
    p, g = c.p.embeddings, c.g_formulas.embeddings
    c.name_parameters(w="embeddings.projection.w", b="embeddings.projection.b")
    c.linear_inside(w=("e_3", p.projection, g.projection))
    k = RandomKey(3, 1, rows=batch.random_rows)
    c.inside("embedding", lambda *ids: layers.embedding(*ids, p, 2), lambda cache, d: layers.embedding_backward(d, cache, g))
    norm_inside(c, p.norm, g.norm, config.layer_norm_eps)
    c.inside(
        "dropout", lambda e: layers.dropout(e, 0.3, k.fold_in("embeddings")), lambda cache, d: layers.dropout_backward(d, cache)
    )
    return c.calls(
        lambda: embeddings.embeddings(batch, p, config, k),
        lambda cache: embeddings.embeddings_backward(c.names["dx"], cache, p, c.g.embeddings), y="x", dx="nothing",
    )  # fmt: skip


def block_case() -> Case:
    c, config, batch = whole()
    c.draw(x="N H", dy="N H")
    p, g, k = c.p.groups[0].blocks[0], c.g_formulas.groups[0].blocks[0], RandomKey(3, 1, rows=batch.random_rows)
    key_p, key_a, key_f = block.block_keys(k, 4)
    A, eps, sequences = config.num_attention_heads, config.layer_norm_eps, batch.sequences
    c.inside(
        "attention", lambda x: layers.attention(x, p.attention, sequences, A, config.attention_probs_dropout_prob, key_p),
        lambda cache, d: layers.attention_backward(d, cache, p.attention, g.attention, sequences, A),
    )  # fmt: skip
    c.inside(
        "feed_forward", lambda h: layers.feed_forward(h, p.ffn, config.hidden_act),
        lambda cache, d: layers.feed_forward_backward(d, cache, p.ffn, g.ffn, config.hidden_act),
    )  # fmt: skip
    for i, (p_norm, g_norm, k_norm) in enumerate(
        ((p.attention_norm, g.attention_norm, key_a), (p.ffn_norm, g.ffn_norm, key_f)), 1
    ):
        c.inside(
            f"add_norm_{i}", lambda x, f, p=p_norm, k=k_norm: layers.add_norm(x, f, p, eps, 0.3, k),
            lambda cache, d, p=p_norm, g=g_norm: layers.add_norm_backward(d, cache, p, g),
        )  # fmt: skip
    n = c.names
    return c.calls(
        lambda: block.block(n["x"], p, sequences, config, k, 4),
        lambda cache: block.block_backward(n["dy"], cache, p, c.g.groups[0].blocks[0], sequences, config),
    )


def layer_case() -> Case:
    c, config, batch = whole()
    c.draw(x="N H", dy="N H")
    p, g, k, n = c.p.groups[1], c.g_formulas.groups[1], RandomKey(3, 1, rows=batch.random_rows), c.names
    for i in (0, 1):
        c.inside(
            f"block_{i + 1}", lambda x, i=i: block.block(x, p.blocks[i], batch.sequences, config, k, 2 * 2 + i),
            lambda cache, d, i=i: block.block_backward(d, cache, p.blocks[i], g.blocks[i], batch.sequences, config),
        )  # fmt: skip
    return c.calls(
        lambda: encoder.layer(n["x"], p, batch.sequences, config, k, 2),
        lambda cache: encoder.layer_backward(n["dy"], cache, p, c.g.groups[1], batch.sequences, config),
    )


def encoder_case(**more: Any) -> Case:
    c, config, batch = whole(**more)
    c.draw(x="N H")
    L, k, n, caches = SIZES["L"], RandomKey(3, 1, rows=batch.random_rows), c.names, {}
    n["dh"] = [c.rng.normal(size=(SIZES["N"], SIZES["H"])) for _ in range(L + 1)]
    dhidden = [each.copy() for each in n["dh"]]
    n |= {"L": L, "h": [None] * (L + 1)}

    def layer(x: Any, l: int) -> Any:
        y, caches[l] = encoder.layer(x, c.p.groups[config.group_of(l)], batch.sequences, config, k, l)
        return y

    def layer_back(dy: Any, l: int) -> Any:
        i = config.group_of(l)
        return encoder.layer_backward(dy, caches[l], c.p.groups[i], c.g_formulas.groups[i], batch.sequences, config)

    n |= {"layer": layer, "layer_back": layer_back}
    return c.calls(
        lambda: encoder.encoder(n["x"], c.p.groups, batch.sequences, config, k),
        lambda cache: encoder.encoder_backward(dhidden, cache, c.p.groups, c.g.groups, batch.sequences, config), y="h",
    )  # fmt: skip


def encode_case() -> Case:
    c, config, batch = whole()
    c.draw(dh="N H")
    g, k, n = c.g_formulas, RandomKey(3, 1, rows=batch.random_rows), c.names
    c.inside(
        "embeddings", lambda *ids: embeddings.embeddings(batch, c.p.embeddings, config, k),
        lambda cache, d: embeddings.embeddings_backward(d, cache, c.p.embeddings, g.embeddings),
    )  # fmt: skip
    c.inside(
        "encoder", lambda x: encoder.encoder(x, c.p.groups, batch.sequences, config, k),
        lambda cache, d: encoder.encoder_backward(d, cache, c.p.groups, g.groups, batch.sequences, config),
    )  # fmt: skip
    levels = config.fusion_layers
    c.inside(
        "fuse_levels", lambda hidden: layers.fuse_levels(hidden, c.p.fusion, levels),
        lambda cache, d: layers.fuse_levels_backward(d, cache, c.p.fusion, g.fusion, levels, SIZES["L"]),
    )  # fmt: skip
    return c.calls(
        lambda: albert.encode(batch, c.p, config, k),
        lambda cache: albert.encode_backward(n["dh"], cache, c.p, c.g, config, batch), y="h hidden", dx="nothing",
    )  # fmt: skip


def mlm_head_case() -> Case:
    c, config, batch = whole()
    c.draw(h="N H", dlogits="M V")
    c.name_parameters(w="mlm.dense.w", b="mlm.dense.b", word="embeddings.word", b_V="mlm.b")
    g, n = c.g_formulas, c.names
    n["rows"] = batch.masked.rows
    gather_inside(c)
    c.linear_inside(w=("x", c.p.mlm.dense, g.mlm.dense))
    act = config.hidden_act
    c.inside("activation", lambda t: layers.activation(t, act), lambda cache, d: layers.activation_backward(d, cache, act))
    norm_inside(c, c.p.mlm.norm, g.mlm.norm, config.layer_norm_eps)
    return c.calls(
        lambda: heads.mlm_head(n["h"], n["rows"], c.p, config),
        lambda cache: heads.mlm_head_backward(n["dlogits"], cache, c.p, c.g, config), y="logits", dx="dh",
    )  # fmt: skip


def order_head_case() -> Case:
    c, _, batch = whole()
    c.draw(h="N H", dlogits="B 2")
    c.name_parameters(w="sop.w", b="sop.b")
    g, n = c.g_formulas, c.names
    c.linear_inside(w=("f", c.p.sop, g.sop))
    c.inside(
        "pooler", lambda h: layers.pooler(h, c.p.pooler, batch.sequences),
        lambda cache, d: layers.pooler_backward(d, cache, c.p.pooler, g.pooler),
    )  # fmt: skip
    return c.calls(
        lambda: heads.order_head(n["h"], batch.sequences, c.p),
        lambda cache: heads.order_head_backward(n["dlogits"], cache, c.p, c.g), y="logits", dx="dh",
    )  # fmt: skip


def pretraining_case() -> Case:
    c, config, batch = whole()
    g, k, n = c.g_formulas, RandomKey(3, 1), c.names
    n["dloss"] = 1.3
    c.inside(
        "encode", lambda *ids: first(albert.encode(batch, c.p, config, k)),
        lambda cache, d: albert.encode_backward(d, cache, c.p, g, config, batch),
    )  # fmt: skip
    c.inside(
        "mlm_head", lambda h: heads.mlm_head(h, batch.masked.rows, c.p, config),
        lambda cache, d: heads.mlm_head_backward(d, cache, c.p, g, config),
    )  # fmt: skip
    c.inside(
        "order_head", lambda h: heads.order_head(h, batch.sequences, c.p),
        lambda cache, d: heads.order_head_backward(d, cache, c.p, g),
    )  # fmt: skip
    for i, items in enumerate((batch.masked, batch.order), 1):
        M = len(items)
        c.inside(
            f"cross_entropy_{i}", lambda z, items=items, M=M: layers.cross_entropy(z, items.labels, np.ones(M), M),
            lambda cache, d: layers.cross_entropy_backward(d, cache),
        )  # fmt: skip

    def forward() -> Any:
        results, cache = albert.pretraining(batch, c.p, config, None, k)
        return results.loss, cache

    return c.calls(
        forward, lambda cache: albert.pretraining_backward(n["dloss"], cache, c.p, c.g, config, batch), y="loss", dx="nothing"
    )


def first(value: Any) -> Any:
    """((h, hidden), cache) -> (h, cache)"""
    (h, _), cache = value
    return h, cache


# ---- training, and around the model ----


def optimiser(name: str) -> Case:
    """The formulas work on one tensor, and the real step on a tree with it."""
    c = Case()
    c.parameters({"dense": {"w": (5, 4)}})
    n = c.names
    n |= {"w": c.p.dense.w.copy(), "beta_1": 0.8, "beta_2": 0.9, "eps": 0.05, "decay": 0.2, "lr": 0.3}
    c.draw(g="5 4", m="5 4", v="5 4")
    n["v"] = n["v"] ** 2

    def forward() -> Any:
        grads = c.p.zeros_like()
        options = dict(beta1=0.8, beta2=0.9, eps=0.05, weight_decay=0.2)
        state = optim.init(name, c.p, **options)
        grads.dense.w[...], state.m.dense.w[...], state.v.dense.w[...] = n["g"], n["m"], n["v"]
        params = c.p.copy()
        optim.step(params, grads, state, 0.3)
        if name == "lamb":  # its formulas start with the moments that adamw has made
            n["m"], n["v"] = state.m.dense.w, state.v.dense.w
        return (params.dense.w, state.m.dense.w, state.v.dense.w), None

    return c.calls(forward, lambda cache: None, y="w m v", dx="nothing")


def clip() -> Case:
    c = Case()
    c.names |= {"g": c.rng.normal(size=96), "c": 2.5}
    tree = Tree({"a": (64,), "b": (32,)}, c.names["g"].copy())

    def forward() -> Any:
        norm = optim.clip(tree, 2.5)
        return (norm, tree.flat), None

    return c.calls(forward, lambda cache: None, y="n g", dx="nothing")


def schedule() -> Case:
    c = Case()
    c.names |= {"peak": 0.7, "warmup": 4, "total": 19, "early": 3, "late": 11}
    rates = [optim.learning_rate(step, 0.7, 4, 19) for step in (3, 11)]
    return c.calls(lambda: (rates, None), lambda cache: None, y="rise fall", dx="nothing")


def count_masked() -> Case:
    from albert_np.learn.references.masking import count_masked

    c, T = Case(), np.arange(1, 300)
    c.names |= {"T": T, "most": 20}
    return c.calls(lambda: (np.array([count_masked(t, 0.15, 20) for t in T]), None), lambda cache: None, y="n", dx="nothing")


def translation_mask() -> Case:
    from albert_np.learn.references.translation_mask import translation_mask

    c, T = Case(), SIZES["T"]
    c.names |= {"t": np.arange(T)[:, None], "u": np.arange(T), "S": 3}
    return c.calls(lambda: (translation_mask(3, T), None), lambda cache: None, y="visible", dx="nothing")


def fake_quantise() -> Case:
    from albert_np.learn.references import int8

    c = Case()
    c.draw(w="R C", dy="R C", s="R 1")
    n = c.names
    n["q"] = 127
    n["s"] = int8.row_scales(n["w"], 127) * 0.7  # smaller than the largest weights need: some are clipped

    def forward() -> Any:
        y, inside = int8.fake_quantise(n["w"], n["s"], 127)
        assert 0 < inside.mean() < 1
        return (y, int8.row_scales(n["w"], 127)), inside

    return c.calls(forward, lambda inside: int8.fake_quantise_backward(n["dy"], inside), y="y s_of_row", dx="dw")


CASES: dict[str, Callable[[], Case]] = {
    "linear": linear, "softmax": softmax, "cross_entropy": cross_entropy, "layer_norm": layer_norm,
    **{name: lambda name=name: activation_named(name) for name in layers.activations.ACTIVATIONS},
    "activation": activation, "dropout": dropout, "embedding": embedding, "gather": gather, "attend": attend,
    "attention": attention, "feed_forward": feed_forward, "add_norm": add_norm, "fuse": fuse, "fuse_levels": fuse_levels,
    "pooler": pooler, "embeddings": embeddings_case, "block": block_case, "layer": layer_case, "encoder": encoder_case,
    "encode": encode_case, "mlm_head": mlm_head_case, "order_head": order_head_case, "pretraining": pretraining_case,
    "clip": clip, "adamw_step": lambda: optimiser("adamw"), "lamb_step": lambda: optimiser("lamb"), "learning_rate": schedule,
    "count_masked": count_masked, "translation_mask": translation_mask, "fake_quantise": fake_quantise,
}  # fmt: skip
