"""Which exercises are solved and how many hints were taken: a small store, in a file or in a dict."""

import json
from pathlib import Path
from typing import Any, Protocol

FILE_NAME = ".albert-np-learn.json"
CURRENT = "current"  # the key of the exercise that was started last


class Store(Protocol):
    """Anything that keeps a JSON value under a key."""

    def get(self, key: str) -> Any:
        """Return the value, or None."""

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""


class DictStore:
    """Progress in memory, for a page in a browser or a test."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values = {} if values is None else values

    def get(self, key: str) -> Any:
        """Return the value, or None."""
        return self.values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.values[key] = value


class FileStore:
    """Progress in a small file of a folder, .albert-np-learn.json, which is written at the first `put`."""

    def __init__(self, folder: Path | str = ".") -> None:
        self.path = Path(folder) / FILE_NAME

    def read(self) -> dict[str, Any]:
        """Return all values; none if the file does not exist. ValueError if it is damaged."""
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise ValueError(f"{self.path} is damaged: delete it to begin anew; your solutions are not in it")
        return values

    def get(self, key: str) -> Any:
        """Return the value, or None. ValueError if the file is damaged."""
        return self.read().get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value that JSON has. OSError if the folder cannot be written."""
        text = json.dumps({**self.read(), key: value}, indent=1)
        temporary = self.path.with_name(self.path.name + ".part")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)


def record(store: Store, name: str, **changes: Any) -> dict[str, Any]:
    """Change what is stored for an exercise and return it: passed, tries, hints."""
    values = {"passed": False, "tries": 0, "hints": 0, **(store.get(name) or {}), **changes}
    store.put(name, values)
    return values


def record_check(store: Store, name: str, passed: bool) -> None:
    """Count a try; an exercise that was solved once stays solved."""
    before = store.get(name) or {}
    record(store, name, passed=passed or before.get("passed", False), tries=before.get("tries", 0) + 1)


def next_hint(store: Store, name: str, hints: tuple[str, ...]) -> tuple[int, str]:
    """Return (number, text) of the next hint, which is counted; after the last one, the last again."""
    taken = min((store.get(name) or {}).get("hints", 0) + 1, len(hints))
    record(store, name, hints=taken)
    return taken, hints[taken - 1]
