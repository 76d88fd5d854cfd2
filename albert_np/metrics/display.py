"""Scores as text."""


def format_score(value: float) -> str:
    """Return an integer as it is, another number with four decimals or, if it is an error in large or tiny units, six digits."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if not value or 1e-4 <= abs(value) < 1000 else f"{value:.6g}"
