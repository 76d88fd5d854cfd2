"""Fine-tune a model on SST-2: the accuracy on the development examples, mean and deviation over the seeds.

    ALBERT_NP_DATA=... python -m albert_np.apps.mini_en.finetune_sst2 MODEL --out FOLDER [--seeds 5] [--lr 3e-4] [--epochs 3]
    ... --from-scratch     the same sizes and vocabulary, new weights

MODEL is a folder with a model (snapshot.py makes one of a checkpoint). --examples takes every k-th training example, so that a
model can be judged quickly. The scores are added to FOLDER/sst2.json.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import albert_np as ab


def take(path: Path, count: int, out: Path) -> Path:
    """Write about `count` of the examples, evenly spread, to `out`."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    out.write_text("\n".join([header, *rows[:: max(1, len(rows) // count)]]) + "\n", encoding="utf-8")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--examples", type=int, help="training examples to take [all]")
    parser.add_argument("--from-scratch", action="store_true")
    given = parser.parse_args()
    data = Path(os.environ["ALBERT_NP_DATA"]) / "tasks" / "sst2"
    given.out.mkdir(parents=True, exist_ok=True)
    train = data / "train.tsv"
    if given.examples:
        train = take(train, given.examples, given.out / "train.tsv")
    name = f"{len(list(given.out.glob('run-*'))):02d}"
    began = time.perf_counter()
    done = ab.finetune(
        "classification", str(train), str(data / "dev.tsv"), out=given.out / f"run-{name}", model=given.model,
        from_scratch=given.from_scratch, seeds=given.seeds, learning_rate=given.lr, epochs=given.epochs,
        changes=dict(hidden_dropout_prob=given.dropout, attention_probs_dropout_prob=given.dropout),
    )  # fmt: skip
    scores = [each["accuracy"] for each in done.scores]
    deviation = statistics.stdev(scores) if len(scores) > 1 else float("nan")
    settings = {key: value for key, value in vars(given).items() if key != "out"}
    result = {**settings, "accuracy": scores, "minutes": round((time.perf_counter() - began) / 60, 1)}
    file = given.out / "sst2.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    file.write_text(json.dumps([*results, result], indent=1) + "\n", encoding="utf-8")
    print(f"{given.model}: {statistics.fmean(scores):.4f} ± {deviation:.4f} ({len(scores)} seeds), {result['minutes']} minutes")


if __name__ == "__main__":
    main()
