"""What the small English model is good for: held-out text, blanks, tasks, and int8 beside float32.

    python tests/benchmarks/mini_en.py --model MODEL --text TEXT --work WORK [--workers 2] [--minutes N] [--low-priority]
    python tests/benchmarks/mini_en.py --table      print the tables of the results that there are
    python tests/benchmarks/mini_en.py --write      ... and write them into docs/mini_en.md
    python tests/benchmarks/mini_en.py --pilots tests/benchmarks/results/mini-en-pilots.json

MODEL is the folder of the model: the package's (albert_np/pretrained/albert-np-mini-en, with int8 weights), or one with float32
weights, which is then compared with itself in int8 at the start, too. TEXT is the folder of albert_np/apps/mini_en/make_text.py;
the tasks' data are found through ALBERT_NP_DATA. First come the held-out text and the blanks (minutes), into
results/mini_en.json, then the runs of tasks.py, the most important first, into results/tasks-mini-en.json. The same command goes
on where it was stopped. Every option of tasks.py (--cases, --sides, --seeds ...) may be given.
"""

import argparse
import json
import math
import os
import statistics
from pathlib import Path
from typing import Any

import finetuning
import tasks

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "mini_en.md"
ORDER = ["sst2", "semeval", "wnut17", "propbank", "glue:cola", "policyqa", "xquad", "spam", "movie_reviews"]
LEFT_OUT = {"multi30k": "translation into German needs a vocabulary of both languages, and so starts from scratch"}
# docs of google-research/bert, "Smaller BERT models" (11 March 2020): scores on GLUE's test set, the best of five batch sizes and
# four learning rates, chosen on the dev set
BERT = {"sst2": (0.832, 0.859), "glue:cola": (0.0, 0.0)}
AIMS = {"sst2": 0.85, "semeval": 0.76, "propbank": 0.55, "wnut17": 0.15, "policyqa": 0.250, "xquad": 0.079}
WITHIN = 0.2  # points that int8 may cost
NOT_MEASURED = "The scores have not been measured yet.\n"


# ---- tables


def write_table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a table in Markdown, whose first `left` columns are text and the others numbers."""
    lines = [header, [*["---"] * left, *["---:"] * (len(header) - left)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def held_out_table(found: dict[str, Any]) -> str:
    """Return the losses on held-out text: of hidden words, as nats and as the perplexity that they amount to."""
    rows = []
    for name, scores in found.items():
        error = f" ± {scores['error']:.2f}" if "error" in scores else ""
        words = f"{scores['words']:,}" if "words" in scores else ""
        share = f"{100 * scores['accuracy']:.0f} %"
        rows.append([name, words, f"{scores['loss']:.2f}{error}", f"{math.exp(scores['loss']):,.0f}", share])
    return write_table(["register", "hidden words", "nats a word", "perplexity", "right"], rows)


def blanks_table(found: dict[str, Any]) -> str:
    """Return the sentences with the five most probable words, accepted ones in bold."""
    rows = []
    for each in found["sentences"]:
        words = [f"**{word}**" if word in each["answers"] else word for word in each["words"]]
        rows.append([each["sentence"].replace("[MASK]", "…"), ", ".join(words)])
    count = len(found["sentences"])
    summary = f"{found['right_at_1']} of {count} are right at 1, {found['right_at_5']} at 5; accepted words are in bold."
    return f"{summary}\n\n{write_table(['sentence', 'the five most probable words'], rows, left=2)}"


def scores_table(results: dict[str, Any], older: dict[str, Any]) -> str:
    """Return the scores on each task, beside the aims, an older model, and published ones."""
    rows = []
    for name in [each for each in ORDER if each in results["cases"]]:
        found = results["cases"][name]
        some = next(found[side] for side in tasks.SIDES if side in found)
        metric = f"{some['metric'].replace('_', ' ')}, {'test' if tasks.is_on_test(some) else 'dev'}"
        baseline = ", ".join(f"{key} {score:.3f}" for key, score in some["baselines"].items())
        sides = [tasks.cell(found.get(side)) for side in ("scratch", "pretrained")]
        aim = f"{AIMS[name]:.3f}" if name in AIMS else "–"
        bert = [f"{score:.3f}" for score in BERT.get(name, ())] or ["–", "–"]
        old = tasks.cell(older["cases"].get(name, {}).get("pretrained"))
        rows.append([name, metric, baseline, *sides, tasks.standard_errors(found), aim, old, *bert])
    header = ["", "score", "baseline", "from scratch", "pretrained", "ahead, standard errors", "aim", "older model"]
    return write_table([*header, "BERT-Tiny", "BERT-Mini"], rows, left=3)


def rounding_table(results: dict[str, Any]) -> str:
    """Return the scores of trained models with int8 weights beside float32; if measured, of those that start from int8, too."""
    names = [each for each in ORDER if "pretrained" in results["cases"].get(each, {})]
    starts = any("int8" in results["cases"][name] for name in names)
    rows = []
    for name in names:
        found = results["cases"][name]
        own = list(found["pretrained"]["runs"].values())
        differences = [100 * (run["int8"] - run.get("test", run["dev"])) for run in own]
        error = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
        mean = statistics.fmean(differences)
        verdict = "yes" if mean >= -WITHIN - 1e-9 else "no"
        rows.append([name, tasks.cell(found["pretrained"]), format_points(mean, error), verdict])
        if starts:
            rows[-1] += rounded_before(found)
    header = ["", "float32", "rounded after training, points", f"at most {WITHIN} lost"]
    return write_table([*header, *(["rounded before training", "points"] if starts else [])], rows)


def rounded_before(found: dict[str, Any]) -> list[str]:
    """Return two cells: the scores of models whose training started from int8 weights, and their difference in points."""
    if "int8" not in found:
        return ["–", "–"]
    start, other = found["int8"], found["pretrained"]
    means = [statistics.fmean(tasks.scores_of(side)) for side in (start, other)]
    return [tasks.cell(start), format_points(100 * (means[0] - means[1]), two_errors(start, other))]


def two_errors(a: dict[str, Any], b: dict[str, Any]) -> float | None:
    """Return the standard error, in points, of the difference of two sides' means."""
    scores = tasks.scores_of(a), tasks.scores_of(b)
    if min(map(len, scores)) < 2:
        return None
    return 100 * sum(statistics.variance(each) / len(each) for each in scores) ** 0.5


