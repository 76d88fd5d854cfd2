"""Precision, recall and F1 from counts. 0 / 0 is 0, as the official scorers have it."""


def ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else 0.0


def harmonic(precision: float, recall: float) -> float:
    """F1."""
    return ratio(2 * precision * recall, precision + recall)


def prf(right: int, found: int, gold: int) -> dict[str, float]:
    """-> precision, recall, f1"""
    precision, recall = ratio(right, found), ratio(right, gold)
    return {"precision": precision, "recall": recall, "f1": harmonic(precision, recall)}
