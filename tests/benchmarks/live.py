"""The notebooks on their live pages in a headless Chromium beside the same cells natively, on one thread; results/live.json.

    python tests/benchmarks/live.py build/live [05_layer_norm ...]    # needs `make live`, and Linux; an hour for all
    python tests/benchmarks/live.py --table                           # prints the results again

Natively, the same Python runs the same cells (docs/live/python/live_kernel.py). Seconds are those of the processor, in all
processes of the browser, so that other work on the machine matters little. They begin when Python has started, and count what
cells import and download.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "benchmarks" / "results" / "live.json"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "live")]
LIMIT = 2400  # seconds for a notebook

NATIVE = """
import json, lzma, os, sys, time, types  # lzma: the real one, before the path has the stand-in of the pages
worker = types.ModuleType("live_worker")
worker.send, worker.packages = (lambda text: None), []
sys.modules["live_worker"] = worker
sys.path[:0] = [sys.argv[1], os.getcwd()]
os.environ["MPLBACKEND"] = "module://live_figures"
import live_kernel
import albert_np, numpy
cells = json.loads(sys.stdin.read())
start = time.process_time()
ok = [live_kernel.run_cell(code) for code in cells]
seconds = time.process_time() - start
print(json.dumps({"ok": all(ok), "seconds": seconds, "numpy": numpy.__version__}))
"""


def cells_of(name):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_natively(name):
    """Return {"seconds": of the processor, on one thread, ...}."""
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
    return json.loads(done.stdout.splitlines()[-1])


def processor_seconds(pid):
    """Return the processor time of a process and all that it started, as far as they run."""
    children, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        number = int(path.parent.name)
        children.setdefault(int(fields[1]), []).append(number)
        ticks[number] = int(fields[11]) + int(fields[12])
    family = [pid]
    for number in family:  # it grows
        family += children.get(number, [])
    return sum(ticks.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


ASK = """return [document.querySelector('#live-panel').dataset.state,
    [...document.querySelectorAll('[data-live=running], [data-live=waiting]')].length,
    [...document.querySelectorAll('.cell')].map(c => c.liveSeconds ?? 0),
    [...document.querySelectorAll('[data-live=failed]')].map(c =>
        [c.liveNumber, c.querySelector('.live-output')?.textContent.trim().split('\\n').at(-1) ?? ''])]"""


def run_live(browser, address, name):
    """Run all cells -> {"seconds": of the processor, "wall": of the clock, "failed": the first cell to fail and its error}."""
    pid = browser.service.process.pid
    browser.get(f"{address}notebooks/{name}.html")
    while not browser.execute_script("return document.querySelector('.live-intro button')"):
        time.sleep(0.5)
    browser.execute_script("document.querySelectorAll('.cell').forEach((c, i) => c.liveNumber = i)")
    browser.execute_script("document.querySelector('.live-intro button').click()")
    time.sleep(0.5)
    began, before = time.monotonic(), None
    while time.monotonic() - began < LIMIT:
        state, left, seconds, failed = browser.execute_script(ASK)
        if before is None and state != "loading":
            before = processor_seconds(pid)
        if state in ("ready", "failed") and not left:
            used = processor_seconds(pid) - before
            return {"seconds": used, "wall": sum(seconds), "failed": "; ".join(f"cell {n + 1}: {text}" for n, text in failed)}
        time.sleep(0.5)
    return {"seconds": processor_seconds(pid) - before, "wall": LIMIT, "failed": "time limit"}


def measure(site, names):
    from browser import open_browser
    from test_live_pages import serve

    stopped = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder, serve(site) as address, open_browser(Path(folder), "1200,1000") as browser:
            live = run_live(browser, address, name)
            version = browser.capabilities["browserVersion"]
        native = run_natively(name)
        results = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {"notebooks": {}}
        results["versions"] = {
            "browser": f"Chromium {version}", "native": f"Python {platform.python_version()}, NumPy {native['numpy']}",
        }  # fmt: skip
        stopped += [] if native["ok"] else [name]
        results["notebooks"][name] = {"native": round(native["seconds"], 2)} | {
            key: round(value, 2) if key != "failed" else value for key, value in live.items()
        }
        results["notebooks"] = dict(sorted(results["notebooks"].items()))
        STORED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(row(name, results["notebooks"][name]), flush=True)
    if stopped:
        sys.exit(f"natively, too, an assertion failed in {', '.join(stopped)}: is the machine busy?")


def row(name, times):
    note = times["failed"] or f"{times['seconds'] / times['native']:.1f}"
    return f"| {name} | {times['native']:.1f} | {times['seconds']:.0f} | {note} |"


def table():
    """Return the stored times, a table in Markdown."""
    results = json.loads(STORED.read_text(encoding="utf-8"))
    lines = ["| notebook | native, s | in the browser, s | ratio |", "|---|--:|--:|--:|"]
    lines += [row(*each) for each in results["notebooks"].items()]
    ratios = [each["seconds"] / each["native"] for each in results["notebooks"].values() if not each["failed"]]
    versions = results["versions"]
    lines += [
        "",
        f"Seconds of the processor on one thread, {versions['native']} beside {versions['browser']}; the median of the ratios is "
        f"{statistics.median(ratios):.1f}, the smallest {min(ratios):.1f}, the greatest {max(ratios):.1f}.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments):
    if arguments == ["--table"]:
        print(table(), end="")
    elif arguments and not arguments[0].startswith("-"):
        measure(Path(arguments[0]), arguments[1:] or sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
