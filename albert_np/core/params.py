"""The parameter tree and its one flat buffer.

`p.groups[0].blocks[0].attention.query.w` is a view into `p.flat`, one contiguous array: to zero, clip, add, save or send all
parameters is one operation, and to read one of them by name stays natural. Gradients and optimiser moments are trees of the
same form. Layers that share parameters share the very namespace: **sharing is identity**, so a gradient added through one use
is there for all of them.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.config import Config
from albert_np.core.random import generator

ALIGNMENT = 64  # bytes: every leaf starts on a cache line of its own
QUANTUM = 32  # numbers from one possible start to the next: 64 bytes of float16, and in all dtypes the same places

# ---- the form: nested dicts and lists of shapes. The same dict in two places is one set of parameters. ----


def _linear(inputs: int, outputs: int, rank: int | None = None) -> dict[str, Any]:
    if rank is not None:  # w = u v, see core/layers/linear.py
        return {"u": (inputs, rank), "v": (rank, outputs), "b": (outputs,)}
    return {"w": (inputs, outputs), "b": (outputs,)}


def _norm(width: int) -> dict[str, Any]:
    return {"gamma": (width,), "beta": (width,)}


def _attention(config: Config) -> dict[str, Any]:
    H, W = config.hidden_size, config.num_attention_heads * config.head_width  # W = H, unless heads were cut away
    ranks = {name: config.ranks.get(f"attention.{name}") for name in ("query", "key", "value", "output")}
    return {
        "attention": {name: _linear(*((W, H) if name == "output" else (H, W)), rank) for name, rank in ranks.items()},
        "attention_norm": _norm(H),
    }


def _ffn(config: Config) -> dict[str, Any]:
    H, F = config.hidden_size, config.intermediate_size
    inner, outer = (config.ranks.get(f"ffn.{name}") for name in ("intermediate", "output"))
    return {"ffn": {"intermediate": _linear(H, F, inner), "output": _linear(F, H, outer)}, "ffn_norm": _norm(H)}


def _groups(config: Config) -> list[dict[str, Any]]:
    n = config.inner_group_num
    one_attention = [_attention(config) for _ in range(n)]
    one_ffn = [_ffn(config) for _ in range(n)]
    groups = []
    for _ in range(config.num_groups):
        attention = one_attention if config.sharing == "attention" else [_attention(config) for _ in range(n)]
        ffn = one_ffn if config.sharing == "ffn" else [_ffn(config) for _ in range(n)]
        groups.append({"blocks": [{**a, **f} for a, f in zip(attention, ffn)]})
    return groups


def shapes(config: Config, parts: tuple[str, ...] = ("pooler", "mlm", "sop")) -> dict[str, Any]:
    """The form of a model's tree: embeddings and groups, fusion if configured, and the heads named in `parts`."""
    V, E, H = config.vocab_size, config.embedding_size, config.hidden_size
    form: dict[str, Any] = {
        "embeddings": {
            "word": (V, E),
            "position": (config.max_position_embeddings, E),
            "token_type": (config.type_vocab_size, E),
            "norm": _norm(E),
            "projection": _linear(E, H),
        },
        "groups": _groups(config),
        "fusion": [_linear(2 * H, H) for _ in config.fusion_layers[1:]],
    }
    heads: dict[str, Any] = {
        "pooler": _linear(H, H),
        "mlm": {"dense": _linear(H, E), "norm": _norm(E), "b": (V,)},  # the decoder's matrix is embeddings.word
        "sop": _linear(H, 2),
        "task": _linear(H, config.num_labels),
        "relation": _linear(2 * H, config.num_labels),
    }
    return form | {part: heads[part] for part in parts}


# ---- the tree ----


