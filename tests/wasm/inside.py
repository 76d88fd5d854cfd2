"""Run the tests of /repository but for those in left_out.toml; run.mjs does so within Pyodide. The last value is the status."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import tomllib

HERE = Path("/home/pyodide/checkout")  # a copy: reading through the mount is slow, and tests write beside themselves
QUICK = ["tests/core", "tests/gradcheck", "tests/text", "tests/io", "tests/learn", "tests/engine/test_cpu_kernels.py",
         "tests/engine/test_blas.py", "tests/engine/test_webassembly.py"]  # fmt: skip
NEEDED = ["--capture=sys", "-p", "no:faulthandler", "-p", "no:cacheprovider"]  # there are no file descriptors and no signals


class LeftOut:
    """Leave out the tests of a list, and say how many of each entry; an entry that fits none is an error."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons, self.counts = reasons, dict.fromkeys(reasons, 0)

    def entry(self, name: str) -> str | None:
        return next((entry for entry in self.reasons if name == entry or name.startswith((entry + "::", entry + "["))), None)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        entry = self.entry(str(collection_path.relative_to(HERE)))
        if entry:
            self.counts[entry] += 1
        return True if entry else None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        out = [item for item in items if self.entry(item.nodeid)]
        for item in out:
            self.counts[self.entry(item.nodeid) or ""] += 1
        items[:] = [item for item in items if item not in out]
        config.hook.pytest_deselected(items=out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:  # at once: a run takes minutes
            print(f"\nFAILED {report.nodeid}\n{report.longreprtext}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for entry, count in self.counts.items():
            if count:
                terminalreporter.write_line(f"LEFT OUT {entry}: {self.reasons[entry]}")


def run(arguments: list[str]) -> int:
    shutil.copytree("/repository/tests", HERE / "tests", ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy("/repository/pyproject.toml", HERE)
    os.chdir(HERE)
    sys.path.insert(0, str(HERE / "tests"))
    left_out = LeftOut(tomllib.loads(Path("tests/wasm/left_out.toml").read_text(encoding="utf-8")))
    everything = not any(argument.startswith("tests") for argument in arguments)
    code = int(pytest.main([*NEEDED, "-q", "-m", "not slow and not gpu", *arguments, *(QUICK if everything else [])], [left_out]))
    stale = [entry for entry, count in left_out.counts.items() if not count] if everything else []
    if stale:
        print("left_out.toml: there is no such test:", *stale, sep="\n  ")
    return code or (1 if stale else 0)


run(list(arguments))  # type: ignore[name-defined] # noqa: F821
