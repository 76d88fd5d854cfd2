"""The longest rows that a model was pretrained on. Its tables may have more positions, which no training has changed."""

import os

from albert_np.io.files import DataError
from albert_np.io.sources import is_packaged
from albert_np.training.continuing import read_settings


def read_trained_length(source: str | os.PathLike[str]) -> int | None:
    """Return the max_length of the last pretraining of a model; None where no run.json beside it, or none of ours, tells it.

    DataError if that of the model in the package is damaged.
    """
    try:
        length = read_settings(source).get("max_length")
    except DataError:  # a run.json of another program
        if is_packaged(source):
            raise
        return None
    return length if isinstance(length, int) else None
