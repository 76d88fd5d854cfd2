"""The model as an ONNX graph, for onnxruntime and all that reads it: `albert-np convert --to onnx`.

The graph computes the padded (B, T) form, the layers written out one after the other; each tensor is stored once, however many
layers use it. Inputs: input_ids, attention_mask, token_type_ids (B, T) int64, and for relations entity_positions (B, 2), columns
of the row. Outputs go by the names of a model's call. Positions count from 0 at the left edge; masks may have holes.

Operators: ONNX opset 20, https://onnx.ai/onnx/operators
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import make_folder, write_whole
from albert_np.io.save import write_config
from albert_np.models.config import AlbertConfig
from albert_np.version import __version__

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # what onnxruntime reads since 1.17
LOWEST = float(np.finfo(np.float32).min)
FILE = "model.onnx"


def save_onnx(folder: Path, config: AlbertConfig, params: Tree, architecture: str) -> None:
    """Write model.onnx and config.json. ValueError for a class whose answers are no graph; ImportError without `onnx`."""
    try:
        import onnx
    except ImportError:
        raise ImportError("writing ONNX needs the package onnx: pip install 'albert_np[onnx]'") from None

    model = graph_of(config, params, architecture)
    onnx.checker.check_model(model, full_check=True)
    make_folder(folder)
    write_whole(folder / FILE, lambda path: path.write_bytes(model.SerializeToString()))
    write_config(folder, config, architecture, stacklevel=4)


class Graph:
    """Nodes and stored tensors, as they are added."""

    def __init__(self, params: Tree) -> None:
        self.nodes: list[Any] = []
        self.stored: dict[str, np.ndarray] = {}
        self.names = {}  # id of an array of the tree -> its name: a shared one has one
        for name, array in params.items():
            self.names[id(array)] = name
            self.stored[name] = np.asarray(backend.to_host(array), np.float32)

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """A node -> the name of what it makes (or names)."""
        from onnx import helper

        number = len(self.nodes)
        names = [f"{operator}_{number}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, f"{operator}_{number}", **attributes))
        return names if outputs > 1 else names[0]

    def of(self, array: Any) -> str:
        """A tensor of the tree."""
        return self.names[id(array)]

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A number, or a few, stored once."""
        array = np.asarray(value, dtype)
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{array.tolist()}"
        self.stored[name] = array
        return name

    def integers(self, *values: int) -> str:
        return self.constant(list(values), np.int64)

    # ---- the layers ----

    def linear(self, x: str, p: Any) -> str:
        """(..., I) -> (..., O)"""
        if hasattr(p, "u"):
            x = self.add("MatMul", self.add("MatMul", x, self.of(p.u)), self.of(p.v))
        else:
            x = self.add("MatMul", x, self.of(p.w))
        return self.add("Add", x, self.of(p.b))

    def layer_norm(self, x: str, p: Any, eps: float) -> str:
        return self.add("LayerNormalization", x, self.of(p.gamma), self.of(p.beta), axis=-1, epsilon=eps)

    def activation(self, x: str, name: str) -> str:
        if name.startswith("gelu"):
            return self.add("Gelu", x, approximate="tanh" if name == "gelu_new" else "none")
        return self.add({"relu": "Relu", "tanh": "Tanh"}[name], x)

    def attention(self, x: str, p: Any, bias: str, config: AlbertConfig) -> str:
        """(B, T, H) -> (B, T, H); bias (B, 1, 1, T)"""
        A, D = config.num_attention_heads, config.head_width
        apart = self.integers(0, 0, A, D)  # 0: as it was
        q, k, v = (self.add("Reshape", self.linear(x, m), apart) for m in (p.query, p.key, p.value))
        q, v = (self.add("Transpose", z, perm=[0, 2, 1, 3]) for z in (q, v))  # (B, A, T, D)
        k = self.add("Transpose", k, perm=[0, 2, 3, 1])  # (B, A, D, T)
        scores = self.add("Mul", self.add("MatMul", q, k), self.constant(1 / math.sqrt(D)))
        probs = self.add("Softmax", self.add("Add", scores, bias), axis=-1)
        context = self.add("Transpose", self.add("MatMul", probs, v), perm=[0, 2, 1, 3])
        return self.linear(self.add("Reshape", context, self.integers(0, 0, A * D)), p.output)

    def block(self, x: str, p: Any, bias: str, config: AlbertConfig) -> str:
        """(B, T, H) -> (B, T, H)"""
        eps = config.layer_norm_eps
        h = self.layer_norm(self.add("Add", x, self.attention(x, p.attention, bias, config)), p.attention_norm, eps)
        z = self.activation(self.linear(h, p.ffn.intermediate), config.hidden_act)
        return self.layer_norm(self.add("Add", h, self.linear(z, p.ffn.output)), p.ffn_norm, eps)

    def body(self, p: Tree, config: AlbertConfig) -> str:
        """input_ids, attention_mask, token_type_ids -> (B, T, H)"""
        T = self.add("Shape", "input_ids", start=1, end=2)  # (1,)
        e = self.add("Gather", self.of(p.embeddings.word), "input_ids")
        e = self.add("Add", e, self.add("Gather", self.of(p.embeddings.token_type), "token_type_ids"))
        places = self.add("Slice", self.of(p.embeddings.position), self.integers(0), T, self.integers(0))  # (T, E): the first T
        e = self.add("Add", e, places)
        x = self.linear(self.layer_norm(e, p.embeddings.norm, config.layer_norm_eps), p.embeddings.projection)
        hidden = [x]
        hiding = self.add("Where", self.visible(), self.constant(0.0), self.constant(LOWEST))
        bias = self.add("Unsqueeze", hiding, self.integers(1, 2))  # (B, 1, 1, T)
        for l in range(config.num_hidden_layers):
            for own in p.groups[config.group_of(l)].blocks:
                x = self.block(x, own, bias, config)
            hidden.append(x)
        levels = config.fusion_layers
        for k, w in enumerate(p.fusion):
            low = hidden[levels[0]] if k == 0 else x
            x = self.add("Tanh", self.linear(self.add("Concat", low, hidden[levels[k + 1]], axis=-1), w))
        return x

    def visible(self) -> str:
        """(B, T) booleans"""
        return self.add("Cast", "attention_mask", to=9)

    def shown(self, x: str) -> str:
        """(B, T, C), 0 where a token is hidden"""
        return self.add("Where", self.add("Unsqueeze", self.visible(), self.integers(2)), x, self.constant(0.0))

    def rows(self, x: str, places: str) -> str:
        """x (B, T, H), places (B, K) -> (B, K, H)"""
        return self.add("GatherND", x, self.add("Unsqueeze", places, self.integers(2)), batch_dims=1)

    def pooler(self, x: str, p: Any) -> str:
        """(B, T, H) -> (B, H), of the first visible token"""
        first = self.add("ArgMax", "attention_mask", axis=1, keepdims=1)  # of equal ones the first
        return self.add("Tanh", self.linear(self.add("Squeeze", self.rows(x, first), self.integers(1)), p))


