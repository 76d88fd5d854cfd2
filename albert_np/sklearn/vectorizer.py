"""Vectors of texts as features: `Embedder` as a transformer of scikit-learn."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from albert_np.data.formats.given_texts import check_texts
from albert_np.io.in_memory import load_saved, read_saved
from albert_np.sklearn.base import check_model, plain
from albert_np.tasks.embedder import TOKENS, Embedder


class AlbertVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn texts into the vectors of a pretrained or fine-tuned model, (n, H) features. Nothing is learned from X.

    model              a folder, a file, a name on the hub
    tokenizer          where it is, if it is not beside the model
    pooling            "mean" of all tokens, "cls" (the first one) or "pooler"
    layer              0 (the embeddings) to L, or from the end; -1 is the model's output
    normalize          divide each vector by its length
    max_length         tokens of a text, which is cut there, with a warning; None: as many as the model takes
    tokens_per_batch   tokens of one forward pass; the vectors do not depend on it
    verbose            show the progress on stderr

    Fitted attribute: embedder_, an `Embedder`. It is pickled with the weights, so that the pickle does not depend on a folder.
    """

    embedder_: Embedder

    def __init__(
        self, model: Any = None, *, tokenizer: Any = None, pooling: str = "mean", layer: int = -1, normalize: bool = False,
        max_length: int | None = None, tokens_per_batch: int = TOKENS, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.tokenizer, self.pooling, self.layer = model, tokenizer, pooling, layer
        self.normalize, self.max_length, self.tokens_per_batch, self.verbose = normalize, max_length, tokens_per_batch, verbose

    def fit(self, X: Any, y: Any = None) -> "AlbertVectorizer":
        """Load the model, check the parameters and the texts, and return the transformer."""
        check_model(self.model)
        if self.model is None:
            raise ValueError(
                "model must be a folder, a file or a name, such as albert-np-mini-en: a vectorizer has no model of its own"
            )
        check_single_texts(X)
        self.embedder_ = Embedder.from_pretrained(self.model, tokenizer=self.tokenizer, **self._options())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the vectors of texts (n, H), in their order, in float32."""
        check_is_fitted(self)
        return self.embedder_.encode(check_single_texts(X))

    def _options(self) -> dict[str, Any]:
        names = ("pooling", "layer", "normalize", "max_length", "tokens_per_batch")
        return {name: plain(getattr(self, name)) for name in names} | {"progress": bool(self.verbose)}

    @property
    def _n_features_out(self) -> int:
        """The number of features, for the names `albertvectorizer0`, ... of `get_feature_names_out`."""
        return int(self.embedder_.model.config.hidden_size)

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and, of a fitted transformer, the embedder as {file: bytes} and options."""
        state = dict(super().__getstate__())
        if "embedder_" in state:
            embedder = state["embedder_"]
            names = ("pooling", "layer", "normalize", "max_length", "batch_size", "tokens_per_batch", "progress")
            state["embedder_"] = read_saved(lambda folder: save(embedder, folder)), {n: getattr(embedder, n) for n in names}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "embedder_" in state:
            files, options = state["embedder_"]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="the pooler was never trained")  # `fit` has said so
                state["embedder_"] = load_saved(files, lambda folder: Embedder.from_pretrained(folder, **options))
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """Return the tags (scikit-learn 1.6 and later): X is one column of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Return the same tags for scikit-learn 1.4 and 1.5."""
        return {"X_types": ["string", "1darray"], "preserves_dtype": []}


def save(embedder: Embedder, folder: Path) -> None:
    """Write the model and the tokenizer of an embedder."""
    embedder.model.save_pretrained(folder)
    embedder.tokenizer.save_pretrained(folder)


def check_single_texts(X: Any) -> list[str]:
    """Return the texts of X. ValueError for pairs."""
    rows, _ = check_texts(X)
    if rows[0][1] is not None:
        raise ValueError("X has pairs of texts, and a vectorizer takes one column: a ColumnTransformer has one for each")
    return [text for text, _ in rows]
