"""How long the notebooks take on the live pages: `<!-- insert: live.times -->`."""

import importlib.util

from made.live import ROOT


def text() -> str:
    """Return the table that `python tests/benchmarks/live.py --table` prints."""
    spec = importlib.util.spec_from_file_location("live_measure", ROOT / "tests" / "benchmarks" / "live.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: str = module.table()
    return table
