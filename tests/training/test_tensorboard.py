"""Curves for TensorBoard: the events in the files are the records of the run, each point once, also after a resume."""

import json
import math
import shutil
import sys
import warnings

import pytest
from stopping import FailAfter

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.training import Callback
from albert_np.training.metrics import read_lines, read_metrics
from albert_np.training.tensorboard import TensorBoard, check_tensorboard, event_files, read_events

pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'albert_np[tensorboard]'")

REVIEWS = [Labelled(f"{word} film {n}", label=word) for n in range(20) for word in ("good", "bad")]
TINY = dict(
    config="tiny", vocab_size=40, epochs=2, tokens_per_batch=64, progress=False,
    changes=dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32),
)  # fmt: skip


def read_curves(folder):
    """{name: [(step, value)]} as TensorBoard shows it: where a session begins, older points from its step on are dropped."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for file in event_files(folder):
        for event in read_events(file):
            if event.HasField("session_log"):
                curves = {name: [point for point in points if point[0] < event.step] for name, points in curves.items()}
            for value in event.summary.value:
                number = value.simple_value if value.WhichOneof("value") == "simple_value" else value.tensor.string_val[0]
                curves.setdefault(value.tag, []).append((event.step, number))
    return curves


def assert_equal(points, expected):
    assert [step for step, _ in points] == [step for step, _ in expected]
    assert [value for _, value in points] == pytest.approx([value for _, value in expected], rel=1e-6)


def check_pretraining(curves, out):
    steps, evaluations = read_metrics(out / "metrics.jsonl")
    names = {"mlm_loss": "mlm_loss", "sop_loss": "sop_loss", "lr": "learning_rate", "grad_norm": "gradient_norm"}
    for key, name in names.items():
        assert_equal(curves[f"train/{name}"], [(record["step"], record[key]) for record in steps])
    for key in ("loss", "mlm_loss", "sop_accuracy"):
        assert_equal(curves[f"held_out/{key}"], [(record["step"], record["held_out"][key]) for record in evaluations])


def test_pretraining(make, settings, tmp_path):
    model, data = make(settings)
    ab.pretrain(model, data, tmp_path / "run", settings, progress=False, tensorboard=tmp_path / "tb", seed=3)
    curves = read_curves(tmp_path / "tb" / "seed-3")
    check_pretraining(curves, tmp_path / "run")
    assert [step for step, _ in curves["train/tokens_per_second"]] == list(range(2, settings.steps + 1))
    assert all(value > 0 for _, value in curves["train/tokens_per_second"])
    assert b"| tokens_per_batch | 256 |" in curves["settings/text_summary"][0][1]
    assert b"| hidden_size | 24 |" in curves["config/text_summary"][0][1]


@pytest.mark.parametrize("last", [3, 6, 9, 14])
def test_a_resumed_pretraining_goes_on_with_its_curves(make, settings, tmp_path, last):
    """A checkpoint every 4 steps, losses drained every 3: the run ends after the checkpoints of step 0, 4, 8 and 12."""
    settings = settings.replace(log_every=1)
    arguments = tmp_path / "run", settings
    more = dict(tensorboard=tmp_path / "tb")
    model, data = make(settings)
    with pytest.raises(InterruptedError):
        ab.pretrain(model, data, *arguments, report=FailAfter(last), **more)
    if last == 3:
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "tb")
    model, data = make(settings)
    ab.pretrain(model, data, *arguments, resume=last > 3, progress=False, **more)
    assert len(event_files(tmp_path / "tb" / "seed-0")) == (2 if last > 3 else 1)
    check_pretraining(read_curves(tmp_path / "tb" / "seed-0"), tmp_path / "run")


def check_finetuning(curves, folder):
    lines = read_lines(folder / "metrics.jsonl")
    steps, epochs = [line for line in lines if "dev" not in line], [line for line in lines if "dev" in line]
    for key, name in {"loss": "loss", "lr": "learning_rate", "accuracy": "accuracy", "epoch": "epoch"}.items():
        assert_equal(curves[f"train/{name}"], [(record["step"], record[key]) for record in steps])
    for key in ("accuracy", "macro_f1", "matthews"):
        assert_equal(curves[f"dev/{key}"], [(record["step"], record["dev"][key]) for record in epochs])
    return epochs


def test_fine_tuning_with_two_seeds(tmp_path):
    seen = Counts()
    ab.finetune(
        "classification", REVIEWS, REVIEWS, out=tmp_path / "run", seeds=2, seed=4, tensorboard=tmp_path / "tb",
        **{**TINY, "report": seen},
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == ["seed-4", "seed-5"]
    for name in ("seed-4", "seed-5"):
        curves = read_curves(tmp_path / "tb" / name)
        assert len(check_finetuning(curves, tmp_path / "run" / name)) == 2
        assert {"config/text_summary", "classification/text_summary"} <= set(curves)
        assert b"| learning_rate | 0.005 |" in curves["settings/text_summary"][0][1]  # 0.16 / hidden size
    assert seen.evaluations == 4  # the user's own callback observes the run as well


class Counts(Callback):
    evaluations = 0

    def evaluation(self, record):
        self.evaluations += 1


@pytest.mark.parametrize("ends", [dict(epoch=1), dict(epoch=2), dict(step=3), dict(step=5)])
def test_a_resumed_fine_tuning_goes_on_with_its_curves(tmp_path, ends):
    """Ended after an evaluation, the run is resumed from the checkpoint before it, and evaluates again: one point, not two."""
    arguments = dict(out=tmp_path / "run", tensorboard=tmp_path / "tb", checkpoint_seconds=0, **TINY)
    with pytest.raises(InterruptedError):
        ab.finetune("classification", REVIEWS, REVIEWS, **arguments, report=FailAfter(**ends))
    ab.finetune("classification", REVIEWS, REVIEWS, **arguments, resume=True)
    curves = read_curves(tmp_path / "tb" / "seed-0")
    assert len(check_finetuning(curves, tmp_path / "run")) == 2


def test_at_the_command_line(tmp_path, monkeypatch, capsys):
    """The folder is stored with the run's other arguments, so a resumed run goes on in it."""
    from albert_np.apps.cli import main

    monkeypatch.chdir(tmp_path)
    lines = [f"{review.text}\t{review.label}" for review in REVIEWS]
    (tmp_path / "train.tsv").write_text("\n".join(["text\tlabel", *lines]))
    sizes = ["--config", "tiny", "--num-hidden-layers", "1", "--vocab-size", "40", "--epochs", "1", "--tokens-per-batch", "64"]
    command = ["finetune", "classification", "--train", "train.tsv", "--dev", "train.tsv", *sizes, "--tensorboard", "tb", "-q"]
    assert main([*command, "--out", "run"]) == 0
    check_finetuning(read_curves(tmp_path / "tb" / "seed-0"), tmp_path / "run")
    assert main([*command, "--out", "other"]) == 2
    assert "seed-0 holds the curves of another run; choose another folder as --tensorboard" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "tb")
    state = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**state, "done": []}))
    assert main(["finetune", "classification", "--resume", "--out", "run", "-q"]) == 0
    check_finetuning(read_curves(tmp_path / "tb" / "seed-0"), tmp_path / "run")


