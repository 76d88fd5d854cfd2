"""translation_mask: who may see whom, and who predicts what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from albert_np.core import reference
from albert_np.core.random import generator
from albert_np.gradcheck.mistakes.mistake import mistakes_in
from albert_np.learn.exercise import Case, Exercise, Names
from albert_np.models.batch import PrefixSequences

MISTAKES = (
    *mistakes_in("learn.references.translation_mask.translation_mask", "",
        ("np.maximum(S, query + 1)", "query + 1",
         "The source is causal as well; each of its tokens is to see the whole source, in both directions."),
        ("np.maximum(S, query + 1)", "np.maximum(S, query)", "A token of the target does not see itself."),
        ("np.maximum(S, query + 1)", "np.maximum(S, query + 2)",
         "A token of the target sees the one after it, which is the one that it is to predict."),
        ("np.maximum(S, query + 1)", "np.maximum(S + 1, query + 1)", "The source sees the first token of the target."),
        ("np.maximum(S, query + 1)", "np.maximum(S - 1, query + 1)", "The tokens of the source do not see its last one, [SEP]."),
        ("np.maximum(S, query + 1)", "np.where(query < S, S, T)",
         "The target sees all of itself, the tokens to be predicted too."),
        ("key < np.maximum(S, query + 1)", "(key < np.maximum(S, query + 1)).T",
         "Queries and keys are exchanged: rows are queries."),
        ("key < np.maximum(S, query + 1)", "(key < S) + 0 * query > 0",
         "The target does not see itself and what precedes it, only "
         "the source."),
        ("key < np.maximum(S, query + 1)", "(key < np.maximum(S, query + 1)) & ((key < S) == (query < S))",
         "The target does not see the source."),
        ("key < np.maximum(S, query + 1)", "key >= np.maximum(S, query + 1)", "The mask is inverted: True stands for visible."),
    ),
    *mistakes_in("learn.references.translation_mask.next_tokens", "",
        ("labels[S - 1 : -1] = ids[S:]", "labels[S:] = ids[S:]",
         "The labels are not shifted: each row is to predict the token that follows it, not itself."),
        ("labels[S - 1 : -1] = ids[S:]", "labels[S:-1] = ids[S + 1 :]",
         "The source's [SEP] predicts nothing; it is to predict the first token of the target."),
        ("labels[S - 1 : -1] = ids[S:]", "labels[:-1] = ids[1:]",
         "The source is predicted as well; its rows see the whole source, and so their labels."),
        ("labels[S - 1 : -1] = ids[S:]", "labels[S - 1 :] = np.roll(ids, -1)[S - 1 :]",
         "The last row has the first token as label; nothing follows it, so it has none."),
        ("labels[S - 1 : -1] = ids[S:]", "labels[S:] = ids[S - 1 : -1]",
         "The shift is in the wrong direction: rows predict the token "
         "before them."),
        ("-100)", "0)", "Rows without a label have -100, no loss; 0 is the id of a token, which would be predicted."),
    ),
)  # fmt: skip


def make_case(seed: int, S: int, T: int) -> Case:
    return Case(seed=seed, S=S, T=T, ids=generator(seed, "learn translation").integers(5, 90, size=T), sizes={"S": S, "T": T})


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    return {
        "translation_mask": lambda: {"visible": names["translation_mask"](c.S, c.T)},
        "next_tokens": lambda: {"labels": names["next_tokens"](c.ids, c.S)},
    }


@contextmanager
def in_translation(exercise: Exercise, names: Names) -> Iterator[None]:
    """Within it the sequences of AlbertForTranslation take the student's mask; kernels, which have their own, are off."""

    def visible(self: PrefixSequences, i: int) -> Any:
        assert self.prefix_lengths is not None
        return names["translation_mask"](int(self.prefix_lengths[i]), int(self.lengths[i]))

    before = PrefixSequences.visible
    PrefixSequences.visible = visible  # type: ignore[method-assign]
    try:
        with reference():
            yield
    finally:
        PrefixSequences.visible = before  # type: ignore[method-assign]


EXERCISE = Exercise(
    name="translation_mask",
    title="Attention's mask for translation, and the labels",
    minutes=20,
    needs=("attention",),
    text="""
    [CLS] source [SEP] target [SEP]        T tokens, of which the first S, up to and with the first [SEP], are the source

    An encoder can translate if attention lets it see no more than it may:

    - a token of the source sees the whole source, and nothing of the target;
    - a token of the target sees the whole source, the tokens of the target before it, and itself.

    visible[t, u] is True if query t may attend to key u. From the source's [SEP] on, each row predicts the token that follows it,
    up to the last [SEP], which is predicted and predicts nothing. Rows without a prediction have the label -100, no loss.
    """,
    imports="import numpy as np",
    given=(),
    solve=("learn.references.translation_mask.next_tokens", "learn.references.translation_mask.translation_mask"),
    stub='''
def translation_mask(S, T):
    """-> visible (T, T) booleans: whether query t may attend to key u"""
    return ...


def next_tokens(ids, S):
    """ids (T,) of the whole row -> labels (T,) integers, -100 where nothing is predicted"""
    return ...
''',
    hints=(
        "Draw the table for S = 3, T = 5, a row for each query. Which cells are True in row 0? In row 3? In the last?",
        "query, key = np.arange(T)[:, None], np.arange(T): comparisons of the two are (T, T). Each row is True up to some key.",
        "In the source that is key < S, in the target key < query + 1; the larger of the two bounds holds in both.",
        "labels = np.full_like(ids, -100). The first row that predicts is S - 1, and its label is ids[S].",
    ),
    make=make_case,
    sizes=((3, 8), (5, 9), (4, 11), (6, 10)),  # S, T
    calls=calls,
    mistakes=MISTAKES,
    replace=in_translation,
    notebook="18_translation",
)
