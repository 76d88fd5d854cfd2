"""The backend of matplotlib on a page: figures are shown below the cell that drew them, when it ends or calls plt.show()."""

from typing import Any

import IPython.display as shown
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "show"]


def show(*args: Any, **options: Any) -> None:
    """Show all open figures, and close them."""
    shown.flush_figures()
