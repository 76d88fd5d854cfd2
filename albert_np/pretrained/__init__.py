"""Pretrained models that are part of the package, each a folder beside this file. It imports nothing of albert_np.

    albert-np-mini-en    English, lower-cased; pretrained by this package (docs/pretrained.md, docs/mini_en.md)

Wherever a model is named, `from_pretrained("albert-np-mini-en")` or `--model albert-np-mini-en`, such a name means this folder
(`io.sources`), without a network. Weights are stored in int8 and loaded in floating point, for training as for inference.

    README.md, card.json   the model card, and the data from which it was written
    SHA256SUMS             hashes of all files; those that are read are compared (io/sources/packaged.py)
    attribution.tsv        the sources of the text, with their licences
"""

from pathlib import Path

DEFAULT = "albert-np-mini-en"  # of fill-mask, and of finetune without a model or a config
NAMES = (DEFAULT,)
CARD, SUMS = "card.json", "SHA256SUMS"


def get_folder(name: str) -> Path:
    """Return the folder of a packaged model. KeyError for another name."""
    if name not in NAMES:
        raise KeyError(name)
    return Path(__file__).parent / name
