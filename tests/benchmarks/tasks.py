"""Scores of small models on every task, pretrained beside from scratch: the tables of results/tasks.json.

    python tests/benchmarks/tasks.py --model runs/pretrained --work work [--cases sst2 wnut17] [--sides pretrained scratch]
    python tests/benchmarks/tasks.py --table

The data are found through ALBERT_NP_DATA. The pretrained model is one that `albert-np pretrain` made (its settings are in the
results); the twin has the same sizes and vocabulary and starts from scratch, with a learning rate of its own. Both have the same
epochs and seeds; the best epoch is chosen on the development examples, and what is scored are the test examples if there are any.
"""

import argparse
import json
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import continuations

import albert_np as ab
from albert_np.data.formats.lines import read_lines
from albert_np.training import Progress
from albert_np.training.finetune import numeric_scores

HERE = Path(__file__).parent


@dataclass
class Case:
    """task, files below the data's folder `tasks` (or made by `prepare`), what `finetune` is told, and how often.

    A benchmark's name stands for its files in the folder `data`.
    """

    task: str
    train: str = ""
    dev: str = ""
    test: str = ""
    data: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    rates: tuple[float, float] | None = (3e-4, 6e-4)  # of the pretrained model, and from scratch; None: those of `finetune`
    seeds: int = 3
    scratch: dict[str, Any] = field(default_factory=dict)  # of a case without a pretrained model
    untrained: bool = False  # whether the model with random weights is a baseline


DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
CASES = {
    "sst2": Case("classification", "sst2/train.tsv", "sst2/dev.tsv", settings=dict(epochs=3), seeds=5),
    "glue:sst-2": Case("glue:sst-2", data="sst2", settings=dict(epochs=3), rates=None),
    "glue:cola": Case("glue:cola", data="cola", rates=None, seeds=5),
    "continuations": Case(
        "multiple-choice", "@continuations/train.jsonl", "@continuations/dev.jsonl", options=dict(max_length=128),
        settings=dict(epochs=3, batch_size=24), rates=(6e-4, 1.2e-3), seeds=1, untrained=True,
    ),
    "spam": Case(
        "classification", "@spam.train.jsonl", "@spam.dev.jsonl", "@spam.test.jsonl", dict(max_length=192), dict(epochs=3)
    ),
    "wnut17": Case("ner", "wnut17/train.conll", "wnut17/dev.conll", "wnut17/test.conll", settings=dict(epochs=8)),
    "semeval": Case(
        "relations", "@semeval.train.txt", "@semeval.dev.txt", "semeval2010_task8/test_full.txt", settings=dict(epochs=8)
    ),
    "propbank": Case(
        "srl", "propbank_ewt/train.conll.xz", "propbank_ewt/dev.conll", "propbank_ewt/test.conll",
        settings=dict(epochs=2), seeds=1,
    ),
    "policyqa": Case(
        "question-answering", "@policyqa.train.json", "@policyqa.dev.json", options=dict(max_length=256), settings=dict(epochs=5)
    ),
    "xquad": Case(
        "question-answering", "@xquad.train.json", "@xquad.dev.json", options=dict(max_length=256), settings=dict(epochs=8)
    ),
    "multi30k": Case(
        "translation", "multi30k/train.en.gz,multi30k/train.de.gz", "multi30k/val.en.gz,multi30k/val.de.gz",
        "multi30k/test_2016_flickr.en.gz,multi30k/test_2016_flickr.de.gz",
        settings=dict(epochs=12, tokens_per_batch=4096, learning_rate=1e-3), seeds=1,
        scratch=dict(config="small", vocab_size=8000, changes=dict(num_hidden_layers=4, **DROPOUT)),
    ),
}  # fmt: skip


def prepare(data: Path, work: Path) -> None:
    """Files that the publishers did not divide, divided: mails at random, SemEval's last 1000 of train, passages by title."""
    mails = [line for _, line in read_lines(data / "spam_assassin/spam_assassin.jsonl.xz")]
    random.Random(0).shuffle(mails)
    for name, part in (("train", mails[1200:]), ("dev", mails[:600]), ("test", mails[600:1200])):
        (work / f"spam.{name}.jsonl").write_text("\n".join(part) + "\n", encoding="utf-8")
    blocks = "\n".join(line for _, line in read_lines(data / "semeval2010_task8/train.txt")).split("\n\n")
    (work / "semeval.train.txt").write_text("\n\n".join(blocks[:-1001]) + "\n", encoding="utf-8")
    (work / "semeval.dev.txt").write_text("\n\n".join(blocks[-1001:]) + "\n", encoding="utf-8")
    for name, file in (("policyqa", "policyqa/dev.json"), ("xquad", "xquad/en.json")):
        whole = json.loads((data / file).read_text(encoding="utf-8"))
        random.Random(0).shuffle(whole["data"])
        cut = len(whole["data"]) * 4 // 5
        for part, titles in (("train", whole["data"][:cut]), ("dev", whole["data"][cut:])):
            (work / f"{name}.{part}.json").write_text(json.dumps({"version": "1.1", "data": titles}), encoding="utf-8")


def make_continuations(corpora: Path, work: Path) -> None:
    """Make the questions of the case `continuations`, of texts that the pretrained model has not read, if they are not there."""
    if not (work / "continuations/dev.jsonl").exists():
        files = [str(corpora / f"{name}.txt.xz") for name in ("eltec_eng", "sotu")]
        continuations.main(["--out", str(work / "continuations"), *files])


