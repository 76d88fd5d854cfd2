"""Scores of small models on every task, pretrained beside from scratch: the tables of results/tasks.json.

    python tests/benchmarks/tasks.py --model MODEL --work WORK --out results.json [--cases sst2 wnut17] [--sides scratch]
    python tests/benchmarks/tasks.py --table [--out results.json]

The data are found through ALBERT_NP_DATA. MODEL is the folder of a pretrained model; the one from scratch has the same sizes and
vocabulary, and a learning rate of its own. All have the same epochs and seeds; the best epoch is chosen on the development
examples, and what is scored are the test examples if there are any. Each trained model is scored again with int8 weights, and the
side `int8` starts from the pretrained model with int8 weights, as the package stores it.

Each case, side and seed is a run in a process of its own (task_runs.py), --workers at a time, in the order of --sides, then of
--cases; its scores are added to the results as soon as it has ended. --minutes ends the measurement after that time, as Ctrl-C
does at any time: the runs save. The same command goes on where it was stopped, within a run, too. A run that ended under other
settings, or from another model, is made again.
"""

import argparse
import json
import os
import random
import statistics
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import continuations

from albert_np.data.formats.lines import read_lines

HERE = Path(__file__).parent
SIDES = ("pretrained", "scratch", "int8")


@dataclass
class Case:
    """task, files below the data's folder `tasks` (or made by `prepare`), and arguments of `finetune`.

    data      the folder of a benchmark named by the task, in place of files
    rates     learning rates of the pretrained model, and from scratch; None: those of `finetune`
    seeds     number of runs of each side; three where one takes more than half an hour
    scratch   arguments of a case without a pretrained model
    untrained whether the model with random weights is a baseline
    """

    task: str
    train: str = ""
    dev: str = ""
    test: str = ""
    data: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    rates: tuple[float, float] | None = (6e-4, 3e-4)
    dropout: float = 0.1
    seeds: int = 5
    scratch: dict[str, Any] = field(default_factory=dict)
    untrained: bool = False

    def get_settings(self, side: str) -> dict[str, Any]:
        """Return the settings of `finetune` for a side, in the form in which they are stored."""
        rates = {"learning_rate": self.rates[side == "scratch"]} if self.rates else {}
        return {**rates, **({} if self.scratch else {"dropout": self.dropout}), **self.settings}

    def get_changes(self) -> dict[str, float]:
        """Return the fields of the config that differ from the pretrained model's."""
        return {"hidden_dropout_prob": self.dropout, "attention_probs_dropout_prob": self.dropout}


CASES = {
    "sst2": Case(
        "classification", "@sst2.train.tsv", "sst2/dev.tsv", settings=dict(epochs=3, batch_size=32), rates=(4e-4, 3e-4)
    ),
    "semeval": Case(
        "relations", "@semeval.train.txt", "@semeval.dev.txt", "semeval2010_task8/test_full.txt", settings=dict(epochs=8)
    ),
    "wnut17": Case("ner", "wnut17/train.conll", "wnut17/dev.conll", "wnut17/test.conll", settings=dict(epochs=8)),
    "propbank": Case(
        "srl", "propbank_ewt/train.conll.xz", "propbank_ewt/dev.conll", "propbank_ewt/test.conll", settings=dict(epochs=2)
    ),
    "glue:cola": Case("glue:cola", data="cola", rates=None),
    "policyqa": Case(
        "question-answering", "@policyqa.train.json", "@policyqa.dev.json", options=dict(max_length=256), settings=dict(epochs=5)
    ),
    "xquad": Case(
        "question-answering", "@xquad.train.json", "@xquad.dev.json", options=dict(max_length=256), settings=dict(epochs=8)
    ),
    "spam": Case(
        "classification", "@spam.train.jsonl", "@spam.dev.jsonl", "@spam.test.jsonl",
        options=dict(max_length=192), settings=dict(epochs=3),
    ),
    "movie_reviews": Case(
        "classification", "@reviews.train.jsonl", "@reviews.dev.jsonl", "@reviews.test.jsonl",
        options=dict(max_length=256), settings=dict(epochs=5),
    ),
    "multi30k": Case(
        "translation", "multi30k/train.en.gz,multi30k/train.de.gz", "multi30k/val.en.gz,multi30k/val.de.gz",
        "multi30k/test_2016_flickr.en.gz,multi30k/test_2016_flickr.de.gz", rates=None,
        settings=dict(epochs=12, tokens_per_batch=4096, learning_rate=1e-3), seeds=1,
        scratch=dict(
            config="small", vocab_size=8000,
            changes=dict(num_hidden_layers=4, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1),
        ),
    ),
    "glue:sst-2": Case("glue:sst-2", data="sst2", settings=dict(epochs=3), rates=None, seeds=3),
    "continuations": Case(
        "multiple-choice", "@continuations/train.jsonl", "@continuations/dev.jsonl", options=dict(max_length=128),
        settings=dict(epochs=3, batch_size=24), rates=(6e-4, 1.2e-3), seeds=1, untrained=True,
    ),
}  # fmt: skip


