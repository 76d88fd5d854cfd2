"""Data-parallel training: mpiexec starts several processes, each computes its share of every step, all make the same update.

launcher.py       rank and size, as the launcher's environment gives them
processes.py      the interface, with the implementation for a single process
communicator.py   the same through MPI                         links.py   how arrays are exchanged, from hosts and from GPUs
reducer.py        from the gradients of all processes to one update; optimiser state sharded among them (ZeRO-1)
cores.py          the number of threads of each process        start.py   `world`

Importing this does not import mpi4py; `world()` does if a launcher has started several processes.
"""

from albert_np.engine.mpi.processes import SINGLE_PROCESS, Processes
from albert_np.engine.mpi.reducer import PARAMS_DIFFERED, GradientReducer, ShardedReducer, get_reducer
from albert_np.engine.mpi.start import world

__all__ = ["PARAMS_DIFFERED", "SINGLE_PROCESS", "GradientReducer", "Processes", "ShardedReducer", "get_reducer", "world"]
