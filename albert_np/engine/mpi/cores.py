"""How many threads each process may use: its share of its machine's cores.

A launcher may bind each process to cores of its own, or let all of them run on all. Either way a core is divided among the
processes that may run on it, and the share of a process is what it gets of all of them.
"""

import os
from collections import Counter

THREADS = "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS BLIS_NUM_THREADS VECLIB_MAXIMUM_THREADS".split()


def allowed() -> set[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def shares(sets: list[set[int]]) -> list[int]:
    """The cores that the processes of one machine may run on -> the number of threads of each, at least 1.

    Where they do not divide, the first ones get one more.
    """
    users = Counter(core for cores in sets for core in cores)
    groups = Counter(frozenset(cores) for cores in sets)
    place: Counter[frozenset[int]] = Counter()
    found = []
    for cores in map(frozenset, sets):
        whole = sum(1 / users[core] for core in cores)
        extra = round((whole - int(whole + 1e-9)) * groups[cores])  # cores left over within the group of like processes
        found.append(max(1, int(whole + 1e-9) + (place[cores] < extra)))
        place[cores] += 1
    return found


def limit(sets: list[set[int]], rank: int = 0) -> int | None:
    """Let BLAS use this process's share of the cores -> how many threads; None: the user's own number stays."""
    if any(name in os.environ for name in THREADS):
        return None
    from albert_np.engine import threads

    number = shares(sets)[rank]
    threads.limit(number)
    return number
