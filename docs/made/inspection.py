"""Draw the picture of docs/inspect.md with the model in the package: python docs/made/inspection.py"""

from pathlib import Path

import albert_np as ab
from albert_np.io.files import write_whole

TEXT = "The doctor told me to [MASK] more water."
FILE = Path(__file__).parents[1] / "inspect.png"
DPI = 85


if __name__ == "__main__":
    figure = ab.inspect(TEXT).figure()
    write_whole(FILE, lambda temporary: figure.savefig(temporary, format="png", dpi=DPI))
