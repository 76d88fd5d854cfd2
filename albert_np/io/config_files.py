"""Find and interpret config files: Hugging Face's config.json and Google's albert_config.json.

The two programs use the same keys with one different meaning: for hidden_act "gelu", google-research/albert computes the tanh
form (modeling.py, `gelu`), and transformers the erf form (the tanh form is "gelu_new").
"""

import difflib
import os
import reprlib
import warnings
from pathlib import Path
from typing import Any

from albert_np.io.files import DataError, IncompleteFolder, read_json
from albert_np.io.model_config import ModelConfig
from albert_np.io.similar_names import suggest

# Sizes are never filled in by defaults (AlbertConfig's are those of xxlarge). Both programs write all of them.
SIZES = """vocab_size embedding_size hidden_size num_hidden_layers num_attention_heads intermediate_size
max_position_embeddings type_vocab_size""".split()

GOOGLE = "albert_config.json"
# Keys that Google's program writes and transformers does not define, with their defaults. None changes the computation.
GOOGLE_KEYS = {"net_structure_type": 0, "gap_size": 0, "num_memory_blocks": 0, "down_scale_factor": 1, "ln_type": "postln"}

# Keys of other programs that mean nothing here: kept and written back, without a warning.
FOREIGN_KEYS = frozenset(
    # google-research/albert, and BERT's configs, whose keys it partly kept
    """net_structure_type gap_size num_memory_blocks down_scale_factor layers_to_keep ln_type bidirectional
    directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type"""
    # transformers, every model
    """ architectures model_type transformers_version torch_dtype dtype label2id use_cache return_dict output_past
    finetuning_task task_specific_params tokenizer_class prefix language _name_or_path name_or_path _num_labels _commit_hash
    _attn_implementation attn_implementation _attn_implementation_autoset _attn_implementation_internal _output_attentions
    output_hidden_states output_attentions torchscript use_bfloat16 tf_legacy_loss pruned_heads chunk_size_feed_forward
    gradient_checkpointing xla_device vocab_file bos_token_id eos_token_id sep_token_id decoder_start_token_id
    position_embedding_type tie_word_embeddings is_encoder_decoder is_decoder add_cross_attention cross_attention_hidden_size
    tie_encoder_decoder"""
    # ours: how the weights beside it are packed
    """ compressed"""
    # transformers: settings of text generation, which old releases wrote into every config
    """ max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
    typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids
    num_return_sequences output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values
    exponential_decay_length_penalty suppress_tokens begin_suppress_tokens""".split()
)

# Keys that may select another network: (supported values, why others are refused).
REQUIRED: dict[str, tuple[tuple[Any, ...], str]] = {
    "ln_type": (("postln",), "layer norms are applied after the residual sums here"),
    "position_embedding_type": (("absolute", None), "positions have learned embeddings here"),
    "tie_word_embeddings": ((True, None), "the decoder is tied to the word embeddings here"),
    "is_decoder": ((False, None), "this is an encoder"),
    "is_encoder_decoder": ((False, None), "this is an encoder"),
    "add_cross_attention": ((False, None), "there is no cross-attention here"),
    "cross_attention_hidden_size": ((None,), "there is no cross-attention here"),
    "pruned_heads": (({}, None), "every layer has all its heads here"),
    "layers_to_keep": (([], None), "every layer is used here"),
    "quantization_config": ((None,), "weights are plain floating-point numbers here"),
}

SAME_ACTIVATION = {  # other names of the same functions (transformers' ACT2FN), with the largest difference on [-8, 8]
    "gelu_pytorch_tanh": "gelu_new",  # 1e-14
    "gelu_python_tanh": "gelu_new",  # 1e-14
    "gelu_accurate": "gelu_new",  # 1e-14
    "gelu_fast": "gelu_new",  # 9e-13: its constants have ten digits
    "gelu_python": "gelu",  # 1e-14
    "gelu_erf": "gelu",  # written by `to_google`
}
OTHER_ACTIVATIONS = frozenset(  # names of other functions, which are not misspellings of ours
    """gelu_10 quick_gelu silu swish mish relu2 relu6 leaky_relu prelu elu selu celu sigmoid hardswish hardsigmoid hardtanh
    laplace linear identity softplus sqrtsoftplus softsign logsigmoid xielu swiglu geglu reglu glu""".split()
)

