"""How flat arrays are exchanged between processes.

    HostLink     arrays in this machine's memory: MPI reads and writes them directly
    StagedLink   arrays on a GPU, through page-locked host memory; whether an MPI could read a GPU's memory is never assumed
    NcclLink     arrays on GPUs, each process with a GPU of its own, through NVIDIA's library, without the host

Parts are given as a partition [(start, stop), ...] of the flat array, one for each process.
"""

import os
import socket
from typing import Any

import numpy as np
from mpi4py import MPI

from albert_np.core import backend
from albert_np.engine.mpi.processes import Partition


def get_link(comm: Any, flat: Any) -> "HostLink | StagedLink | NcclLink":
    """Return the link for arrays like this one. A collective call: all processes get the same kind."""
    if isinstance(flat, np.ndarray):
        return HostLink(comm)
    nccl = backend.of(flat).nccl()
    devices = comm.allgather(None if nccl is None else (socket.gethostname(), backend.of(flat).device_name(flat)))
    if None not in devices and len(set(devices)) == len(devices) and not os.environ.get("ALBERT_NP_NO_NCCL"):
        return NcclLink(comm, nccl, backend.of(flat))
    return StagedLink(comm, flat)


def transfer_type(array: np.ndarray) -> Any:
    """Return an MPI datatype of the same width as the array's numbers, to move them without arithmetic."""
    return {2: MPI.INT16_T, 4: MPI.FLOAT, 8: MPI.DOUBLE}[array.dtype.itemsize]


def summable(flat: np.ndarray) -> np.ndarray:
    """Return the array itself, or a float32 copy of a float16 array, which MPI cannot add."""
    return flat if flat.dtype.itemsize > 2 else flat.astype(np.float32)


class HostLink:
    """NumPy arrays, through MPI."""

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank = comm, comm.Get_rank()

    def all_reduce(self, flat: np.ndarray) -> None:
        wide = summable(flat)
        self.comm.Allreduce(MPI.IN_PLACE, wide)
        if wide is not flat:
            flat[...] = wide

    def reduce_scatter(self, flat: np.ndarray, parts: Partition) -> None:
        wide, own = summable(flat), flat[slice(*parts[self.rank])]
        summed = np.empty_like(own, dtype=wide.dtype)
        self.comm.Reduce_scatter(wide, summed, [stop - start for start, stop in parts])
        own[...] = summed

    def all_gather(self, flat: np.ndarray, parts: Partition) -> None:
        counts, starts = [stop - start for start, stop in parts], [start for start, _ in parts]
        self.comm.Allgatherv(MPI.IN_PLACE, [flat, counts, starts, transfer_type(flat)])  # no arithmetic, so of any dtype


class StagedLink:
    """Device arrays: copied to the host, exchanged there through MPI, and copied back."""

    def __init__(self, comm: Any, like: Any) -> None:
        self.host, self.rank = HostLink(comm), comm.Get_rank()
        self.stage = backend.of(like).host_buffer(len(like), like.dtype)  # (n,)

    def all_reduce(self, flat: Any) -> None:
        backend.of(flat).fetch(flat, self.stage)
        self.host.all_reduce(self.stage)
        backend.of(flat).send(self.stage, flat)

    def reduce_scatter(self, flat: Any, parts: Partition) -> None:
        own = slice(*parts[self.rank])
        backend.of(flat).fetch(flat, self.stage)
        self.host.reduce_scatter(self.stage, parts)
        backend.of(flat).send(self.stage[own], flat[own])

    def all_gather(self, flat: Any, parts: Partition) -> None:
        own = slice(*parts[self.rank])
        backend.of(flat).fetch(flat[own], self.stage[own])
        self.host.all_gather(self.stage, parts)
        backend.of(flat).send(self.stage, flat)


class NcclLink:
    """CuPy arrays, each process on a GPU of its own. Calls are put on the current stream: the host does not wait for them.

    nccl: the module cupy.cuda.nccl. NCCL has no reduce-scatter and no all-gather of unequal parts, but a reduction to one
    process and a broadcast from one: a group of these does the same.
    """

    def __init__(self, comm: Any, nccl: Any, device: Any) -> None:
        self.nccl, self.device, self.rank = nccl, device, comm.Get_rank()
        name = comm.bcast(nccl.get_unique_id() if self.rank == 0 else None, 0)
        self.ring = nccl.NcclCommunicator(comm.Get_size(), name, self.rank)

    def all_reduce(self, flat: Any) -> None:
        address = self.device.address(flat)
        self.ring.allReduce(address, address, len(flat), self._dtype(flat), self.nccl.NCCL_SUM, self.device.stream())

    def reduce_scatter(self, flat: Any, parts: Partition) -> None:
        self.nccl.groupStart()
        for root, (start, stop) in enumerate(parts):
            at = self.device.address(flat[start:stop])
            self.ring.reduce(at, at, stop - start, self._dtype(flat), self.nccl.NCCL_SUM, root, self.device.stream())
        self.nccl.groupEnd()

    def all_gather(self, flat: Any, parts: Partition) -> None:
        self.nccl.groupStart()
        for root, (start, stop) in enumerate(parts):
            at = self.device.address(flat[start:stop])
            self.ring.broadcast(at, at, stop - start, self._dtype(flat), root, self.device.stream())
        self.nccl.groupEnd()

    def _dtype(self, flat: Any) -> int:
        return {2: self.nccl.NCCL_FLOAT16, 4: self.nccl.NCCL_FLOAT32, 8: self.nccl.NCCL_FLOAT64}[flat.dtype.itemsize]