def format_points(mean: float, error: float | None) -> str:
    """Return "-0.11 ± 0.05": a difference in points, with its standard error."""
    return f"{mean:+.2f}" + (f" ± {error:.2f}" if error is not None else "")


def settings_table(results: dict[str, Any]) -> str:
    """Return the settings of each task, the number of examples, and how long a run takes."""
    rows = []
    for name in [each for each in ORDER if each in results["cases"]]:
        found = results["cases"][name]
        some = next(found[side] for side in tasks.SIDES if side in found)
        settings = some["settings"]
        examples = " / ".join(f"{some['examples'][part]:,}" for part in ("train", "dev", "test") if some["examples"].get(part))
        batch = f"{settings['batch_size']} rows" if "batch_size" in settings else "2,048 tokens"
        if name.startswith("glue:"):  # a benchmark's settings are the paper's
            batch = "paper"
        rates = [
            str(found[side]["settings"].get("learning_rate", "default")) if side in found else "–" for side in tasks.SIDES[:2]
        ]
        minutes = [run["minutes"] for side in tasks.SIDES if side in found for run in found[side]["runs"].values()]
        epochs = str(settings.get("epochs", "paper"))
        rows.append(
            [name, examples, epochs, batch, " / ".join(rates), str(settings["dropout"]), f"{statistics.median(minutes):.0f}"]
        )
    header = ["", "examples", "epochs", "batch", "learning rate, pretrained / from scratch", "dropout", "minutes, with pauses"]
    return write_table(header, rows, left=2)


def environment_line(results: dict[str, Any]) -> str:
    """Return on which libraries and kernels the runs were made."""
    sides = [side for found in results["cases"].values() for side in found.values()]
    found = {
        f"{run['environment']['blas']}, {run['environment']['threads']} thread(s)" for s in sides for run in s["runs"].values()
    }
    return f"Made with {' and '.join(sorted(found))}."


def missing_line(results: dict[str, Any]) -> str:
    """Return which runs of ORDER have not been made: "pretrained: glue:cola (0 of 5), ...", or nothing."""
    parts = []
    for side in ("pretrained", "scratch"):
        counts = {name: len(results["cases"].get(name, {}).get(side, {}).get("runs", {})) for name in ORDER}
        wanted = {name: tasks.CASES[name].seeds for name in ORDER}
        missing = [f"{name} ({counts[name]} of {wanted[name]})" for name in ORDER if counts[name] < wanted[name]]
        if missing:
            parts.append(f"{'from scratch' if side == 'scratch' else side}: {', '.join(missing)}")
    return f"Seeds measured so far, where some are missing; {'; '.join(parts)}." if parts else ""


def section(measured: dict[str, Any] | None, results: dict[str, Any] | None, older: dict[str, Any]) -> str:
    """Return the section of the page: all tables that there are results for."""
    parts = []
    if results and results["cases"]:
        parts += ["### Tasks", scores_table(results, older)]
        parts += [f"Not measured: {', '.join(f'{name} ({reason})' for name, reason in LEFT_OUT.items())}."]
        parts += [line] if (line := missing_line(results)) else []
        parts += ["### int8 beside float32", rounding_table(results), "### Settings", settings_table(results)]
        parts += [environment_line(results)]
    if measured:
        parts += ["### Held-out text", held_out_table(measured["held_out"]), "### Blanks", blanks_table(measured["blanks"])]
    return "\n\n".join(parts) + "\n" if parts else NOT_MEASURED


