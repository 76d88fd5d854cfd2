"""Write a checkpoint of a run as a model, for scores in the middle of the run.

python -m albert_np.apps.mini_en.snapshot RUN/checkpoints/step-00010000 MODEL
python -m albert_np.apps.mini_en.snapshot RUN MODEL                             # the newest checkpoint that is whole
"""

import argparse
from pathlib import Path

import albert_np as ab
from albert_np.training import checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run, or of one of its checkpoints")
    parser.add_argument("model", type=Path, help="the folder to write")
    given = parser.parse_args()
    folder = given.run
    if (folder / "checkpoints").is_dir():
        newest = checkpoint.newest(folder / "checkpoints", print)
        if newest is None:
            raise SystemExit(f"{folder} has no checkpoint that is whole")
        folder = newest.folder
    checkpoint.verify(folder)
    model = ab.AlbertForPreTraining(ab.AlbertConfig.from_pretrained(folder), seed=0)
    checkpoint.read_trees(folder / "params.safetensors", {"": model.params})
    model.save_pretrained(given.model)
    ab.AlbertTokenizer.from_pretrained(folder).save_pretrained(given.model)
    print(f"{folder} -> {given.model}")


if __name__ == "__main__":
    main()