def prepare(data: Path, work: Path, names: list[str] | None = None) -> None:
    """Write the files of the cases (None: of all in `tasks`) that the publishers did not divide, or divided otherwise.

    SST-2's two files of phrases together are GLUE's. Mails are divided at random; every eighth of SemEval's training sentences is
    a development example; film reviews by their numbers, the last hundred of each class for the test; passages by title.
    """
    names = list(CASES) if names is None else names
    wanted = {part.split(".")[0] for name in names for part in (CASES[name].train, CASES[name].dev) if part.startswith("@")}
    for kind in sorted(wanted & set(PREPARE)):
        for name, text in PREPARE[kind](data).items():
            if not (work / name).exists() or (work / name).read_text(encoding="utf-8") != text:
                (work / name).write_text(text, encoding="utf-8")


def join_phrases(data: Path) -> dict[str, str]:
    header, *rows = (data / "sst2/train.tsv").read_text(encoding="utf-8").splitlines()
    _, *rest = (data / "sst2/train_rest.tsv").read_text(encoding="utf-8").splitlines()
    return {"sst2.train.tsv": "\n".join([header, *rows, *rest]) + "\n"}


def divide_mails(data: Path) -> dict[str, str]:
    mails = [line for _, line in read_lines(data / "spam_assassin/spam_assassin.jsonl.xz")]
    random.Random(0).shuffle(mails)
    parts = {"train": mails[1200:], "dev": mails[:600], "test": mails[600:1200]}
    return {f"spam.{name}.jsonl": "\n".join(part) + "\n" for name, part in parts.items()}


def divide_relations(data: Path) -> dict[str, str]:
    text = "\n".join(line for _, line in read_lines(data / "semeval2010_task8/train.txt"))
    blocks = [block for block in text.split("\n\n") if block.strip()]
    parts = {"train": [block for i, block in enumerate(blocks) if i % 8], "dev": blocks[::8]}
    return {f"semeval.{name}.txt": "\n\n".join(part) + "\n\n" for name, part in parts.items()}


def divide_reviews(data: Path) -> dict[str, str]:
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    with zipfile.ZipFile(data / "movie_reviews/movie_reviews.zip") as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".txt") and "/cv" in name):
            _, label, file = name.split("/")
            text = " ".join(archive.read(name).decode("latin-1").split())
            part = {"8": "dev", "9": "test"}.get(file[2], "train")  # cv000 ... cv999
            parts[part].append(json.dumps({"text": text, "label": label}))
    return {f"reviews.{name}.jsonl": "\n".join(part) + "\n" for name, part in parts.items()}


def divide_passages(name: str, file: str, data: Path) -> dict[str, str]:
    whole = json.loads((data / file).read_text(encoding="utf-8"))
    random.Random(0).shuffle(whole["data"])
    cut = len(whole["data"]) * 4 // 5
    parts = {"train": whole["data"][:cut], "dev": whole["data"][cut:]}
    return {f"{name}.{part}.json": json.dumps({"version": "1.1", "data": titles}) for part, titles in parts.items()}


