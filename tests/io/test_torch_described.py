"""The files of torch and the damaged files of the shared data: each does what the manifest beside them asks for."""

import json
import os
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from albert_np.io.formats import safetensors_file, torch_file

DATA = os.environ.get("ALBERT_NP_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: no files from torch itself to read")
LOADS = {
    "good/hand_made.bin": {"a": [[0, 1, 2], [3, 4, 5]]},
    "torch/zip_byteorder_big.bin": {"a": [[0, 1, 2], [3, 4, 5]]},
    "torch/ok_views.bin": {"t": np.arange(12).reshape(3, 4).T, "o": [5, 6, 7, 8], "s": [0, 3, 6, 9], "w": np.arange(12)},
    "torch/ok_parameter.bin": {"a": [[0, 1, 2], [3, 4, 5]]},
    "torch/ok_protocol_4.bin": {"a": [[0, 1, 2], [3, 4, 5]], "b": [1, 2, 3, 4]},
    "torch/value_not_tensor.bin": {"a": np.zeros((2, 3))},
    "torch/nested_state_dict.bin": {"a": np.zeros((2, 3))},
}
SAYS = {
    "not_a_pickle": "neither a zip archive nor a pickle",
    "empty": "is empty",
    "is_safetensors": "a safetensors file",
    "lfs_pointer": "Git LFS",
    "zip_cut_half": "truncated",
    "zip_cut_last_bytes": "truncated",
    "zip_no_data_pkl": "no data.pkl",
    "zip_storage_missing": "lacks data/1",
    "zip_storage_short": "24 bytes expected, data/0 has 20",
    "zip_bad_crc": "CRC error in data/0",
    "zip_two_data_pkl": "two members of the same name",
    "zip_dotdot_member": "odd member name",
    "zip_bomb": "compressed",
    "code_os_system": "refuses the global os.system",
    "code_posix_system_protocol4": "refuses the global posix.system",
    "code_eval": "refuses the global builtins.eval",
    "code_py2_eval": "refuses the global __builtin__.eval",
    "code_getattr_chain": "refuses the global builtins.getattr",
    "code_torch_load": "refuses the global torch.load",
    "code_build_setstate": "refuses the global os.system",
    "code_inst_opcode": "refuses the opcode INST",
    "code_newobj_module": "state_dict()",
    "code_raw_pickle": "refuses the global os.system",
    "code_legacy_os_system": "refuses the global os.system",
    "code_legacy_in_key_list": "refuses the global os.system",
    "pickle_deep": "expected a dict of tensors",
    "pickle_memo_bomb": "a dict of tensors",
    "pickle_huge_string": "inside a string",
    "pickle_huge_long": "inside a number",
    "pickle_protocol_99": "unknown pickle protocol 99",
    "pickle_no_stop": "the pickle is truncated",
    "pickle_empty_stack": "damaged pickle",
    "pickle_bad_memo": "damaged pickle",
    "pickle_cycle": "the value of a is a dict, not a tensor",
    "top_level_list": "expected a dict of tensors",
    "key_not_string": "must be strings",
    "persistent_id_string": "unknown persistent id",
    "storage_type_complex": "ComplexFloatStorage is not supported",
    "storage_type_quint8": "QUInt8Storage is not supported",
    "storage_type_not_torch": "refuses the global evil.FloatStorage",
    "storage_numel_negative": "must not be negative",
    "storage_numel_huge": "storage 0: 4611686018427387904 bytes expected",
    "storage_key_dotdot": "the archive lacks",
    "tensor_past_storage": "tensor a needs 9 numbers, its storage has 6",
    "tensor_offset_past_storage": "tensor a reaches past its storage",
    "tensor_offset_negative": "offset must not be negative",
    "tensor_stride_negative": "strides must not be negative",
    "tensor_stride_huge": "tensor a reaches past its storage",
    "tensor_size_negative": "sizes must not be negative",
    "tensor_rank_mismatch": "size and stride differ in length",
    "tensor_stride_zero_huge": "larger than its storage",
    "legacy_bad_magic": "not a torch file",
    "legacy_cut_in_storage": "ends past the end of the file",
    "legacy_cut_in_pickle": "is truncated",
    "legacy_storage_numel_huge": "disagrees with the state dict",
    "legacy_big_endian_flag": "big-endian",
    "value_not_tensor": "not tensors: epoch",
    "nested_state_dict": "under state_dict",
}


def described_files():
    """The entries of the manifest that are for this reader."""
    if DATA is None:
        return []
    manifest = json.loads((Path(DATA) / "weights" / "malformed" / "manifest.json").read_text())
    return [
        entry for entry in manifest["files"] if entry["file"].startswith(("torch/", "good/")) and entry["file"].endswith(".bin")
    ]


@needs_data
@pytest.mark.parametrize("entry", described_files(), ids=lambda entry: entry["file"])
def test_described_file(entry):
    path = Path(DATA) / "weights" / "malformed" / entry["file"]
    started = time.process_time()
    tracemalloc.start()
    arrays, said = {}, ""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = torch_file.read(path)
        said = "; ".join(str(warning.message) for warning in caught)
    except ValueError as error:
        said = str(error)
        assert entry["file"] in said
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6 and time.process_time() - started < 1
    assert SAYS.get(path.stem, "") in said
    assert arrays or entry["expect"] != "accept"
    assert not arrays or entry["expect"] != "reject"
    assert said if path.stem in SAYS else not said
    for name, values in LOADS.get(entry["file"], {}).items():
        np.testing.assert_array_equal(arrays[name], values)


@needs_data
def test_described_file_of_many_kinds():
    arrays = torch_file.read(Path(DATA) / "weights" / "malformed" / "torch" / "ok_other_dtypes.bin")
    kinds = {"h": "f2", "b": "f4", "d": "f8", "l": "i8", "i": "i4", "u": "u1", "t": "?", "z": "f4", "sc": "f4"}
    assert {name: array.dtype for name, array in arrays.items()} == {name: np.dtype(kind) for name, kind in kinds.items()}
    np.testing.assert_array_equal(arrays["h"], [1, -2.5])
    np.testing.assert_array_equal(arrays["b"], [1, -2.5])
    assert arrays["l"] == 1 << 40 and arrays["u"] == 255 and arrays["i"] == 3 and arrays["t"].all()
    assert arrays["sc"].shape == () and arrays["sc"] == 7 and arrays["z"].size == 0


@needs_data
@pytest.mark.parametrize("form", ["pytorch_model.bin", "pytorch_model_legacy.bin"])
@pytest.mark.parametrize("folder", ["hf_tiny_random/base_12_layers", "malformed/good"])
def test_the_forms_of_one_model_agree(folder, form):
    folder = Path(DATA) / "weights" / folder
    expected, found = safetensors_file.read(folder / "model.safetensors"), torch_file.read(folder / form)
    tied = {
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    }
    assert expected.keys() <= found.keys() <= expected.keys() | tied.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name if name in expected else tied[name]], strict=True)
    for name in tied.keys() & found.keys() - expected.keys():
        assert np.shares_memory(found[name], found[tied[name]])


@needs_data
def test_a_trained_model():
    arrays = torch_file.read(Path(DATA) / "weights" / "unidic_lite_imitator" / "model.pth")
    assert sum(array.size for array in arrays.values()) > 250_000
    assert all(np.isfinite(array).all() for array in arrays.values())
