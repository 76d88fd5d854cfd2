"""How processes find each other, and what is said where they cannot. The launcher is played by the environment."""

import subprocess
import sys

import pytest

from albert_np.apps import cli
from albert_np.engine.mpi import SINGLE_PROCESS, launcher, world

HYDRA, OPEN_MPI, SLURM = (
    {"PMI_RANK": "{r}", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1"},
    {"OMPI_COMM_WORLD_RANK": "{r}", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
    {"SLURM_PROCID": "{r}", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1"},
)


@pytest.fixture
def started(monkeypatch):
    """Play a launcher that has started four processes, of which this is number r."""
    for variables in launcher.VARIABLES:
        for name in variables:
            monkeypatch.delenv(name, raising=False)

    def play(variables, r=0):
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(r=r))
        world.cache_clear()

    play({})
    yield play
    world.cache_clear()


@pytest.mark.parametrize("variables", [HYDRA, OPEN_MPI, SLURM], ids=["mpich", "open mpi", "slurm"])
def test_launchers_are_known(started, variables):
    assert (launcher.rank(), launcher.size(), launcher.local_rank()) == (0, 1, 0)
    started(variables, 2)
    assert (launcher.rank(), launcher.size(), launcher.local_rank()) == (2, 4, 1)


def test_a_batch_script_of_slurm_is_one_process(started):
    started({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"})
    assert launcher.size() == 1 and world() is SINGLE_PROCESS


def test_without_mpi4py_there_is_one_error_that_names_the_extra(started, monkeypatch, fails, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "albert_np.engine.mpi.communicator", raising=False)
    started(HYDRA)
    line = fails("pretrain", "text.txt", "--out", tmp_path / "run", code=1)
    assert line.startswith("albert-np: mpiexec has started 4 processes, which need mpi4py") and "albert_np[mpi]" in line
    started(HYDRA, 3)
    assert cli.main(["pretrain", "text.txt", "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr() == ("", "") and not (tmp_path / "run").exists()


def test_another_mpi_than_the_launcher_s_is_an_error(started, monkeypatch, fails, tmp_path):
    pytest.importorskip("mpi4py.MPI", reason="mpi4py is needed")
    started(OPEN_MPI)
    line = fails("pretrain", "text.txt", "--out", tmp_path / "run", code=1)
    assert "has started 4 processes, but mpi4py's MPI" in line and "sees 1" in line


def test_other_commands_are_for_one_process(started, monkeypatch, fails):
    from albert_np.engine.mpi import start

    monkeypatch.setattr("albert_np.apps.cli.world", lambda: SINGLE_PROCESS, raising=False)
    monkeypatch.setattr("albert_np.engine.mpi.world", lambda: SINGLE_PROCESS)
    assert start.world is world
    started(HYDRA)
    assert fails("info", "tiny", code=2) == (
        "albert-np: info is for one process, and 4 were started: only pretrain and finetune work together under mpiexec"
    )


def test_importing_needs_no_mpi():
    program = "import sys, albert_np, albert_np.engine.mpi, albert_np.training; assert 'mpi4py' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_process_alone_does_nothing(tmp_path):
    flat, one = [1.0], SINGLE_PROCESS
    one.all_reduce(flat)
    with one.guard(), one.main_process_first(), one.main_process_only(open(tmp_path / "file", "w")) as file:
        one.barrier()
    assert file.closed and flat == [1.0] and one.is_main and one.rank_and_size == ()
    assert one.sum_numbers(1, 2) == (1, 2) and one.all_gather_objects(3) == [3] and one.broadcast_object(lambda: 4) == 4
    assert one.communication_summary(1.0) == ""
