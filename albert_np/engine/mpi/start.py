"""The processes that a launcher has started."""

from functools import cache

from albert_np.engine.mpi import launcher
from albert_np.engine.mpi.processes import SINGLE_PROCESS, Processes
from albert_np.engine.webassembly import refuse_in_webassembly


@cache
def world() -> Processes:
    """Return all processes that mpiexec has started, with the machine's cores divided among them; without mpiexec, one.

    RuntimeError if several were started and mpi4py is missing, has no MPI, or belongs to another MPI than the launcher:
    otherwise each process would take itself for the only one, and all would do the same work in the same folder.
    """
    started = launcher.size()
    if started == 1:
        return SINGLE_PROCESS
    refuse_in_webassembly("training in several processes", "processes", "train in one")
    try:
        from albert_np.engine.mpi.communicator import MpiProcesses
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"mpiexec has started {started} processes, which need mpi4py and an MPI to work together: "
            f"pip install 'albert_np[mpi]' ({' '.join(str(error).split())})"
        ) from error
    processes = MpiProcesses()
    if processes.size != started:
        raise RuntimeError(
            f"the launcher has started {started} processes, but mpi4py's MPI ({processes.library()}) sees {processes.size}: "
            "they belong to different MPIs. Use the mpiexec of mpi4py's own MPI, or build mpi4py for the launcher's: "
            "pip install --no-binary mpi4py mpi4py"
        )
    processes.divide_cores()
    return processes
