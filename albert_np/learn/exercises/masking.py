"""masking: what the masked language model is to predict."""

from typing import Any

import numpy as np

from albert_np.core.random import generator
from albert_np.gradcheck.mistakes.mistake import mistakes_in
from albert_np.learn.exercise import Case, Exercise, not_in_the_model, returned

MASK = 4

MISTAKES = (
    *mistakes_in("learn.references.masking.count_masked", "",
        ("max(1, round(share * T))", "round(share * T)", "At least one token is masked; a short text has none here."),
        ("round(share * T)", "int(share * T)", "The count is rounded to the nearest integer; this rounds it down."),
        ("min(most, max(1, round(share * T)))", "max(1, round(share * T))", "The count is not bounded by most."),
        ("min(most, max(1, round(share * T)))", "most", "It is always most tokens, whatever the length."),
    ),
    *mistakes_in("learn.references.masking.choose_words", "",
        ("if size <= left:", "if left > 0:", "The last word may not fit any more; here it exceeds the count."),
        ("if size <= left:", "if size < left:", "A word that fits exactly is left out: it needs size ≤ left."),
        ("            left -= size\n", "            left -= size\n        else:\n            break\n",
         "After a word that does not fit, shorter ones may; the search ends too early here."),
        ("            left -= size\n", "            left -= 1\n", "The count is one of tokens; here it is one of words."),
        ("starts[k] : starts[k + 1]] = True", "starts[k]] = True", "Only the first token of a chosen word is masked."),
        ("for k in order:", "for k in range(len(order)):",
         "The words are visited from left to right instead of in random order."),
        ("size <= left:", "size <= count:", "The tokens that were chosen before are not counted: nothing ends the search."),
    ),
    *mistakes_in("learn.references.masking.replace_tokens", "",
        ("np.where(chosen, ids, -100)", "ids", "Every token has a label; only the chosen ones are to be predicted."),
        ("np.where(chosen, ids, -100)", "np.where(chosen, replaced, -100)",
         "The labels are the tokens after the replacement; to be predicted are those before it."),
        ("np.where(chosen, ids, -100)", "np.where(chosen & (fate < 0.8), ids, -100)",
         "Only the tokens that became [MASK] have a label; the chosen ones that stay or become another are predicted as well."),
        ("np.where(chosen, ids, -100)", "np.where(chosen, ids, 0)",
         "Elsewhere the label is -100, no loss; 0 is the id of a token, which would be predicted."),
        ("np.where(chosen, ids, -100)", "np.where(chosen, -100, ids)",
         "The labels are inverted: the tokens that were not chosen have one."),
        ("np.where(chosen, replaced, ids)", "replaced", "Tokens that were not chosen are replaced as well."),
        ("np.where(fate < 0.8, mask, np.where(fate < 0.9, ids, others))", "mask",
         "All chosen tokens become [MASK]; 10 % are to stay, and 10 % to become another."),
        ("fate < 0.9, ids, others", "fate < 0.9, others, ids",
         "From 0.8 to 0.9 the token stays, and from 0.9 on it becomes another; these are exchanged."),
        ("np.where(fate < 0.9, ids, others)", "others", "20 % become another token; a half of them is to stay as it is."),
        ("np.where(fate < 0.9, ids, others)", "ids", "20 % stay as they are; a half of them is to become another token."),
        ("fate < 0.8", "fate > 0.8", "The condition is inverted: 20 % become [MASK] instead of 80 %."),
    ),
)  # fmt: skip


def make_case(seed: int, T: int, V: int) -> Case:
    rng = generator(seed, "learn masking")
    starts = np.unique(np.concatenate([[0, T], rng.integers(1, T, size=T // 2)]))  # (W + 1,)
    order = rng.permutation(len(starts) - 1)
    first = order[0]  # a long word comes first, so that the count soon is used up and shorter ones fill the rest
    starts = np.concatenate([starts[: first + 1], starts[first + 1 :] + 3])
    T = int(starts[-1])
    return Case(
        seed=seed, starts=starts, order=order, ids=rng.integers(5, V, size=T), others=rng.integers(5, V, size=T),
        chosen=rng.random(T) < 0.6, fate=rng.random(T), count=9 + seed % 4, sizes={"T": T},
    )  # fmt: skip


def calls(names: dict[str, Any], c: Case, cache: Any) -> dict[str, Any]:
    def count() -> dict[str, Any]:
        lengths = {"a sentence": 12 + c.seed % 4, "3 tokens": 3, "a page": 500 + c.seed}
        return {f"count, {name}": np.asarray(names["count_masked"](T, 0.15, 20)) for name, T in lengths.items()}

    def words() -> dict[str, Any]:
        return {"chosen": names["choose_words"](c.starts, c.order, c.count)}

    def tokens() -> dict[str, Any]:
        value = names["replace_tokens"](c.ids, c.chosen, c.fate, c.others, MASK)
        return returned(value, ("inputs", "labels"))

    return {"count_masked": count, "choose_words": words, "replace_tokens": tokens}


EXERCISE = Exercise(
    name="masking",
    title="Masking: the tokens that are to be predicted",
    minutes=25,
    needs=(),
    text="""
    No gradient here: the task itself. Of a text of T tokens some are hidden, and the model learns to say which they were.

    count    round(share · T), but at least 1, and never more than the argument most
    words    whole words are hidden, since a word is easy to guess from its other pieces. Word k is the tokens
             starts[k] ... starts[k + 1] - 1. Visit the words in the given order, and choose a word if all of its tokens still fit
             into the count; if not, go on to the next
    tokens   80 % of the chosen tokens become [MASK], 10 % stay as they are, 10 % become another token. All of them have their
             own id as label; the label of all others is -100, which stands for no loss

    The random numbers are arguments, so that your result can be compared. fate (T,) decides for each token: below 0.8 [MASK],
    from there to below 0.9 it stays, from 0.9 on it becomes others[t].
    """,
    imports="import numpy as np",
    given=(),
    solve=(
        "learn.references.masking.count_masked",
        "learn.references.masking.choose_words",
        "learn.references.masking.replace_tokens",
    ),
    stub='''
def count_masked(T, share, most):
    """How many of T tokens are to be predicted, a Python integer"""
    return ...


def choose_words(starts, order, count):
    """starts (W + 1,), order (W,): the indices of the words as they are visited -> chosen (T,) booleans, T = starts[-1]"""
    return ...


def replace_tokens(ids, chosen, fate, others, mask):
    """ids, others (T,) integers, chosen (T,) booleans, fate (T,) in [0, 1), mask: the id of [MASK] -> inputs, labels (T,)"""
    inputs = ...
    labels = ...
    return inputs, labels
''',
    hints=(
        "min and max bound the count. Python's round is the right one; int would round down.",
        "Begin with chosen = np.zeros(starts[-1], bool), and keep the number of tokens that are left. "
        "A word that does not fit is passed over; shorter ones after it may fit.",
        "np.where(fate < 0.8, mask, np.where(fate < 0.9, ids, others)) is what a token becomes if it is chosen.",
        "inputs = np.where(chosen, that, ids), labels = np.where(chosen, ids, -100).",
    ),
    make=make_case,
    sizes=((40, 21), (61, 30), (53, 25), (87, 41)),  # T, V
    calls=calls,
    mistakes=MISTAKES,
    replace=not_in_the_model,
    notebook="10_masking_and_sentence_order",
)
