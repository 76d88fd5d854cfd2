"""Parity with an installed torch: what torch.save writes is read back equal, in each of its forms, without torch's help."""

import numpy as np
import pytest

from albert_np.io.formats import torch_file

torch = pytest.importorskip("torch", reason="torch is not installed: no files to write live")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

FORMS = {
    "zip": {},
    "legacy": dict(_use_new_zipfile_serialization=False),
    "zip, protocol 4": dict(pickle_protocol=4),
    "zip, protocol 5": dict(pickle_protocol=5),
    "legacy, protocol 4": dict(_use_new_zipfile_serialization=False, pickle_protocol=4),
}


@pytest.fixture(params=FORMS)
def saved(request, tmp_path):
    """Save a value with torch in one of the forms, and read it here."""

    def save_and_read(value):
        torch.save(value, tmp_path / "saved.bin", **FORMS[request.param])
        return torch_file.read(tmp_path / "saved.bin")

    return save_and_read


def expected(tensor):
    """torch's numbers as NumPy's; bfloat16 as float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def assert_equal(found, state):
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], expected(tensor), strict=True, err_msg=name)


DTYPES = "float32 float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool".split()


def test_all_dtypes(saved):
    generator = torch.Generator().manual_seed(0)
    state = {name: (torch.randn(3, 5, generator=generator) * 50).abs().to(getattr(torch, name)) for name in DTYPES}
    state["special"] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45], dtype=torch.float32)
    state["special16"] = state["special"].bfloat16()
    assert_equal(saved(state), state)


def test_views_of_one_storage(saved):
    base = torch.arange(60.0).reshape(3, 4, 5)
    state = {
        "base": base,
        "transposed": base.permute(2, 0, 1),
        "slice": base[1:, ::2, 3],
        "row": base[2, 1],
        "one": base[1, 1, 1],
        "new axes": base[:, None, :, None],
        "empty": base[:0],
        "none at all": torch.zeros(0, 768),
    }
    found = saved(state)
    assert_equal(found, state)
    assert all(np.shares_memory(found["base"], array) for array in found.values() if array.size)


def test_a_module_with_tied_weights_and_buffers(saved):
    model = torch.nn.Sequential(torch.nn.Embedding(11, 4), torch.nn.LayerNorm(4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 11))
    model[3].weight = model[0].weight
    state = model.state_dict()
    found = saved(state)
    assert_equal(found, state)
    assert np.shares_memory(found["0.weight"], found["3.weight"])


def test_parameters(saved):
    state = {"a": torch.nn.Parameter(torch.randn(2, 3)), "b": torch.nn.Parameter(torch.randn(4), requires_grad=False)}
    assert_equal(saved(state), state)


def test_a_training_checkpoint(saved):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": 0.5}
    with pytest.warns(UserWarning, match="found under model; not used: epoch, loss, optimizer"):
        found = saved(checkpoint)
    assert_equal(found, model.state_dict())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: torch.nn.Linear(2, 2), r"refuses the global torch.nn.modules.linear.Linear.*state_dict\(\)"),
        (lambda: {"a": torch.randn(2, 2, dtype=torch.complex64)}, "ComplexFloatStorage is not supported"),
        (lambda: {"a": torch.randn(2, 2, dtype=torch.complex64).conj()}, "not supported"),
        (lambda: {"a": torch.randn(3).to_sparse()}, "refuses the global torch"),
        (lambda: {"a": torch.zeros(3, dtype=torch.uint16)}, "refuses the global torch"),
        (lambda: {"a": torch.ones(1).expand(1000)}, "larger than its storage"),
        (lambda: [torch.ones(1)], "expected a dict of tensors, found a list"),
    ],
)
def test_what_is_not_read_is_said(saved, value, words):
    with pytest.raises(ValueError, match=words):
        saved(value())


def test_torch_itself_reads_what_the_tests_of_this_package_write_by_hand(tmp_path):
    """So that those tests are of the true format."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent.parent / "io"))
    try:
        import torch_writer as by_hand
    finally:
        sys.path.pop(0)
    numbers = np.arange(6, dtype="<f4")
    value = by_hand.entries(by_hand.EMPTY, a=by_hand.tensor(by_hand.storage("0", 6), 0, (2, 3), (3, 1)))
    in_old_form = by_hand.storage("0", 6, extra=[by_hand.NONE])
    old = by_hand.entries(by_hand.EMPTY, a=by_hand.tensor(in_old_form, 0, (2, 3), (3, 1)))
    (tmp_path / "zip.bin").write_bytes(by_hand.zipped(value, {"0": numbers.tobytes()}))
    (tmp_path / "legacy.bin").write_bytes(by_hand.legacy(old, {"0": (6, numbers.tobytes())}))
    for name in ("zip.bin", "legacy.bin"):
        theirs = torch.load(tmp_path / name, weights_only=True)
        assert list(theirs) == ["a"]
        np.testing.assert_array_equal(theirs["a"].numpy(), torch_file.read(tmp_path / name)["a"], strict=True)
