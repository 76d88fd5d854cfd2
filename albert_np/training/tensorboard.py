"""The curves of a run for TensorBoard, in DIR/seed-N/events.out.tfevents.*, written by a callback.

    train/...       loss, learning_rate, gradient_norm, tokens_per_second, ... of each step
    held_out/...    losses and accuracies on the held-out documents, of a pretraining
    dev/...         the scores of each epoch, of a fine-tuning
    text            the settings and the model's configuration

Records are written at once, by no other thread, so that a run that is killed loses none. The package tensorboardX has the format.
"""

import contextlib
import itertools
import math
import os
import socket
import struct
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from albert_np.io.files import make_folder
from albert_np.training.callbacks import Callback

EVENTS = "events.out.tfevents."
NAMES = {"lr": "learning_rate", "grad_norm": "gradient_norm"}  # of a record's values that have another name here
NO_CURVE = ("step", "tokens", "seconds", "masked", "sequences")
LARGEST = 1 << 20  # bytes of an event; those that are written here have a few hundred
SPEED_STEPS = 10  # tokens per second are a mean over so many steps


class TensorBoard(Callback):
    """Writes a run's records into `folder` for TensorBoard.

    texts: {name: {key: value}}, tables that are shown beside the curves

    A run that is resumed goes on with its curves: points after the checkpoint are marked as superseded, and none is written
    twice. What cannot be written is one warning, and the run goes on without this callback.
    """

    def __init__(self, folder: Path, texts: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.folder, self.texts = folder.resolve(), texts or {}
        self._file: Any = None
        self._is_writable = True
        self._known: set[str] = set()  # curves that have a point at the step at which this session begins
        self._first = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_STEPS + 1)  # (tokens, seconds) of the last steps
        with self._reporting():
            make_folder(self.folder)

    def start(self, first: int, total: int) -> None:
        if self._is_writable:
            with self._reporting():
                self._open(first)

    def step(self, record: dict[str, Any]) -> None:
        values = select_values(record)
        self._recent.append((record["tokens"], record["seconds"]))
        (_, begin), *later = self._recent
        if later and record["seconds"] > begin:
            values["tokens_per_second"] = sum(tokens for tokens, _ in later) / (record["seconds"] - begin)
        self._write(record["step"], "train", values)

    def evaluation(self, record: dict[str, Any]) -> None:
        if "epoch" in record:
            loss = {"loss": record["dev_loss"]} if "dev_loss" in record else {}  # computed where the scores may not be enough
            self._write(record["step"], "dev", {**record["dev"], **loss})
        else:
            self._write(record["step"], "held_out", select_values(record))

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file, self._is_writable = None, False

    # ---- the file ----

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn an OSError of the block into one warning; it is the end of writing."""
        try:
            yield
        except OSError as error:
            self.close()
            reason = error.strerror or error
            warnings.warn(f"no more curves for TensorBoard in {self.folder}: {reason}; the run goes on", stacklevel=4)

    def _write(self, step: int, group: str, values: Mapping[str, Any]) -> None:
        if not self._is_writable:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        numbers = {name: math.nan if value is None else value for name, value in values.items()}
        with self._reporting():
            self._open(step)
            points = [scalar(f"{group}/{NAMES.get(name, name)}", float(value)) for name, value in numbers.items()]
            points = [each for each in points if step != self._first or each.value[0].tag not in self._known]
            if points:
                summary = points[0]
                for each in points[1:]:
                    summary.MergeFrom(each)
                self._append(Event(wall_time=time.time(), step=step, summary=summary))

    def _append(self, event: Any) -> None:
        self._file.write(event.SerializeToString())
        self._file._writer.flush()  # RecordWriter.flush waits for the disk as well, which takes as long as a small step

    def _open(self, first: int) -> None:
        """Open a new file for a session that begins after step `first`, and mark the points after it in older files."""
        if self._file is not None:
            return
        from tensorboardX import RecordWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.summary import text

        older = event_files(self.folder)
        self._first, self._known = first, find_curves(older, first)
        now = time.time()
        make_folder(self.folder)
        # TensorBoard reads the files in the order of their names
        self._file = RecordWriter(str(self.folder / f"{EVENTS}{int(now)}.{socket.gethostname()}.{len(older):04}"))
        self._append(Event(wall_time=now, file_version="brain.Event:2"))
        if older:
            self._append(Event(wall_time=now, step=first + 1, session_log=SessionLog(status=SessionLog.START)))
        else:
            for name, table in self.texts.items():
                self._append(Event(wall_time=now, step=first, summary=text(name, format_table(table))))


def get_curves(
    folder: str | os.PathLike[str] | None, seed: int, texts: Mapping[str, Mapping[str, Any]], is_main: bool
) -> Callback:
    """Return the callback that writes the curves of the run with this seed into `folder`; without one, and in all processes but
    the main one, a callback that does nothing."""
    return Callback() if folder is None or not is_main else TensorBoard(Path(folder) / f"seed-{seed}", texts)


def check_tensorboard(folder: str | os.PathLike[str] | None, seeds: range, resume: bool) -> None:
    """Raise ImportError without tensorboardX, ValueError for something that is no path, FileExistsError for a file, and for a
    folder with the curves of another run."""
    if folder is None:
        return
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(f"tensorboard must be the path of a folder, not {folder!r}")
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise ImportError("curves for TensorBoard need tensorboardX: pip install 'albert_np[tensorboard]'") from None
    for path in (Path(folder), *(Path(folder) / f"seed-{seed}" for seed in seeds)):
        if path.exists() and not path.is_dir():
            raise FileExistsError(f"{path} is a file; `tensorboard` needs a folder")
        if path != Path(folder) and not resume and event_files(path):
            raise FileExistsError(f"{path} holds the curves of another run; choose another folder as `tensorboard`")


def select_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a record that have a curve."""
    return {key: value for key, value in record.items() if key not in NO_CURVE}


def event_files(folder: Path) -> list[Path]:
    """Return the event files of a folder, oldest first."""
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name.startswith(EVENTS))
    return []


def read_events(file: Path) -> Iterator[Any]:
    """Yield the events of a file up to the first that is not whole."""
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    with open(file, "rb") as stream, contextlib.suppress(DecodeError):
        while len(header := stream.read(12)) == 12:  # the length of the event, and a checksum
            (length,) = struct.unpack("<Q", header[:8])
            data = stream.read(min(length, LARGEST) + 4)
            if len(data) < length + 4:
                return
            yield Event.FromString(data[:-4])


def find_curves(files: list[Path], step: int) -> set[str]:
    """Return the names of the curves that have a point at this step, which no later session has superseded."""
    names: set[str] = set()
    for event in itertools.chain.from_iterable(map(read_events, files)):
        if event.HasField("session_log") and event.step <= step:
            names.clear()
        elif event.step == step:
            names |= {value.tag for value in event.summary.value}
    return names


def format_table(values: Mapping[str, Any]) -> str:
    """Return a table in Markdown."""
    cells = [(str(key), str(value).replace("|", "\\|").replace("\n", " ")) for key, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in cells)])
