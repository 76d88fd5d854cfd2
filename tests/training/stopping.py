"""Callbacks that end a run in the middle."""

import signal

from albert_np.training import Callback


class StopAfter(Callback):
    """Ask for an end, as Ctrl-C does, once the losses of this step are read, and remember the notes."""

    def __init__(self, last: int) -> None:
        self.last, self.notes = last, []

    def step(self, record):
        if record["step"] == self.last:
            signal.raise_signal(signal.SIGINT)

    def note(self, text):
        self.notes.append(text)


class FailAfter(Callback):
    """Raise an exception after a step, or when an epoch has been evaluated: the run ends as in a crash."""

    def __init__(self, step: int = 0, epoch: int = 0) -> None:
        self.last, self.epoch = step, epoch

    def step(self, record):
        if record["step"] == self.last:
            raise InterruptedError

    def evaluation(self, record):
        if self.epoch and record["epoch"] == self.epoch:
            raise InterruptedError
