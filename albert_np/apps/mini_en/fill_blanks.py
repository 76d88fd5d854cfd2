"""Everyday sentences with a blank, written before any model saw them: the share that a model fills with an accepted word.

    python -m albert_np.apps.mini_en.fill_blanks [--sentences FILE.tsv] [--show] MODEL ...

FILE.tsv has the columns sentence, with one [MASK], and answers, separated by commas. A blank counts at 1 (at 5) if the most
probable piece (one of the five) is an accepted word. --show prints the sentences with the five words.
"""

import argparse
from pathlib import Path
from typing import Any

from albert_np.apps.fill_mask import fill_masks, load_masked_model

HERE = Path(__file__).parent


def read_blanks(path: Path) -> list[tuple[str, set[str]]]:
    """Return (sentence, accepted answers)."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(sentence, {word.strip() for word in answers.split(",")}) for sentence, answers in rows]


def fill(model: Any, tokenizer: Any, blanks: list[tuple[str, set[str]]]) -> list[tuple[str, str, list[str]]]:
    """Return (sign, sentence, five words) for each blank: "1" if the first word is accepted, "5" if one of the five, or "-"."""
    rows = []
    for sentence, answers in blanks:
        words = [token.removeprefix("▁").lower() for token, _ in fill_masks(model, tokenizer, sentence, 5)[0]]
        rows.append(("1" if words[0] in answers else "-" if answers.isdisjoint(words) else "5", sentence, words))
    return rows


def count_right(rows: list[tuple[str, str, list[str]]]) -> tuple[int, int]:
    """Return how many blanks are right at 1, and at 5."""
    signs = [sign for sign, _, _ in rows]
    return signs.count("1"), signs.count("1") + signs.count("5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--sentences", type=Path, default=HERE / "blanks.tsv")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    blanks = read_blanks(given.sentences)
    for folder in given.models:
        rows = fill(*load_masked_model(folder), blanks)
        right_at_1, right_at_5 = count_right(rows)
        for sign, sentence, words in rows if given.show else ():
            print(f"{sign} {sentence:66} {', '.join(words)}")
        print(f"{folder}: {right_at_1} of {len(blanks)} right at 1, {right_at_5} at 5")


if __name__ == "__main__":
    main()
