"""The callback interface of a run; `progress.Progress` is the one that shows the run in a terminal or a notebook."""

from typing import Any


class Callback:
    """Observes a run and changes nothing; the default does nothing. Records are lines of metrics.jsonl."""

    def start(self, first: int, total: int) -> None:
        """Called before step first + 1 of `total`."""

    def step(self, record: dict[str, Any]) -> None:
        """Called for every step, once its losses have been fetched from the device."""

    def evaluation(self, record: dict[str, Any]) -> None:
        """Called after an evaluation on held-out documents or development examples."""

    def tokenising(self, done: int, total: int) -> None:
        """Called while text files are tokenised, with the bytes done and the bytes in total."""

    def note(self, text: str) -> None:
        """Called with a line of information for the user."""

    def close(self) -> None:
        """Called when the run has ended, for whatever reason."""


Report = Callback  # the old name, for one release
