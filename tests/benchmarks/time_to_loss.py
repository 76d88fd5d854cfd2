"""Time until the demonstration's model has learned something, beside transformers with torch.compile and without.

    python tests/benchmarks/time_to_loss.py --out tests/benchmarks/results/time_to_loss-avx2.json
    python tests/benchmarks/time_to_loss.py --table tests/benchmarks/results/time_to_loss-*.json

All contenders start from the same weights and take the same batches, learning rates and optimiser, those of `albert-np demo`.
Each is a process of its own. They take turns, CHUNK steps each, until the mean loss of the masked tokens in the last WINDOW steps
of training is as far below the unigram entropy as `--below` says. Seconds of steps are counted, by the clock and by the
processors of the process; preparing the text, making batches, padding, compiling and reading the loss are not.
About a quarter of an hour on two cores.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHUNK, WINDOW = 25, 50  # steps
WAYS = {"none": [], "transformers": ["eager"], "all": ["eager", "compile"]}
TITLES = {"ours": "albert_np", "eager": "transformers", "compile": "transformers, torch.compile"}


def prepare(folder: Path, steps: int, quick: bool) -> tuple[dict[str, Any], Any]:
    """Write the weights, the batches and case.json -> the facts for the results, the config."""
    from cases import SMALL
    from folder import store_batches

    import albert_np as ab
    from albert_np.apps import demo
    from albert_np.text import AlbertTokenizer
    from albert_np.text.train import train_tokenizer
    from albert_np.training import Callback, Settings, prepare_data
    from albert_np.training.init_mlm_bias import init_mlm_bias

    watch = Stopwatch()
    text = write_small_text(folder / "text.txt") if quick else demo.write_corpus(folder / "text.txt")
    watch.lap("text")
    with open(text, encoding="utf-8") as lines:
        train_tokenizer((line for line in lines if line.strip()), folder / "spiece.model", 300 if quick else demo.VOCAB_SIZE)
    tokenizer = AlbertTokenizer(folder / "spiece.model")
    watch.lap("vocabulary")
    settings = Settings(**{**demo.SETTINGS, "steps": steps, **({"tokens_per_batch": 256} if quick else {})})
    chosen = (
        {**{key: SMALL[key] for key in demo.CONFIG if key in SMALL}, "max_position_embeddings": 128} if quick else demo.CONFIG
    )
    config = ab.AlbertConfig(vocab_size=tokenizer.vocab_size, **chosen, classifier_dropout_prob=0.0)
    data = prepare_data([text], folder / "corpus", config, settings, tokenizer, Callback())
    watch.lap("tokenising")
    store_batches(folder, itertools.islice(every_batch(data.train), steps))
    watch.lap("batches")
    model = ab.AlbertForPreTraining(config, seed=settings.seed)
    init_mlm_bias(model.params, data.train.token_counts())
    model.save_pretrained(folder / "model")
    warmup = -(-steps // 10)
    case = {
        "task": "pretraining", "mode": "step", "chunk": 4 if quick else CHUNK, "clip": settings.clip_norm,
        "optimizer": settings.optimizer_options(),
        "rates": [ab.optim.learning_rate(step, settings.learning_rate, warmup, steps) for step in range(steps)],
    }  # fmt: skip
    (folder / "case.json").write_text(json.dumps(case))
    facts = {
        "entropy": data.unigram_entropy, "steps": steps, "parameters": model.params.count(),
        "tokens_per_batch": settings.tokens_per_batch, "preparation": watch.laps,
    }  # fmt: skip
    return facts, config


def write_small_text(path: Path) -> Path:
    """Write the first part of Python's documentation, for --quick."""
    from albert_np.apps.demo_text import python_documentation

    path.write_text("".join("\n".join(text) + "\n\n" for text in itertools.islice(python_documentation(), 300)), encoding="utf-8")
    return path


class Stopwatch:
    """Seconds from one lap to the next, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self.last = now - self.last, now


def every_batch(train: Any) -> Iterator[Any]:
    """The batches of one epoch after the other."""
    for epoch in itertools.count():
        for step in range(train.steps_per_epoch(epoch)):
            yield train.batch(epoch, step)


# ---- the measurement ----


def measure(folder: Path, against: str, target: float, window: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Let the contenders train in turns -> the lists of `Steps.run` and the peak memory of each, and who could not run."""
    from run import Contender, Failed

    running = {"ours": Contender(str(HERE / "long_ours.py"), str(folder))}
    running |= {way: Contender(str(HERE / "long_theirs.py"), str(folder), way) for way in WAYS[against]}
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in list(running):
        try:
            found[name] = {"memory": running[name].answer()["memory"], "losses": [], "times": [], "processor_times": []}
        except Failed as failed:  # noqa: PERF203
            reasons[name] = str(failed)
            del running[name]
    try:
        while running:
            for name, contender in list(running.items()):
                more = contender.run("run")
                for key in ("losses", "times", "processor_times"):
                    found[name][key] += more[key]
                show(name, found[name]["losses"][-window:], target)
                if not more["losses"] or steps_to(found[name]["losses"], target, window) is not None:
                    running.pop(name).close()
    finally:
        for contender in running.values():
            contender.close()
    return found, reasons


def show(name: str, losses: list[float], target: float) -> None:
    print(f"{TITLES[name]}: loss {statistics.fmean(losses):.3f}, until {target:.3f}", file=sys.stderr, flush=True)


def steps_to(losses: list[float], target: float, window: int) -> int | None:
    """Return the number of steps after which the mean of the last `window` losses has reached the target; None if it has not."""
    for step in range(window, len(losses) + 1):
        if statistics.fmean(losses[step - window : step]) <= target:
            return step
    return None


