"""Ctrl-C, SIGTERM and a terminal that closes (SIGHUP) ask a run to stop; it does so after the step that it is in, and saves."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Stop:
    """`signal` is 0 until a signal has asked for an end."""

    signal: int = 0

    @property
    def name(self) -> str:
        return signal.Signals(self.signal).name if self.signal else ""


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Within this block these signals are noted down. A second one interrupts at once (KeyboardInterrupt)."""
    stop = Stop()

    def note(number: int, frame: object) -> None:
        if stop.signal:
            raise KeyboardInterrupt
        stop.signal = number

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield stop
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # that is what nohup asks for
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
