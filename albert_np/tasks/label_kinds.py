"""Whether labels are classes, sets of classes, or numbers, and which choices are probably wrong."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
CODE = re.compile(r"[+-]?0[0-9]")  # "007": a leading zero
SIGN = r"[€$£¥%]"
THOUSANDS = r"[0-9]{1,3}(?:[.,'\u2019 \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?"
DECORATED = re.compile(
    rf"[+\u2212-]?{SIGN}? ?[+\u2212-]?(?:{THOUSANDS}|[0-9]+(?:[.,][0-9]+)?) ?{SIGN}?"
)  # "1,000.50", "3%", "€5"
FEW, MANY = 10, 20  # labels that are all different are refused from FEW on; integers are worth a word from MANY classes on


def infer_kind(labels: list[Any]) -> str:
    """Return "sets", "number" or "classes".

    Lists are sets. Labels are numbers if all can be read as numbers and some has a decimal point or comma, unless they look like
    codes: with a leading zero ("007"). Everything else is a class: names, and integers of any count.
    """
    if any(isinstance(label, list) for label in labels):
        return "sets"
    texts = {str(label) for label in labels}
    if any(CODE.match(text) for text in texts) or not all(DECIMAL.fullmatch(text) for text in texts):
        is_decimal = any("," in text for text in texts) and all(DECIMAL_COMMA.fullmatch(text) for text in texts)
        return "number" if is_decimal and not any(CODE.match(text) for text in texts) else "classes"
    return "number" if any("." in text for text in texts) else "classes"


def parse_number(label: Any) -> float:
    """Return a label, such as 3, "3.75" or "3,75", as a finite number. ValueError otherwise."""
    if isinstance(label, str):
        is_comma = "," in label and DECIMAL_COMMA.fullmatch(label)
        number = float(label.replace(",", ".")) if is_comma or DECIMAL.fullmatch(label) else float("nan")
    else:
        number = float(label) if isinstance(label, int | float) else float("nan")
    if not np.isfinite(number):
        raise ValueError(
            f"the label {label!r} is not a number (kind is number): expected digits, with a decimal point or comma at most"
        )
    return number


def find_doubts(kind: str, labels: list[Any]) -> list[str]:
    """Return a sentence for each sign that the inferred kind is wrong. ValueError if the labels cannot be learned as classes."""
    if kind == "sets":
        return []
    texts = [str(label) for label in labels]
    counts = Counter(texts)
    if kind == "number":
        return doubts_about_numbers(counts)
    once = sum(count == 1 for count in counts.values())
    numbers = sum(bool(DECIMAL.fullmatch(text) or DECIMAL_COMMA.fullmatch(text)) for text in counts)
    if 0.9 * len(counts) < numbers < len(counts) and any("." in text or "," in text for text in counts):
        others = [text for text in counts if not (DECIMAL.fullmatch(text) or DECIMAL_COMMA.fullmatch(text))]
        names = ", ".join(map(repr, others[:3]))
        raise ValueError(
            f"{numbers:,} of {len(counts):,} different labels are numbers, and {names} not: if they stand for no label, say so ("
            f"option missing={','.join(others[:3])}); if they are names, option kind=classes"
        )
    if len(counts) < 2 * numbers < 2 * len(counts) and any(DECIMAL.fullmatch(text) and "." in text for text in counts):
        others = [text for text in counts if not (DECIMAL.fullmatch(text) or DECIMAL_COMMA.fullmatch(text))]
        return [
            f"{numbers:,} of {len(counts):,} different labels are numbers, and {', '.join(map(repr, others[:3]))} not, so all "
            f"are taken for classes: option missing={','.join(others[:3])} if that stands for no label, else kind=classes"
        ]
    if len(counts) == len(texts) and len(texts) >= FEW:
        if are_decorated(counts):
            raise ValueError(
                f"each of the {len(texts):,} labels occurs once, such as {texts[0]!r}: for numbers, write digits and a decimal "
                "point alone; otherwise name another column (option label)"
            )
        raise ValueError(
            f"each of the {len(texts):,} labels occurs once, such as {texts[0]!r}, so there is nothing to learn: name another "
            "column (option label), or say what they are (option kind=number, or option kind=classes)"
        )
    doubts = []
    if once * 2 > len(counts) and len(texts) >= FEW:
        doubts.append(f"{once:,} of {len(counts):,} classes occur once: is this the column of the labels (options label, kind)")
    if numbers == len(counts) > MANY and not are_class_ids([parse_number(text) for text in counts]):
        doubts.append(
            f"the labels are {len(counts):,} different integers with gaps, taken for classes: option kind=number for numbers"
        )
    if are_decorated(counts):
        doubts.append(
            f"labels such as {texts[0]!r} are taken for classes: if they are numbers, write digits and a decimal point alone"
        )
        return doubts
    return doubts + doubts_about_separators(texts)


def are_decorated(texts: Iterable[str]) -> bool:
    """Return whether all texts are numbers, and some have a sign such as % or a separator of thousands."""
    texts = list(texts)
    return all(map(DECORATED.fullmatch, texts)) and not all(map(DECIMAL_COMMA.fullmatch, texts))


def doubts_about_separators(texts: list[str]) -> list[str]:
    """Return a sentence if labels look like several: many have a mark between parts, or all parts are labels by themselves."""
    if len(set(texts)) <= 2:
        return []
    for mark in "|;,":
        joined = [text for text in texts if mark in text]
        if len(joined) * 4 > len(texts) or (joined and are_joined(joined, texts, mark)):
            most = "many" if len(joined) * 4 > len(texts) else "some"
            return [f"{most} labels hold {mark!r}, such as {joined[0]!r}: for several labels each, option separator={mark}"]
    return []


def are_joined(joined: list[str], texts: list[str], mark: str) -> bool:
    """Return whether the parts of the joined texts are texts by themselves, more than one of them."""
    parts = {part.strip() for text in joined for part in text.split(mark)}
    return len(parts) > 1 and parts <= set(texts)


def are_class_ids(values: list[float]) -> bool:
    """Return whether the values are whole numbers from 0 or 1 on, with at most a tenth of them left out."""
    values = sorted(values)
    is_whole = all(value == int(value) for value in values)
    return is_whole and values[0] in (0, 1) and values[-1] - values[0] < 1.1 * len(values)


def doubts_about_numbers(counts: Counter[str]) -> list[str]:
    """Return a sentence if the numbers look like class ids or like codes."""
    joined = [text for text in counts if "," in text]
    if joined and are_joined(joined, list(counts), ","):
        return [f"{joined[0]!r} is read as a decimal number: for several labels each, option separator=,"]
    if joined and all(re.fullmatch("[+-]?[0-9]{1,3},[0-9]{3}", text) for text in joined):
        return [f"{joined[0]!r} is read as a number with a decimal comma: if it separates thousands, leave the commas out"]
    values = [parse_number(text) for text in counts]
    if are_class_ids(values):
        shown = ", ".join(sorted(counts)[:4])
        return [f"all labels are whole numbers ({shown}), and are taken for numbers for their decimal point: option kind=classes"]
    decimals = {len(text.partition(".")[2]) for text in counts if "." in text}
    padded = [text for text in counts if re.fullmatch(r"[0-9]{3,}\.[0-9]+0", text)]  # 250.00 beside 401.9: a code of the ICD
    if len(decimals) > 1 and padded:
        return [f"the labels look like codes ({padded[0]!r}), and are taken for numbers: option kind=classes for classes"]
    return []
