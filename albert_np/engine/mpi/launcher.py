"""Who has started this process: what mpiexec and its like leave in the environment, read without any MPI.

An MPI program that is started without MPI is k programs that know nothing of each other. So the launcher is asked first, and
what it says must be what MPI says later.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

# Of each launcher: this process's number, how many there are, its number on its machine.
VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),  # MVAPICH2
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),  # MPICH and Intel MPI; srun --mpi=pmi2
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),  # srun: set within a step only, not in a batch script
)


def _number(which: int, default: int) -> int:
    for variables in VARIABLES:
        if variables[1] in os.environ:
            with contextlib.suppress(ValueError):
                return int(os.environ.get(variables[which], default))
    return default


def rank() -> int:
    """This process's number, 0 if it was started alone."""
    return _number(0, 0)


def size() -> int:
    """How many processes were started together; 1 without a launcher."""
    return _number(1, 1)


def local_rank() -> int:
    """This process's number among those on its machine; where the launcher does not say, its number among all."""
    return _number(2, rank())


@contextlib.contextmanager
def only_first_speaks() -> Iterator[None]:
    """Within it Python's stdout and stderr of all processes but the first lead nowhere: k processes say everything once."""
    if rank() == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def last_words(text: str) -> None:
    """A line on the real stderr, whoever says it."""
    if sys.__stderr__ is not None:
        print("albert-np: " + " ".join(text.split()), file=sys.__stderr__, flush=True)
