"""Masking: how many tokens, which words, and what becomes of them (Devlin et al. 2018; ALBERT, section 4.1).

    count   = round(share · T), at least 1, never more than most        of T tokens
    words   = visited in random order; a word is chosen if all of its tokens still fit into the count
    tokens  = of the chosen ones 80 % become [MASK], 10 % stay, 10 % become a random token; all of them are to be predicted

The 20 % are there because no text in use has a [MASK]: the model has to have an opinion on tokens that it sees, too. Labels are
-100 elsewhere, which stands for "no loss". ALBERT masks n-grams of up to three words; here n is 1.
"""

from typing import Any

import numpy as np


def count_masked(T: int, share: float, most: int) -> int:
    """How many of T tokens are to be predicted"""
    return min(most, max(1, round(share * T)))


def choose_words(starts: Any, order: Any, count: int) -> Any:
    """starts (W + 1,): word k is the tokens starts[k] ... starts[k + 1] - 1; order (W,) of the words -> chosen (T,) booleans"""
    chosen = np.zeros(starts[-1], bool)  # (T,)
    left = count
    for k in order:
        size = starts[k + 1] - starts[k]
        if size <= left:
            chosen[starts[k] : starts[k + 1]] = True
            left -= size
    return chosen


def replace_tokens(ids: Any, chosen: Any, fate: Any, others: Any, mask: int) -> tuple[Any, Any]:
    """ids, others (T,) integers, chosen (T,) booleans, fate (T,) in [0, 1) -> inputs (T,), labels (T,)"""
    replaced = np.where(fate < 0.8, mask, np.where(fate < 0.9, ids, others))  # (T,)
    return np.where(chosen, replaced, ids), np.where(chosen, ids, -100)
