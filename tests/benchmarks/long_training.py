"""A whole training as a contender's run: the next steps, each with its loss and its time. Without albert_np (see folder.py)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folder import Arrays, StoredBatches, load_case


class Steps:
    """The steps of a training, some at a time.

    read     a stored batch -> what `step` takes of it: not counted as training
    step     (batch, learning rate) -> a function that returns the masked tokens' mean loss, called after the clock is read
    """

    def __init__(self, folder: Path, read: Callable[[Arrays], Any], step: Callable[[Any, float], Callable[[], float]]) -> None:
        self.case, self.batches = load_case(folder), StoredBatches(folder)
        self.read, self.step, self.next = read, step, 0

    def run(self) -> dict[str, Any]:
        """Make the next steps -> {"losses", "times", "processor_times"}, a number for each; times in seconds."""
        losses, times, processor = [], [], []
        for index in range(self.next, min(self.next + self.case.chunk, len(self.batches))):
            batch = self.read(self.batches[index])
            started, own = time.perf_counter(), time.process_time()
            loss = self.step(batch, self.case.rates[index])
            times.append(time.perf_counter() - started)
            processor.append(time.process_time() - own)
            losses.append(loss())
        self.next += len(losses)
        return {"losses": losses, "times": times, "processor_times": processor}

    def warm(self) -> None:
        """Make a few steps of learning rate 0, on batches from all over the training: for compilers and first touches."""
        for index in range(0, len(self.batches), max(1, len(self.batches) // 4)):
            self.step(self.read(self.batches[index]), 0.0)()
