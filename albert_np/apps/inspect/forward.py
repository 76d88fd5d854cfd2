"""One text through a model, and the arrays that it leaves: `inspect`."""

import os
import reprlib
import textwrap
import warnings
from typing import Any

import numpy as np

from albert_np.apps.fill_mask import OTHER_MASKS, SHOWN
from albert_np.apps.inspect.fillings import Filling, fill_by_layer
from albert_np.apps.inspect.measures import find_patterns, measure
from albert_np.apps.inspect.record import Inspection
from albert_np.core import backend
from albert_np.io.load import MissingHeads
from albert_np.models import AlbertConfig, AlbertForMaskedLM, AlbertForTranslation, AlbertModel
from albert_np.models.base import Model
from albert_np.models.output import Output
from albert_np.models.vocabulary import check_vocabulary
from albert_np.pretrained import DEFAULT
from albert_np.text.normalise import check_text

NO_HEAD = "the model has no head for masks, so there are no fillings by layer"
TRANSLATES = "the head of a translation model predicts the next token, so there are no fillings by layer"


def inspect(
    text: str, model: Model | str | os.PathLike[str] = DEFAULT, tokenizer: Any = None, *, pair: str | None = None, top_k: int = 5,
    special_tokens: bool = True,
) -> Inspection:  # fmt: skip
    """Run a model on one text and return its attention weights, its hidden states, and the fillings of each [MASK] by layer.

    model           a folder, such as a run's, an archive, or a name on the hub; or a model of any class, with its tokenizer.
                    By default the model in the package
    tokenizer       of a model that is given as an object
    pair            a second text: the row is [CLS] text [SEP] pair [SEP]
    top_k           tokens of a filling
    special_tokens  False leaves [CLS] and [SEP] out of the arrays and pictures. Weights are not divided anew, so rows add up to
                    less than 1, and the measures of heads are still those with all tokens

    In a notebook the result is a page that answers the mouse; see `Inspection` for the arrays, figures and files.

    >>> import albert_np as ab
    >>> seen = ab.inspect("The river [MASK] was steep.")
    >>> seen.tokens
    ['[CLS]', '▁the', '▁river', '[MASK]', '▁was', '▁steep', '.', '[SEP]']
    >>> seen.attentions.shape, seen.hidden_states.shape  # (L, A, T, T), (L + 1, T, H)
    ((4, 6, 8, 8), (5, 8, 384))
    >>> [layer for layer, changed in zip(seen.fillings[0].layers, seen.fillings[0].changes) if changed] != []
    True

    ValueError names the argument, for a text that is empty or has more tokens than the model has positions.
    """
    if isinstance(model, Model):
        name = type(model).__name__
        if not callable(tokenizer) or not hasattr(tokenizer, "all_special_ids"):
            hint = "a model that is given as an object needs its own, such as ab.AlbertTokenizer.from_pretrained(folder)"
            raise ValueError(f"tokenizer: expected one such as AlbertTokenizer, got {reprlib.repr(tokenizer)}; {hint}")
    elif isinstance(model, str | os.PathLike):
        name = os.fspath(model)
        model, tokenizer = load(model, tokenizer)
    else:
        raise ValueError(f"model: expected a model or the name of its folder, got {reprlib.repr(model)}")
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise ValueError(f"top_k: expected a number of tokens, at least 1, got {top_k!r}")
    return run(model, tokenizer, name, text, pair, top_k, special_tokens)


def load(path: str | os.PathLike[str], tokenizer: Any = None) -> tuple[Model, Any]:
    """Return a model, with its head for masks if it has one, and its tokenizer unless that is given."""
    from albert_np.tasks.inferred import get_class
    from albert_np.text import AlbertTokenizer

    tokenizer = AlbertTokenizer.from_pretrained(path) if tokenizer is None else tokenizer
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*left out")  # heads that are not needed here
        if get_class(AlbertConfig.from_pretrained(path)) == AlbertForTranslation.__name__:
            return AlbertForTranslation.from_pretrained(path), tokenizer
        try:
            return AlbertForMaskedLM.from_pretrained(path, require_heads=True), tokenizer
        except MissingHeads:
            return AlbertModel.from_pretrained(path), tokenizer


