"""Precision, recall and F1 from counts. 0 / 0 is 0, as in the official scorers."""


def safe_ratio(part: float, whole: float) -> float:
    """Return part / whole, or 0 if whole is 0."""
    return float(part) / float(whole) if whole else 0.0


def precision_recall_f1(right: int, predicted: int, gold: int) -> dict[str, float]:
    """Return {"precision": right / predicted, "recall": right / gold, "f1": their harmonic mean}."""
    precision, recall = safe_ratio(right, predicted), safe_ratio(right, gold)
    return {"precision": precision, "recall": recall, "f1": safe_ratio(2 * precision * recall, precision + recall)}