# ---- what ends no run, and what is refused before one ----


def record(step):
    return dict(step=step, loss=1.0, lr=1e-3, grad_norm=0.5, tokens=100, seconds=step * 0.5)


def test_the_speed_is_a_mean_of_ten_steps(tmp_path):
    board = TensorBoard(tmp_path)
    for step in range(1, 31):
        board.step({**record(step), "tokens": 100 if step < 20 else 200})
    speeds = dict(read_curves(tmp_path)["train/tokens_per_second"])
    assert speeds[2] == speeds[19] == 200 and speeds[24] == pytest.approx(300) and speeds[30] == 400
    board.close()


def test_a_loss_that_is_not_a_number_is_a_gap(tmp_path):
    board = TensorBoard(tmp_path)
    board.step({**record(1), "loss": None})
    ((step, value),) = read_curves(tmp_path)["train/loss"]
    assert step == 1 and math.isnan(value)
    board.close()


@pytest.mark.parametrize("when", ["opening", "writing"])
def test_a_full_disk_is_one_warning(tmp_path, monkeypatch, when):
    full = OSError(28, "No space left on device")

    class Full:
        def __init__(self, path):
            if when == "opening":
                raise full
            self.open, self._writer = True, self

        def write(self, data):
            if b"loss" in data:
                raise full

        def flush(self):
            pass

        def close(self):
            raise full

    monkeypatch.setattr("tensorboardX.RecordWriter", Full)
    with pytest.warns(UserWarning) as caught:
        done = ab.finetune("classification", REVIEWS, REVIEWS, tensorboard=tmp_path / "tb", **TINY)
    assert len(caught) == 1 and done.scores
    text = str(caught[0].message)
    assert text == f"no more curves for TensorBoard in {tmp_path / 'tb' / 'seed-0'}: No space left on device; the run goes on"


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot be created: Not a directory; the run goes on") as caught:
        done = ab.finetune("classification", REVIEWS, REVIEWS, tensorboard=tmp_path / "file" / "tb", **TINY)
    assert len(caught) == 1 and done.scores


