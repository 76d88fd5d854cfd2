"""Write a checkpoint of a run as a model, for scores in the middle of the run.

python -m albert_np.apps.mini_en.snapshot RUN/checkpoints/step-00010000 MODEL
python -m albert_np.apps.mini_en.snapshot RUN MODEL                             # the newest checkpoint that is whole
"""

import argparse
from pathlib import Path

import albert_np as ab
from albert_np.training import checkpoint


def find_checkpoint(run: Path) -> Path:
    """Return the folder of a checkpoint: the given one, or the newest of a run that is whole. SystemExit if there is none."""
    folder = run
    if (run / "checkpoints").is_dir():
        newest = checkpoint.newest(run / "checkpoints", print)
        if newest is None:
            raise SystemExit(f"{run} has no checkpoint that is whole")
        folder = newest.folder
    if not (folder / checkpoint.MANIFEST).is_file():
        raise SystemExit(f"{run} is neither the folder of a run nor that of a checkpoint")
    checkpoint.verify(folder)
    return folder


def read_model(folder: Path) -> ab.AlbertForPreTraining:
    """Return the model of a checkpoint, in float32."""
    model = ab.AlbertForPreTraining(ab.AlbertConfig.from_pretrained(folder), seed=0)
    checkpoint.read_trees(folder / "params.safetensors", {"": model.params})
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run, or of one of its checkpoints")
    parser.add_argument("model", type=Path, help="the folder to write")
    given = parser.parse_args()
    folder = find_checkpoint(given.run)
    read_model(folder).save_pretrained(given.model)
    ab.AlbertTokenizer.from_pretrained(folder).save_pretrained(given.model)
    print(f"{folder} -> {given.model}")


if __name__ == "__main__":
    main()
