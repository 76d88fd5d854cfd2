"""The names of a tokenizer's files, and which file of a folder holds the vocabulary."""

from pathlib import Path

MODEL_FILE, VOCAB_FILE, JSON_FILE = "spiece.model", "vocab.txt", "tokenizer.json"


def find_vocabulary(path: Path) -> Path:
    """Return the vocabulary file of a folder; a file is returned as it is.

    FileNotFoundError if there is none. ValueError if there are several candidates.
    """
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f"no tokenizer at {path}: there is no such file or folder")
        return path
    for name, pattern in ((MODEL_FILE, "*.model"), (VOCAB_FILE, "*vocab*.txt")):
        if (path / name).is_file():
            return path / name
        candidates = sorted(file for file in path.glob(pattern) if file.is_file())
        if len(candidates) > 1:
            listed = ", ".join(file.name for file in candidates)
            raise ValueError(f"{path} has several vocabularies ({listed}): name the file that is meant, or call it {name}")
        if candidates:
            return candidates[0]
    if (path / JSON_FILE).is_file():
        return path / JSON_FILE
    raise FileNotFoundError(
        f"no tokenizer at {path}: there is neither {MODEL_FILE} (or another *.model) nor {VOCAB_FILE} nor {JSON_FILE}"
    )