def pilots_table(stored: dict[str, Any]) -> str:
    """Return the speeds and losses of the pilots before the training, as they are stored."""
    rates = stored["throughput"]
    speeds = [[what, f"{parameters:,}", f"{speed:,}"] for what, parameters, speed in rates["rows"]]
    rows = []
    for name, pilot in stored["pilots"].items():
        settings = pilot.get("settings", {})
        loss = [f"{each['mlm_loss']:.3f}" for each in pilot.get("held_out", {}).values()][-1:] or ["–"]
        nats = [f"{value:.3f}" for key, value in pilot["nats_per_word"].items() if key == "mean"] or ["–"]
        cells = [
            str(pilot.get("steps_done", "–")),
            str(settings.get("learning_rate", "–")),
            str(settings.get("masked_lm_prob", "–")),
        ]
        rows.append([name, *cells, *loss, *nats])
    header = ["pilot", "steps", "peak rate", "masked", "held-out loss", "nats a word, mean of registers"]
    speed_table = write_table(["model and step", "parameters", "tokens a second"], speeds)
    return f"Speed, {rates['what']}:\n\n{speed_table}\n\nLosses:\n\n{write_table(header, rows)}\n"


def read_results(out: Path, tasks_out: Path) -> str:
    """Return the section for the stored results."""
    stored = [json.loads(path.read_text(encoding="utf-8")) if path.exists() else None for path in (out, tasks_out)]
    older = json.loads((HERE / "results" / "tasks.json").read_text(encoding="utf-8"))
    measured, results = stored
    if measured and results and measured["model"]["sha256"] != results["model"]["sha256"]:
        raise SystemExit(f"{out} and {tasks_out} are of two models")
    return section(measured, results, older)


def update(page: str, text: str, name: str = "scores") -> str:
    """Return the page with what is between the marks of this name written anew."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = page.partition(start)
    if not found or end not in rest:
        raise SystemExit(f"{PAGE} has no place for the {name}: {start.strip()} ... {end.strip()}")
    return f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}"


def write_page(page: str, scores: str) -> str:
    """Return the page with the scores and the settings that were compared."""
    compared = finetuning.table(json.loads((HERE / "results" / "finetuning.json").read_text(encoding="utf-8")))
    return update(update(page, scores), compared + "\n", "settings")


# ---- measurements


def measure_text(model: Path, text: Path, about: dict[str, Any], out: Path) -> None:
    """Measure held-out text and blanks, unless the results have them."""
    from albert_np.apps.fill_mask import load_masked_model
    from albert_np.apps.mini_en import fill_blanks, held_out_loss
    from albert_np.io.files import read_json, write_json

    results = read_json(out) if out.exists() else {"model": about}
    if results["model"]["sha256"] != about["sha256"]:
        raise SystemExit(f"{out} has the scores of another model; name another file with --out")
    if "held_out" not in results:
        results["held_out"] = held_out_loss.evaluate(str(model), held_out_loss.read_registers(text))
        write_json(out, results)
    if "blanks" not in results:
        blanks = fill_blanks.read_blanks(fill_blanks.HERE / "blanks.tsv")
        results["blanks"] = fill_blanks.fill(*load_masked_model(str(model)), blanks)
        write_json(out, results)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--model", type=Path, help="the folder of the model")
    parser.add_argument("--text", type=Path, help="the folder that make_text.py wrote")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    parser.add_argument("--table", action="store_true", help="print the tables of the results that there are")
    parser.add_argument("--pilots", type=Path, metavar="FILE", help="print the tables of the pilots before the training")
    parser.add_argument("--write", action="store_true", help=f"write them into docs/{PAGE.name}")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "mini_en.json", help="held-out text and blanks")
    parser.add_argument("--tasks-out", type=Path, default=HERE / "results" / "tasks-mini-en.json", help="tasks")
    given, more = parser.parse_known_args(arguments)
    if given.pilots:
        print(pilots_table(json.loads(given.pilots.read_text(encoding="utf-8"))), end="")
        return 0
    if not (given.table or given.write):
        if not (given.model and given.text and given.work):
            parser.error("--model, --text and --work are needed")
        if "ALBERT_NP_DATA" not in os.environ:
            parser.error("ALBERT_NP_DATA is not set: the tasks' files are looked for there")
        import task_runs

        measure_text(given.model, given.text, task_runs.describe_model(given.model), given.out)
        options = ["--model", str(given.model), "--work", str(given.work), "--out", str(given.tasks_out)]
        cases = [] if "--cases" in more else ["--cases", *ORDER]
        if code := tasks.main([*options, *cases, *more], show=False):
            return code
    elif more:
        parser.error(f"--table and --write take no {' '.join(more)}")
    text = read_results(given.out, given.tasks_out)
    print(text, end="")
    if given.write:
        PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
