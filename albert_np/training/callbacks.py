"""The callback interface of a run; `progress.Progress` shows the run in a terminal or a notebook, `tensorboard.TensorBoard`
writes its curves."""

from typing import Any


class Callback:
    """Observes a run and changes nothing; the default does nothing.

    Records are the lines of metrics.jsonl: dicts with step (from 1), and of a step loss, lr, grad_norm, tokens and seconds, in
    pretraining also mlm_loss, mlm_accuracy, sop_loss and sop_accuracy. That of an evaluation has held_out, or dev and epoch: the
    scores by their names. A callback that raises an error ends the run.
    """

    def start(self, first: int, total: int) -> None:
        """Called before step first + 1 of `total`."""

    def step(self, record: dict[str, Any]) -> None:
        """Called for every step, once its losses have been fetched from the device."""

    def evaluation(self, record: dict[str, Any]) -> None:
        """Called after an evaluation on held-out documents or development examples."""

    def tokenising(self, done: int, total: int) -> None:
        """Called while text files are tokenised, with the bytes done and the bytes in total."""

    def tokenised(self, tokens: int) -> None:
        """Called with the number of tokens so far, each time before `tokenising`."""

    def note(self, text: str) -> None:
        """Called with a line of information for the user."""

    def close(self) -> None:
        """Called when the run has ended, for whatever reason."""


class Callbacks(Callback):
    """Several callbacks as one: each call goes to all of them, in order."""

    def __init__(self, *callbacks: Callback) -> None:
        self.callbacks = callbacks

    def start(self, first: int, total: int) -> None:
        for each in self.callbacks:
            each.start(first, total)

    def step(self, record: dict[str, Any]) -> None:
        for each in self.callbacks:
            each.step(record)

    def evaluation(self, record: dict[str, Any]) -> None:
        for each in self.callbacks:
            each.evaluation(record)

    def tokenising(self, done: int, total: int) -> None:
        for each in self.callbacks:
            each.tokenising(done, total)

    def tokenised(self, tokens: int) -> None:
        for each in self.callbacks:
            each.tokenised(tokens)

    def note(self, text: str) -> None:
        for each in self.callbacks:
            each.note(text)

    def close(self) -> None:
        for each in self.callbacks:
            each.close()


Report = Callback  # the old name, for one release
