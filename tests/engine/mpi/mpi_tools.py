"""Where mpiexec is."""

import shutil
import sys
from pathlib import Path


def launcher() -> str | None:
    """The mpiexec that belongs to mpi4py: the wheel's lies beside Python."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def command(n: int, *arguments: object) -> list[str]:
    return [str(launcher()), "-n", str(n), sys.executable, *map(str, arguments)]