TORCH_WEIGHTS = ("*.safetensors", "*.bin", "*.pth", "*.pt", "*.index.json", "model.npz")
TF_WEIGHTS = ("*.index",)
NOT_WEIGHTS = ("training_args.", "optimizer.", "scheduler.", "scaler.", "rng_state")  # other files that trainers write
OTHER_CONFIGS = frozenset(
    """tokenizer_config.json generation_config.json preprocessor_config.json processor_config.json adapter_config.json
    sentence_bert_config.json config_sentence_transformers.json""".split()
)


def unknown_key(key: str, known: Any) -> str:
    """Return a message for an unknown key, with the known key that was probably meant."""
    return f"unknown config key {key!r}{suggest(key, list(known))}"


def is_config(name: str) -> bool:
    """Return whether a file of this name may be a model's config."""
    return "config" in name and name.endswith(".json") and name not in OTHER_CONFIGS and not name.startswith(".")


def detect_weights(folder: Path) -> str | None:
    """Return "torch" or "tf" for the weights in a folder ("torch" if there are both), None if there are none."""
    for kind, patterns in (("torch", TORCH_WEIGHTS), ("tf", TF_WEIGHTS)):
        if any(not file.name.startswith(NOT_WEIGHTS) for pattern in patterns for file in folder.glob(pattern)):
            return kind
    return None


def find(path: str | os.PathLike[str], weights: str | None = None) -> tuple[Path, str | None]:
    """Return the config file for a path, and the kind of weights it belongs to: `weights`, or what is found beside it.

    path: the file itself, its folder, or weights (a file, or the prefix of a TensorFlow checkpoint) in the same folder. In a
    folder, config.json is preferred to albert_config.json (the reverse beside TensorFlow weights); else the only file with
    "config" in its name is taken. Raises FileNotFoundError.
    """
    path = Path(path)
    if path.is_dir():
        folder = path
    elif path.is_file():
        folder = path.parent
        if path.suffix == ".json" or not (path.match("*.index") or any(path.match(p) for p in TORCH_WEIGHTS)):
            return path, weights or detect_weights(folder)
        weights = weights or ("tf" if path.match("*.index") else "torch")
    elif Path(f"{path}.index").is_file():
        folder, weights = path.parent, weights or "tf"
    else:
        raise FileNotFoundError(f"there is no file or folder {str(path)!r}")
    kind = weights or detect_weights(folder)
    usual = (GOOGLE, "config.json") if kind == "tf" else ("config.json", GOOGLE)
    for name in usual:
        if (folder / name).is_file():
            return folder / name, kind
    others = sorted(file for file in folder.iterdir() if is_config(file.name) and file.is_file())
    if len(others) == 1:
        return others[0], kind
    many = f"; {', '.join(file.name for file in others)} are all possible: name one" if others else ""
    raise IncompleteFolder(f"{folder} has no config: expected {' or '.join(usual)}{many}")


def read(path: str | os.PathLike[str], weights: str | None = None) -> tuple[dict[str, Any], Path, str | None]:
    """Return (keys and values, file, kind of weights) of the config for a path; see `find` and `files.read_json`."""
    if weights not in (None, "torch", "tf"):
        raise ValueError(f"weights must be 'torch', 'tf' or None, not {weights!r}")
    file, kind = find(path, weights)
    return read_json(file), file, kind


