"""Runs that an older version began and that were stopped on their way are resumed, and come to what they would have come to.

make_runs.py wrote them, and says what they are. On a machine like the one that they were made on every byte must be the same;
elsewhere sums end in other last bits.
"""

import importlib.util
import json
import shutil

import numpy as np
import pytest
from machine import machine
from make_runs import DATA, command, final, launcher, same

COMMANDS = json.loads((DATA / "commands.json").read_text())
TOLERANCE = 1e-6
# A softmax does not change if all its logits grow by the same, so the keys' bias has no gradient but rounding, and AdamW divides
# that by its own size: on another machine the bias goes elsewhere, and nothing depends on it.
TOLERANCE_OF = {"attention.key.bias": 1e-4}
DIVIDED = [name for name, run in COMMANDS.items() if run["processes"] > 1]


def same_machine():
    then = json.loads((DATA / "machine.json").read_text())
    return all(then[key] == value for key, value in machine().items())


def resumed(name, folder, processes):
    """Resume a copy of a stored run in this folder -> the parameters that it came to, and those that it should have come to."""
    shutil.copytree(DATA / name, folder / name)
    done = command(folder / name, COMMANDS[name]["resume"], processes)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line).get("step") for line in (folder / name / "run" / "metrics.jsonl").read_text().splitlines()]
    assert max(steps) > COMMANDS[name]["step"] and min(steps) == 1, "it goes on where it was"
    return final(folder / name), dict(np.load(DATA / name / "final.npz"))


def close(found, expected):
    """Within the tolerance; of rounded weights one may have been rounded to the other side. Masks of pruned ones are exact."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        tolerance = {"float32": TOLERANCE_OF.get(".".join(name.split(".")[-3:]), TOLERANCE), "int8": 1}.get(str(array.dtype), 0)
        np.testing.assert_allclose(found[name].astype(float), array.astype(float), rtol=0, atol=tolerance, err_msg=name)


@pytest.fixture
def mpiexec():
    if importlib.util.find_spec("mpi4py") is None or launcher() is None:
        pytest.skip("mpi4py and an mpiexec are needed: pip install 'albert_np[mpi]'")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_old_run_goes_on(name, tmp_path, request):
    if COMMANDS[name]["processes"] > 1:
        request.getfixturevalue("mpiexec")
    found, expected = resumed(name, tmp_path, COMMANDS[name]["processes"])
    close(found, expected)
    if same_machine():
        assert same(found, expected), [key for key in expected if found[key].tobytes() != expected[key].tobytes()]


@pytest.mark.parametrize("name", DIVIDED)
def test_one_process_goes_on_with_a_run_of_two(name, tmp_path):
    found, expected = resumed(name, tmp_path, 1)
    close(found, expected)


def test_what_is_stored_was_stopped_on_its_way():
    """In the middle of an epoch, before the parameters that it is compared with were reached."""
    assert len(COMMANDS) == 5
    for name, run in COMMANDS.items():
        (state,) = (DATA / name / "run" / "checkpoints").glob("*/state.json")
        assert json.loads(state.read_text())["place"]["epoch_step"] > 0
        assert not (DATA / name / "run" / "model.safetensors").exists() and run["step"] > 0