def place(name: str, data: Path, work: Path) -> str:
    """Where a case's file lies."""
    return ",".join(str(work / part[1:]) if part.startswith("@") else str(data / part) for part in name.split(","))


def run(name: str, case: Case, model: str, data: Path, work: Path, pretrained: bool) -> dict[str, Any]:
    """Fine-tune and score one side of a case."""
    out = work / f"{name}-{'pretrained' if pretrained else 'scratch'}"
    start = case.scratch or dict(model=model, from_scratch=not pretrained, changes=DROPOUT)
    rates = {"learning_rate": case.rates[0 if pretrained else 1]} if case.rates else {}
    settings = {**rates, **case.settings}
    began = time.perf_counter()
    files: dict[str, Any] = {"train": place(case.train, data, work), "dev": place(case.dev, data, work)}
    if case.data:
        files = {"data": data / case.data}
    done = ab.finetune(
        case.task, out=out, options=dict(case.options), seeds=case.seeds, report=Progress(), **{**files, **start, **settings}
    )
    metric = done.trained.task.metric
    found = [scores[metric] for scores in done.scores]
    result: dict[str, Any] = {
        "metric": metric, "settings": settings, "seeds": case.seeds, "dev": found, "minutes": (time.perf_counter() - began) / 60,
        "baselines": {key: scores[metric] for key, scores in done.baselines.items()}, "all": done.mean,
        "curve": [record["dev"][metric] for record in done.history.epochs],
    }  # fmt: skip
    if case.untrained:
        trained = done.trained
        new = type(trained.model)(trained.model.config, seed=0)
        result["baselines"]["an untrained model"] = ab.Trained(trained.task, new, trained.tokenizer).evaluate(done.held)[metric]
    if case.test:
        folders = [out] if case.seeds == 1 else sorted(out.glob("seed-*"))
        tests = [numeric_scores(ab.Trained.from_pretrained(folder).evaluate(place(case.test, data, work))) for folder in folders]
        task = done.trained.task
        held, examples = task.read(place(case.test, data, work)), task.read(place(case.train, data, work))
        result["baselines"] = {key: task.score(held, told)[metric] for key, told in task.baselines(examples, held).items()}
        result |= {"test": [scores[metric] for scores in tests], "test_all": tests}
    return result


def scores_of(side: dict[str, Any]) -> list[float]:
    """Of each seed: on the test examples, or where there are none on the development examples."""
    return side.get("test", side["dev"])


def cell(side: dict[str, Any] | None) -> str:
    """ "0.823 ± 0.004 (5)": mean, standard deviation, number of seeds"""
    if side is None:
        return "–"
    scores = scores_of(side)
    digits = 1 if side["metric"] == "bleu" else 3
    deviation = f" ± {statistics.stdev(scores):.{digits}f} ({len(scores)})" if len(scores) > 1 else ""
    return f"{statistics.fmean(scores):.{digits}f}{deviation}"


def standard_errors(found: dict[str, Any]) -> str:
    """By how many standard errors of the difference of the means the pretrained model is ahead."""
    sides = [scores_of(found[side]) for side in ("pretrained", "scratch") if side in found]
    if len(sides) < 2 or min(map(len, sides)) < 2:
        return "–"
    error = sum(statistics.variance(scores) / len(scores) for scores in sides) ** 0.5
    return f"{(statistics.fmean(sides[0]) - statistics.fmean(sides[1])) / error:.1f}" if error else "–"


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| | score | baseline | from scratch | pretrained | ahead, standard errors |", "|---|---|---|---:|---:|---:|"]
    for name, found in results["cases"].items():
        some = found.get("pretrained") or found["scratch"]
        digits = 1 if some["metric"] == "bleu" else 3
        baselines = ", ".join(f"{key} {score:.{digits}f}" for key, score in some["baselines"].items())
        sides = [cell(found.get(side)) for side in ("scratch", "pretrained")]
        score = f"{some['metric']}, {'test' if 'test' in some else 'dev'}"
        lines.append(f"| {name} | {score} | {baselines} | {sides[0]} | {sides[1]} | {standard_errors(found)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the folder of a run of albert-np pretrain")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--sides", nargs="*", default=["pretrained", "scratch"])
    parser.add_argument("--out", type=Path, default=HERE / "results" / "tasks.json")
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.out.read_text())))
        return
    if not (given.model and given.work):
        parser.error("--model and --work are needed")
    if "ALBERT_NP_DATA" not in os.environ:
        parser.error("ALBERT_NP_DATA is not set: the tasks' files are looked for there")
    data = Path(os.environ["ALBERT_NP_DATA"]) / "tasks"
    given.work.mkdir(parents=True, exist_ok=True)
    prepare(data, given.work)
    results = json.loads(given.out.read_text()) if given.out.exists() else {}
    about = json.loads((Path(given.model) / "run.json").read_text())
    results["pretraining"] = {
        "settings": about["settings"],
        "data": about["data"],
        "model": str(json.loads((Path(given.model) / "config.json").read_text())),
    }
    for name in given.cases:
        if name == "continuations":
            make_continuations(data.parent / "corpus", given.work)
        sides = ["scratch"] if CASES[name].scratch else given.sides
        for side in sides:
            results.setdefault("cases", {}).setdefault(name, {})[side] = run(
                name, CASES[name], given.model, data, given.work, side == "pretrained"
            )
            given.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