def parse_config(values: Any, source: str, strict: bool, weights: str | None, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return the keyword arguments for a config class with these `fields`; keys of other programs are collected in `extra`.

    weights: "torch", "tf" or None, which decide the meaning of "gelu". Raises DataError, which begins with `source`: not an
    object, another network than ALBERT, a missing size and, if `strict`, an unknown key. Without `strict` an unknown key is a
    warning, and so is Google's meaning of "gelu".
    """
    if not isinstance(values, dict):
        raise DataError(f"{source}: a config must be a JSON object with keys and values, not a {type(values).__name__}")
    own = {key: value for key, value in values.items() if key in fields and key != "extra"}
    foreign = {key: value for key, value in values.items() if key not in own}
    unknown = [key for key in foreign if key not in FOREIGN_KEYS]
    if strict and unknown:
        raise DataError(f"{source}: {unknown_key(unknown[0], fields)}")
    _check_network(values, source)
    _check_complete(own, unknown, source)
    for key in unknown:
        warnings.warn(f"{source}: {unknown_key(key, fields)}; kept, but not used", stacklevel=4)
    if isinstance(own.get("hidden_act"), str):
        own["hidden_act"] = _activation(values, source, weights)
    return {**own, "extra": foreign}


def _check_network(values: dict[str, Any], source: str) -> None:
    """Raise DataError if the config describes another network."""
    kind = values.get("model_type", "albert")
    if kind not in ("albert", "albert_np"):
        name = kind.upper() if isinstance(kind, str) and len(kind) < 20 else "foreign"
        raise DataError(f"{source}: this is a {name} config, not one of ALBERT: its model_type is {reprlib.repr(kind)}")
    for key, (supported, why) in REQUIRED.items():
        if key in values and not any(type(values[key]) is type(value) and values[key] == value for value in supported):
            raise DataError(f"{source}: {key} {reprlib.repr(values[key])} is not supported: {why}")


def _check_complete(own: dict[str, Any], unknown: list[str], source: str) -> None:
    """Raise DataError that lists the missing sizes, with unknown keys that may be misspellings of them."""
    missing = [size for size in SIZES if size not in own]
    near = [match for size in missing for match in difflib.get_close_matches(size, unknown, n=1, cutoff=0.85)]
    near = [key if key.isprintable() else repr(key) for key in near]
    if missing:
        verb, hint = "is" if len(missing) == 1 else "are", f" (found {', '.join(near)})" if near else ""
        raise DataError(f"{source}: {', '.join(missing)} {verb} missing{hint}, and sizes are not guessed")


def _activation(values: dict[str, Any], source: str, weights: str | None) -> str:
    """Return our name of the file's hidden_act. It depends on the weights: beside TensorFlow's, "gelu" is the tanh form."""
    name: str = values["hidden_act"]
    alone = weights is None and "model_type" not in values
    google = weights == "tf" or (alone and (Path(source).name == GOOGLE or any(key in values for key in GOOGLE_KEYS)))
    if name == "gelu" and google:
        where = "beside TensorFlow weights" if weights == "tf" else "in a config of Google's form, with no weights beside it,"
        warnings.warn(f'{source}: hidden_act "gelu" {where} is the tanh form: read as "gelu_new"', stacklevel=5)
        return "gelu_new"
    return SAME_ACTIVATION.get(name, name)


def to_google(config: ModelConfig) -> dict[str, Any]:
    """Return the keys of albert_config.json, ready for JSON; see `AlbertConfig.to_google`."""
    if config.fusion_layers:
        raise ValueError("Google's form of config has no fusion: fusion_layers must be ()")
    if config.layer_norm_eps != 1e-12:
        warnings.warn(f"Google's code always uses layer_norm_eps 1e-12, but this model has {config.layer_norm_eps}", stacklevel=3)
    names = """attention_probs_dropout_prob hidden_act hidden_dropout_prob embedding_size hidden_size initializer_range
    intermediate_size max_position_embeddings num_attention_heads num_hidden_layers num_hidden_groups inner_group_num
    type_vocab_size vocab_size""".split()
    activations = {"gelu_new": "gelu", "gelu": "gelu_erf"}
    result = {name: getattr(config, name) for name in names}
    result["hidden_act"] = activations.get(config.hidden_act, config.hidden_act)
    result["num_hidden_groups"] = config.num_groups
    result |= {key: config.extra.get(key, value) for key, value in GOOGLE_KEYS.items()}
    # Google's program keeps unknown keys without using them, so these can be stored there
    defaults, ours = type(config)().to_dict(), config.to_dict()
    rest = """classifier_dropout_prob layer_norm_eps pad_token_id num_labels id2label label2id problem_type sharing""".split()
    return result | {key: ours[key] for key in rest if key in ours and ours[key] != defaults.get(key)}
