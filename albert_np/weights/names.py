"""One table of names: ours | Hugging Face | is HF's matrix the transpose of ours?

Ours are stored (in, out): y = x w + b. torch stores (out, in). The decoder of the MLM head is the word table itself, and
its bias is stored once, as `predictions.bias`.
"""

from typing import Any

import numpy as np

from albert_np import backend
from albert_np.config import AlbertConfig

TABLE = (
    ("embeddings.word", "albert.embeddings.word_embeddings.weight", False),
    ("embeddings.position", "albert.embeddings.position_embeddings.weight", False),
    ("embeddings.token_type", "albert.embeddings.token_type_embeddings.weight", False),
    ("embeddings.norm.gamma", "albert.embeddings.LayerNorm.weight", False),
    ("embeddings.norm.beta", "albert.embeddings.LayerNorm.bias", False),
    ("embeddings.projection.w", "albert.encoder.embedding_hidden_mapping_in.weight", True),
    ("embeddings.projection.b", "albert.encoder.embedding_hidden_mapping_in.bias", False),
    ("pooler.w", "albert.pooler.weight", True),
    ("pooler.b", "albert.pooler.bias", False),
    ("mlm.dense.w", "predictions.dense.weight", True),
    ("mlm.dense.b", "predictions.dense.bias", False),
    ("mlm.norm.gamma", "predictions.LayerNorm.weight", False),
    ("mlm.norm.beta", "predictions.LayerNorm.bias", False),
    ("mlm.b", "predictions.bias", False),
    ("sop.w", "sop_classifier.classifier.weight", True),
    ("sop.b", "sop_classifier.classifier.bias", False),
)

# The tensors of block i of group g, under groups.g.blocks.i and albert.encoder.albert_layer_groups.g.albert_layers.i
BLOCK_TABLE = (
    *(
        (f"attention.{ours}.{leaf}", f"attention.{theirs}.{kind}", leaf == "w")
        for ours, theirs in (("query", "query"), ("key", "key"), ("value", "value"), ("output", "dense"))
        for leaf, kind in (("w", "weight"), ("b", "bias"))
    ),
    ("attention_norm.gamma", "attention.LayerNorm.weight", False),
    ("attention_norm.beta", "attention.LayerNorm.bias", False),
    ("ffn.intermediate.w", "ffn.weight", True),
    ("ffn.intermediate.b", "ffn.bias", False),
    ("ffn.output.w", "ffn_output.weight", True),
    ("ffn.output.b", "ffn_output.bias", False),
    ("ffn_norm.gamma", "full_layer_layer_norm.weight", False),
    ("ffn_norm.beta", "full_layer_layer_norm.bias", False),
)


def table(config: AlbertConfig) -> dict[str, tuple[str, bool]]:
    """Our name -> (HF's name, transposed) for every tensor that a model of this config may have.

    Fusion has no counterpart in transformers: its tensors go under our own names.
    """
    names = {ours: (theirs, transposed) for ours, theirs, transposed in TABLE}
    for g in range(config.num_groups):
        for i in range(config.inner_group_num):
            for ours, theirs, transposed in BLOCK_TABLE:
                hf = f"albert.encoder.albert_layer_groups.{g}.albert_layers.{i}.{theirs}"
                names[f"groups.{g}.blocks.{i}.{ours}"] = (hf, transposed)
    for k in range(max(0, len(config.fusion_layers) - 1)):
        names[f"fusion.{k}.w"] = (f"albert_np.fusion.{k}.weight", True)
        names[f"fusion.{k}.b"] = (f"albert_np.fusion.{k}.bias", False)
    return names


def to_hf(config: AlbertConfig, tree: Any) -> dict[str, np.ndarray]:
    """A tree of parameters under HF's names and in HF's layout, as host arrays.

    Where layers share only a part (sharing="attention" or "ffn") the shared tensors come once for every group, as HF has no
    such sharing. A tree of gradients comes out likewise; a shared tensor's gradient, being the sum over its uses, then stands
    at each of its places.
    """
    names = table(config)
    out = {}
    for ours, array in tree.paths():
        theirs, transposed = names[ours]
        host = backend.to_host(array)
        out[theirs] = np.ascontiguousarray(host.T if transposed else host)
    return out


def from_hf(config: AlbertConfig, tensors: dict[str, np.ndarray], tree: Any) -> tuple[dict[str, np.ndarray], list[str]]:
    """HF's tensors under our names and in our layout, for the tensors of `tree`, and what does not fit, a line each.

    Not fitting: a name this config has no place for, a shape that differs, copies of a tensor that this config shares but that
    are not equal. Tensors of heads that `tree` lacks, and tensors that the file lacks, are the caller's to judge. In HF's names
    a leading "albert." is optional.
    """
    names = table(config)
    by_hf = {hf: (ours, transposed) for ours, (hf, transposed) in names.items()}
    by_hf |= {hf.removeprefix("albert."): ours for hf, ours in by_hf.items()}
    places: dict[str, Any] = dict(tree.paths())
    owner: dict[str, str] = {}
    first: dict[int, str] = {}
    for ours, array in places.items():
        owner[ours] = first.setdefault(id(array), ours)  # the first place of a shared tensor stands for all
    values: dict[str, np.ndarray] = {}
    wrong = []
    for theirs, tensor in tensors.items():
        ours, transposed = by_hf.get(theirs, ("", False))
        if not ours:
            wrong.append(f"{theirs} is no tensor of this model")
        if ours not in places:
            continue
        value = tensor.T if transposed else tensor
        expected = places[ours].shape
        if value.shape != expected:
            wrong.append(f"{theirs} has the shape {tensor.shape}, the config asks for {expected[:: -1 if transposed else 1]}")
        elif not np.array_equal(values.setdefault(owner[ours], value), value, equal_nan=True):
            wrong.append(f"{theirs} differs from {names[owner[ours]][0]}, but sharing={config.sharing!r} makes them one")
    return values, wrong
