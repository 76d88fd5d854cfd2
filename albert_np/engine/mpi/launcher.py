"""Rank and size of this process, as mpiexec and similar launchers leave them in the environment; no MPI is needed to read them.

Without MPI, several processes started together cannot find each other. So the launcher's environment is read first, and MPI has
to agree with it later.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

# For each launcher: the variables of the rank, the number of processes, and the rank among the processes of the same machine.
VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),  # MVAPICH2
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),  # MPICH and Intel MPI; srun --mpi=pmi2
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),  # srun: set within a step only, not in a batch script
)


def _read_variable(which: int, default: int) -> int:
    for variables in VARIABLES:
        if variables[1] in os.environ:
            with contextlib.suppress(ValueError):
                return int(os.environ.get(variables[which], default))
    return default


def rank() -> int:
    """Return the rank of this process; 0 without a launcher."""
    return _read_variable(0, 0)


def size() -> int:
    """Return the number of processes that were started together; 1 without a launcher."""
    return _read_variable(1, 1)


def local_rank() -> int:
    """Return the rank among the processes of this machine, or the rank among all if the launcher does not give it."""
    return _read_variable(2, rank())


@contextlib.contextmanager
def mute_other_ranks() -> Iterator[None]:
    """Discard Python's stdout and stderr in all processes but the main one, so that nothing is printed several times."""
    if rank() == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def print_error(text: str) -> None:
    """Print a line on the real stderr, whatever the rank."""
    if sys.__stderr__ is not None:
        print("albert-np: " + " ".join(text.split()), file=sys.__stderr__, flush=True)
