"""Fine-tuning by several processes that is stopped or killed goes on with any number of them, and with none of mpiexec."""

import json
import shutil

import numpy as np
import programs
import pytest
from safetensors import safe_open

from albert_np.training import checkpoint

STOP = {"rank": 1, "step": 17, "what": "signal"}  # in the fifth epoch of ten; the best one is the third
FORMS = {  # none that prunes: of two weights that are nearly as large, rounding decides which one goes first
    "plain": {},
    "divided, in parts": {"shard_optimizer": True, "accumulate": 2, "layer_decay": 0.9, "freeze": ["embeddings"]},
    "two seeds": {"seeds": 2, "epochs": 3},
}
SLOW = [form if form == "plain" else pytest.param(form, marks=pytest.mark.slow) for form in FORMS]


@pytest.fixture(scope="module", autouse=True)
def sentences(workshop):
    words = (("big and slow", "large"), ("small", "little"), ("tiny", "little"), ("huge", "large"))
    animals = "cat dog horse bird goat mouse".split()
    lines = [f"the {animal} is {word}\t{label}\n" for animal in animals for word, label in words]
    (workshop / "train.tsv").write_text("text\tlabel\n" + "".join(lines))
    (workshop / "dev.tsv").write_text("text\tlabel\n" + "".join(lines[::3]))


@pytest.fixture(scope="module")
def undisturbed(workshop, tmp_path_factory):
    """(name of a form) -> the folder of a run of one process that nobody stopped, made once."""
    made = {}

    def run(form):
        if form not in made:
            made[form] = tmp_path_factory.mktemp("undisturbed") / "run"
            programs.finetune(workshop, str(made[form]), **FORMS[form])
        return made[form]

    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def tensors(folder):
    """The bytes of every tensor of the model, and what the file's header tells besides, whose order is by chance."""
    with safe_open(folder / "model.safetensors", "np") as file:
        return file.metadata(), {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def same_run(folder, other, tolerance=1e-5):
    """The same files, parameters, losses and scores."""
    assert files(folder) == files(other)
    np.testing.assert_allclose(np.load(folder / "flat.npy"), np.load(other / "flat.npy"), rtol=0, atol=tolerance)
    for path in folder.rglob("metrics.jsonl"):
        mine, theirs = (
            [json.loads(line) for line in file.read_text().splitlines()] for file in (path, other / path.relative_to(folder))
        )
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            assert a.keys() == b.keys() and a.get("dev") == b.get("dev")
            for key in a.keys() - {"dev", "seconds"}:
                assert a[key] == pytest.approx(b[key], abs=tolerance), (key, a, b)


@pytest.mark.parametrize("form", SLOW)
def test_stopped_with_two_it_goes_on_with_any_number(form, program, workshop, undisturbed, tmp_path):
    said = json.loads(program(2, "finetune", out=tmp_path / "stopped", trouble=STOP, **FORMS[form]).stdout)
    assert said["stopped_by"] == "SIGINT"
    (saved,) = tmp_path.glob("stopped/**/step-*")
    assert (saved / "best.safetensors").exists()
    for n in (0, 1) if form == "plain" else (0, 1, 3):
        run = tmp_path / f"with-{n}"
        shutil.copytree(tmp_path / "stopped", run)
        if n:
            said = json.loads(program(n, "finetune", out=run, resume=True, **FORMS[form]).stdout)
            assert said["stopped_by"] == ""
        else:
            programs.finetune(workshop, str(run), resume=True, **FORMS[form])
        same_run(run, undisturbed(form))


@pytest.mark.slow
def test_begun_with_one_it_goes_on_with_two(program, undisturbed, tmp_path):
    program(1, "finetune", out=tmp_path / "run", trouble={**STOP, "rank": 0})
    program(2, "finetune", out=tmp_path / "run", resume=True, shard_optimizer=True)
    same_run(tmp_path / "run", undisturbed("plain"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [{"shard_optimizer": True, "sparsity": 0.5}, {"sparsity": 0.5, "prune_by": "movement"}, {"weights": "int8"}],
    ids=["divided, pruned", "by movement", "rounded"],
)
def test_killed_it_ends_with_the_same_bytes(form, program, mpiexec, tmp_path):
    """With the same number of processes; by the command, which takes what is not said again as it was begun."""
    program(2, "finetune", out=tmp_path / "whole", **form)
    run, killed = tmp_path / "run", {"rank": 1, "step": 17, "what": "die"}
    assert program(2, "finetune", out=run, trouble=killed, checkpoint_seconds=0, code=None, **form).returncode != 0
    left = checkpoint.folders(run / "checkpoints")
    assert [folder.name for folder in left] == ["step-00000016", "step-00000017"] and not any(map(checkpoint.damage, left))
    done = mpiexec(2, "-m", "albert_np", "finetune", "classification", "--resume", "--out", run, "--json")
    assert json.loads(done.stdout)["stopped_by"] == ""
    assert tensors(run) == tensors(tmp_path / "whole")


@pytest.mark.slow
def test_what_is_wrong_for_all_is_said_once(program, mpiexec, tmp_path):
    program(2, "finetune", out=tmp_path / "run", trouble=STOP)
    arguments = ["-m", "albert_np", "finetune", "classification", "--out", tmp_path / "run"]
    for more, words in (
        (["--resume", "--epochs", "9"], "epochs is 9 now and was 10"),  # only the first process looks
        (["--train", "x.tsv", "--config", "tiny"], "it holds a run; --resume continues it"),
        (["--resume", "--epochs", "0"], "epochs must be at least 1, not 0"),  # every process looks
    ):
        done = mpiexec(3, *arguments, *more, code=2)
        assert done.stderr.count("albert-np: ") == 1 and words in done.stderr and done.stdout == ""
