"""Build wheel and sdist of the last commit: python .ci/dist.py FOLDER

The same commit gives the same bytes, whatever the folder, the umask, the time zone and the dates of the files are: the commit's
files are packed, without any that git does not have, and dated with the commit. The builder has a fixed version (.ci/tools.txt).
FOLDER/SHA256SUMS has the hashes of the two. Compressed bytes depend on zlib, too: use the same Python to compare.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def git(*arguments: str) -> bytes:
    """Return what a command of git prints. SystemExit with its message if it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    if done.returncode:
        sys.exit(f"a release is built from a commit, and git says: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def build(folder: Path) -> list[Path]:
    """Write wheel, sdist and SHA256SUMS into a folder, in place of an earlier wheel and sdist of the package -> the two paths."""
    if git("status", "--porcelain"):
        print("note: changes that are not committed are left out; `git status` lists them", file=sys.stderr)
    with tempfile.TemporaryDirectory() as place:
        source, built = Path(place) / "source", Path(place) / "dist"
        with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", "HEAD"))) as archive:
            archive.extractall(source, filter="data")
        date = git("log", "-1", "--format=%ct").decode().strip()
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(source)]
        done = subprocess.run(
            command, env={**os.environ, "SOURCE_DATE_EPOCH": date}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nwheel and sdist could not be built")
        folder.mkdir(parents=True, exist_ok=True)
        for old in (*folder.glob("albert_np-*.whl"), *folder.glob("albert_np-*.tar.gz")):
            old.unlink()
        paths = [Path(shutil.move(path, folder)) for path in sorted(built.iterdir())]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return paths


if __name__ == "__main__":
    for path in build(Path(sys.argv[1])):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
