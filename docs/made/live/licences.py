"""What the live pages load, with licences: `<!-- insert: live.licences -->`."""

import json

from made.live import LIVE, RUNTIME


def text() -> str:
    """Return a table in Markdown: name and version, licence, when it is loaded."""
    version = RUNTIME["version"]
    rows = [
        (f"Pyodide {version}", "MPL-2.0", "at the first run"),
        ("CPython 3.12, in Pyodide", "PSF-2.0", "at the first run"),
        ("Python's manual, as text (`pydoc_data`)", "PSF-2.0", "when it is imported"),
    ]
    for name, each in RUNTIME["packages"].items():
        when = "at the first run" if name == "numpy" else "when it is imported"
        rows.append((f"{name} {each['version']}", each["licence"], when))
    lock = json.loads((LIVE / "editor" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path, each in lock.items():
        if path and not each.get("dev"):
            rows.append((f"{path.removeprefix('node_modules/')} {each['version']}", each["license"], "with the editor"))
    lines = ["| | licence | loaded |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
