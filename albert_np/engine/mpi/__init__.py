"""Many processes that train one model: started by mpiexec, each takes its share of every step, all make the same update.

launcher.py   who has started us, as the environment tells it     processes.py  what one process alone does: nothing
mpi.py        the same through MPI                                links.py      how arrays travel, from hosts and from GPUs
update.py     from the gradients of all to one update; optimiser state divided among them (ZeRO-1)
cores.py      how many threads each may use

Importing this imports no mpi4py; `world()` does, where a launcher has started several processes.
"""

from albert_np.engine.mpi.processes import ALONE, Processes
from albert_np.engine.mpi.reducer import DRIFTED, Sharded, Update, update_of
from albert_np.engine.mpi.start import world

__all__ = ["ALONE", "DRIFTED", "Processes", "Sharded", "Update", "update_of", "world"]
