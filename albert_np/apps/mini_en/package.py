"""Build the folder of a packaged model from a run: int8 weights, vocabulary, model card, sources and checksums.

    python -m albert_np.apps.mini_en.package RUN --text FOLDER --out albert_np/pretrained/albert-np-mini-en [--scores FILE.json]

RUN is the folder of the last stage, of which the newest checkpoint is taken, or a checkpoint. FOLDER is that of make_text.py,
with the held-out text, on which the float32 and the int8 weights are compared, as on the blanks of blanks.tsv. Heads that the run
did not train are left out. Each choice and each size is printed; nothing is written if the folder would exceed --most megabytes.

FILE.json has scores of tasks for the card: {"tasks": {"SST-2": {"metric": "accuracy", "mean": 0.85, "deviation": 0.003,
"seeds": 5, "from_scratch": 0.8}}}; deviation, seeds and from_scratch may be missing.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import albert_np as ab
from albert_np.apps.mini_en import card, fill_blanks, held_out_loss
from albert_np.apps.mini_en.snapshot import find_checkpoint, read_model
from albert_np.compress.job import Plan, compress_model
from albert_np.io.files import DataError, read_json, sha256, write_folder, write_json
from albert_np.io.packed_checkpoint import save_packed
from albert_np.pretrained import CARD, SUMS

TOKENIZER = ("spiece.model", "tokenizer_config.json")  # the third file, tokenizer.json, is for transformers: `convert` writes it


def trained_model(checkpoint: Path, state: dict[str, Any]) -> Any:
    """Return the model of a checkpoint with those heads alone that were trained."""
    model = read_model(checkpoint)
    if state["settings"]["objective"] != "none":
        return model
    print("the run had no sentence objective: the pooler and the sentence-order head were not trained, and are left out")
    masked = ab.AlbertForMaskedLM(model.config, seed=0)
    values = dict(model.params.items())
    for name, array in masked.params.items():
        array[...] = values[name]
    return masked


def read_tokenizer(checkpoint: Path, positions: int) -> Any:
    """Return the tokenizer of a checkpoint, which cuts texts at the positions that the model has."""
    tokenizer = ab.AlbertTokenizer.from_pretrained(checkpoint)
    if tokenizer.model_max_length <= positions:
        return tokenizer
    print(f"tokenizer: model_max_length {positions}, the positions of the model, instead of {tokenizer.model_max_length}")
    return ab.AlbertTokenizer.from_pretrained(checkpoint, model_max_length=positions)


def write_tokenizer(tokenizer: Any, out: Path) -> None:
    """Write the vocabulary and its settings."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for name in TOKENIZER:
            shutil.copyfile(Path(folder) / name, out / name)


def write_weights(model: Any, weights: str, out: Path) -> None:
    """Write the config and the weights, in "int8" or "float32": a scale for each output of a matrix and row of a table."""
    small = compress_model(model, Plan(weights=weights))
    save_packed(out, small.model.config, small.model.params, type(model).__name__, small.packing)


def measure(folder: Path, registers: dict[str, Any], blanks: list[Any]) -> dict[str, Any]:
    """Return the losses on held-out text and the words in the blanks."""
    filled = fill_blanks.fill(*held_out_loss.load_masked_model(str(folder)), blanks)
    losses = held_out_loss.evaluate(str(folder), registers)
    right = f"{filled['right_at_1']} of {len(blanks)} blanks right at 1, {filled['right_at_5']} at 5"
    print(f"{folder.name:8} {losses['mean']['loss']:.4f} nats per hidden word, {right}")
    counts = {name: filled[name] for name in ("right_at_1", "right_at_5")}
    return {"held_out": losses, **counts, "blanks": filled["sentences"]}


def compare(model: Any, tokenizer: Any, text: Path, sentences: Path) -> dict[str, Any]:
    """Return what is measured with float32 and with int8 weights."""
    registers = held_out_loss.read_registers(text)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for weights in ("float32", "int8"):
            folder = Path(temporary) / weights
            folder.mkdir()
            write_weights(model, weights, folder)
            write_tokenizer(tokenizer, folder)
            results[weights] = measure(folder, registers, fill_blanks.read_blanks(sentences))
    exact, rounded = (results[weights]["held_out"]["mean"]["loss"] for weights in ("float32", "int8"))
    print(f"int8 changes the held-out loss by {rounded / exact - 1:+.3%}")
    return results


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every file, in the form of sha256sum."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_size(folder: Path, most: float) -> None:
    """Print the size of every file. DataError if all of them are larger than `most` megabytes."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    for name, size in sizes.items():
        print(f"{size:>12,} {name}")
    total = sum(sizes.values())
    print(f"{total:>12,} bytes in all, of at most {most:g} MB")
    if total > most * 1e6:
        raise DataError(f"the folder has {total / 1e6:.2f} MB, more than --most {most:g}: nothing is written")


def build(
    run: Path, text: Path, out: Path, scores: dict[str, Any], weights: str = "int8", most: float = 5.0,
    sentences: Path = fill_blanks.HERE / "blanks.tsv",
) -> None:  # fmt: skip
    """Write the folder `out`, whole or not at all. FileExistsError if it is not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder: nothing is overwritten")
    checkpoint = find_checkpoint(run)
    state = read_json(checkpoint / "state.json")
    print(f"{checkpoint}: step {state['step']:,}")
    model = trained_model(checkpoint, state)
    if not model.config.is_albert:
        raise DataError(f"{checkpoint} is no plain ALBERT, which other programs could read: fusion, fewer heads or factors")
    print(f"{type(model).__name__}, {model.params.count():,} parameters; weights {weights}, all else float32")
    tokenizer = read_tokenizer(checkpoint, model.config.max_position_embeddings)
    measured = compare(model, tokenizer, text, sentences)
    with write_folder(out) as folder:
        write_weights(model, weights, folder)
        write_tokenizer(tokenizer, folder)
        shutil.copyfile(text / "attribution.tsv", folder / "attribution.tsv")
        write_json(folder / "run.json", {"settings": state["settings"], "step": state["step"], "version": state["version"]})
        facts = card.collect(out.name, checkpoint, state, model, weights, text, measured, scores)
        facts["bytes"] = (folder / "model.safetensors").stat().st_size
        write_json(folder / CARD, facts)
        (folder / "README.md").write_text(card.render(facts), encoding="utf-8")
        write_sums(folder)
        check_size(folder, most)
    print(f"{out} is written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run, or of one of its checkpoints")
    parser.add_argument("--text", type=Path, required=True, help="the folder that make_text.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write; its name is that of the model")
    parser.add_argument("--scores", type=Path, help="a JSON file with scores of tasks, for the card")
    parser.add_argument("--weights", choices=("int8", "float32"), default="int8", help="how the weights are stored [int8]")
    parser.add_argument("--most", type=float, default=5.0, help="megabytes that the folder may have [5]")
    given = parser.parse_args()
    try:
        scores = card.read_scores(given.scores)
        build(given.run, given.text, given.out, scores, given.weights, given.most)
    except (OSError, ValueError) as error:
        raise SystemExit(f"package: {error}") from None


if __name__ == "__main__":
    main()