def test_what_is_refused_before_the_run(tmp_path, monkeypatch, make, settings):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file is a file; `tensorboard` needs a folder"):
        ab.finetune("classification", REVIEWS, tensorboard=tmp_path / "file", **TINY)
    with pytest.raises(ValueError, match="tensorboard must be the path of a folder, not 3"):
        ab.finetune("classification", REVIEWS, tensorboard=3, **TINY)
    board = TensorBoard(tmp_path / "tb" / "seed-1")
    board.start(0, 1)
    board.close()
    with pytest.raises(FileExistsError, match=r"seed-1 holds the curves of another run; choose another folder as `tensorboard`"):
        ab.finetune("classification", REVIEWS, tensorboard=tmp_path / "tb", seeds=2, out=tmp_path / "out", **TINY)
    with pytest.raises(FileExistsError, match="seed-1 holds the curves of another run"):
        ab.pretrain(*make(settings), tmp_path / "run", settings, tensorboard=tmp_path / "tb", seed=1)
    check_tensorboard(tmp_path / "tb", range(1), False)  # seed-0 is free
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"TensorBoard need tensorboardX: pip install 'albert_np\[tensorboard\]'"):
        ab.finetune("classification", REVIEWS, tensorboard=tmp_path / "other", **TINY)
    assert not (tmp_path / "out").exists() and not (tmp_path / "other").exists()
    ab.finetune("classification", REVIEWS, **TINY)  # nothing of it is imported without the argument


def test_files_that_are_not_whole_are_read_as_far_as_they_go(tmp_path):
    board = TensorBoard(tmp_path)
    for step in (1, 2):
        board.step(record(step))
    board.close()
    (file,) = event_files(tmp_path)
    data = file.read_bytes()
    for length in (len(data) - 1, len(data) - 5, 30):
        file.write_bytes(data[:length])
        assert [event.step for event in read_events(file)][-1:] == ([1] if length > 30 else [])
    file.write_bytes(data + b"\xff" * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TensorBoard(tmp_path)
        again.start(2, 3)
        again.step(record(2))
        again.step(record(3))
        again.close()
    assert [step for step, _ in read_curves(tmp_path)["train/loss"]] == [1, 2, 3]


def test_other_processes_write_nothing(tmp_path):
    from albert_np.training.tensorboard import get_curves

    own = get_curves(tmp_path / "tb", 0, {}, is_main=False)
    own.start(0, 1)
    own.step(record(1))
    assert type(own) is Callback and not (tmp_path / "tb").exists()


def test_a_point_that_a_later_session_has_superseded_is_written_again(tmp_path):
    """Sessions of steps 1 to 10, 6 to 9, and from 10 on: the score of step 10 from the first is not shown any more."""
    for first, last in ((0, 10), (5, 9), (10, 11)):
        board = TensorBoard(tmp_path)
        board.start(first, 20)
        for step in range(first + 1, last + 1):
            board.step(record(step))
        if last >= 10:
            board.evaluation({"step": 10, "mlm_loss": 4.0 if first else 5.0})
        board.close()
    curves = read_curves(tmp_path)
    assert curves["held_out/mlm_loss"] == [(10, 4.0)]
