"""What the runs of a sweep share, and the command line of each.

A vocabulary is trained once for all runs of the same text and size; the tokenised corpus is made by the first run that needs it,
while the others wait for it (data/corpus.py).
"""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure
from albert_np.apps.experiments.commands import model_changes, pretraining
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run, SweepFolder
from albert_np.apps.experiments.results import finished, sentence
from albert_np.apps.experiments.side import Job

ALBERT = ["-m", "albert_np"]


def python_text(folder: SweepFolder) -> str:
    """The text that every Python has, as a file: what is pretrained on where no files are named."""
    from albert_np.apps.demo import write_corpus

    path = folder.prepared / "python.txt"
    if not path.exists():
        folder.prepared.mkdir(exist_ok=True)
        write_corpus(path)
    return str(path)


def vocabularies(sweep: Sweep, folder: SweepFolder) -> list[Job]:
    """The jobs that train the vocabularies that are not there yet."""
    found = {}
    for each in sweep.configurations:
        target = vocabulary(each.settings, folder)
        if target is not None and target not in found and not target.exists():
            found[target] = _vocabulary_job(target, each.settings)
    return list(found.values())


def _vocabulary_job(target: Path, settings: dict[str, Any]) -> Job:
    size, unfinished = pretraining(settings)[0].vocab_size, target.with_name(target.name + ".part")
    command = [*ALBERT, "tokenizer", "train", *settings["files"], f"--out={unfinished}", f"--vocab-size={size}", "--quiet"]

    def done() -> str:
        unfinished.replace(target)
        return "trained"

    shutil.rmtree(unfinished, ignore_errors=True)
    return Job(f"a vocabulary of {size} pieces", [command], target.with_name(target.name + ".log"), done)


def vocabulary(settings: dict[str, Any], folder: SweepFolder) -> Path | None:
    """Where the vocabulary lies that is trained for these settings; None: they name a tokenizer."""
    if "tokenizer" in settings:
        return None
    return folder.prepared / f"vocabulary-{pretraining(settings)[0].vocab_size}{_mark(settings['files'], folder)}"


def corpus(settings: dict[str, Any], folder: SweepFolder) -> Path:
    """Where the text lies as these settings cut and tokenise it."""
    cut = pretraining(settings)[1]
    made_of = [settings["files"], str(vocabulary(settings, folder) or settings["tokenizer"]), cut.max_length, cut.lines,
               cut.document_separator]  # fmt: skip
    return folder.prepared / f"corpus-{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:8]}"


def _mark(files: list[str], folder: SweepFolder) -> str:
    """ "" for Python's text, which is what most sweeps have; else something of these files' own."""
    own = files == [str(folder.prepared / "python.txt")]
    return "" if own else "-" + hashlib.sha256("\0".join(files).encode()).hexdigest()[:8]


def job(sweep: Sweep, folder: SweepFolder, run: Run) -> Job:
    """What is to be done for a run that is not finished: from its beginning, or from where it was stopped."""
    make = _pretrain if sweep.command.name == "pretrain" else _finetune
    return Job(run.name, make(sweep, folder, run), run.log, partial(_finish, sweep, run))


def _finish(sweep: Sweep, run: Run) -> str:
    return sentence(sweep.command.name, finished(sweep, run))


def _pretrain(sweep: Sweep, folder: SweepFolder, run: Run) -> list[list[str]]:
    settings = run.configuration.settings
    if run.result.exists():  # and only measured otherwise than it is now asked for
        commands: list[list[str]] = []
    elif run.can_resume:
        commands = [_resuming(run, "pretrain")]
    else:
        run.clear()
        told = {**settings, "tokenizer": str(vocabulary(settings, folder) or settings["tokenizer"])}
        if "vocab_size" not in model_changes(sweep.command, settings) and "tokenizer" not in settings:
            told["vocab_size"] = pretraining(settings)[0].vocab_size
        arguments = sweep.command.arguments(told)
        places = [f"--corpus={corpus(settings, folder)}", f"--seed={run.seed}", f"--out={run.out}"]
        commands = [[*ALBERT, "pretrain", *arguments, *places]]
    if sets := measure.sets(sweep):
        commands.append(["-m", "albert_np.apps.experiments.measure", str(run.out), json.dumps(sets)])
    return commands


def _finetune(sweep: Sweep, folder: SweepFolder, run: Run) -> list[list[str]]:
    settings = run.configuration.settings
    if run.can_resume:
        return [_resuming(run, "finetune", settings["task"])]
    run.clear()
    return [[*ALBERT, "finetune", *sweep.command.arguments(settings), f"--seed={run.seed}", f"--out={run.out}"]]


def _resuming(run: Run, *command: str) -> list[str]:
    """What continues a run. Its folder knows all of its settings but the device."""
    device = [f"--backend={run.configuration.settings['backend']}"] if "backend" in run.configuration.settings else []
    return [*ALBERT, *command, "--resume", f"--out={run.out}", *device]
