"""The folder of a run: one run at a time, with every problem reported before anything takes time.

out/  config.json  model.safetensors  spiece.model  tokenizer_config.json     the model, as of the last checkpoint
      metrics.jsonl  run.json  figures/*.png  checkpoints/  corpus/
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

from albert_np.core import backend
from albert_np.core.params import Tree
from albert_np.io.files import IncompleteFolder, make_folder
from albert_np.training import checkpoint
from albert_np.training.callbacks import Callback

BYTES_PER_PARAMETER = 4 * 3  # float32: the parameter and both moments


class RunFolder:
    """The folder `out`, locked as long as the context is entered. Raises, before anything is written:

    FileExistsError   it holds a run and `resume` is False, or the model of another program
    FileNotFoundError `resume` is True and there is no run
    RuntimeError      another process is using it
    OSError           it cannot be written to, or the disk is too full for two checkpoints
    """

    def __init__(self, out: str | os.PathLike[str], resume: bool = False) -> None:
        self.path, self.resume = Path(out), resume
        self.checkpoints, self.metrics = self.path / "checkpoints", self.path / "metrics.jsonl"
        self._lock: IO[bytes] | None = None
        self._is_new = False

    def __enter__(self) -> "RunFolder":
        if self.resume:
            self.check_resume()
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{self.path} is a file; `out` needs a folder")
        self._is_new = not self.path.exists()
        make_folder(self.path)
        self._lock = self._acquire_lock()
        try:
            if not self.resume:
                self.check_new()
            checkpoint.clean(self.checkpoints)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, error: object = None, *_: object) -> None:
        if error is not None and self._is_new:  # nothing is left of a run that failed before it wrote anything
            self._remove_if_empty()
        if self._lock is not None:
            self._lock.close()  # and with it the lock
            self._lock = None

    def _remove_if_empty(self) -> None:
        """Remove the folder if it holds the lock alone. Windows does not remove a file that is open: there it stays."""
        with contextlib.suppress(OSError):
            if [path.name for path in self.path.iterdir()] == [".lock"]:
                (self.path / ".lock").unlink()
                self.path.rmdir()

    def check_new(self) -> None:
        """Raise FileExistsError if a new run would replace files of another run, or of a model."""
        if self.holds_a_run():
            raise FileExistsError(f"{self.path} already holds a run: `resume=True` continues it, or choose another `out`")
        if (self.path / "config.json").exists():
            raise FileExistsError(f"{self.path} holds a model (config.json), which a run would replace: choose another `out`")

    def check_resume(self) -> None:
        """Raise FileNotFoundError if there is nothing to resume."""
        if not self.checkpoints.is_dir():
            raise FileNotFoundError(f"there is no run to resume in {self.path}: it has no folder checkpoints")

    @property
    def lock(self) -> int | None:
        """Return the file descriptor of the lock, or None. A process that inherits it holds the lock, too."""
        return None if self._lock is None else self._lock.fileno()

    def holds_a_run(self) -> bool:
        """Return True if the folder has files of a run."""
        return any((self.path / name).exists() for name in ("metrics.jsonl", "checkpoints", "model.safetensors"))

    def check_space(self, parameters: int) -> None:
        """Raise OSError if not even two checkpoints fit on the disk."""
        needed, free = 2 * BYTES_PER_PARAMETER * parameters, shutil.disk_usage(self.path).free
        if free < needed:
            raise OSError(f"{self.path}: the disk has {free >> 20} MiB free, two checkpoints need {needed >> 20} MiB")

    def _acquire_lock(self) -> IO[bytes]:
        lock = open(self.path / ".lock", "ab")  # noqa: SIM115  closed on leaving
        try:
            import fcntl
        except ImportError:  # Windows: two processes in one folder are not guarded against there
            return lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise RuntimeError(f"{self.path} is in use by another process") from None
        return lock

    def newest_checkpoint(self, callback: Callback) -> checkpoint.Checkpoint:
        """Return the newest checkpoint that is whole; damaged ones are reported to the callback. FileNotFoundError if none is."""
        newest = checkpoint.newest(self.checkpoints, callback.note)
        if newest is None:
            raise IncompleteFolder(f"there is no usable checkpoint in {self.checkpoints}; start the run again")
        return newest


def params_hash(params: Tree) -> str:
    """Return a hash of the values, names, shapes and dtypes."""
    digest = hashlib.sha256(repr([(name, array.shape, str(array.dtype)) for name, array in params.items()]).encode())
    digest.update(backend.to_host(params.flat).tobytes())
    return digest.hexdigest()
