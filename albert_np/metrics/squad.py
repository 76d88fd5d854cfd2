"""Scores of answers as in the official scripts of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018).

Exact match and F1 of words, after lower-casing, without punctuation, articles and extra spaces; if there are several gold
answers, the best of them counts. The two scripts differ in empty answers: in 2.0 a question without an answer has the gold
answer "", and an empty answer is right there and nowhere else; in 1.1 two empty texts have no word in common, so their F1 is 0.

`squad_characters` is a form for languages without blanks between words; it is not SQuAD's.
"""

import re
import string
from collections import Counter
from typing import Any

from albert_np.metrics.fractions import safe_ratio
from albert_np.metrics.scripts import split_characters

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise_answer(text: str) -> str:
    """Return the answer in the form in which answers are compared."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(predicted: str, gold: str) -> float:
    """Return 1 if the normalised answers are equal, else 0."""
    return float(normalise_answer(predicted) == normalise_answer(gold))


def word_f1(predicted: str, gold: str, version: int = 2) -> float:
    """Return the F1 of the words that two answers have in common."""
    return _units_f1(normalise_answer(predicted).split(), normalise_answer(gold).split(), version)


def character_f1(predicted: str, gold: str, version: int = 2) -> float:
    """Return the F1 of the characters that two answers have in common; of scripts with blanks between words, of the words."""
    return _units_f1(split_characters(normalise_answer(predicted)), split_characters(normalise_answer(gold)), version)


def _units_f1(a: list[str], b: list[str], version: int) -> float:
    if version == 2 and not (a and b):
        return float(a == b)
    common = (Counter(a) & Counter(b)).total()
    return 2 * common / (len(a) + len(b)) if common else 0.0


def squad(gold: dict[str, list[str]], predicted: dict[str, str], version: int = 2) -> dict[str, Any]:
    """Score answers.   gold: {question id: its gold answers, [] if it has none}; predicted: {question id: answer}

    Returns exact_match, f1, total and, if there are questions without an answer, both scores per kind of question:
    has_answer_..., no_answer_... A question that is missing in `predicted` counts as answered by "" (the script of 2.0 leaves
    it out, with a warning). ValueError without questions, or for another version than 1 and 2.
    """
    if version not in (1, 2):
        raise ValueError(f"version: expected 1 or 2, got {version!r}")
    if not gold:
        raise ValueError("there is nothing to score")
    scores = {question: _best_scores(answers, predicted.get(question), version) for question, answers in gold.items()}
    with_answer = {question for question, answers in gold.items() if answers}
    kinds = {"": set(gold), "has_answer_": with_answer, "no_answer_": set(gold) - with_answer}
    if not kinds["no_answer_"]:
        kinds = {"": kinds[""]}
    summary: dict[str, Any] = {}
    for kind, questions in kinds.items():
        if questions:  # a kind that does not occur has no score, not 0
            summary[f"{kind}exact_match"] = safe_ratio(sum(scores[question][0] for question in questions), len(questions))
            summary[f"{kind}f1"] = safe_ratio(sum(scores[question][1] for question in questions), len(questions))
    return {**summary, "total": len(gold)}


def squad_characters(gold: dict[str, list[str]], predicted: dict[str, str], version: int = 2) -> float:
    """Return the mean of `character_f1`, for languages without blanks between words, in which F1 of words is nearly exact match.

    Arguments as for `squad`. This is F1 of MLQA's script for Chinese (Lewis et al. 2020); that of CMRC 2018 (Cui et al. 2019)
    has the same units, but counts only the longest part that two answers share.
    """
    total = 0.0
    for question, answers in gold.items():
        answer = predicted.get(question)
        if answer is not None or version == 2:
            total += max(character_f1(answer or "", text, version) for text in _gold_answers(answers, version))
    return safe_ratio(total, len(gold))


def _gold_answers(gold: list[str], version: int) -> list[str]:
    return [text for text in gold if version == 1 or normalise_answer(text)] or [""]


def _best_scores(gold: list[str], predicted: str | None, version: int) -> tuple[float, float]:
    """Return exact match and F1 with the gold answer that fits best."""
    if predicted is None and version == 1:
        return 0.0, 0.0
    answer = predicted or ""
    candidates = _gold_answers(gold, version)
    return max(exact_match(answer, text) for text in candidates), max(word_f1(answer, text, version) for text in candidates)
