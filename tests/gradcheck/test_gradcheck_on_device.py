"""The gradient checks on a device, in float64: some of them on the strict stand-in, all on a GPU."""

import cuda_on_host
import pytest
from devices import NO_CUPY, on_device

from albert_np.core import reference
from albert_np.gradcheck import CHECKS

FEW = [
    "linear", "add_norm, dropout", "gather", "attention, translation, dropout", "cross_entropy, label smoothing",
    "feed_forward, gelu_new", "embeddings: tables, norm, dropout, projection",
    "task_loss, single label classification", "relation_head, dropout", "choice_head, dropout", "segment_table",
    "fuse_levels (0, 2, 3) of 3",
]  # fmt: skip


def passes(check):
    failed = [str(row) for row in CHECKS[check](1) if not row.passed]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("only_reference", [True, False], ids=["reference", "kernels"])
@pytest.mark.parametrize("check", FEW)
def test_on_the_stand_in(check, only_reference, monkeypatch):
    if not only_reference and cuda_on_host.COMPILER is None:
        pytest.skip("there is no g++ to run CUDA kernels on the host")
    on_device("strict", monkeypatch)
    with reference(only_reference):
        passes(check)


@pytest.mark.gpu
@NO_CUPY
@pytest.mark.parametrize("only_reference", [True, False], ids=["reference", "kernels"])
@pytest.mark.parametrize("check", CHECKS)
def test_on_a_gpu(check, only_reference, monkeypatch):
    on_device("cupy", monkeypatch)
    with reference(only_reference):
        passes(check)
