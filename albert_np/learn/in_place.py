"""Put a student's functions in the place of the library's: the model trains and answers with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from albert_np.learn.exercises import get
from albert_np.learn.grade import get_submission
from albert_np.learn.load import Unusable, exercise_for, missing_function
from albert_np.learn.outcome import complete


@contextmanager
def use(source: Any, exercise: str | None = None) -> Iterator[None]:
    """Within it the functions of a solution take the place of the operation that they are for.

    source, exercise: as in `check`. Kernels that contain the operation are switched off. Raises ValueError if the file cannot be
    read or lacks a function; whether its results are right is not asked.

    >>> import albert_np as ab
    >>> from albert_np.core import active
    >>> with ab.learn.use(ab.learn.solution("layer_norm")):
    ...     [name for name, module in active().items() if module == "your_file"]
    ['layer_norm']
    """
    try:
        submission = get_submission(source)
        record = get(exercise or exercise_for(submission.source, submission.names))
        missing = [name for name in record.functions if not callable(submission.names.get(name))]
        if missing:
            raise Unusable("; ".join(missing_function(name, submission.names) for name in missing))
        if submission.unfinished:
            raise Unusable(f"{record.name} is not finished: there is still a ... to be replaced")
    except Unusable as error:
        raise ValueError(str(error)) from None
    with record.replace(record, complete(record, submission.names)):
        yield
