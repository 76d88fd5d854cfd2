"""Write a model as an ONNX graph, for onnxruntime and other readers: `albert-np convert --to onnx`.

The graph takes padded (B, T) inputs and contains every layer in turn; each tensor is stored once, however many layers use it.
Inputs: input_ids, attention_mask, token_type_ids (B, T) int64, for multiple choice (B, choices, T), and for relations
entity_positions (B, 2), columns of the row.
Outputs have the names of a model's outputs. Positions count from 0 at the left edge; masks may have holes.

Operators: ONNX opset 20, https://onnx.ai/onnx/operators
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import make_folder, write_whole
from albert_np.io.model_config import ModelConfig
from albert_np.io.save import write_config
from albert_np.version import __version__

OPSET = 20  # the first with the operator Gelu
IR_VERSION = 9  # read by onnxruntime since 1.17
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {  # operator and attributes
    "gelu_new": ("Gelu", {"approximate": "tanh"}), "gelu": ("Gelu", {"approximate": "none"}), "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
}  # fmt: skip
LOWEST = float(np.finfo(np.float32).min)
FILE = "model.onnx"
INPUTS = "input_ids", "attention_mask", "token_type_ids"


def save_onnx(folder: Path, config: ModelConfig, params: Tree, architecture: str) -> None:
    """Write model.onnx and config.json. ValueError for a class without an ONNX form; ImportError without the package onnx."""
    try:
        import onnx
    except ImportError:
        raise ImportError("writing ONNX needs the package onnx: pip install 'albert_np[onnx]'") from None

    model = build_graph(config, params, architecture)
    onnx.checker.check_model(model, full_check=True)
    make_folder(folder)
    write_whole(folder / FILE, lambda path: path.write_bytes(model.SerializeToString()))
    write_config(folder, config, architecture, stacklevel=4)


class Graph:
    """Builder of an ONNX graph: a list of nodes and the stored tensors."""

    def __init__(self, params: Tree) -> None:
        self.nodes: list[Any] = []
        self.inputs = {name: name for name in INPUTS}  # the names of the (B, T) arrays
        self.stored: dict[str, np.ndarray] = {}
        self.names = {}  # {id of an array of the tree: its name}; a shared array has one name
        for name, array in params.items():
            self.names[id(array)] = name
            self.stored[name] = np.asarray(backend.to_host(array), np.float32)

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node and return the name of its output (a list of names if there are several)."""
        from onnx import helper

        index = len(self.nodes)
        names = [f"{operator}_{index}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, f"{operator}_{index}", **attributes))
        return names if outputs > 1 else names[0]

    def name(self, array: Any) -> str:
        """Return the name of a tensor of the tree."""
        return self.names[id(array)]

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Store a constant, unless the same one is stored already, and return its name."""
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
            x = self.add("MatMul", self.add("MatMul", x, self.name(p.u)), self.name(p.v))
        else:
            x = self.add("MatMul", x, self.name(p.w))
        return self.add("Add", x, self.name(p.b))

    def layer_norm(self, x: str, p: Any, eps: float) -> str:
        return self.add("LayerNormalization", x, self.name(p.gamma), self.name(p.beta), axis=-1, epsilon=eps)

    def activation(self, x: str, name: str) -> str:
        if name not in ACTIVATIONS:
            raise ValueError(f"the activation {name!r} cannot be written as ONNX, only {', '.join(ACTIVATIONS)} can")
        operator, attributes = ACTIVATIONS[name]
        return self.add(operator, x, **attributes)

    def attention(self, x: str, p: Any, bias: str, config: ModelConfig) -> str:
        """(B, T, H) -> (B, T, H); bias (B, 1, 1, T)"""
        A, D = config.num_attention_heads, config.head_width
        split_heads = self.integers(0, 0, A, D)  # 0: keep the size
        q, k, v = (self.add("Reshape", self.linear(x, m), split_heads) for m in (p.query, p.key, p.value))
        q, v = (self.add("Transpose", z, perm=[0, 2, 1, 3]) for z in (q, v))  # (B, A, T, D)
        k = self.add("Transpose", k, perm=[0, 2, 3, 1])  # (B, A, D, T)
        scores = self.add("Mul", self.add("MatMul", q, k), self.constant(1 / math.sqrt(D)))
        probs = self.add("Softmax", self.add("Add", scores, bias), axis=-1)
        context = self.add("Transpose", self.add("MatMul", probs, v), perm=[0, 2, 1, 3])
        return self.linear(self.add("Reshape", context, self.integers(0, 0, A * D)), p.output)

    def block(self, x: str, p: Any, bias: str, config: ModelConfig) -> str:
        """(B, T, H) -> (B, T, H)"""
        eps = config.layer_norm_eps
        h = self.layer_norm(self.add("Add", x, self.attention(x, p.attention, bias, config)), p.attention_norm, eps)
        z = self.activation(self.linear(h, p.ffn.intermediate), config.hidden_act)
        return self.layer_norm(self.add("Add", h, self.linear(z, p.ffn.output)), p.ffn_norm, eps)

    def encoder(self, p: Tree, config: ModelConfig) -> str:
        """input_ids, attention_mask, token_type_ids -> (B, T, H)"""
        ids, types = self.inputs["input_ids"], self.inputs["token_type_ids"]
        T = self.add("Shape", ids, start=1, end=2)  # (1,)
        e = self.add("Gather", self.name(p.embeddings.word), ids)
        e = self.add("Add", e, self.add("Gather", self.name(p.embeddings.token_type), types))
        positions = self.add("Slice", self.name(p.embeddings.position), self.integers(0), T, self.integers(0))  # (T, E)
        e = self.add("Add", e, positions)
        x = self.linear(self.layer_norm(e, p.embeddings.norm, config.layer_norm_eps), p.embeddings.projection)
        hidden = [x]
        masked = self.add("Where", self.visible(), self.constant(0.0), self.constant(LOWEST))
        bias = self.add("Unsqueeze", masked, self.integers(1, 2))  # (B, 1, 1, T)
        for l in range(config.num_hidden_layers):
            for p_block in p.groups[config.group_of(l)].blocks:
                x = self.block(x, p_block, bias, config)
            hidden.append(x)
        levels = config.fusion_layers
        for k, w in enumerate(p.fusion):
            low = hidden[levels[0]] if k == 0 else x
            x = self.add("Tanh", self.linear(self.add("Concat", low, hidden[levels[k + 1]], axis=-1), w))
        return x

    def flatten_choices(self) -> None:
        """Make (B · choices, T) of the inputs (B, choices, T), in which each row is a choice."""
        T = self.add("Shape", "input_ids", start=2, end=3)  # (1,)
        rows = self.add("Concat", self.integers(-1), T, axis=0)
        self.inputs = {name: self.add("Reshape", name, rows) for name in INPUTS}

    def choices(self, pooled: str, p: Any) -> tuple[str, str]:
        """(B · choices, H) -> the same with 0 for choices that do not exist, and the logits (B, choices), LOWEST there"""
        exists = self.add("ReduceMax", self.inputs["attention_mask"], self.integers(1), keepdims=1)  # (B · choices, 1)
        exists = self.add("Cast", exists, to=9)
        scores = self.add("Where", exists, self.linear(pooled, p), self.constant(LOWEST))  # (B · choices, 1)
        shape = self.add("Shape", "input_ids", start=0, end=2)  # B, choices
        return self.add("Where", exists, pooled, self.constant(0.0)), self.add("Reshape", scores, shape)

    def visible(self) -> str:
        """The attention mask as booleans (B, T)."""
        return self.add("Cast", self.inputs["attention_mask"], to=9)

    def zero_hidden(self, x: str) -> str:
        """x (B, T, C), with 0 where a token is hidden."""
        return self.add("Where", self.add("Unsqueeze", self.visible(), self.integers(2)), x, self.constant(0.0))

    def gather_rows(self, x: str, positions: str) -> str:
        """x (B, T, H), positions (B, K) -> (B, K, H)"""
        return self.add("GatherND", x, self.add("Unsqueeze", positions, self.integers(2)), batch_dims=1)

    def pooler(self, x: str, p: Any) -> str:
        """(B, T, H) -> (B, H), from the first visible token"""
        first = self.add("ArgMax", self.inputs["attention_mask"], axis=1, keepdims=1)  # the first of equal values
        return self.add("Tanh", self.linear(self.add("Squeeze", self.gather_rows(x, first), self.integers(1)), p))


def build_graph(config: ModelConfig, params: Tree, architecture: str) -> Any:
    """Return the onnx.ModelProto of a model of this class."""
    from onnx import TensorProto, helper, numpy_helper

    if architecture == "AlbertForTranslation":
        raise ValueError("AlbertForTranslation generates token by token and has no ONNX form")
    g = Graph(params)
    by_choice = "choice" in params.form
    if by_choice:
        g.flatten_choices()
    x = g.encoder(params, config)
    outputs = add_outputs(g, x, params, config, architecture)
    inputs: dict[str, list[Any]] = {name: ["batch", *["choices"] * by_choice, "tokens"] for name in INPUTS}
    if "relation" in params.form:
        inputs["entity_positions"] = ["batch", 2]
    for name, (value, _) in outputs.items():
        g.nodes.append(helper.make_node("Identity", [value], [name]))
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


def add_outputs(g: Graph, x: str, p: Tree, config: ModelConfig, architecture: str) -> dict[str, tuple[str, list[Any]]]:
    """Add the heads and return {output name: (name of the value, its shape)}, with the names of the class's outputs."""
    H, C = config.hidden_size, config.num_labels
    rows = "rows" if "choice" in p.form else "batch"  # of multiple choice: B · choices
    tokens, sequences = [rows, "tokens"], [rows]
    outputs: dict[str, tuple[str, list[Any]]] = {"last_hidden_state": (g.zero_hidden(x), [*tokens, H])}
    if "pooler" in p.form:
        outputs["pooler_output"] = g.pooler(x, p.pooler), [*sequences, H]
    if "mlm" in p.form:
        t = g.layer_norm(g.activation(g.linear(x, p.mlm.dense), config.hidden_act), p.mlm.norm, config.layer_norm_eps)
        decoder = g.add("Transpose", g.name(p.embeddings.word), perm=[1, 0])  # the word table, which is stored already
        logits = g.add("Add", g.add("MatMul", t, decoder), g.name(p.mlm.b))
        outputs["prediction_logits"] = g.zero_hidden(logits), [*tokens, config.vocab_size]
    if "sop" in p.form:
        outputs["sop_logits"] = g.linear(outputs["pooler_output"][0], p.sop), [*sequences, 2]
    if "relation" in p.form:
        entities = g.add("Reshape", g.gather_rows(x, "entity_positions"), g.integers(0, 2 * H))
        outputs["logits"] = g.linear(entities, p.relation), [*sequences, C]
    if "choice" in p.form:
        pooled, scores = g.choices(outputs["pooler_output"][0], p.choice)
        outputs |= {"pooler_output": (pooled, [*sequences, H]), "logits": (scores, ["batch", "choices"])}
    if "task" in p.form and architecture == "AlbertForSequenceClassification":
        outputs["logits"] = g.linear(outputs["pooler_output"][0], p.task), [*sequences, C]
    elif "task" in p.form and architecture == "AlbertForQuestionAnswering":
        scores = g.add("Split", g.linear(x, p.task), axis=-1, num_outputs=2, outputs=2)
        for name, score in zip(("start_logits", "end_logits"), scores):
            flat = g.add("Squeeze", score, g.integers(2))
            outputs[name] = g.add("Where", g.visible(), flat, g.constant(LOWEST)), tokens
    elif "task" in p.form:
        outputs["logits"] = g.zero_hidden(g.linear(x, p.task)), [*tokens, C]
    return outputs