def graph_of(config: AlbertConfig, params: Tree, architecture: str) -> Any:
    """The onnx.ModelProto of a model of this class."""
    from onnx import TensorProto, helper, numpy_helper

    if architecture == "AlbertForTranslation":
        raise ValueError("translation writes token by token: that is no one graph, and has no ONNX form here")
    g = Graph(params)
    x = g.body(params, config)
    outputs = heads(g, x, params, config, architecture)
    inputs: dict[str, list[Any]] = {name: ["batch", "tokens"] for name in ("input_ids", "attention_mask", "token_type_ids")}
    if "relation" in params.form:
        inputs["entity_positions"] = ["batch", 2]
    for name, (made, _) in outputs.items():
        g.nodes.append(helper.make_node("Identity", [made], [name]))
    graph = helper.make_graph(
        g.nodes, architecture,
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in g.stored.items()],
    )  # fmt: skip
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="albert_np", producer_version=__version__
    )


def heads(g: Graph, x: str, p: Tree, config: AlbertConfig, architecture: str) -> dict[str, tuple[str, list[Any]]]:
    """{name of an output: (what makes it, its shape)}, as a call of the class gives them."""
    H, C = config.hidden_size, config.num_labels
    tokens, sequences = ["batch", "tokens"], ["batch"]
    found: dict[str, tuple[str, list[Any]]] = {"last_hidden_state": (g.shown(x), [*tokens, H])}
    if "pooler" in p.form:
        found["pooler_output"] = g.pooler(x, p.pooler), [*sequences, H]
    if "mlm" in p.form:
        t = g.layer_norm(g.activation(g.linear(x, p.mlm.dense), config.hidden_act), p.mlm.norm, config.layer_norm_eps)
        decoder = g.add("Transpose", g.of(p.embeddings.word), perm=[1, 0])  # the word table itself: not stored again
        logits = g.add("Add", g.add("MatMul", t, decoder), g.of(p.mlm.b))
        found["prediction_logits"] = g.shown(logits), [*tokens, config.vocab_size]
    if "sop" in p.form:
        found["sop_logits"] = g.linear(found["pooler_output"][0], p.sop), [*sequences, 2]
    if "relation" in p.form:
        both = g.add("Reshape", g.rows(x, "entity_positions"), g.integers(0, 2 * H))
        found["logits"] = g.linear(both, p.relation), [*sequences, C]
    if "task" in p.form and architecture == "AlbertForSequenceClassification":
        found["logits"] = g.linear(found["pooler_output"][0], p.task), [*sequences, C]
    elif "task" in p.form and architecture == "AlbertForQuestionAnswering":
        scores = g.add("Split", g.linear(x, p.task), axis=-1, num_outputs=2, outputs=2)
        for name, score in zip(("start_logits", "end_logits"), scores):
            flat = g.add("Squeeze", score, g.integers(2))
            found[name] = g.add("Where", g.visible(), flat, g.constant(LOWEST)), tokens
    elif "task" in p.form:
        found["logits"] = g.shown(g.linear(x, p.task)), [*tokens, C]
    return found
