"""Prepare the text and the vocabularies that the runs of a sweep share, and build the command lines of the runs.

A vocabulary is trained once for all runs with the same text and size. The first run that needs a tokenised corpus makes it, while
the others wait (data/corpus.py).
"""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure
from albert_np.apps.experiments.commands import build_pretraining, model_changes
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run, SweepFolder
from albert_np.apps.experiments.process_pool import Job
from albert_np.apps.experiments.results import format_figures, record_result

ALBERT_NP = ["-m", "albert_np"]


def write_python_text(folder: SweepFolder) -> str:
    """Write Python's documentation, the default text, to a file unless it exists -> its path."""
    from albert_np.apps.demo import write_corpus

    path = folder.prepared / "python.txt"
    if not path.exists():
        folder.prepared.mkdir(exist_ok=True)
        write_corpus(path)
    return str(path)


def vocabulary_jobs(sweep: Sweep, folder: SweepFolder) -> list[Job]:
    """Return the jobs that train the missing vocabularies."""
    jobs = {}
    for each in sweep.configurations:
        target = vocabulary_path(each.settings, folder)
        if target is not None and target not in jobs and not target.exists():
            jobs[target] = _vocabulary_job(target, each.settings)
    return list(jobs.values())


def _vocabulary_job(target: Path, settings: dict[str, Any]) -> Job:
    size, unfinished = build_pretraining(settings)[0].vocab_size, target.with_name(target.name + ".part")
    command = [*ALBERT_NP, "tokenizer", "train", *settings["files"], f"--out={unfinished}", f"--vocab-size={size}", "--quiet"]

    def finish() -> str:
        unfinished.replace(target)
        return "trained"

    shutil.rmtree(unfinished, ignore_errors=True)
    return Job(f"a vocabulary of {size} pieces", [command], target.with_name(target.name + ".log"), finish)


def vocabulary_path(settings: dict[str, Any], folder: SweepFolder) -> Path | None:
    """Return the folder of the vocabulary for these settings; None if they name a tokenizer."""
    if "tokenizer" in settings:
        return None
    return folder.prepared / f"vocabulary-{build_pretraining(settings)[0].vocab_size}{_file_suffix(settings['files'], folder)}"


def corpus_path(settings: dict[str, Any], folder: SweepFolder) -> Path:
    """Return the folder of the corpus, tokenised with these settings."""
    values = build_pretraining(settings)[1]
    inputs = [settings["files"], str(vocabulary_path(settings, folder) or settings["tokenizer"]), values.max_length, values.lines,
              values.document_separator]  # fmt: skip
    return folder.prepared / f"corpus-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:8]}"


def _file_suffix(files: list[str], folder: SweepFolder) -> str:
    """Return a hash of the names of these files, and an empty string for Python's documentation."""
    is_default = files == [str(folder.prepared / "python.txt")]
    return "" if is_default else "-" + hashlib.sha256("\0".join(files).encode()).hexdigest()[:8]


def make_job(sweep: Sweep, folder: SweepFolder, run: Run) -> Job:
    """Return the job of an unfinished run: from its beginning, or resumed."""
    make_commands = _pretrain_commands if sweep.command.name == "pretrain" else _finetune_commands
    return Job(run.name, make_commands(sweep, folder, run), run.log, partial(_finish, sweep, run))


def _finish(sweep: Sweep, run: Run) -> str:
    return format_figures(record_result(sweep, run))


def _pretrain_commands(sweep: Sweep, folder: SweepFolder, run: Run) -> list[list[str]]:
    settings = run.configuration.settings
    if run.result.exists():  # only the measurements are missing
        commands: list[list[str]] = []
    elif run.can_resume:
        commands = [_resume_command(run, "pretrain")]
    else:
        run.clear()
        values = {**settings, "tokenizer": str(vocabulary_path(settings, folder) or settings["tokenizer"])}
        if "vocab_size" not in model_changes(sweep.command, settings) and "tokenizer" not in settings:
            values["vocab_size"] = build_pretraining(settings)[0].vocab_size
        arguments = sweep.command.arguments(values)
        paths = [f"--corpus={corpus_path(settings, folder)}", f"--seed={run.seed}", f"--out={run.out}"]
        commands = [[*ALBERT_NP, "pretrain", *arguments, *paths]]
    if sets := measure.choose_sets(sweep):
        commands.append(["-m", "albert_np.apps.experiments.measure", str(run.out), json.dumps(sets)])
    return commands


def _finetune_commands(sweep: Sweep, folder: SweepFolder, run: Run) -> list[list[str]]:
    settings = run.configuration.settings
    if run.can_resume:
        return [_resume_command(run, "finetune", settings["task"])]
    run.clear()
    return [[*ALBERT_NP, "finetune", *sweep.command.arguments(settings), f"--seed={run.seed}", f"--out={run.out}"]]


def _resume_command(run: Run, *command: str) -> list[str]:
    """Return the command that resumes a run. Its folder holds all settings except the device."""
    device = [f"--backend={run.configuration.settings['backend']}"] if "backend" in run.configuration.settings else []
    return [*ALBERT_NP, *command, "--resume", f"--out={run.out}", *device]
