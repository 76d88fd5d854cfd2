"""One table of names: ours | Hugging Face's | Google's TensorFlow variables | who stores the transpose of ours?

Ours are stored (in, out): y = x w + b, as TensorFlow's kernels are. torch stores (out, in), and so does Google where it
multiplies by hand (`output_weights`). The decoder of the MLM head is the word table itself, and its bias is stored once.
Everything that reads or writes names follows from this file.
"""

from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.models.config import AlbertConfig

TABLE = (
    ("embeddings.word", "albert.embeddings.word_embeddings.weight", "bert/embeddings/word_embeddings", ""),
    ("embeddings.position", "albert.embeddings.position_embeddings.weight", "bert/embeddings/position_embeddings", ""),
    ("embeddings.token_type", "albert.embeddings.token_type_embeddings.weight", "bert/embeddings/token_type_embeddings", ""),
    ("embeddings.norm.gamma", "albert.embeddings.LayerNorm.weight", "bert/embeddings/LayerNorm/gamma", ""),
    ("embeddings.norm.beta", "albert.embeddings.LayerNorm.bias", "bert/embeddings/LayerNorm/beta", ""),
    ("embeddings.projection.w", "albert.encoder.embedding_hidden_mapping_in.weight",
     "bert/encoder/embedding_hidden_mapping_in/kernel", "hf"),
    ("embeddings.projection.b", "albert.encoder.embedding_hidden_mapping_in.bias",
     "bert/encoder/embedding_hidden_mapping_in/bias", ""),
    ("pooler.w", "albert.pooler.weight", "bert/pooler/dense/kernel", "hf"),
    ("pooler.b", "albert.pooler.bias", "bert/pooler/dense/bias", ""),
    ("mlm.dense.w", "predictions.dense.weight", "cls/predictions/transform/dense/kernel", "hf"),
    ("mlm.dense.b", "predictions.dense.bias", "cls/predictions/transform/dense/bias", ""),
    ("mlm.norm.gamma", "predictions.LayerNorm.weight", "cls/predictions/transform/LayerNorm/gamma", ""),
    ("mlm.norm.beta", "predictions.LayerNorm.bias", "cls/predictions/transform/LayerNorm/beta", ""),
    ("mlm.b", "predictions.bias", "cls/predictions/output_bias", ""),
    ("sop.w", "sop_classifier.classifier.weight", "cls/seq_relationship/output_weights", "hf tf"),
    ("sop.b", "sop_classifier.classifier.bias", "cls/seq_relationship/output_bias", ""),
)  # fmt: skip

# The tensors of block i of group g, under groups.g.blocks.i, albert.encoder.albert_layer_groups.g.albert_layers.i and
# bert/encoder/transformer/group_g/inner_group_i
BLOCK_TABLE = (
    ("attention.query.w", "attention.query.weight", "attention_1/self/query/kernel", "hf"),
    ("attention.query.b", "attention.query.bias", "attention_1/self/query/bias", ""),
    ("attention.key.w", "attention.key.weight", "attention_1/self/key/kernel", "hf"),
    ("attention.key.b", "attention.key.bias", "attention_1/self/key/bias", ""),
    ("attention.value.w", "attention.value.weight", "attention_1/self/value/kernel", "hf"),
    ("attention.value.b", "attention.value.bias", "attention_1/self/value/bias", ""),
    ("attention.output.w", "attention.dense.weight", "attention_1/output/dense/kernel", "hf"),
    ("attention.output.b", "attention.dense.bias", "attention_1/output/dense/bias", ""),
    ("attention_norm.gamma", "attention.LayerNorm.weight", "LayerNorm/gamma", ""),
    ("attention_norm.beta", "attention.LayerNorm.bias", "LayerNorm/beta", ""),
    ("ffn.intermediate.w", "ffn.weight", "ffn_1/intermediate/dense/kernel", "hf"),
    ("ffn.intermediate.b", "ffn.bias", "ffn_1/intermediate/dense/bias", ""),
    ("ffn.output.w", "ffn_output.weight", "ffn_1/intermediate/output/dense/kernel", "hf"),
    ("ffn.output.b", "ffn_output.bias", "ffn_1/intermediate/output/dense/bias", ""),
    ("ffn_norm.gamma", "full_layer_layer_norm.weight", "LayerNorm_1/gamma", ""),
    ("ffn_norm.beta", "full_layer_layer_norm.bias", "LayerNorm_1/beta", ""),
)

