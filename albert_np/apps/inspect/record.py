"""The inspection of one text: arrays, figures, and a page."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from albert_np.apps.inspect.fillings import Filling
from albert_np.apps.inspect.measures import ONE, HeadMeasures
from albert_np.text.pieces import SPACE

INNER = "##"  # of WordPiece: the piece goes on with a word
CONTINUES = "·"  # the same in a label


@dataclass(frozen=True, repr=False)
class Inspection:
    """The result of `inspect`. L layers, A heads, T tokens, H the hidden width; layers and heads are counted from 1 in words.

    tokens           the T pieces, special ones included
    attentions       (L, A, T, T), [l, a, t] is the distribution over the tokens that token t attends to in head a + 1 of layer
                     l + 1; with several inner blocks, (L · inner_group_num, A, T, T)
    hidden_states    (L + 1, T, H): the embeddings, and the output of each layer
    heads            `HeadMeasures` of each head, those of the first layer first
    fillings         a `Filling` for each [MASK]; no_fillings: why there are none
    length           T, also where [CLS] and [SEP] were left out
    ids, token_types, special   (T,): of the tokens; special: [CLS] and [SEP]
    """

    text: str
    pair: str | None
    model: str
    tokens: list[str]
    ids: np.ndarray
    token_types: np.ndarray
    starts: np.ndarray
    special: np.ndarray
    attentions: np.ndarray
    hidden_states: np.ndarray
    heads: list[HeadMeasures]
    fillings: list[Filling]
    no_fillings: str = ""
    inner_group_num: int = 1
    length: int = 0

    def __repr__(self) -> str:
        blocks, A, T, _ = self.attentions.shape
        return f"Inspection({T} tokens, {blocks} × {A} heads, {len(self.fillings)} × [MASK]; {self.model})"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that it meets no style or script of the notebook."""
        from albert_np.apps.inspect.page import make_frame

        return make_frame(self)

    # ---- names ----

    @property
    def labels(self) -> list[str]:
        """The tokens as people read them: without the sign of a space, and with · before a piece that goes on with a word."""
        return [make_label(token, bool(start)) for token, start in zip(self.tokens, self.starts)]

    @property
    def row_names(self) -> list[str]:
        """A name for each row of `attentions`."""
        blocks, inner = len(self.attentions), self.inner_group_num
        return [f"layer {b // inner + 1}" + (f", block {b % inner + 1}" if inner > 1 else "") for b in range(blocks)]

    def count_tokens(self) -> str:
        """Return "12 tokens", or "10 of 12 tokens, without [CLS] and [SEP]"."""
        shown, many = len(self.tokens), f"{self.length} token{'s' if self.length > 1 else ''}"
        return many if shown == self.length else f"{shown} of {many}, without [CLS] and [SEP]"

    def describe_kind(self, head: HeadMeasures) -> str:
        """Return the pattern that a head resembles with its share, "previous 61%"; of a mixed head also the largest share."""
        if head.kind == "broad":
            return f"broad, {head.effective_keys:.0f} keys"
        name = f"“{self.labels[head.favourite]}”" if head.pattern == ONE else head.pattern
        return f"{'mixed, ' if head.kind == 'mixed' else ''}{name} {head.share:.0%}"

    @property
    def title(self) -> str:
        return self.text if self.pair is None else f"{self.text} | {self.pair}"

    # ---- hidden states ----

    def norms(self) -> np.ndarray:
        """Return the length of each token's vector, (L + 1, T)."""
        return np.linalg.norm(self.hidden_states, axis=-1)

    def cosines_between_tokens(self) -> np.ndarray:
        """Return the cosine of every two tokens in each hidden state, (L + 1, T, T)."""
        unit = self._unit_vectors()
        return unit @ unit.swapaxes(1, 2)

    def cosines_between_layers(self) -> np.ndarray:
        """Return the cosine between each token's vectors before and after each layer, (L, T)."""
        unit = self._unit_vectors()
        return (unit[:-1] * unit[1:]).sum(-1)

    def _unit_vectors(self) -> np.ndarray:
        return self.hidden_states / np.maximum(self.norms(), np.finfo(np.float32).tiny)[..., None]

    # ---- views ----

    def figure(self) -> Any:
        """Return a matplotlib figure of all heads: a matrix (T, T) for each, a row of them for each layer."""
        from albert_np.plots import attention_figure

        A = self.attentions.shape[1]
        captions = [self.describe_kind(head) for head in self.heads]
        grid = [captions[i : i + A] for i in range(0, len(captions), A)]
        return attention_figure(self.attentions, self.labels, self.row_names, grid, self.title)

    def hidden_figure(self) -> Any:
        """Return a matplotlib figure of the hidden states: their lengths, and cosines between layers and between tokens."""
        from albert_np.plots import hidden_figure

        return hidden_figure(self.norms(), self.cosines_between_layers(), self.cosines_between_tokens(), self.labels, self.title)

    def page(self) -> str:
        """Return the HTML page: one file that needs neither a network nor a library."""
        from albert_np.apps.inspect.page import make_page

        return make_page(self)

    def summary(self) -> str:
        """Return a summary in plain text: tokens, a line for each head, and the fillings layer by layer."""
        from albert_np.apps.inspect.summary import summarise

        return summarise(self)

    def as_json(self) -> dict[str, Any]:
        """Return all of it except the hidden states themselves, as values that JSON has."""
        from albert_np.apps.inspect.summary import as_json

        return as_json(self)

    def without_special_tokens(self) -> "Inspection":
        """Return the same without [CLS] and [SEP]. Weights are not divided anew: rows add up to less than 1."""
        kept = np.flatnonzero(~self.special)
        index = {int(old): new for new, old in enumerate(kept)}
        heads = [replace(head, favourite=index.get(head.favourite, 0)) for head in self.heads]
        return replace(
            self,
            tokens=[self.tokens[i] for i in kept],
            **{name: getattr(self, name)[kept] for name in ("ids", "token_types", "starts", "special")},
            attentions=self.attentions[:, :, kept][..., kept],
            hidden_states=self.hidden_states[:, kept],
            heads=heads,
            fillings=[replace(filling, position=index[filling.position]) for filling in self.fillings],
        )


def make_label(token: str, starts_word: bool) -> str:
    """Return a piece as people read it.

    >>> [make_label(*piece) for piece in (("▁the", True), ("d", False), ("##ing", False), (".", False), ("▁", True))]
    ['the', '·d', '·ing', '.', '▁']
    """
    plain = token.removeprefix(SPACE).removeprefix(INNER if not starts_word else "")
    continues = not token.startswith(SPACE) and not starts_word and plain[:1].isalnum()
    return f"{CONTINUES}{plain}" if continues else plain or token
