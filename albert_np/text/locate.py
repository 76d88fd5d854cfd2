"""Which file of a folder holds a tokenizer's vocabulary."""

from pathlib import Path

MODEL_FILE, VOCAB_FILE, JSON_FILE = "spiece.model", "vocab.txt", "tokenizer.json"


def vocabulary_file(path: Path) -> Path:
    """The vocabulary file of a folder, or the file itself.

    FileNotFoundError: there is none. ValueError: several could be meant.
    """
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f"no tokenizer at {path}: there is no such file or folder")
        return path
    for name, pattern in ((MODEL_FILE, "*.model"), (VOCAB_FILE, "*vocab*.txt")):
        if (path / name).is_file():
            return path / name
        found = sorted(file for file in path.glob(pattern) if file.is_file())
        if len(found) > 1:
            listed = ", ".join(file.name for file in found)
            raise ValueError(f"{path} has several vocabularies ({listed}): name the file that is meant, or call it {name}")
        if found:
            return found[0]
    if (path / JSON_FILE).is_file():
        return path / JSON_FILE
    raise FileNotFoundError(f"no tokenizer at {path}: there is neither {MODEL_FILE} (or another *.model) nor {VOCAB_FILE}")
