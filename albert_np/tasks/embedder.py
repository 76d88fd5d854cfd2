"""Sentence vectors: texts in, one vector for each of them out, and how similar they are.

models/embedder.py computes the vectors of a batch, metrics/vectors.py compares them; here are texts, tokenizer and batches.
"""

import os
import reprlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from albert_np.metrics.vectors import Neighbours, as_vectors, cosine_similarity, nearest, normalise, sts_scores
from albert_np.models import AlbertModel
from albert_np.models.base import Model
from albert_np.models.embedder import OUTPUT, check_pooling, sentence_vectors
from albert_np.models.vocabulary import check_vocabulary
from albert_np.tasks.task import MIN_LENGTH, is_frame
from albert_np.text.normalise import check_text
from albert_np.training.encoding_progress import EncodingProgress
from albert_np.training.trained_length import read_trained_length

TOKENS = 4096  # of a batch
TOKENISED = 512  # texts that are tokenised at a time
MAX = 1 << 30  # stands for no limit

Row = tuple[np.ndarray, np.ndarray]  # ids and token types (T,) of a text


class Embedder:
    """Turn texts into vectors with a model of any kind: pretrained, or fine-tuned for any task.

    model, tokenizer   of the classes of this package; see `from_pretrained`
    pooling            "mean" of all tokens of a text ([CLS] and [SEP] count, as in sentence-transformers), "cls": the first
                       token, "pooler": the layer on top of it
    layer              the hidden state that is pooled: 0 (the embeddings) to L, or from the end; -1 is the model's output, after
                       the fusion in a model with `fusion_layers`. Layers above it are not computed
    normalize          divide each vector by its length, so that a dot product is a cosine
    max_length         tokens of a text, [CLS] and [SEP] included; longer texts are cut, with one note. By default as many as the
                       model has positions and the tokenizer allows
    batch_size         most texts of a batch; by default only `tokens_per_batch` limits it. The vectors do not depend on either
    progress           show the progress of an `encode` that takes more than a moment

    ValueError names the argument. A warning says if the pooler was never trained.
    """

    def __init__(
        self, model: Model, tokenizer: Any, pooling: str = "mean", layer: int = OUTPUT, normalize: bool = False,
        max_length: int | None = None, batch_size: int | None = None, tokens_per_batch: int = TOKENS, progress: bool = True,
    ) -> None:  # fmt: skip
        if not isinstance(model, Model):
            hint = "; Embedder.from_pretrained loads one" if isinstance(model, str | os.PathLike) else ""
            raise ValueError(f"model: expected a model such as AlbertModel, got {reprlib.repr(model)}{hint}")
        check_pooling(model, pooling, layer)
        if not callable(tokenizer) or not hasattr(tokenizer, "__len__"):
            raise ValueError(f"tokenizer: expected one such as AlbertTokenizer, got {reprlib.repr(tokenizer)}")
        check_vocabulary(model.config, len(tokenizer))
        self.model, self.tokenizer = model, tokenizer
        self.pooling, self.layer, self.normalize, self.progress = pooling, layer, normalize, progress
        longest = min(model.config.max_position_embeddings, getattr(tokenizer, "model_max_length", MAX))
        self.max_length = longest if max_length is None else _check_number("max_length", max_length, MIN_LENGTH)
        if self.max_length > model.config.max_position_embeddings:
            raise ValueError(f"max_length: the model has {model.config.max_position_embeddings} positions, got {max_length}")
        self.batch_size = MAX if batch_size is None else _check_number("batch_size", batch_size, 1)
        self.tokens_per_batch = _check_number("tokens_per_batch", tokens_per_batch, 1)
        self.trained_length: int | None = None  # of the rows that the model was pretrained on, if it is known
        if pooling == "pooler" and not model.params.pooler.b.any():
            warnings.warn("the pooler was never trained (all of its biases are 0): its vectors mean little", stacklevel=2)

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        dtype: DTypeLike = "float32",
        tokenizer: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **options: Any,
    ) -> "Embedder":
        """Load a model and its tokenizer: a folder, such as a run's, a file of weights, a .tar.gz, or a name on the hub.

        Heads are left out. tokenizer: where it is, if it is not beside the model. options: the arguments of `Embedder`. The
        others are those of `AlbertModel.from_pretrained`.
        """
        from albert_np.text import AlbertTokenizer

        hub: dict[str, Any] = dict(revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*left out")  # heads, which are not needed here
            model = AlbertModel.from_pretrained(path, dtype=dtype, **hub)
        loaded = AlbertTokenizer.from_pretrained(path if tokenizer is None else tokenizer, **hub)
        embedder = cls(model, loaded, **options)
        embedder.trained_length = read_trained_length(path)
        return embedder

    def __repr__(self) -> str:
        names = ("pooling", "layer", "normalize", "max_length")
        return f"Embedder({', '.join(f'{name}={getattr(self, name)!r}' for name in names)}; {self.model!r})"

    def encode(self, texts: str | Iterable[str], progress: bool | None = None) -> np.ndarray:
        """Return the vectors of texts, an array (B, H) in their order; of a single str, (1, H).

        float32, or float64 if the model's parameters are. texts: a list, a generator, a pandas Series, ... An empty text has a
        vector, too, that of [CLS] [SEP]. progress: overrides that of the class.

        ValueError that names the first text that is not a str.
        """
        rows, cut = self._tokenise(check_texts(texts))
        if cut:
            many = f"{cut} of {len(rows)} texts {'is' if cut == 1 else 'are'}"
            more = "; set `max_length` for more" if self.max_length < self.model.config.max_position_embeddings else ""
            warnings.warn(f"{many} longer than max_length {self.max_length} tokens: cut{more}", stacklevel=2)
        longer = sum(len(ids) > (self.trained_length or len(ids)) for ids, _ in rows)
        if longer:
            warnings.warn(
                f"{longer} of {len(rows)} texts {'has' if longer == 1 else 'have'} more than {self.trained_length} tokens, the "
                "longest rows that the model was trained on: their vectors may be poor; a lower `max_length` cuts them",
                stacklevel=2,
            )
        H, dtype = self.model.config.hidden_size, np.result_type(self.model.params.flat.dtype, np.float32)
        vectors = np.empty((len(rows), H), dtype)
        report = EncodingProgress(sum(len(ids) for ids, _ in rows), self.progress if progress is None else progress)
        try:
            for batch in self._batches([len(ids) for ids, _ in rows]):
                ids, types = zip(*(rows[i] for i in batch))
                vectors[batch] = sentence_vectors(self.model, ids, types, self.pooling, self.layer)
                report.advance(sum(map(len, ids)))
        finally:
            report.close()
        return normalise(vectors) if self.normalize else vectors

    def similarity(self, a: Any, b: Any = None) -> np.ndarray:
        """Return the cosine similarity of each of `a` with each of `b` (by default with each of `a`), an (n, m) array.

        a, b: texts, or vectors (n, H) that `encode` returned.
        """
        return cosine_similarity(self._vectors("a", a), None if b is None else self._vectors("b", b))

    def nearest(self, queries: Any, corpus: Any, k: int = 5) -> Neighbours:
        """Return the k texts of the corpus that are most similar to each query: (indices, similarities), both (Q, k).

        queries, corpus: texts, or vectors that `encode` returned. A corpus that is searched often should be encoded once.
        """
        return nearest(self._vectors("queries", queries), self._vectors("corpus", corpus), k)

    def score_sts(self, pairs: Any, scores: Iterable[float]) -> dict[str, float]:
        """Return {"spearman", "pearson"}: correlations of the pairs' cosine similarities with human scores, as for STS-B.

        pairs: two texts each, or a DataFrame of two columns; scores: as many numbers. ValueError names the first pair that is
        something else. A warning says if there is no correlation, as the scores or the similarities are all equal.
        """
        both = list(pairs.to_numpy() if is_frame(pairs) else pairs)
        for i, pair in enumerate(both):
            if isinstance(pair, str) or not isinstance(pair, Sequence | np.ndarray) or len(pair) != 2:
                raise ValueError(f"pairs[{i}]: expected two texts, got {reprlib.repr(pair)}")
            check_texts(list(pair), f"pairs[{i}]")
        vectors = self.encode([pair[side] for side in (0, 1) for pair in both])
        return sts_scores(vectors[: len(both)], vectors[len(both) :], list(scores))

    def _vectors(self, name: str, given: Any) -> np.ndarray:
        """Return given vectors unchanged, and those of given texts."""
        first = given[0] if isinstance(given, list | tuple) and given else 0.0
        if (isinstance(given, np.ndarray) and given.dtype.kind in "fiu") or np.ndim(first) == 1:
            return as_vectors(name, given)
        return self.encode(check_texts(given, name))

    def _tokenise(self, texts: list[str]) -> tuple[list[Row], int]:
        """Return the ids and token types of each text, and how many of the texts are cut."""
        rows: list[Row] = []
        cut = 0
        for first in range(0, len(texts), TOKENISED):
            some = texts[first : first + TOKENISED]
            # one token more than fits shows which texts are cut; it stands before [SEP]
            table = self.tokenizer(some, max_length=self.max_length + 1, truncation=True, padding=True, return_tensors="np")
            ids, mask = np.asarray(table["input_ids"]), np.asarray(table["attention_mask"]) == 1
            types = np.asarray(table.get("token_type_ids", np.zeros_like(ids)))
            cut += int((mask.sum(1) > self.max_length).sum())
            rows += [(fit(i[m], self.max_length), fit(t[m], self.max_length)) for i, t, m in zip(ids, types, mask)]
        return rows, cut

    def _batches(self, lengths: list[int]) -> list[list[int]]:
        """Return the indices of each batch's texts, the longest first: if memory does not suffice, it shows at once."""
        batches: list[list[int]] = []
        tokens = 0
        for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
            if not batches or tokens + lengths[i] > self.tokens_per_batch or len(batches[-1]) == self.batch_size:
                batches.append([])
                tokens = 0
            batches[-1].append(i)
            tokens += lengths[i]
        return batches


def fit(row: np.ndarray, length: int) -> np.ndarray:
    """Return a row of at most `length` elements, whose last one is kept: it belongs to [SEP]."""
    return row if len(row) <= length else np.append(row[: length - 1], row[-1])


def check_texts(texts: Any, name: str = "texts") -> list[str]:
    """Return texts as a list. ValueError that names the argument, and the index of the first that is not a str."""
    if isinstance(texts, str):
        texts = [texts]
    wrong = isinstance(texts, Mapping | bytes | set | frozenset) or (isinstance(texts, np.ndarray) and texts.ndim != 1)
    if is_frame(texts):
        raise ValueError(f"{name}: expected a list of str, got a DataFrame: choose one of its columns")
    if wrong or not isinstance(texts, Iterable):
        raise ValueError(f"{name}: expected a str or a list of str, got {type(texts).__name__} {reprlib.repr(texts)}")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{name}[{i}]: expected a str, got {type(text).__name__} {reprlib.repr(text)}")
        try:
            check_text(text)
        except ValueError as error:
            raise ValueError(f"{name}[{i}]: {error}") from None
    return texts


def _check_number(name: str, value: Any, least: int) -> int:
    """Return an argument that must be an integer of at least this size. ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name}: expected an integer, {least} or more, got {value!r}")
    return int(value)