def summary(found: dict[str, Any], folder: Path, config: Any, target: float, window: int, peak: float) -> dict[str, Any]:
    """Return the numbers of the table for each contender."""
    from folder import StoredBatches
    from products import flops, of_batch

    batches, results = StoredBatches(folder), {}
    for name, run in found.items():
        steps = steps_to(run["losses"], target, window)
        made = steps or len(run["losses"])
        seconds = sum(run["times"][:made])
        chosen = [batches[i] for i in range(made)]
        work = sum(flops(of_batch(config, b["lengths"].tolist(), len(b["masked_rows"]), "pretraining", True)) for b in chosen)
        results[name] = {
            "reached": steps is not None, "steps": made, "loss": statistics.fmean(run["losses"][max(0, made - window) : made]),
            "seconds": seconds, "processor": sum(run["processor_times"][:made]), "tokens": sum(len(b["ids"]) for b in chosen),
            "fraction_of_peak": work / seconds / 1e9 / peak, "memory": round(run["memory"] / 1e6),
            "curve": curve(run["losses"][:made]),
        }  # fmt: skip
    return results


def curve(losses: list[float], points: int = 50) -> list[list[float]]:
    """At most about `points` of the curve: (steps, mean loss since the point before)."""
    size = max(1, -(-len(losses) // points))
    parts = [losses[i : i + size] for i in range(0, len(losses), size)]
    return [[min((k + 1) * size, len(losses)), round(statistics.fmean(part), 4)] for k, part in enumerate(parts)]


# ---- the table ----

HEAD = ["", "products", "seconds", "theirs / ours", "of processors", "steps", "tokens/s", "of peak"]


def print_table(*all_results: dict[str, Any]) -> None:
    """Print one table of all results, a row for each contender and measurement."""
    from table import lines, machine_line, measured_line, short_features

    first = all_results[0]
    goal = first["goal"]
    reached = (
        f"the mean loss of the masked tokens in {goal['window']} steps is {describe_goal(goal['below'])} the unigram entropy"
    )
    size = f"{first['parameters']:,} parameters, {first['tokens_per_batch']:,} tokens in a step"
    rates = f"learning rates of a run of {first['planned_steps']:,} steps"
    print(f"Seconds of training until {reached} ({goal['entropy']:.3f}).\n{size}, {rates}.\n")
    for results in all_results:
        print(machine_line(results))
        laps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in results["preparation"].items())
        print(f"{measured_line([results])} Not counted: {laps}.\n")
    lines(HEAD, [row for results in all_results for row in rows(results, short_features(results["machine"]))])
    for results in all_results:
        for name, reason in results["reasons"].items():
            print(f"{TITLES[name]} could not run: {reason}\n")


def describe_goal(below: float) -> str:
    return f"{abs(below):.2f} nats {'below' if below >= 0 else 'above'}"


def rows(results: dict[str, Any], features: str) -> Iterator[list[str]]:
    """The rows of one measurement."""
    ours = results["contenders"]["ours"]
    for name, each in results["contenders"].items():
        both = each["reached"] and ours["reached"] and name != "ours"
        yield [
            TITLES[name], features, f"{each['seconds']:.1f}" if each["reached"] else f"not in {each['seconds']:.1f}",
            f"**{each['seconds'] / ours['seconds']:.2f}**" if both else "–", f"{each['processor']:.1f}", f"{each['steps']:,}",
            f"{each['tokens'] / each['seconds']:,.0f}", f"{100 * each['fraction_of_peak']:.0f} %",
        ]  # fmt: skip


# ---- the command ----


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the results, JSON")
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE", help="print stored results, in one table")
    parser.add_argument("--below", type=float, default=1.0, help="nats below the unigram entropy [1.0]")
    parser.add_argument("--steps", type=int, help="of the schedule of the learning rate; the training ends after them [2500]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each contender [all cores]")
    parser.add_argument("--against", choices=list(WAYS), default="all", help="all: torch.compile, too")
    parser.add_argument("--quick", action="store_true", help="a tiny model: to try the program itself")
    chosen = parser.parse_args(given)
    if chosen.threads < 1 or (chosen.steps is not None and chosen.steps < 1):
        parser.error("--threads and --steps must be at least 1")
    return chosen


def main(given: list[str] | None = None) -> None:
    chosen = arguments(given)
    if chosen.table:
        print_table(*(json.loads(path.read_text(encoding="utf-8")) for path in chosen.table))
        return
    for name in ("OPENBLAS", "MKL", "OMP"):  # before NumPy is imported, here and in the contenders
        os.environ[f"{name}_NUM_THREADS"] = str(chosen.threads)
    from products import peak_gflops
    from run import provenance, write_results

    with tempfile.TemporaryDirectory() as temporary:
        folder, window = Path(temporary), 4 if chosen.quick else WINDOW
        facts, config = prepare(folder, chosen.steps or (12 if chosen.quick else 2500), chosen.quick)
        target = facts["entropy"] - chosen.below
        peak = peak_gflops(256 if chosen.quick else 2048)
        found, reasons = measure(folder, chosen.against, target, window)
        results = {
            **provenance(chosen.threads), "peak_gflops": peak, "planned_steps": facts.pop("steps"),
            "goal": {"below": chosen.below, "window": window, "entropy": facts.pop("entropy")}, **facts, "reasons": reasons,
            "contenders": summary(found, folder, config, target, window, peak),
        }  # fmt: skip
    if chosen.out:
        write_results(chosen.out, results)
    print_table(results)


if __name__ == "__main__":
    main()
