"""Answers, scored as the official scripts of SQuAD 1.1 and 2.0 do (Rajpurkar et al. 2016, 2018).

Exact match and F1 of words, after lower case, without punctuation, articles and superfluous blanks; of several gold answers the
one that suits best. The two scripts differ in what is empty: in 2.0 a question without an answer has the gold answer "", and
an empty answer is right there and nowhere else; in 1.1 two empty texts have no word in common, so their F1 is 0.
"""

import re
import string
from collections import Counter
from typing import Any

from albert_np.metrics.fractions import ratio

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """What is compared of an answer."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact(found: str, gold: str) -> float:
    return float(normalise(found) == normalise(gold))


def f1(found: str, gold: str, version: int = 2) -> float:
    """F1 of the words that two answers have in common."""
    a, b = normalise(found).split(), normalise(gold).split()
    if version == 2 and not (a and b):
        return float(a == b)
    common = (Counter(a) & Counter(b)).total()
    return 2 * common / (len(a) + len(b)) if common else 0.0


def squad(gold: dict[str, list[str]], found: dict[str, str], version: int = 2) -> dict[str, Any]:
    """gold: {id of a question: its gold answers, none where it has no answer}; found: {id: the answer that was given}

    -> exact_match, f1, total and, where there are questions without an answer, both for each kind: has_answer_..., no_answer_...
    A question that was not answered counts as answered by "" (the script of 2.0 leaves it out, and says so).
    """
    if version not in (1, 2):
        raise ValueError(f"version: expected 1 or 2, got {version!r}")
    if not gold:
        raise ValueError("there is nothing to score")
    scores: dict[str, tuple[float, float]] = {}
    for name, texts in gold.items():
        answers = [text for text in texts if version == 1 or normalise(text)] or [""]
        said = found.get(name, "")
        if version == 1 and name not in found:
            scores[name] = (0.0, 0.0)
        else:
            scores[name] = max(exact(said, text) for text in answers), max(f1(said, text, version) for text in answers)
    with_answer = {name for name, texts in gold.items() if texts}
    kinds = {"": set(gold), "has_answer_": with_answer, "no_answer_": set(gold) - with_answer}
    if not kinds["no_answer_"]:
        kinds = {"": kinds[""]}
    kinds = {kind: names for kind, names in kinds.items() if names}  # a kind that does not occur has no score, not 0
    out: dict[str, Any] = {}
    for kind, names in kinds.items():
        out[f"{kind}exact_match"] = ratio(sum(scores[name][0] for name in names), len(names))
        out[f"{kind}f1"] = ratio(sum(scores[name][1] for name in names), len(names))
    return {**out, "total": len(gold)}
