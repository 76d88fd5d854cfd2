"""Texts a second of our tokenizer and, where transformers 4 is installed, of its slow AlbertTokenizer (the reference).

python tests/benchmarks/tokenizer.py spiece.model lines.txt
"""

import sys
import time
from pathlib import Path

from albert_np.text import AlbertTokenizer

BATCH, ROUNDS = 256, 3


def seconds(call, texts):
    """The shortest time of several rounds over all texts, in batches."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for i in range(0, len(texts), BATCH):
            call(texts[i : i + BATCH])
        taken.append(time.perf_counter() - start)
    return min(taken)


def main(model_file, text_file):
    texts = [line for line in Path(text_file).read_text(encoding="utf-8").splitlines() if line.strip()][:5000]
    ours = AlbertTokenizer(model_file)
    ways = {
        "a batch": lambda batch: ours(batch, padding=True),
        "one text a call": lambda batch: [ours(text) for text in batch],
        "with slices": lambda batch: ours(batch, padding=True, return_offsets_mapping=True),
        "a corpus (encode_batch)": ours.encode_batch,
    }
    try:
        from transformers import AlbertTokenizer as Theirs

        theirs = Theirs(model_file)
        if not theirs.is_fast:
            ways["transformers' slow one, a batch"] = lambda batch: theirs(batch, padding=True, return_tensors="np")
    except ImportError:
        pass
    for name, call in ways.items():
        print(f"{len(texts) / seconds(call, texts):10.0f} texts/s   {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
