"""How many threads each process may use: its share of its machine's cores.

A launcher may bind each process to cores of its own, or let all of them run on all. Either way a core is divided among the
processes that may run on it, and the share of a process is the sum of its shares of these cores.
"""

import os
from collections import Counter

THREADS = "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS BLIS_NUM_THREADS VECLIB_MAXIMUM_THREADS".split()


def allowed_cores() -> set[int]:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def threads_per_process(sets: list[set[int]]) -> list[int]:
    """Return the number of threads of each process of a machine, at least 1, from the cores that each may run on.

    If the cores cannot be divided evenly, the first processes get one more.
    """
    users = Counter(core for cores in sets for core in cores)
    group_sizes = Counter(frozenset(cores) for cores in sets)
    index_in_group: Counter[frozenset[int]] = Counter()
    threads = []
    for cores in map(frozenset, sets):
        share = sum(1 / users[core] for core in cores)
        left_over = round((share - int(share + 1e-9)) * group_sizes[cores])  # cores left over in the group of like processes
        threads.append(max(1, int(share + 1e-9) + (index_in_group[cores] < left_over)))
        index_in_group[cores] += 1
    return threads


def limit_threads(sets: list[set[int]], rank: int = 0) -> int | None:
    """Limit BLAS to this process's share of the cores and return the number of threads; None if the user has set one."""
    if any(name in os.environ for name in THREADS):
        return None
    from albert_np.engine import threads

    count = threads_per_process(sets)[rank]
    threads.limit(count)
    return count
