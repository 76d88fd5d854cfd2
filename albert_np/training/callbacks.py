"""What a run tells the outside. This one says nothing; `progress` has the one that people watch."""

from typing import Any


class Report:
    """Called by the loop. Records are lines of metrics.jsonl."""

    def start(self, first: int, total: int) -> None:
        """The steps first + 1 ... total are to be made."""

    def step(self, record: dict[str, Any]) -> None:
        """A step was made and its losses read."""

    def evaluation(self, record: dict[str, Any]) -> None:
        """The held-out documents were evaluated."""

    def tokenising(self, done: int, total: int) -> None:
        """Bytes of the text files that are tokenised, of how many."""

    def note(self, text: str) -> None:
        """Something that the user should know, in one line."""

    def close(self) -> None:
        """The run has ended, in whatever way."""
