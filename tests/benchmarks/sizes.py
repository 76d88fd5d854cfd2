"""Sizes: the wheel, the sdist, and a new environment with the wheel beside one with torch and transformers.

    make dist && python tests/benchmarks/sizes.py    # makes both environments, prints the table, keeps the results
    python tests/benchmarks/sizes.py --table         # prints it again

Each environment has nothing but the named requirements and what they require, as pip installs it for this Python and machine,
compiled to bytecode. The download is the sum of the archives. Which build of torch pip finds matters most: --torch names it.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import venv
from datetime import date
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STORED = Path(__file__).parent / "results" / "sizes.json"
LARGEST = 4  # distributions that are named


def measure_environment(requirements: list[str]) -> dict[str, Any]:
    """Install requirements into an empty environment -> its versions and its sizes in bytes."""
    with tempfile.TemporaryDirectory() as place:
        archives, environment = Path(place) / "archives", Path(place) / "venv"
        venv.create(environment, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "download", "--quiet", "--dest", str(archives), *requirements], check=True)
        local = ["--no-index", "--find-links", str(archives)]
        python = next(path for path in (environment / "bin" / "python", environment / "Scripts" / "python.exe") if path.exists())
        subprocess.run([*pip, "--python", str(python), "install", "--quiet", *local, *requirements], check=True)
        (packages,) = environment.rglob("site-packages")
        parts = {each.name: (each.version, size_of(each)) for each in distributions(path=[str(packages)])}
        return {
            "versions": {name: version for name, (version, _) in sorted(parts.items())},
            "download": sum(path.stat().st_size for path in archives.iterdir()),
            "installed": sum(path.lstat().st_size for path in packages.rglob("*") if not path.is_dir()),
            "largest": dict(sorted(((name, size) for name, (_, size) in parts.items()), key=lambda each: -each[1])[:LARGEST]),
        }


def size_of(distribution: Any) -> int:
    """Return the bytes of the files of a distribution, its bytecode included."""
    paths = (Path(distribution.locate_file(file)) for file in distribution.files or ())
    return sum(path.lstat().st_size for path in paths if path.is_file())


def measure(dist: Path, torch: str) -> dict[str, Any]:
    """Return all results. SystemExit if the folder has no wheel and sdist."""
    found = [sorted(dist.glob(end)) for end in ("albert_np-*.whl", "albert_np-*.tar.gz")]
    if [len(each) for each in found] != [1, 1]:
        sys.exit(f"{dist} must have one wheel and one sdist: run `make dist` first")
    ((wheel,), (sdist,)) = found
    return {
        "date": date.today().isoformat(), "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "files": {"wheel": wheel.stat().st_size, "sdist": sdist.stat().st_size},
        "environments": {
            "albert_np": measure_environment([str(wheel.resolve())]),
            "torch and transformers": measure_environment([torch, "transformers"]),
        },
    }  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    environments = results["environments"]
    ours, theirs = environments.values()
    files = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in results["files"].items())
    version = ours["versions"]["albert_np"]
    about = f"albert_np {version}: {files}. Python {results['python']}, {results['machine']}, {results['date']}."
    lines = [
        about,
        "",
        "| a new environment with | distributions | download | installed | the largest |",
        "|---|---:|---:|---:|---|",
    ]
    for name, each in environments.items():
        named = " and ".join(f"{part} {each['versions'][part]}" for part in re.split(" and ", name))
        largest = ", ".join(f"{part} {size / 1e6:.0f} MB" for part, size in each["largest"].items())
        sizes = " | ".join(f"{each[key] / 1e6:,.0f} MB" for key in ("download", "installed"))
        lines.append(f"| {named} | {len(each['versions'])} | {sizes} | {largest} |")
    lines.append(
        f"| theirs / ours | | {theirs['download'] / ours['download']:.1f} | {theirs['installed'] / ours['installed']:.1f} | |"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="the folder with wheel and sdist")
    parser.add_argument("--torch", default="torch==2.13.0", help="the requirement for torch")
    parser.add_argument("--out", type=Path, default=STORED)
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    given = parser.parse_args()
    if not given.table:
        given.out.write_text(json.dumps(measure(given.dist, given.torch), indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