def run(model: Model, tokenizer: Any, name: str, text: str, pair: str | None, top_k: int, special_tokens: bool) -> Inspection:
    """Return the inspection of a text; see `inspect` for the arguments. name: of the model"""
    check_vocabulary(model.config, len(tokenizer))
    ids, token_types = encode(model, tokenizer, text, pair)  # (T,), (T,)
    out = forward(model, ids, token_types)
    attentions = np.stack([to_float(each) for each in out.attentions or ()])  # (L · inner_group_num, A, T, T)
    hidden_states = np.stack([to_float(each) for each in out.hidden_states or ()])  # (L + 1, T, H)
    ends = ids == tokenizer.cls_token_id, ids == tokenizer.sep_token_id
    special = ends[0] | ends[1]
    patterns = find_patterns(ids, token_types, *ends)
    fillings, reason = fill(model, tokenizer, out, ids, text, pair, top_k)
    seen = Inspection(
        text=text, pair=pair, model=name, tokens=tokenizer.convert_ids_to_tokens(ids), ids=ids, token_types=token_types,
        starts=tokenizer.word_starts()[ids] | np.isin(ids, tokenizer.all_special_ids), special=special, attentions=attentions,
        hidden_states=hidden_states, heads=measure(attentions, patterns, model.config.inner_group_num, ~special),
        fillings=fillings, no_fillings=reason, inner_group_num=model.config.inner_group_num,
        length=len(ids),
    )  # fmt: skip
    return seen if special_tokens else seen.without_special_tokens()


def encode(model: Model, tokenizer: Any, text: str, pair: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids and token types (T,) of a text, or of a pair. ValueError for those that cannot be used."""
    for argument, each in (("text", text), ("pair", pair)):
        if each is not None and not check_text(each).strip():
            raise ValueError(f"{argument}: it is empty; expected some words")
    row = tokenizer(text, pair)
    ids, token_types = row["input_ids"][0], row["token_type_ids"][0]
    shown = repr(textwrap.shorten(text, SHOWN, placeholder="..."))
    if np.isin(ids, (tokenizer.cls_token_id, tokenizer.sep_token_id)).all():
        raise ValueError(f"text: the tokenizer leaves no token of {shown}")
    if len(ids) > (most := model.config.max_position_embeddings):
        what = shown if pair is None else f"{shown} and its pair together"
        have = "has" if pair is None else "have"
        raise ValueError(f"{what} {have} {len(ids)} tokens, and the model takes {most}: shorten the text")
    return ids, token_types


def forward(model: Model, ids: np.ndarray, token_types: np.ndarray) -> Output:
    """Return the outputs of one row with its attention weights and hidden states, without those of a task's head."""
    if not isinstance(model, AlbertForTranslation):  # whose attention has another mask
        model = AlbertModel.of(model.config, model.params)  # of multiple choice or relations, a call takes more arguments
    return model(ids[None], token_type_ids=token_types[None], output_hidden_states=True, output_attentions=True)


def fill(
    model: Model, tokenizer: Any, out: Output, ids: np.ndarray, text: str, pair: str | None, k: int
) -> tuple[list[Filling], str]:
    """Return the fillings of each [MASK] by layer, and why there are none ("" if there are some)."""
    positions = np.flatnonzero(ids == tokenizer.mask_token_id)
    if isinstance(model, AlbertForTranslation):
        return [], TRANSLATES
    if "mlm" not in model.params.form:
        return [], NO_HEAD
    if not len(positions):
        other = OTHER_MASKS.search(f"{text} {pair or ''}")
        hint = f": write [MASK] instead of {other[0]}" if other else ""
        return [], f"the text has no [MASK], so there are no fillings by layer{hint}"
    assert out.hidden_states is not None and out.last_hidden_state is not None
    hidden = [h[0] for h in out.hidden_states]
    if model.config.fusion_layers:
        hidden.append(out.last_hidden_state[0])
    return fill_by_layer(model, tokenizer, hidden, positions, k), ""


def to_float(array: Any) -> np.ndarray:
    """Return the only row of a batch on the host, in float32 or wider."""
    host = backend.to_host(array)[0]
    return host.astype(np.result_type(host.dtype, np.float32), copy=False)