class Namespace:
    """Attributes, and nothing else. An array in it is changed in place (`p.w += d`, `p.w[:] = v`), never replaced."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"no parameter is called {name!r}; there are {', '.join(self.__dict__)}")
        if value is not self.__dict__[name]:
            raise AttributeError(f"{name!r} cannot be replaced, it is a view of the flat buffer: write .{name}[...] = or +=")

    def __repr__(self) -> str:
        return f"Namespace({', '.join(self.__dict__)})"


class Tree(Namespace):
    """The root: the namespaces, the flat buffer behind them, and the names."""

    form: dict[str, Any]
    flat: Any
    embeddings: Any
    groups: list[Any]
    fusion: list[Any]
    pooler: Any
    mlm: Any
    sop: Any
    task: Any
    relation: Any
    hint: Any  # of a student while it is taught, see models/distillation.py

    def __init__(self, form: dict[str, Any], flat: Any) -> None:
        super().__init__(form=form, flat=flat, **build(form, flat))

    def paths(self) -> Iterator[tuple[str, Any]]:
        """(dotted name, array) of every place in the tree; a shared tensor comes once for each of its places."""
        for name in self.form:
            yield from _walk(name, getattr(self, name))

    def items(self) -> Iterator[tuple[str, Any]]:
        """(dotted name, array) of every tensor, each once, in the order of the flat buffer."""
        seen = set()
        for name, array in self.paths():
            if id(array) not in seen:
                seen.add(id(array))
                yield name, array

    def spans(self) -> dict[str, tuple[int, int]]:
        """Where each tensor lies in the flat buffer, from its first number to the one after its last."""
        offset, found = 0, {}
        for name, array in self.items():
            found[name] = offset, offset + array.size
            offset += _padded(array.shape)
        return found

    def zeros_like(self) -> "Tree":
        """A tree of the same form, device and dtype, of zeros: for gradients and moments."""
        return Tree(self.form, backend.aligned_zeros_like(self.flat))

    def copy(self) -> "Tree":
        """A tree of the same form with the same numbers in a buffer of its own."""
        twin = self.zeros_like()
        twin.flat[:] = self.flat
        return twin

    def astype(self, dtype: Any) -> "Tree":
        """The same numbers in another dtype."""
        twin = zero_tree(self.form, dtype, self.flat)
        twin.flat[...] = self.flat
        return twin

    def same_form(self, other: "Tree") -> bool:
        """Whether both have tensors of the same names and shapes."""
        if self.form is other.form:  # as zeros_like and copy make them: no need to compare, in every step of a training
            return True
        return [(name, array.shape) for name, array in self.items()] == [(name, array.shape) for name, array in other.items()]

    def count(self) -> int:
        """How many parameters there are, each shared tensor counted once."""
        return sum(array.size for _, array in self.items())


def _walk(name: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for i, child in enumerate(node):
            yield from _walk(f"{name}.{i}", child)
    elif isinstance(node, Namespace):
        for key, child in vars(node).items():
            yield from _walk(f"{name}.{key}", child)
    else:
        yield name, node


def _padded(shape: tuple[int, ...]) -> int:
    """Elements a leaf takes in the flat buffer, so that the next one starts on a boundary."""
    return -(-math.prod(shape) // QUANTUM) * QUANTUM


def flat_size(form: dict[str, Any]) -> int:
    """Length of the flat buffer for this form, in any dtype."""
    seen: set[int] = set()

    def size(node: Any) -> int:
        if isinstance(node, tuple):
            return _padded(node)
        if isinstance(node, dict):
            if id(node) in seen:
                return 0
            seen.add(id(node))
        return sum(size(child) for child in (node.values() if isinstance(node, dict) else node))

    return size(form)


def build(form: dict[str, Any], flat: Any) -> dict[str, Any]:
    """Cut the flat buffer into the leaves of the form."""
    made: dict[int, Namespace] = {}
    offset = 0

    def grow(node: Any) -> Any:
        nonlocal offset
        if isinstance(node, list):
            return [grow(child) for child in node]
        if isinstance(node, dict):
            if id(node) not in made:
                made[id(node)] = Namespace(**{key: grow(child) for key, child in node.items()})
            return made[id(node)]
        leaf = flat[offset : offset + math.prod(node)].reshape(node)
        offset += _padded(node)
        return leaf

    return {key: grow(child) for key, child in form.items()}


def zero_tree(form: dict[str, Any], dtype: Any, like: Any = None) -> Tree:
    """A tree of zeros of this form, on the backend in use or where `like` lives."""
    dtype = np.dtype(dtype)
    if like is None:
        like = backend.asarray(np.empty(0, dtype))
    return Tree(form, backend.aligned_zeros_like(like, flat_size(form), dtype))


def place(form: dict[str, Any], values: dict[str, Any], dtype: np.dtype, like: Any = None) -> Tree:
    """A tree of this form, on the backend in use (or where `like` lives), filled with the values of these names."""
    tree = zero_tree(form, dtype, like)
    for name, array in tree.items():
        fill(array, values[name])
    return tree


def fill(array: Any, value: Any) -> None:
    """array[...] = value, from the host if need be, in the array's dtype.

    A transposed matrix is copied by strips of columns: row by row, each number would come from another cache line, four times
    slower. 32 columns are two lines of float32.
    """
    if not isinstance(value, np.ndarray):
        array[...] = value
    elif isinstance(array, np.ndarray) and value.ndim == 2 and value.flags.f_contiguous and not value.flags.c_contiguous:
        for j in range(0, value.shape[1], 32):
            array[:, j : j + 32] = value[:, j : j + 32]
    else:
        array[...] = backend.asarray_like(value, array)


def parts_of(params: Tree) -> tuple[str, ...]:
    """The heads of a tree, as `shapes` names them."""
    return tuple(part for part in params.form if part not in ("embeddings", "groups", "fusion"))


# ---- initialisation ----


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Normal numbers, those beyond two deviations drawn again (as Google's initialiser; the realised deviation is .88 of it)."""
    x = rng.standard_normal(shape)
    while (beyond := np.abs(x) > 2).any():
        x[beyond] = rng.standard_normal(int(beyond.sum()))
    return x * deviation


def checked_dtype(dtype: Any) -> np.dtype:
    """float16, float32 or float64 as a NumPy dtype; ValueError for others."""
    if str(dtype) not in ("float16", "float32", "float64") and dtype not in (np.float16, np.float32, np.float64):
        raise ValueError(f"dtype: expected float32 or float64 (or float16), got {dtype!r}")
    return np.dtype(dtype)


def initialise(form: dict[str, Any], config: Config, seed: int, dtype: Any) -> Tree:
    """Fresh parameters: matrices and tables truncated normal, biases 0, layer norms 1 and 0 (Google's modeling.py)."""
    tree = zero_tree(form, checked_dtype(dtype))
    for name, array in tree.items():
        fill(array, fresh(name, array.shape, config, seed))
    return tree


def fresh(name: str, shape: tuple[int, ...], config: Config, seed: int) -> Any:
    """The first value of a tensor. It is drawn by its name, so a model with one head more starts from the same encoder."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "gamma":
        return 1.0
    if leaf in ("b", "beta"):
        return 0.0
    deviation = config.initializer_range
    if leaf in ("u", "v"):  # so that u v, sums over the rank, has it
        deviation = math.sqrt(deviation / math.sqrt(shape[1 if leaf == "u" else 0]))
    return truncated_normal(generator(seed, "init " + name), shape, deviation)
