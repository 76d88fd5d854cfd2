"""The figures of a pretraining run."""

from pathlib import Path
from typing import Any

from albert_np.io.files import write_figures
from albert_np.training.metrics import read_metrics


def draw_figures(run: Path, unigram_entropy: float | None, vocab_size: int) -> list[Path]:
    """Draw the metrics.jsonl of a run folder into its figures/, and return the paths of the figures."""

    def draw() -> dict[str, Any]:
        from albert_np.plots import pretraining_figures

        return pretraining_figures(*read_metrics(run / "metrics.jsonl"), unigram_entropy, vocab_size)

    return write_figures(run / "figures", draw)
