"""Measures of an attention head on one text: how far it looks, at how many tokens, and how much of it follows a simple pattern.

P (T, T) are the weights of a head: row t is a distribution over the tokens that token t attends to.

    distance          1/T Σ_t Σ_s P_ts |t - s|                      in tokens
    effective keys    1/T Σ_t exp(- Σ_s P_ts log P_ts)              1: one token a row, T: all tokens alike
    share of a pattern, a set of pairs (t, s): the mean of Σ_s P_ts over the rows t that have such an s

The patterns are those of Clark et al. 2019 ("What does BERT look at?") and Kovaleva et al. 2019. A head resembles the pattern
with the largest share if that is at least `LEAST_SHARE`, and `LEAST_LIFT` times the share that uniform attention would have, and
if at least `LEAST_ROWS` of the tokens, and two of them, have such a partner. Otherwise it is "broad" if its effective keys are
at least `BROAD` of the tokens, or else "mixed". One text proves nothing: the same head may look different on another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SHARE = 0.4
LEAST_LIFT = 2.0
LEAST_ROWS = 0.25  # of the tokens
BROAD = 0.5  # of the tokens
FARTHEST = 3  # tokens before or after that are patterns of their own
ITSELF, SAME, OTHER_TEXT, ONE = "itself", "same token", "other text", "one token"
OFFSETS = {-1: "previous", 1: "next"}


@dataclass(frozen=True)
class HeadMeasures:
    """Measures of one head. layer, block and head are counted from 1.

    mean_distance    in tokens
    effective_keys   1 to T
    shares           of the patterns that the text has, by their names; `one token` is the token with the most attention
    kind             the pattern that the head resembles, or `broad`, or `mixed`
    pattern, share   that pattern and its share; of a head that is broad or mixed, the pattern with the largest share
    favourite        the index of the token with the most attention
    """

    layer: int
    block: int
    head: int
    mean_distance: float
    effective_keys: float
    shares: dict[str, float]
    kind: str
    pattern: str
    share: float
    favourite: int


def name_offset(offset: int) -> str:
    """Return the name of the pattern s - t = offset.

    >>> name_offset(-1), name_offset(2)
    ('previous', '2 after')
    """
    return OFFSETS.get(offset) or f"{abs(offset)} {'before' if offset < 0 else 'after'}"


def find_patterns(
    ids: np.ndarray, token_types: np.ndarray, cls_positions: np.ndarray, sep_positions: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the patterns of a text: {name: (T, T) bool, row t and column s}. Those without any pair are left out.

    ids, token_types (T,); cls_positions, sep_positions: (T,) bool, where these tokens are.
    """
    T = len(ids)
    steps = np.arange(T) - np.arange(T)[:, None]  # (T, T): s - t
    special = cls_positions | sep_positions
    offsets = [o for distance in range(1, FARTHEST + 1) for o in (-distance, distance)]
    patterns = {ITSELF: steps == 0} | {name_offset(offset): steps == offset for offset in offsets}
    patterns[SAME] = (ids[:, None] == ids) & (steps != 0) & ~special
    patterns["[CLS]"] = np.broadcast_to(cls_positions, (T, T))
    patterns["[SEP]"] = np.broadcast_to(sep_positions, (T, T))
    patterns[OTHER_TEXT] = (token_types[:, None] != token_types) & ~special
    return {name: pattern for name, pattern in patterns.items() if pattern.any()}


def measure(
    weights: np.ndarray, patterns: dict[str, np.ndarray], inner_group_num: int = 1, ordinary: np.ndarray | None = None
) -> list[HeadMeasures]:
    """Return the measures of all heads, those of the first block first.

    weights   (L · inner_group_num, A, T, T)
    ordinary  (T,) bool: the tokens that the pattern `one token` may be about; by default all
    """
    T = weights.shape[-1]
    allowed = np.ones(T, bool) if ordinary is None else ordinary
    flat = np.full((T, T), 1 / T)
    frequent = {name: pattern for name, pattern in patterns.items() if pattern.any(1).sum() >= max(2, LEAST_ROWS * T)}
    usual = {name: share_of_pattern(flat, pattern) for name, pattern in frequent.items()} | {ONE: 1 / T}
    return [
        measure_head(weights[block, head], patterns, usual, allowed, (block // inner_group_num, block % inner_group_num, head))
        for block in range(weights.shape[0])
        for head in range(weights.shape[1])
    ]


def measure_head(
    P: np.ndarray, patterns: dict[str, np.ndarray], usual: dict[str, float], ordinary: np.ndarray, place: Sequence[int]
) -> HeadMeasures:
    """Return the measures of one head with the weights P (T, T). usual: the shares of uniform attention, for the
    patterns that a head may resemble."""
    P = P.astype(np.float64)
    T = len(P)
    keys, received = mean_keys(P), P.mean(0)  # (T,): the mean weight that each token receives
    shares = {name: share_of_pattern(P, pattern) for name, pattern in patterns.items()}
    candidates = np.flatnonzero(ordinary)
    favourite = int(candidates[received[candidates].argmax()])
    shares[ONE] = float(received[favourite])
    kind, pattern = choose_kind(shares, usual, keys / T)
    layer, block, head = (i + 1 for i in place)
    return HeadMeasures(layer, block, head, mean_distance(P), keys, shares, kind, pattern, shares[pattern], favourite)


def choose_kind(shares: dict[str, float], usual: dict[str, float], breadth: float) -> tuple[str, str]:
    """Return the kind of a head and its pattern, see `HeadMeasures`.

    usual: the shares of uniform attention, for the patterns that come into question; breadth: effective keys / T

    >>> choose_kind({"next": 0.8, "[CLS]": 0.1}, {"next": 0.1, "[CLS]": 0.1}, 0.3)
    ('next', 'next')
    >>> choose_kind({"next": 0.1, "[CLS]": 0.2}, {"next": 0.1, "[CLS]": 0.1}, 0.7)
    ('broad', '[CLS]')
    """
    fitting = [name for name in usual if shares[name] >= max(LEAST_SHARE, LEAST_LIFT * usual[name])]
    largest = max(fitting or usual, key=lambda name: shares[name])
    return (largest if fitting else "broad" if breadth >= BROAD else "mixed"), largest


def share_of_pattern(P: np.ndarray, pattern: np.ndarray) -> float:
    """Return the mean weight on a pattern, over the rows that have it."""
    rows = pattern.any(1)
    return float((P * pattern).sum(1)[rows].mean())


def mean_distance(P: np.ndarray) -> float:
    """Return the mean distance in tokens between the attending and the attended token."""
    t = np.arange(len(P))
    return float((P * abs(t - t[:, None])).sum(1).mean())


def mean_keys(P: np.ndarray) -> float:
    """Return the mean of exp(entropy) over the rows."""
    logs = np.log(np.where(P > 0, P, 1))
    return float(np.exp(-(P * logs).sum(1)).mean())


def uniform_distance(T: int) -> float:
    """Return the mean distance of uniform attention, (T² - 1) / 3T."""
    return (T * T - 1) / (3 * T)
