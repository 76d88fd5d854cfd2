"""Comparable held-out figures for every run of a sweep: `python -m albert_np.apps.experiments.measure RUN SETS`.

A run evaluates itself on pairs and masks made with its own settings. Where a sweep varies these, the losses cannot be compared:
tokens are harder to predict in n-grams than alone, and beside a segment of another document than beside their own. Each finished
run is then measured again on pairs and masks that are the same for all:

    MLM        on pairs in their order, with each kind of masks that occurs in the sweep
    SOP, NSP   each that occurs, with every trained head: how well NSP recognises order, and SOP topics.
               A head that was not trained (objective "none") is not measured.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albert_np.apps.experiments.commands import build_pretraining
from albert_np.io.files import read_json, write_json

if TYPE_CHECKING:
    from albert_np.apps.experiments.file import Sweep

KEYS = ("objective", "max_ngram", "masked_lm_prob")


def choose_sets(sweep: "Sweep") -> dict[str, dict[str, Any]]:
    """Return {name: settings to replace} of each measurement; {} if the runs' own figures are comparable."""
    if sweep.command.name != "pretrain":
        return {}
    each = [build_pretraining(configuration.settings)[1] for configuration in sweep.configurations]
    values = {key: list(dict.fromkeys(getattr(settings, key) for settings in each)) for key in KEYS}
    if all(len(different) == 1 for different in values.values()):
        return {}
    objective = values["objective"][0] if len(values["objective"]) == 1 else "none"
    masks = list(dict.fromkeys((settings.max_ngram, settings.masked_lm_prob) for settings in each))
    sets = {f"mlm{_format_suffix(values, *mask)}": {"objective": objective, **dict(zip(KEYS[1:], mask))} for mask in masks}
    objectives = [name for name in values["objective"] if name != "none"]
    return sets | {name: {"objective": name, **dict(zip(KEYS[1:], masks[0]))} for name in objectives}


def metric_names(sweep: "Sweep") -> list[str]:
    """Return the names of the figures that the runs will have, the main one first; [] for finetune, where the labels decide."""
    if sweep.command.name != "pretrain":
        return []
    sets = choose_sets(sweep) or {"mlm": {}, build_pretraining(sweep.configurations[0].settings)[1].objective: {}}
    suffixes = [name.removeprefix("mlm") for name in sets if name.startswith("mlm")]
    losses = [f"{kind}{suffix}" for kind in ("mlm_loss", "mlm_accuracy") for suffix in suffixes]
    return losses + [f"{name}_accuracy" for name in sets if name in ("sop", "nsp")]


def _format_suffix(values: dict[str, list[Any]], ngram: int, rate: float) -> str:
    words = [f"max_ngram={ngram}"] * (len(values["max_ngram"]) > 1) + [f"masked_lm_prob={rate:g}"] * (
        len(values["masked_lm_prob"]) > 1
    )
    return " " + " ".join(words) if words else ""


def measures_path(out: Path) -> Path:
    """Return the file of the measured figures of a run."""
    return out.with_name(out.name + ".measures.json")


def measure_run(out: Path, sets: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Measure the run in `out` on each of these sets -> {"mlm_loss": ..., "mlm_accuracy": ..., "sop_accuracy": ...}."""
    from albert_np.data.corpus import Corpus
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import AlbertTokenizer
    from albert_np.training import Settings, evaluate, get_run_data

    run = read_json(out / "run.json", file_names=True)
    settings = Settings.from_dict(run["settings"])
    model = AlbertForPreTraining.from_pretrained(out)
    corpus = Corpus.open(run["corpus_folder"], AlbertTokenizer.from_pretrained(out))
    figures: dict[str, float] = {}
    for name, changes in sets.items():
        kind, _, suffix = name.partition(" ")
        if kind != "mlm" and settings.objective == "none":
            continue
        scores = evaluate(model, get_run_data(corpus, model.config, settings.replace(**changes)).held_out)
        suffix = suffix and " " + suffix
        if kind == "mlm":
            figures |= {f"mlm_loss{suffix}": scores["mlm_loss"], f"mlm_accuracy{suffix}": scores["mlm_accuracy"]}
        else:
            figures[f"{kind}_accuracy"] = scores["sop_accuracy"]
    return figures


def main(out: str, sets: str) -> int:
    write_json(measures_path(Path(out)), measure_run(Path(out), json.loads(sets)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
