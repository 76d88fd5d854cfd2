"""Scores as text."""


def format_score(value: float, sign: str = "", size: float | None = None) -> str:
    """Return an integer as it is, another number with four decimals or, if it is an error in large or tiny units, six digits.

    sign: "+" for differences; size: the magnitude that decides; None: that of the value
    """
    if isinstance(value, int):
        return str(value)
    size = abs(value) if size is None else size
    return f"{value:{sign}.4f}" if not size or 1e-4 <= size < 1000 else f"{value:{sign}.6g}"
