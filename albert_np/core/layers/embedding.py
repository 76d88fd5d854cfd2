"""Three tables, one sum: what the piece is, where it stands, and which segment it is in (Devlin et al. 2018).

    y_n = word[id_n] + position[position_n] + token_type[type_n]

A row of a table met every token that looked it up, so its gradient is the sum over all of them: ids repeat, and must add up.
"""

from typing import Any

import numpy as np

from albert_np.core.backend import scatter_add


def embedding(ids: Any, positions: Any, token_types: Any, p: Any, untaught: int | None = None) -> tuple[Any, Any]:
    """ids, positions, token_types (N,) integers; p.word (V, E), p.position (P, E), p.token_type (S, E) -> y (N, E)

    untaught: a row of p.word that is looked up but gets no gradient from it, as torch's padding_idx. Google has no such row.
    """
    y = np.take(p.word, ids, axis=0) + np.take(p.position, positions, axis=0) + np.take(p.token_type, token_types, axis=0)
    return y, (ids, positions, token_types, untaught)


def embedding_backward(dy: Any, cache: Any, g: Any) -> None:
    """dy (N, E); adds into g.word, g.position and g.token_type. Ids are no quantities: nothing flows further."""
    ids, positions, token_types, untaught = cache
    dword = dy if untaught is None else np.where((ids == untaught)[:, None], 0.0, dy)  # (N, E)
    scatter_add(g.word, ids, dword)
    scatter_add(g.position, positions, dy)
    scatter_add(g.token_type, token_types, dy)
