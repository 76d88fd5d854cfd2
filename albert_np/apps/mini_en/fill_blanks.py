"""Everyday sentences with a blank, written before any model saw them: the share that a model fills with an accepted word.

    python -m albert_np.apps.mini_en.fill_blanks [--sentences FILE.tsv] [--show] [--out results.json] MODEL ...

FILE.tsv has the columns sentence, with one [MASK], and answers, separated by commas. A blank counts at 1 (at 5) if the most
probable piece (one of the five) is an accepted word. --show prints the sentences with the five words; --out stores them.
"""

from pathlib import Path
from typing import Any

from albert_np.apps.fill_mask import fill_masks, load_masked_model
from albert_np.apps.mini_en.measured import make_parser, measure_each, run

HERE = Path(__file__).parent
Blank = tuple[str, list[str]]  # a sentence, and the accepted answers


def read_blanks(path: Path) -> list[Blank]:
    """Return the sentences with their answers. ValueError names a line with other columns, or without a blank."""
    blanks = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
        cells = line.split("\t")
        if len(cells) != 2 or cells[0].count("[MASK]") != 1 or not cells[1].strip():
            raise ValueError(f"{path}, line {number}: expected a sentence with one [MASK], a tab and its answers, got {line!r}")
        blanks.append((cells[0], [word.strip() for word in cells[1].split(",")]))
    return blanks


def fill(model: Any, tokenizer: Any, blanks: list[Blank]) -> dict[str, Any]:
    """Return the five most probable words of each blank, and how many blanks are right at 1 and at 5."""
    sentences: list[dict[str, Any]] = []
    for sentence, answers in blanks:
        words = [token.removeprefix("▁").lower() for token, _ in fill_masks(model, tokenizer, sentence, 5)[0]]
        right = 1 if words[0] in answers else 5 if not set(answers).isdisjoint(words) else None
        sentences.append({"sentence": sentence, "answers": answers, "words": words, "right_at": right})
    counts = {f"right_at_{k}": sum((each["right_at"] or k + 1) <= k for each in sentences) for k in (1, 5)}
    return {**counts, "sentences": sentences}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sentences", type=Path, default=HERE / "blanks.tsv")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    blanks = read_blanks(given.sentences)
    for folder, found in measure_each(given.models, given.out, lambda folder: fill(*load_masked_model(folder), blanks)):
        if given.show:
            for each in found["sentences"]:
                print(f"{each['right_at'] or '-'} {each['sentence']:66} {', '.join(each['words'])}")
        print(f"{folder}: {found['right_at_1']} of {len(blanks)} right at 1, {found['right_at_5']} at 5")


if __name__ == "__main__":
    run(main)
