"""Progress display of a pass over many texts: as that of a run, but only once the pass has lasted a moment."""

import time

from albert_np.training.line_progress import LineProgress
from albert_np.training.progress import Progress, open_display

MOMENT = 2.0  # seconds without a display


class EncodingProgress:
    """Show how many of `total` tokens are encoded, after the first two seconds. visible=False: nothing."""

    def __init__(self, total: int, visible: bool = True) -> None:
        self.total, self.visible, self.done = total, visible, 0
        self._started = time.monotonic()
        self._display: Progress | LineProgress | None = None

    def advance(self, tokens: int) -> None:
        """Count tokens that are encoded, and show it."""
        self.done += tokens
        if not self.visible:
            return
        if self._display is None and time.monotonic() - self._started >= MOMENT and self.done < self.total:
            self._display = open_display()
        if self._display is not None:
            self._display.encoding(self.done, self.total)

    def close(self) -> None:
        """End the display."""
        if self._display is not None:
            self._display.close()
