"""How long the notebooks take in a headless Chromium, and natively: a table in Markdown. It takes an hour, and needs `make live`.

    python tests/live/measure.py build/live [05_layer_norm ...]

Natively, the same Python runs the same cells (docs/live/python/live_kernel.py), on one thread. Times are those of the cells,
without the start of Python, and with what is imported and downloaded for them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "live")]
LIMIT = 1800  # seconds for a notebook

NATIVE = """
import json, os, sys, time, types
worker = types.ModuleType("live_worker")
worker.send, worker.packages = (lambda text: None), []
sys.modules["live_worker"] = worker
sys.path[:0] = [sys.argv[1], os.getcwd()]
os.environ["MPLBACKEND"] = "module://live_figures"
import live_kernel
cells = json.loads(sys.stdin.read())
start = time.perf_counter()
ok = sum(live_kernel.run_cell(code) for code in cells)
print(json.dumps([ok, time.perf_counter() - start]))
"""


def cells_of(name):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_natively(name):
    """Return the seconds of a notebook on one thread."""
    command = [sys.executable, "-c", NATIVE, str(ROOT / "docs" / "live" / "python")]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        input=json.dumps(cells_of(name)),
        capture_output=True,
        text=True,
        cwd=ROOT / "notebooks",
        env=environment,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])[1]


def run_live(browser, address, name):
    """Return (seconds of the cells, what stopped the first cell that failed, or "")."""
    browser.get(f"{address}notebooks/{name}.html")
    time.sleep(1)
    browser.execute_script("document.querySelector('.live-intro button').click()")
    time.sleep(1)
    start = time.monotonic()
    ask = """return [document.querySelector('#live-panel').dataset.state,
        [...document.querySelectorAll('[data-live=running], [data-live=waiting]')].length,
        [...document.querySelectorAll('.cell')].map(c => c.liveSeconds ?? 0),
        document.querySelector('[data-live=failed] .live-output')?.innerText ?? '']"""
    while time.monotonic() - start < LIMIT:
        state, left, seconds, failed = browser.execute_script(ask)
        if state in ("ready", "failed") and not left:
            return sum(seconds), (failed.strip().splitlines() or [""])[-1]
        time.sleep(1)
    return LIMIT, "time limit"


def main(site, names):
    from browser import open_browser
    from test_live_pages import serve

    print("| notebook | native, s | in the browser, s | |\n|---|--:|--:|---|")
    for name in names or sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")):
        with tempfile.TemporaryDirectory() as folder, serve(site) as address, open_browser(Path(folder), "1200,1000") as browser:
            seconds, failed = run_live(browser, address, name)
        print(f"| {name} | {run_natively(name):.1f} | {seconds:.0f} | {failed} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
