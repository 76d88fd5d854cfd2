"""Translation with one encoder: the attention mask and the labels (Dong et al. 2019; Raffel et al. 2020, "prefix LM").

    [CLS] source [SEP] target [SEP]        T tokens; the first S, up to the first [SEP], are the source

    a token of the source sees the source                                    visible[t, u] = u < S           t < S
    a token of the target sees the source, the target before it, itself      visible[t, u] = u ≤ t           t ≥ S
    both in one                                                              visible[t, u] = u < max(S, t + 1)

From the source's [SEP] on, each row predicts the token that follows it: label[t] = ids[t + 1]. Other rows have the label -100.
A mask that lets a row see its label makes the loss fall to almost nothing, and the model useless.
"""

from typing import Any

import numpy as np


def translation_mask(S: int, T: int) -> Any:
    """-> visible (T, T) booleans: whether query t may attend to key u"""
    query, key = np.arange(T)[:, None], np.arange(T)  # (T, 1), (T,)
    return key < np.maximum(S, query + 1)  # (T, T)


def next_tokens(ids: Any, S: int) -> Any:
    """ids (T,) -> labels (T,): in rows S - 1 ... T - 2 the next token, -100 elsewhere"""
    labels = np.full_like(ids, -100)  # (T,)
    labels[S - 1 : -1] = ids[S:]
    return labels
