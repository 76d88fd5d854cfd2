"""Tensor names: ours | Hugging Face's | Google's TensorFlow variables | which of the two stores the transpose.

Our weights have the shape (in, out), y = x w + b, like TensorFlow's kernels. PyTorch stores (out, in), and so does Google where
its code multiplies by the transpose (`output_weights`). The decoder of the MLM head is the word table itself, and its bias is
stored once. This is the only place where names of tensors in files are defined.
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.model_config import ModelConfig

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

# The head of a fine-tuned model is a linear map; other programs name it by the task.
TASK_TABLES = {
    "classification": (
        ("task.w", "classifier.weight", "output_weights", "hf tf"),
        ("task.b", "classifier.bias", "output_bias", ""),
    ),
    "question answering": (
        ("task.w", "qa_outputs.weight", "cls/squad/output_weights", "hf tf"),
        ("task.b", "qa_outputs.bias", "cls/squad/output_bias", ""),
    ),
    "multiple choice": (  # one output, under the names of a classifier
        ("choice.w", "classifier.weight", "output_weights", "hf tf"),
        ("choice.b", "classifier.bias", "output_bias", ""),
    ),
    "relation": (
        ("relation.w", "relation_classifier.weight", "relation/output_weights", "hf tf"),  # ours: neither program has such a head
        ("relation.b", "relation_classifier.bias", "relation/output_bias", ""),
    ),
}

TASK_CLASSES = {  # part of a class's name -> the key of its head
    "RelationClassification": "relation", "MultipleChoice": "multiple choice", "QuestionAnswering": "question answering",
    "SequenceClassification": "classification", "TokenClassification": "classification",
}  # fmt: skip

NAMINGS = ("hf", "tf")
Names = dict[str, tuple[str, bool]]


def get_named_classes(config: ModelConfig) -> list[str]:
    """Return the classes that a config names (`architectures`, a list); other values in it are left out."""
    named = config.extra.get("architectures")
    return [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)]


def get_declared_task(config: ModelConfig) -> str:
    """Return the key of TASK_TABLES for the class that a config names (`architectures`); "" for a class without such a head."""
    classes = " ".join(get_named_classes(config))
    return next((task for part, task in TASK_CLASSES.items() if part in classes), "")


def get_head_task(config: ModelConfig) -> str:
    """Return the key of TASK_TABLES for the task head of a model with this config; for a class without one, "classification"."""
    return get_declared_task(config) or "classification"


def column_index(naming: str) -> int:
    """Return the column of the tables for a naming, "hf" or "tf"."""
    return 1 + NAMINGS.index(naming)


def name_table(config: ModelConfig, naming: str = "hf") -> Names:
    """Return {our name: (the name in this naming, whether the tensor is stored transposed)} for every possible tensor of a model.

    naming: "hf" or "tf". Fusion and low-rank factors exist only here: under "hf" they get names of our own, under "tf" none.
    """
    column = column_index(naming)
    names = {row[0]: (row[column], naming in row[3]) for row in (*TABLE, *TASK_TABLES[get_head_task(config)])}
    for g in range(config.num_groups):
        for i in range(config.inner_group_num):
            prefix = {"hf": f"albert.encoder.albert_layer_groups.{g}.albert_layers.{i}.",
                      "tf": f"bert/encoder/transformer/group_{g}/inner_group_{i}/"}[naming]  # fmt: skip
            for row in BLOCK_TABLE:
                ours = f"groups.{g}.blocks.{i}.{row[0]}"
                if naming == "hf" and row[0].removesuffix(".w") in config.ranks:
                    names |= factor_names(ours, prefix + row[column])
                else:
                    names[ours] = prefix + row[column], naming in row[3]
    if naming == "hf":
        for k in range(max(0, len(config.fusion_layers) - 1)):
            names[f"fusion.{k}.w"] = f"albert_np.fusion.{k}.weight", True
            names[f"fusion.{k}.b"] = f"albert_np.fusion.{k}.bias", False
    return names


def factor_names(ours: str, theirs: str) -> Names:
    """Return the names of the factors u and v of a weight.

    v takes the name of the weight itself: its unexpected shape makes other programs refuse the file.
    """
    ours = ours.removesuffix("w")
    return {f"{ours}u": (theirs.removesuffix("weight") + "factor.weight", True), f"{ours}v": (theirs, True)}


def rename_tree(config: ModelConfig, tree: Tree, naming: str) -> dict[str, np.ndarray]:
    """Return a tree's tensors as host arrays under the names and in the layout of a naming, as views where possible.

    With sharing="attention" or "ffn" the shared tensors are repeated for every group, since other programs have no partial
    sharing. A tree of gradients may be given, too: the gradient of a shared tensor, a sum over its uses, is then repeated.
    """
    names = name_table(config, naming)
    renamed = {}
    for ours, array in tree.paths():
        theirs, transposed = names[ours]
        host = backend.to_host(array)
        renamed[theirs] = host.T if transposed else host
    return renamed


def to_hf(config: ModelConfig, tree: Tree) -> dict[str, np.ndarray]:
    """Return a tree of parameters or gradients under HF's names and in HF's layout, as contiguous host arrays.

    >>> import albert_np as ab
    >>> model = ab.AlbertModel(ab.AlbertConfig.preset("tiny"))
    >>> model.params.embeddings.projection.w.shape  # ours: (in, out)
    (64, 128)
    >>> ab.to_hf(model.config, model.params)["albert.encoder.embedding_hidden_mapping_in.weight"].shape
    (128, 64)
    """
    return {name: np.ascontiguousarray(array) for name, array in rename_tree(config, tree, "hf").items()}
