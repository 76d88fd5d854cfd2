"""A small vocabulary, trained once for all tests of this folder."""

import os
from pathlib import Path

import pytest

from albert_np.text import AlbertTokenizer, train_tokenizer

SENTENCES = """\
The miller walks to the river every morning, and he counts the boats that lie there.
In 1,250 years nobody has seen the old bridge fall, though it has been repaired 37, perhaps 38, times.
She reads three letters (two of them twice) and puts them back into the drawer.
A small dog ran after the carriage; the carriage did not stop.
"Where is the key?" asked the gardener. "Under the third stone," said the boy.
The café near the station sells bread - dark, warm bread - for £2.50 or 3 € a loaf.
Winter came early in 2,004, and the lake was frozen before the end of November.
He had never learned to swim, but he could row better than any fisherman of the village.
They measured the field again: it was 120, not 130, paces long.
What the painter wanted was light – more light than the narrow window gave her.
The train leaves at nine, the ship at noon, and the letter will arrive on Friday.
Nobody knew why the clock of the church was always four minutes late.
The teacher wrote the word on the board and asked the children to read it aloud.
After the storm the road was covered with leaves, branches and broken tiles.
It takes 15, sometimes 20, minutes to climb the tower, and the view is worth it.
My grandmother kept her money in a tin box, and the tin box in the oven.
""".splitlines()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> Path:
    pytest.importorskip("sentencepiece", reason="training a vocabulary needs the sentencepiece library")
    return train_tokenizer(SENTENCES * 3, tmp_path_factory.mktemp("vocabulary") / "spiece.model", 180)


@pytest.fixture(scope="session")
def tokenizer(model_file) -> AlbertTokenizer:
    return AlbertTokenizer.from_pretrained(model_file)


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return SENTENCES


@pytest.fixture(scope="session")
def vocab_folder() -> Path:
    """The folder with the published English vocabulary and its test vectors."""
    if "ALBERT_NP_DATA" not in os.environ:
        pytest.skip("ALBERT_NP_DATA is not set")
    return Path(os.environ["ALBERT_NP_DATA"]) / "vocab"
