"""The loss on held-out text of each register, in nats per word, so that models with different vocabularies can be compared.

    python -m albert_np.apps.mini_en.held_out_loss --text FOLDER --out results.json MODEL ...

The text is that of make_text.py; a MODEL is the folder of a run, of one of its checkpoints, or of a model. A row is as many words
as fit into 40. Of its words with a letter 15 % are hidden, at least one: all pieces of such a word become [MASK].
Rows and hidden words do not depend on the model. The loss of a word is the sum of those of its pieces; a word is right if all
of its pieces are the most probable ones. The pieces of a word are predicted at once, and their number is visible.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.apps.fill_mask import load_masked_model
from albert_np.apps.mini_en.measured import make_parser, measure_each, run
from albert_np.io.files import DataError

WORDS, SHARE, ROWS = 40, 0.15, 400  # words of a row, share of hidden words, most rows of a register
Row = tuple[list[str], list[int]]  # words, and the indices of the hidden ones


def make_rows(path: Path) -> list[Row]:
    """Return the rows of a register, spread over all of its text."""
    rng = np.random.default_rng(0)
    words: list[list[str]] = [[]]
    for paragraph in path.read_text(encoding="utf-8").split("\n"):
        parts = paragraph.split()
        if not parts or len(words[-1]) + len(parts) > WORDS:
            words.append([])
        words[-1] += parts[:WORDS]
    words = [row for row in words if len(row) >= 8]
    rows = []
    for i in np.unique(np.linspace(0, len(words) - 1, min(ROWS, len(words))).astype(int)):
        candidates = [k for k, word in enumerate(words[i]) if re.search("[A-Za-z]", word)]
        if candidates:
            count = max(1, round(SHARE * len(candidates)))
            rows.append((words[i], sorted(rng.choice(candidates, count, replace=False).tolist())))
    return rows


def encode(row: Row, tokenizer: Any) -> tuple[list[int], list[list[int]]]:
    """Return the ids of a row with the hidden words' pieces replaced by [MASK], and the true ids by position, word by word."""
    words, hidden = row
    ids, answers = [tokenizer.cls_token_id], []
    for k, word in enumerate(words):
        pieces = np.ravel(tokenizer(word, add_special_tokens=False)["input_ids"]).tolist()
        if k in hidden:
            answers.append([len(ids) + j for j in range(len(pieces))] + list(pieces))
            pieces = [tokenizer.mask_token_id] * len(pieces)
        ids += pieces
    return ids + [tokenizer.sep_token_id], answers


def score(model: Any, tokenizer: Any, rows: list[Row]) -> dict[str, float]:
    """Return the mean loss of a word in nats, its standard error over the rows, and the share of words that are right."""
    losses, right = [], 0
    encoded = [encode(row, tokenizer) for row in rows]
    for start in range(0, len(encoded), 16):
        part = encoded[start : start + 16]
        T = min(max(len(ids) for ids, _ in part), model.config.max_position_embeddings)
        part = [(ids, answers) for ids, answers in part if len(ids) <= T]
        batch = np.full((len(part), T), tokenizer.pad_token_id)
        for i, (ids, _) in enumerate(part):
            batch[i, : len(ids)] = ids
        visible = np.arange(T) < np.array([[len(ids)] for ids, _ in part])
        logits = model(batch, attention_mask=visible.astype(int)).logits  # (B, T, V)
        for i, (_, answers) in enumerate(part):
            word_losses = []
            for answer in answers:
                half = len(answer) // 2
                z = logits[i, answer[:half]]  # (pieces, V)
                top = z.max(-1)
                true = z[np.arange(half), answer[half:]]
                word_losses.append(float((top + np.log(np.exp(z - top[:, None]).sum(-1)) - true).sum()))
                right += bool((true == top).all())
            losses.append(word_losses)
    means = np.array([np.sum(row) for row in losses])
    count = sum(map(len, losses))
    error = float(means.std(ddof=1) / np.sqrt(len(means)) / (count / len(losses))) if len(means) > 1 else float("nan")
    return {"loss": float(means.sum() / count), "error": error, "accuracy": right / count, "words": count}


def evaluate(folder: str, registers: dict[str, list[Row]]) -> dict[str, Any]:
    """Return the scores of a model on each register, and the mean over the registers."""
    model, tokenizer = load_masked_model(folder)
    scores: dict[str, Any] = {name: score(model, tokenizer, rows) for name, rows in registers.items()}
    mean = {key: float(np.mean([each[key] for each in scores.values()])) for key in ("loss", "accuracy")}
    return {**scores, "mean": mean}


def read_registers(text: Path, only: list[str] | None = None) -> dict[str, list[Row]]:
    """Return the rows of each register that has some, or of these. DataError if there is no held-out text in the folder."""
    files = [path for path in sorted((text / "held_out").glob("*.txt")) if not only or path.stem in only]
    registers = {path.stem: rows for path in files if (rows := make_rows(path))}
    if not registers:
        names = f" of {', '.join(only)}" if only else ""
        raise DataError(
            f"expected the folder that make_text.py wrote, with held_out/*.txt in it, but {text} has no such text{names}"
        )
    return registers


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--text", type=Path, required=True, help="the folder that make_text.py wrote")
    parser.add_argument("--only", nargs="*", help="names of registers")
    given = parser.parse_args()
    registers = read_registers(given.text, given.only)
    for folder, found in measure_each(given.models, given.out, lambda folder: evaluate(folder, registers)):
        print(folder)
        for name, scores in found.items():
            print(f"  {name:12} {scores['loss']:.3f} nats per word, {scores['accuracy']:.3f} right")


if __name__ == "__main__":
    run(main)