PREPARE = {
    "@sst2": join_phrases, "@spam": divide_mails, "@semeval": divide_relations, "@reviews": divide_reviews,
    "@policyqa": lambda data: divide_passages("policyqa", "policyqa/dev.json", data),
    "@xquad": lambda data: divide_passages("xquad", "xquad/en.json", data),
}  # fmt: skip


def make_continuations(corpora: Path, work: Path) -> None:
    """Make the questions of the case `continuations`, of texts that the pretrained model has not read, if they are not there."""
    if not (work / "continuations/dev.jsonl").exists():
        files = [str(corpora / f"{name}.txt.xz") for name in ("eltec_eng", "sotu")]
        continuations.main(["--out", str(work / "continuations"), *files])


def place(name: str, data: Path, work: Path) -> str:
    """Return the path of a case's file."""
    return ",".join(str(work / part[1:]) if part.startswith("@") else str(data / part) for part in name.split(","))


def scores_of(side: dict[str, Any]) -> list[float]:
    """Return the score of each seed: on the test examples, or where there are none on the development examples."""
    if "runs" in side:
        return [run.get("test", run["dev"]) for run in side["runs"].values()]
    return side.get("test", side["dev"])


def is_on_test(side: dict[str, Any]) -> bool:
    """Return whether the scores are those on test examples."""
    return any("test" in run for run in side.get("runs", {}).values()) or "test" in side


def cell(side: dict[str, Any] | None) -> str:
    """Return "0.823 ± 0.004 (5)": mean, standard deviation, number of seeds."""
    if side is None:
        return "–"
    scores = scores_of(side)
    digits = 1 if side["metric"] == "bleu" else 3
    deviation = f" ± {statistics.stdev(scores):.{digits}f} ({len(scores)})" if len(scores) > 1 else ""
    return f"{statistics.fmean(scores):.{digits}f}{deviation}"


def standard_errors(found: dict[str, Any]) -> str:
    """Return by how many standard errors of the difference of the means the pretrained model is ahead."""
    sides = [scores_of(found[side]) for side in ("pretrained", "scratch") if side in found]
    if len(sides) < 2 or min(map(len, sides)) < 2:
        return "–"
    error = sum(statistics.variance(scores) / len(scores) for scores in sides) ** 0.5
    return f"{(statistics.fmean(sides[0]) - statistics.fmean(sides[1])) / error:.1f}" if error else "–"


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = ["| | score | baseline | from scratch | pretrained | ahead, standard errors |", "|---|---|---|---:|---:|---:|"]
    for name, found in results["cases"].items():
        some = next(found[side] for side in SIDES if side in found)
        digits = 1 if some["metric"] == "bleu" else 3
        baselines = ", ".join(f"{key} {score:.{digits}f}" for key, score in some["baselines"].items())
        sides = [cell(found.get(side)) for side in ("scratch", "pretrained")]
        score = f"{some['metric']}, {'test' if is_on_test(some) else 'dev'}"
        lines.append(f"| {name} | {score} | {baselines} | {sides[0]} | {sides[1]} | {standard_errors(found)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, show: bool = True) -> int:
    """Measure, or print the table; `show` prints it after a measurement, too. Return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="the folder of a pretrained model")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=SIDES, metavar="SIDE", help=", ".join(SIDES))
    parser.add_argument("--seeds", type=int, help="runs of each side [five, three where one takes more than half an hour]")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time [1]")
    parser.add_argument("--threads", type=int, default=1, help="threads of each run [1]")
    parser.add_argument("--minutes", type=float, help="stop after this time; the same command goes on")
    parser.add_argument("--low-priority", action="store_true", help="give way to other programs")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "tasks.json")
    given = parser.parse_args(arguments)
    if given.table:
        print(table(json.loads(given.out.read_text(encoding="utf-8"))))
        return 0
    if not (given.model and given.work):
        parser.error("--model and --work are needed")
    if "ALBERT_NP_DATA" not in os.environ:
        parser.error("ALBERT_NP_DATA is not set: the tasks' files are looked for there")
    import task_runs

    code = task_runs.measure(given)
    if show and given.out.exists():
        print(table(json.loads(given.out.read_text(encoding="utf-8"))))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
