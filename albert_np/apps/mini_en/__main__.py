"""Make the model of recipe.toml: text, vocabulary, and one stage of training after the other.

    ALBERT_NP_DATA=... python -m albert_np.apps.mini_en --out FOLDER [--stage NAME]

FOLDER/text (make_text.py), FOLDER/vocabulary and FOLDER/NAME, the folder of each stage's run. What is there already is not made
again, and a stage that was interrupted is resumed, bit for bit: the command may be repeated at any time. A later stage starts
from the weights of the one before, with a new optimiser. --stage ends with this stage.

SIGTERM and Ctrl-C save the run and end it. Libraries, kernels and number of threads are written to FOLDER/environment.json by the
first call, and a later one that finds others is refused, because it would not give the same bits.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent


def run(*command: str | Path) -> None:
    """Run a command, hand signals on to it, and end if it fails or was stopped."""
    print("+", *command, flush=True)
    process = subprocess.Popen(list(map(str, command)))

    def hand_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_on)
    if code := process.wait():
        raise SystemExit(code if code > 0 else 128 - code)


def check_environment(path: Path) -> None:
    """Write what the bits of the result depend on, or compare it with what was written."""
    from albert_np.engine.environment import describe_changes, describe_environment
    from albert_np.io.files import read_json, write_json
    from albert_np.version import __version__

    now = {**describe_environment(), "albert_np": __version__}
    if not path.exists():
        write_json(path, now)
    then = read_json(path)
    if now != then:
        changes = describe_changes(then, now)
        raise SystemExit(f"{changes}: the run would not go on bit for bit (delete {path} to continue nevertheless)")
    print("environment:", ", ".join(f"{key} {value}" for key, value in now.items()), flush=True)


def to_options(settings: dict[str, Any]) -> list[str]:
    """Return the options of `albert-np pretrain` for a table of settings; those of the table `model` are fields of its config."""
    options = []
    for key, value in settings.items():
        name = "--" + key.replace("_", "-")
        if key == "model":
            options += [f"--set={field}={json.dumps(each)}" for field, each in value.items()]
        elif value is True:
            options.append(name)
        elif value is not False:
            options.append(f"{name}={value}")
    return options


def train(stage: dict[str, Any], before: Path | None, out: Path, albert_np: list[str]) -> None:
    """Begin or resume one stage."""
    settings = {key: value for key, value in stage.items() if key != "name"}
    folder, text = out / stage["name"], out / "text" / "train.txt"
    if any((folder / "checkpoints").glob("step-*")):
        run(*albert_np, "pretrain", "--resume", "--out", folder, *to_options(settings))
        return
    start = ["--tokenizer", out / "vocabulary", "--config", "small"] if before is None else ["--model", before]
    run(*albert_np, "pretrain", text, "--out", folder, *map(str, start), *to_options(settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.toml")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stage", help="end with this stage")
    given = parser.parse_args()
    recipe = tomllib.loads(given.recipe.read_text(encoding="utf-8"))
    names = [stage["name"] for stage in recipe["stage"]]
    if given.stage and given.stage not in names:
        raise SystemExit(f"--stage must be one of {', '.join(names)}, not {given.stage}")
    os.environ["OPENBLAS_NUM_THREADS"] = str(recipe["threads"])
    out, albert_np = given.out, [sys.executable, "-m", "albert_np"]
    out.mkdir(parents=True, exist_ok=True)
    check_environment(out / "environment.json")
    if not (out / "text" / "text.json").exists():
        run(sys.executable, "-m", "albert_np.apps.mini_en.make_text", "--recipe", given.recipe, "--out", out / "text")
    if not (out / "vocabulary" / "spiece.model").exists():
        size = recipe["vocabulary"]["size"]
        run(*albert_np, "tokenizer", "train", out / "text" / "train.txt", "--out", out / "vocabulary", "--vocab-size", str(size))
    before = None
    for stage in recipe["stage"]:
        train(stage, before, out, albert_np)
        before = out / stage["name"]
        if stage["name"] == given.stage:
            break


if __name__ == "__main__":
    main()
