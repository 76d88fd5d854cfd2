"""How flat arrays travel between processes.

    Host     arrays in this machine's memory: MPI takes them as they are
    Staged   arrays on a GPU, by way of page-locked memory of the host. Whether an MPI could read a GPU's memory is never guessed
    Nccl     arrays on GPUs, each process with one of its own, through NVIDIA's own library, without the host

Parts are given as cuts [(start, stop), ...] of the flat array, one for each process.
"""

import os
import socket
from typing import Any

import numpy as np
from mpi4py import MPI

from albert_np.core import backend
from albert_np.engine.mpi.processes import Cuts


def link(comm: Any, flat: Any) -> Any:
    """The link for arrays like this one. Called by all processes together, and the same in all of them."""
    if isinstance(flat, np.ndarray):
        return Host(comm)
    nccl = backend.of(flat).nccl()
    places = comm.allgather(None if nccl is None else (socket.gethostname(), backend.of(flat).device_name(flat)))
    if None not in places and len(set(places)) == len(places) and not os.environ.get("ALBERT_NP_NO_NCCL"):
        return Nccl(comm, nccl, backend.of(flat))
    return Staged(comm, flat)


def typed(array: np.ndarray) -> Any:
    """An MPI datatype as wide as the numbers of an array, to move them."""
    return {2: MPI.INT16_T, 4: MPI.FLOAT, 8: MPI.DOUBLE}[array.dtype.itemsize]


def summable(flat: np.ndarray) -> np.ndarray:
    """The array, or, of float16, which MPI cannot add, a float32 copy."""
    return flat if flat.dtype.itemsize > 2 else flat.astype(np.float32)


class Host:
    """Arrays of NumPy."""

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank = comm, comm.Get_rank()

    def sum(self, flat: np.ndarray) -> None:
        wide = summable(flat)
        self.comm.Allreduce(MPI.IN_PLACE, wide)
        if wide is not flat:
            flat[...] = wide

    def sum_parts(self, flat: np.ndarray, cuts: Cuts) -> None:
        wide, mine = summable(flat), flat[slice(*cuts[self.rank])]
        summed = np.empty_like(mine, dtype=wide.dtype)
        self.comm.Reduce_scatter(wide, summed, [stop - start for start, stop in cuts])
        mine[...] = summed

    def collect(self, flat: np.ndarray, cuts: Cuts) -> None:
        counts, starts = [stop - start for start, stop in cuts], [start for start, _ in cuts]
        self.comm.Allgatherv(MPI.IN_PLACE, [flat, counts, starts, typed(flat)])  # no arithmetic, so of any dtype


class Staged:
    """Arrays on a device: to the host, through MPI there, and back."""

    def __init__(self, comm: Any, like: Any) -> None:
        self.host, self.rank = Host(comm), comm.Get_rank()
        self.stage = backend.of(like).host_buffer(len(like), like.dtype)  # (n,)

    def sum(self, flat: Any) -> None:
        self._through(flat, self.host.sum)

    def sum_parts(self, flat: Any, cuts: Cuts) -> None:
        own = slice(*cuts[self.rank])
        backend.of(flat).fetch(flat, self.stage)
        self.host.sum_parts(self.stage, cuts)
        backend.of(flat).send(self.stage[own], flat[own])

    def collect(self, flat: Any, cuts: Cuts) -> None:
        own = slice(*cuts[self.rank])
        backend.of(flat).fetch(flat[own], self.stage[own])
        self.host.collect(self.stage, cuts)
        backend.of(flat).send(self.stage, flat)

    def _through(self, flat: Any, work: Any) -> None:
        backend.of(flat).fetch(flat, self.stage)
        work(self.stage)
        backend.of(flat).send(self.stage, flat)


class Nccl:
    """Arrays of CuPy, each process on a GPU of its own. Calls are put on the current stream: the host does not wait for them.

    nccl: the module cupy.cuda.nccl. NCCL has no sums and no collection of unequal parts, but it has one of each for a single
    receiver or sender: a group of them is the same.
    """

    def __init__(self, comm: Any, nccl: Any, device: Any) -> None:
        self.nccl, self.device, self.rank = nccl, device, comm.Get_rank()
        name = comm.bcast(nccl.get_unique_id() if self.rank == 0 else None, 0)
        self.ring = nccl.NcclCommunicator(comm.Get_size(), name, self.rank)

    def sum(self, flat: Any) -> None:
        at = self.device.address(flat)
        self.ring.allReduce(at, at, len(flat), self._dtype(flat), self.nccl.NCCL_SUM, self.device.stream())

    def sum_parts(self, flat: Any, cuts: Cuts) -> None:
        self.nccl.groupStart()
        for root, (start, stop) in enumerate(cuts):
            at = self.device.address(flat[start:stop])
            self.ring.reduce(at, at, stop - start, self._dtype(flat), self.nccl.NCCL_SUM, root, self.device.stream())
        self.nccl.groupEnd()

    def collect(self, flat: Any, cuts: Cuts) -> None:
        self.nccl.groupStart()
        for root, (start, stop) in enumerate(cuts):
            at = self.device.address(flat[start:stop])
            self.ring.broadcast(at, at, stop - start, self._dtype(flat), root, self.device.stream())
        self.nccl.groupEnd()

    def _dtype(self, flat: Any) -> int:
        return {2: self.nccl.NCCL_FLOAT16, 4: self.nccl.NCCL_FLOAT32, 8: self.nccl.NCCL_FLOAT64}[flat.dtype.itemsize]
