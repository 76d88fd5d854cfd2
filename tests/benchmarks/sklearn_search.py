"""A grid search of scikit-learn over learning rate and epochs, on a slice of SST-2, in a Pipeline, in two processes.

    python tests/benchmarks/sklearn_search.py [--model runs/first] [--sentences 3000]   # prints the tables, and keeps the results
    python tests/benchmarks/sklearn_search.py --table                                   # prints them again

Without --model the estimator is a new "tiny" model of two layers, which has to learn its words from the slice, too. Beside it
stands the usual baseline, a grid search over TF-IDF and logistic regression on the same folds; with --model also one over the
model's vectors and logistic regression. All are scored on SST-2's development sentences. It takes some five minutes of processor
time. The sentences are found below ALBERT_NP_DATA. The stored seconds are those of a machine that had other work besides.
"""

import argparse
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import albert_np as ab
from albert_np.data.formats import read_table
from albert_np.version import __version__

STORED = Path(__file__).parent / "results" / "sklearn_search.json"
SEED = 0


def read(file: Path) -> tuple[list[str], list[str]]:
    """The sentences and the labels of a file of SST-2."""
    examples = read_table(file)
    return [example.text for example in examples], [str(example.label) for example in examples]


def strip(texts: list[str]) -> list[str]:
    """SST-2's sentences without the blank at their end."""
    return [text.strip() for text in texts]


def searches(model: str | None, n_jobs: int) -> dict[str, GridSearchCV]:
    """The searches, by name."""
    folds = StratifiedKFold(3, shuffle=True, random_state=SEED)
    new: dict[str, Any] = dict(config="tiny", vocab_size=2000, settings={"changes": {"num_hidden_layers": 2}})
    start = dict(model=model) if model else new
    classifier = ab.sklearn.AlbertClassifier(**start, dropout=0.1, tokens_per_batch=1024, random_state=SEED)
    albert = Pipeline([("strip", FunctionTransformer(strip)), ("albert", classifier)])
    words = Pipeline([("tfidf", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)), ("logistic", LogisticRegression())])
    rates = [2e-4, 5e-4] if model else [5e-4, 1e-3]
    grids = {
        "ALBERT": (albert, {"albert__learning_rate": [*rates, 2 * rates[-1]], "albert__epochs": [3, 8]}),
        "TF-IDF": (words, {"logistic__C": [0.1, 1, 10, 100]}),
    }
    if model:
        vectors = Pipeline([("vectors", ab.sklearn.AlbertVectorizer(model)), ("logistic", LogisticRegression(max_iter=1000))])
        grids["ALBERT's vectors"] = (vectors, {"vectors__pooling": ["mean", "cls"], "logistic__C": [0.1, 1, 10]})
    return {
        name: GridSearchCV(pipeline, grid, cv=folds, n_jobs=n_jobs, error_score="raise")
        for name, (pipeline, grid) in grids.items()
    }


def run(model: str | None, sentences: int, n_jobs: int, data: Path) -> dict[str, Any]:
    """Search, and score the best candidates on the development sentences."""
    texts, labels = read(data / "train.tsv")
    chosen = random.Random(SEED).sample(range(len(texts)), sentences)
    X, y = [texts[i] for i in chosen], [labels[i] for i in chosen]
    dev = read(data / "dev.tsv")
    results: dict[str, Any] = dict(
        version=__version__, start="a new tiny model" if model is None else Path(model).name, sentences=sentences, folds=3,
        processes=n_jobs, development=len(dev[0]), majority=DummyClassifier().fit(X, y).score(*dev), searches={},
    )  # fmt: skip
    for name, search in searches(model, n_jobs).items():
        start = time.perf_counter()
        search.fit(X, y)
        found = search.cv_results_
        results["searches"][name] = dict(
            candidates=[
                dict(
                    params={key.partition("__")[2]: value for key, value in params.items()}, mean=mean, deviation=deviation,
                    seconds=seconds,
                )
                for params, mean, deviation, seconds in zip(
                    found["params"], *(found[key].tolist() for key in ("mean_test_score", "std_test_score", "mean_fit_time"))
                )
            ],
            best={key.partition("__")[2]: value for key, value in search.best_params_.items()},
            development=search.score(*dev), seconds=time.perf_counter() - start,
        )  # fmt: skip
    return results


def describe(params: dict[str, Any]) -> str:
    """ "epochs 3, learning_rate 0.001" """
    return ", ".join(f"{key} {value}" for key, value in params.items())


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| | candidate | accuracy, 3 folds |", "|---|---|---:|"]
    for name, search in results["searches"].items():
        for each in search["candidates"]:
            params = describe(each["params"])
            lines.append(f"| {name} | {params} | {each['mean']:.3f} ± {each['deviation']:.3f} |")
    lines += ["", "| | best candidate | accuracy, development |", "|---|---|---:|"]
    for name, search in results["searches"].items():
        params = describe(search["best"])
        lines.append(f"| {name} | {params} | {search['development']:.3f} |")
    lines.append(f"| the most frequent class | | {results['majority']:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a checkpoint to start from, such as a run of albert-np pretrain")
    parser.add_argument("--sentences", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=STORED)
    parser.add_argument("--table", action="store_true", help="print the tables of the results that there are")
    given = parser.parse_args()
    if not given.table:
        if "ALBERT_NP_DATA" not in os.environ:
            parser.error("ALBERT_NP_DATA is not set: the sentences are looked for there")
        results = run(given.model, given.sentences, given.jobs, Path(os.environ["ALBERT_NP_DATA"]) / "tasks" / "sst2")
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