# The head of a fine-tuned model: a linear map whose name elsewhere says what it answers.
TASK_TABLES = {
    "classification": (
        ("task.w", "classifier.weight", "output_weights", "hf tf"),
        ("task.b", "classifier.bias", "output_bias", ""),
    ),
    "question answering": (
        ("task.w", "qa_outputs.weight", "cls/squad/output_weights", "hf tf"),
        ("task.b", "qa_outputs.bias", "cls/squad/output_bias", ""),
    ),
    "relation": (
        ("relation.w", "relation_classifier.weight", "relation/output_weights", "hf tf"),  # of our own: neither has such a head
        ("relation.b", "relation_classifier.bias", "relation/output_bias", ""),
    ),
}

FORMS = ("hf", "tf")
Names = dict[str, tuple[str, bool]]


def task_of(config: AlbertConfig) -> str:
    """Which of the TASK_TABLES a model with a task head goes by: its config names its class (`architectures`)."""
    classes = " ".join(map(str, config.extra.get("architectures") or ()))
    if "RelationClassification" in classes:
        return "relation"
    return "question answering" if "QuestionAnswering" in classes else "classification"


def column_of(form: str) -> int:
    """The column of the tables that holds the names of a form."""
    return 1 + FORMS.index(form)


def table(config: AlbertConfig, form: str = "hf") -> Names:
    """Our name -> (the name in this form, "hf" or "tf", whether it is stored transposed) for every tensor that a model of this
    config may have.

    Fusion and factors have no counterpart elsewhere: in HF's form their tensors go under names of our own, Google's has none.
    """
    column = column_of(form)
    names = {row[0]: (row[column], form in row[3]) for row in (*TABLE, *TASK_TABLES[task_of(config)])}
    for g in range(config.num_groups):
        for i in range(config.inner_group_num):
            there = {"hf": f"albert.encoder.albert_layer_groups.{g}.albert_layers.{i}.",
                     "tf": f"bert/encoder/transformer/group_{g}/inner_group_{i}/"}[form]  # fmt: skip
            for row in BLOCK_TABLE:
                names[f"groups.{g}.blocks.{i}.{row[0]}"] = there + row[column], form in row[3]
                if form == "hf" and row[0].removesuffix(".w") in config.ranks:
                    del names[f"groups.{g}.blocks.{i}.{row[0]}"]
                    names |= factor_names(f"groups.{g}.blocks.{i}.{row[0]}", there + row[column])
    if form == "hf":
        for k in range(max(0, len(config.fusion_layers) - 1)):
            names[f"fusion.{k}.w"] = f"albert_np.fusion.{k}.weight", True
            names[f"fusion.{k}.b"] = f"albert_np.fusion.{k}.bias", False
    return names


def factor_names(ours: str, theirs: str) -> Names:
    """The names of the factors of a weight: v has the weight's own, so that its shape tells others that it is none of theirs."""
    ours = ours.removesuffix("w")
    return {f"{ours}u": (theirs.removesuffix("weight") + "factor.weight", True), f"{ours}v": (theirs, True)}


def renamed(config: AlbertConfig, tree: Any, form: str) -> dict[str, np.ndarray]:
    """A tree under the names and in the layout of a form, as host arrays: views, where nothing has to be copied.

    Where layers share only a part (sharing="attention" or "ffn") the shared tensors come once for every group, as other
    programs have no such sharing. A tree of gradients comes out likewise; a shared tensor's gradient, being the sum over its
    uses, then stands at each of its places.
    """
    names = table(config, form)
    out = {}
    for ours, array in tree.paths():
        theirs, transposed = names[ours]
        host = backend.to_host(array)
        out[theirs] = host.T if transposed else host
    return out


def to_hf(config: AlbertConfig, tree: Any) -> dict[str, np.ndarray]:
    """A tree of parameters, or of gradients, under HF's names and in HF's layout, as contiguous host arrays; see `renamed`.

    >>> import albert_np as ab
    >>> model = ab.AlbertModel(ab.AlbertConfig.preset("tiny"))
    >>> model.params.embeddings.projection.w.shape  # ours: (in, out)
    (64, 128)
    >>> ab.to_hf(model.config, model.params)["albert.encoder.embedding_hidden_mapping_in.weight"].shape
    (128, 64)
    """
    return {name: np.ascontiguousarray(array) for name, array in renamed(config, tree, "hf").items()}
