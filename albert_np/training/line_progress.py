"""Progress display without the rich library: lines of text."""

import sys
import time
from typing import Any

from albert_np.training.callbacks import Callback
from albert_np.training.metrics import format_score

LINE_EVERY = 10.0  # seconds between two lines


class TokenRate:
    """Tokens a second, since the first that were counted."""

    def __init__(self) -> None:
        self.counted: tuple[float, int] | None = None  # at first
        self.rate = 0.0

    def count(self, tokens: int) -> None:
        """Take note of the number of tokens so far."""
        now = time.monotonic()
        if self.counted is None or tokens < self.counted[1]:  # another text
            self.counted = now, tokens
        elif now > self.counted[0]:
            self.rate = (tokens - self.counted[1]) / (now - self.counted[0])

    def describe(self) -> str:
        return f"{self.rate:,.0f} tokens/s" if self.rate else ""


class LineProgress(Callback):
    """Print a line with the loss of a step every ten seconds, the last step, scores, and notes, on stderr."""

    def __init__(self) -> None:
        self._total, self._last_shown, self._tokens = 0, -LINE_EVERY, TokenRate()

    def start(self, first: int, total: int) -> None:
        self._total, self._last_shown = total, -LINE_EVERY

    def step(self, record: dict[str, Any]) -> None:
        if self._is_due(record["step"] == self._total):
            loss = "loss is not a number" if record["loss"] is None else f"loss {record['loss']:.3f}"
            self.note(f"step {record['step']}/{self._total} {loss}")

    def evaluation(self, record: dict[str, Any]) -> None:
        if "mlm_loss" in record:
            self.note(f"held-out: MLM loss {record['mlm_loss']:.3f}, accuracy {record['mlm_accuracy']:.3f}")
        else:
            name, score = list(record.items())[-1]
            self.note(f"epoch {record['epoch']}: {name} {format_score(score)}")

    def tokenising(self, done: int, total: int) -> None:
        self._share("tokenising", done, total, self._tokens.describe())

    def tokenised(self, tokens: int) -> None:
        self._tokens.count(tokens)

    def encoding(self, done: int, total: int) -> None:
        self._share("encoding", done, total)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _share(self, name: str, done: int, total: int, speed: str = "") -> None:
        if done < total and self._is_due():
            self.note(f"{name} {done / total:.0%} {speed}".rstrip())

    def _is_due(self, is_last: bool = False) -> bool:
        now = time.monotonic()
        if not is_last and now - self._last_shown < LINE_EVERY:
            return False
        self._last_shown = now
        return True
