"""Index of derivations, from the metadata of the notebooks. `python docs/made/derivations.py` prints it."""

import json
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def text() -> str:
    """Return a table in Markdown, in the order of the notebooks."""
    lines = ["| backward pass | derived in |", "|---|---|"]
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        title = "".join(notebook["cells"][0]["source"]).partition("\n")[0].lstrip("# ")
        for name in notebook["metadata"].get("albert_np", {}).get("derives", []):
            module, _, function = name.rpartition(".")
            file = f"../albert_np/{module.replace('.', '/')}.py"
            lines.append(f"| [`{function}`]({file}) | [{title}](../notebooks/{path.name}) |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(text())
