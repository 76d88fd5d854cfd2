"""Model classes, optimisers and generators of random numbers give what they gave in an older version.

make_values.py wrote that, and says what it is. On a machine like that every byte must be the same; elsewhere sums end in other
last bits.
"""

import gzip
import json

import numpy as np
import pytest
from machine import machine
from make_values import DATA, WAYS, computed

STORED = json.loads(gzip.decompress(DATA.read_bytes()))
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
# Where a gradient is nothing but rounding, as that of the keys' bias, Adam divides it by its own size.
UPDATES = {"float64": 1e-9, "float32": 1e-3}
WHOLE = 1e-2  # a tensor whose norm is below this share of the whole's is measured by the whole: it may be nothing but rounding

each_way = pytest.mark.parametrize("way", WAYS)
each_table = pytest.mark.parametrize("table", ["losses", "outputs", "updates", "initial"])


@pytest.fixture(scope="module")
def now():
    return computed()


def differences(found, expected, tolerance):
    """What of a record is not as it was, in words."""
    wrong = [key for key in ("names", "shapes", "count") if found.get(key) != expected.get(key)]
    numbers = [key for key in ("loss", "norms") if key in expected]
    wrong += [key for key in numbers if not np.allclose(found[key], expected[key], rtol=tolerance, atol=0)]
    mine, theirs = np.array(found["tensors"]), np.array(expected["tensors"])  # (tensors, 2)
    if mine.shape != theirs.shape:
        return [*wrong, f"{len(mine)} tensors, not {len(theirs)}"]
    norms = theirs[:, :1]
    apart = np.abs(mine - theirs) / np.maximum(norms, WHOLE * np.sqrt((norms**2).sum()))
    if not (apart < tolerance).all():
        wrong.append(f"tensors {np.flatnonzero(~(apart < tolerance).all(1)).tolist()}, by {apart.max():.1e} of their norm")
    return wrong


@each_way
@each_table
def test_the_numbers_are_the_same(now, way, table):
    """But for rounding, in both dtypes and both ways."""
    whole = {case.removesuffix(" | float64"): record for case, record in STORED[WAYS[0]][table].items() if "tensors" in record}
    assert now[way][table].keys() == STORED[way][table].keys() and len(whole) * 2 == len(STORED[way][table])
    wrong = {}
    for case, record in now[way][table].items():
        form, _, dtype = case.rpartition(" | ")
        if found := differences(record, whole[form], (UPDATES if table == "updates" else TOLERANCES)[dtype]):
            wrong[case] = found
    assert not wrong


@each_way
@each_table
def test_the_bytes_are_the_same_on_the_same_machine(now, way, table):
    if different := [key for key, value in machine().items() if STORED["machine"][key] != value]:
        pytest.skip(f"the values were computed on another machine: {', '.join(different)}")
    wrong = [case for case, record in now[way][table].items() if record["sha256"] != STORED[way][table][case]["sha256"]]
    assert not wrong


@each_way
@pytest.mark.parametrize("table", ["generated", "dropout"])
def test_what_is_exact(now, way, table):
    """Ids of generated texts, and the words that dropout's masks are made of."""
    assert now[way][table] == STORED[way][table]


def test_the_two_ways_are_two(now):
    """Else the environment variable does nothing, and one of them is not tested at all."""
    fast, slow = (now[way]["losses"] for way in WAYS)
    assert sum(fast[case]["sha256"] != slow[case]["sha256"] for case in fast) > len(fast) / 2


def test_dropout_and_forms_make_a_difference(now):
    """Each case tests something of its own."""
    found = now["kernels"]["losses"]
    losses = {case: record["loss"] for case, record in found.items() if "float64" in case and "recompute" not in case}
    forms = [case for case in losses if case.startswith("pretraining |") and "no pad row" not in case]
    assert len({losses[case] for case in forms}) == len(forms)
    for case in losses:
        assert "no dropout" in case or losses[case] != losses[case.replace("| dropout", "| no dropout")]
    plain, other = (found[f"pretraining | {form} | no dropout | float64"]["sha256"] for form in ("plain", "no pad row"))
    assert plain != other
