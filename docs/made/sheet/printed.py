"""The sheet on paper: two pages A4, in HTML with MathJax, which a headless Chromium prints."""

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from albert_np.version import __version__
from made.sheet.drawing import draw_model
from made.sheet.layers import LAYERS
from made.sheet.model import AROUND, MODEL, TRAINING
from made.sheet.notation import LETTERS, MACROS, MORE_LETTERS, RULES
from made.sheet.operation import Lines, Operation

SECONDS = 300  # that Chromium may take


def find_chromium() -> str | None:
    """Return the program that prints: $CHROMIUM alone if it is set, else Chromium or Chrome; None if there is none."""
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else ["chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if (found := shutil.which(name))), None)


def find_mathjax() -> Path:
    """Return the folder of MathJax. ModuleNotFoundError if it is not installed."""
    spec = importlib.util.find_spec("mathjax")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("MathJax is not installed: pip install 'albert_np[docs]'")
    return Path(spec.submodule_search_locations[0]) / "static" / "mathjax" / "es5"


def print_pdf(path: Path) -> None:
    """Write the PDF. RuntimeError if Chromium fails, FileNotFoundError if there is none."""
    chromium = find_chromium()
    if chromium is None:
        named = os.environ.get("CHROMIUM") or "Chromium"
        raise FileNotFoundError(f"{named} was not found; set CHROMIUM to the path of Chromium or Chrome")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page, made = Path(folder) / "sheet.html", Path(folder) / "sheet.pdf"
        page.write_text(document(), encoding="utf-8")
        run_chromium(chromium, Path(folder), "--no-pdf-header-footer", f"--print-to-pdf={made}", page.as_uri())
        if not made.exists():
            raise RuntimeError(f"{chromium} printed nothing")
        shutil.copyfile(made, path)


def run_chromium(chromium: str, folder: Path, *arguments: str) -> str:
    """Run Chromium without a window and without a profile, and return what it prints. RuntimeError if it fails."""
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=60000")
    command = [chromium, *options, f"--user-data-dir={folder / 'profile'}", *arguments]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{chromium} did not end within {SECONDS} s") from None
    if ran.returncode:
        raise RuntimeError(f"{chromium} failed: {ran.stderr.strip()[-500:]}")
    return ran.stdout


# ---- the pages ----


def document() -> str:
    """Return the two pages as one HTML file, which loads MathJax from where it is installed."""
    style = Path(__file__).with_name("printed.css").read_text(encoding="utf-8")
    svg = {"fontCache": "global", "matchFontHeight": False}  # the same sizes with every font of the text
    mathjax = json.dumps({"tex": {"macros": MACROS}, "svg": svg, "options": {"enableMenu": False}})
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>albert_np: every operation, forward and backward</title>
<style>{style}</style>
<script>window.MathJax = {mathjax}</script>
<script src="{(find_mathjax() / "tex-svg.js").as_uri()}"></script></head>
<body>
<section>{head("The layers", 1)}{notation()}{table(LAYERS, "core/layers")}{foot()}</section>
<section>{head("The model and its training", 2)}{draw_model()}{table(MODEL, "core/model")}{table(TRAINING, "core/optim")}
{table(AROUND, "learn/references")}{foot()}</section>
</body></html>
"""


def head(title: str, number: int) -> str:
    about = "ALBERT by hand: every operation, forward and backward"
    return f'<header><h1>albert_np</h1><p>{about}</p><p class="page">{title} <b>{number}</b>/2</p></header>'


def foot() -> str:
    notebook, exercise = '<span class="notebook">05</span> notebook', '<span class="exercise">✎</span> exercise'
    badges = f"{notebook} · {exercise}: <code>albert-np learn start NAME</code> · file: NAME.py, or as named"
    made = f"albert_np {__version__} · tested against the code, formula by formula"
    return f"<footer><p>{badges}</p><p>{made}</p></footer>"


def notation() -> str:
    letters = "".join(f"<span><b>{letter}</b> {about}</span>" for letter, about in (LETTERS | MORE_LETTERS).items())
    rules = "".join(f"<p><b>{inline(name)}</b> {inline(text)}</p>" for name, text in RULES.items())
    return f'<div class="notation"><div class="letters">{letters}</div><div class="rules">{rules}</div></div>'


def inline(text: str) -> str:
    """Return text with $LaTeX$ as HTML."""
    parts = text.split("$")
    return "".join(rf"\({html.escape(part)}\)" if i % 2 else html.escape(part) for i, part in enumerate(parts))


def table(operations: tuple[Operation, ...], folder: str) -> str:
    """Return a table; the files of its operations are in a folder of the package."""
    if any(operation.backward for operation in operations):
        head = f'<th>{folder}</th><th>forward</th><th>kept</th><th class="backward">backward</th>'
    else:
        head = f'<th>{folder}</th><th colspan="3">in each step</th>'
    columns = '<col class="operation"><col class="forward"><col class="kept"><col class="backward">'
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>{''.join(map(row, operations))}</table>"


def row(operation: Operation) -> str:
    remark = f' <span class="remark">{html.escape(operation.remark)}</span>' if operation.remark else ""
    first = f'<td class="operation">{name(operation)}</td>'
    if not operation.backward:
        return f'<tr>{first}<td class="forward" colspan="3">{formulas(operation.forward)}{remark}</td></tr>'
    return (
        f'<tr>{first}<td class="forward">{shapes(operation)} {formulas(operation.forward)}</td>'
        f'<td class="kept">{kept(operation)}</td><td class="backward">{formulas(operation.backward)}{remark}</td></tr>'
    )


def name(operation: Operation) -> str:
    """Return the first cell. The exercise and the file are named if they are called otherwise than the operation."""
    other = operation.exercise if operation.exercise not in ("", operation.name) else ""
    exercise = f'<span class="exercise">✎ {other}</span>' if operation.exercise else ""
    base = operation.file.rpartition("/")[2]
    file = "" if base == f"{operation.name}.py" else f'<span class="file">{base}</span>'
    badge = f'<span class="notebook">{operation.notebook:02}</span>'
    about = f"<br>{html.escape(operation.about)}" if operation.about else ""
    return f"<code>{operation.name}</code>{badge} {exercise}{about} {file}"


def shapes(operation: Operation) -> str:
    takes, gives = (
        ", ".join(rf"<span>\({symbol}\) {shape}</span>" for symbol, shape in operation.grouped(arrays))
        for arrays in (operation.takes, operation.gives)
    )
    return f'<span class="shapes">{takes} → {gives}</span>' if gives else ""


def kept(operation: Operation) -> str:
    """Return the symbols of what the cache has; names of the code where there is no symbol."""
    symbols = {name: operation.symbol(name) for name in operation.kept}
    shown = (
        f"<code>{name}</code>" if latex.startswith((r"\op", r"\text")) else rf"\({latex}\)" for name, latex in symbols.items()
    )
    return "".join(f"<span>{each}</span> " for each in shown)


def formulas(lines: Lines) -> str:
    bare = (re.sub(r",? *\\q?quad$", "", latex) for latex, _ in lines)
    return " ".join(rf'<span class="formula">\({html.escape(latex)}\)</span>' for latex in bare)
