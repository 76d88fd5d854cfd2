"""Held-out figures that mean the same for every run of a sweep: `python -m albert_np.apps.experiments.measure RUN SETS`.

A run evaluates itself on pairs and masks that are made by its own settings. Where a sweep varies those, its runs' losses are
answers to different questions: pieces are harder to guess in n-grams than alone, and beside a segment of another document than
beside their own. Then each finished run is measured again, on the same pairs and masks for all:

    MLM      on pairs in their order, with each kind of masks that occurs in the sweep
    SOP, NSP, each that occurs: by what the head was trained for, so that one can see what NSP knows of order, and SOP of topic.
             A head that was not trained (objective "none") is not measured.
"""

import json
import sys
from pathlib import Path
from typing import Any

from albert_np.apps.experiments.commands import pretraining
from albert_np.apps.experiments.file import Sweep
from albert_np.io.files import read_json, write_json

KEYS = ("objective", "max_ngram", "masked_lm_prob")


def sets(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """{name: what of a run's settings is to be replaced}; {} if the runs' own figures can be compared."""
    if sweep.command.name != "pretrain":
        return {}
    each = [pretraining(c.settings)[1] for c in sweep.configurations]
    seen = {key: list(dict.fromkeys(getattr(settings, key) for settings in each)) for key in KEYS}
    if all(len(values) == 1 for values in seen.values()):
        return {}
    objective = seen["objective"][0] if len(seen["objective"]) == 1 else "none"
    masks = list(dict.fromkeys((settings.max_ngram, settings.masked_lm_prob) for settings in each))
    found = {f"mlm{_suffix(seen, *mask)}": {"objective": objective, **dict(zip(KEYS[1:], mask))} for mask in masks}
    asked = [name for name in seen["objective"] if name != "none"]
    return found | {name: {"objective": name, **dict(zip(KEYS[1:], masks[0]))} for name in asked}


def _suffix(seen: dict[str, list[Any]], ngram: int, rate: float) -> str:
    words = [f"max_ngram={ngram}"] * (len(seen["max_ngram"]) > 1) + [f"masked_lm_prob={rate:g}"] * (
        len(seen["masked_lm_prob"]) > 1
    )
    return " " + " ".join(words) if words else ""


def file_of(out: Path) -> Path:
    """Where a run's measures are kept."""
    return out.with_name(out.name + ".measures.json")


def measured(out: Path, asked: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The figures of the run in `out` on each of these sets -> {"mlm_loss": ..., "mlm_accuracy": ..., "sop_accuracy": ...}."""
    from albert_np.data.corpus import Corpus
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import AlbertTokenizer
    from albert_np.training import Settings, evaluate, get_run_data

    about = read_json(out / "run.json")
    settings = Settings.from_dict(about["settings"])
    model = AlbertForPreTraining.from_pretrained(out)
    corpus = Corpus.open(about["corpus_folder"], AlbertTokenizer.from_pretrained(out))
    found: dict[str, float] = {}
    for name, changes in asked.items():
        kind, _, suffix = name.partition(" ")
        if kind != "mlm" and settings.objective == "none":
            continue
        scores = evaluate(model, get_run_data(corpus, model.config, settings.replace(**changes)).held_out)
        suffix = suffix and " " + suffix
        if kind == "mlm":
            found |= {f"mlm_loss{suffix}": scores["mlm_loss"], f"mlm_accuracy{suffix}": scores["mlm_accuracy"]}
        else:
            found[f"{kind}_accuracy"] = scores["sop_accuracy"]
    return found


def main(out: str, asked: str) -> int:
    write_json(file_of(Path(out)), measured(Path(out), json.loads(asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
