"""Everyday sentences with a blank, written before any model saw them: the share that a model fills with an accepted word.

    python -m albert_np.apps.mini_en.fill_blanks [--sentences FILE.tsv] [--show] MODEL ...

FILE.tsv has the columns sentence, with one [MASK], and answers, separated by commas. A blank counts at 1 (at 5) if the most
probable piece (one of the five) is an accepted word. --show prints the sentences with the five words.
"""

import argparse
from pathlib import Path

from albert_np.apps.fill_mask import fill_masks, load_masked_model

HERE = Path(__file__).parent


def read_blanks(path: Path) -> list[tuple[str, set[str]]]:
    """Return (sentence, accepted answers)."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(sentence, {word.strip() for word in answers.split(",")}) for sentence, answers in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--sentences", type=Path, default=HERE / "blanks.tsv")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    blanks = read_blanks(given.sentences)
    for folder in given.models:
        model, tokenizer = load_masked_model(folder)
        right_at_1 = right_at_5 = 0
        for sentence, answers in blanks:
            words = [token.removeprefix("▁").lower() for token, _ in fill_masks(model, tokenizer, sentence, 5)[0]]
            right_at_1 += words[0] in answers
            right_at_5 += not answers.isdisjoint(words)
            if given.show:
                sign = "1" if words[0] in answers else "5" if not answers.isdisjoint(words) else "-"
                print(f"{sign} {sentence:66} {', '.join(words)}")
        print(f"{folder}: {right_at_1} of {len(blanks)} right at 1, {right_at_5} at 5")


if __name__ == "__main__":
    main()
