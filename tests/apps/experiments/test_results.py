"""The table and the figure, by hand-made results."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

import albert_np as ab
from albert_np.apps.experiments import results
from albert_np.apps.experiments.file import Configuration
from albert_np.apps.experiments.folder import Run
from albert_np.data.formats import Labelled
from albert_np.io.files import write_figure
from albert_np.plots import experiments_figure
from albert_np.plots.experiments import select_metrics


def configuration(name: str, losses: list[float], accuracies: list[float] | None = None, **changes) -> dict:
    runs = [{"seed": seed, "parameters": 1000, "tokens_per_second": 50.0, "heaviest_step": 1.5, "unigram_entropy": 5.0,
             "mlm_loss": loss} for seed, loss in enumerate(losses)]  # fmt: skip
    for run, accuracy in zip(runs, accuracies or []):
        run["sop_accuracy"] = accuracy
    return {"name": name, "changes": changes, "runs": runs, **results.average_over_seeds(runs)}


@pytest.fixture
def found() -> dict:
    each = [
        configuration("one", [3.0, 4.0, 5.0], [0.5, 0.6, 0.7]),
        configuration("two", [3.5, 4.5, 5.5]),
        configuration("three", []),
    ]
    return {"title": "Of three", "about": "Why.", "metrics": results.choose_metrics(each), "configurations": each,
            "notes": ["A note."], "failed": {"three, seed 0": "exit code 1: no"}, "missing": 3}  # fmt: skip


def test_means_deviations_and_differences(found):
    one, two, _ = found["configurations"]
    assert one["mean"]["mlm_loss"] == 4 and one["deviation"]["mlm_loss"] == 1
    assert results.differences(found, "mlm_loss", two) == [0.5, 0.5, 0.5]
    text = results.markdown(found)
    assert "| | parameters | MLM loss | SOP accuracy | MLM loss, against the first | tokens/s | seeds |" in text.replace(
        "|  |", "| |"
    )
    assert "| one | 1,000 | 4.0000 ± 1.0000 | 0.6000 ± 0.1000 |  | 50 | 3 |" in text
    assert "| two | 1,000 | 4.5000 ± 1.0000 | – | +0.5000 ± 0.0000 | 50 | 3 |" in text
    assert "| three | – | – | – | – | – | 0 |" in text
    for part in (
        "# Of three",
        "Why.",
        "A note.",
        "the unigram entropy is 5.000",
        "3 runs are missing.",
        "FAILED: three, seed 0: exit code 1: no",
    ):
        assert part in text
    assert results.markdown(found, heading=False).startswith("|  | parameters") and "FAILED" not in results.markdown(found, False)


LABELS = {
    "accuracy": lambda i: "ab"[i % 2],
    "micro_f1": lambda i: ["a", "b"][: i % 3],
    "root_mean_squared_error": lambda i: f"{i % 3}0000.5",
}


@pytest.mark.parametrize("metric", LABELS)
def test_the_score_of_a_fine_tuning_depends_on_its_labels(metric, tmp_path):
    given = [Labelled(f"a text of {i % 3} words", label=LABELS[metric](i)) for i in range(12)]
    options = {"kind": "number"} if metric == "root_mean_squared_error" else {}
    small = dict(hidden_size=16, num_attention_heads=2, intermediate_size=16, num_hidden_layers=1)
    ab.finetune(
        "classification",
        given,
        given,
        config="tiny",
        changes=small,
        vocab_size=40,
        epochs=1,
        options=options,
        out=tmp_path / "run",
    )
    run = Run(Configuration("one", {}, {"task": "classification"}), 0, tmp_path / "run")
    figures = results._read_finetuning_figures(None, run)
    assert list(figures)[-1] == metric and results.choose_metrics([{"mean": figures}])[-1] == metric
    sweep = SimpleNamespace(command=SimpleNamespace(name="finetune"))
    notes = results.comparability_notes(sweep, [run, replace(run, out=tmp_path / "removed")])
    assert ("A lower root mean squared error is better." in notes) == (metric == "root_mean_squared_error")


def test_large_and_tiny_errors_are_legible():
    assert results._format_mean([25951.51, 25953.2], "") == "25952.4 ± 1.19501"
    assert results._format_mean([2e-6, 4e-6], "+") == "+3e-06 ± 1.41421e-06"
    assert results._format_mean([-0.01, 0.0098], "+") == "-0.0001 ± 0.0140"


def test_differences_are_between_runs_of_the_same_seed(found):
    two = found["configurations"][1]
    del two["runs"][0]
    assert results.differences(found, "mlm_loss", two) == [0.5, 0.5]
    found["configurations"][0]["runs"].pop()
    assert results.differences(found, "mlm_loss", two) == [0.5]


def test_random_batches_show_their_heaviest_step(found):
    assert "heaviest / mean step" not in results.markdown(found)
    found["configurations"][1]["changes"] = {"batches": "random"}
    assert "| heaviest / mean step |" in results.markdown(found) and "| 1.500 |" in results.markdown(found)


def test_losses_come_first():
    keys = {
        "parameters": 1,
        "mlm_accuracy a=1": 1,
        "sop_accuracy": 1,
        "mlm_loss a=1": 1,
        "mlm_loss a=3": 1,
        "mlm_accuracy a=3": 1,
    }
    found = results.choose_metrics([{"mean": keys}])
    assert found == ["mlm_loss a=1", "mlm_loss a=3", "mlm_accuracy a=1", "mlm_accuracy a=3", "sop_accuracy"]
    assert select_metrics(found) == ["mlm_loss a=1", "mlm_loss a=3", "sop_accuracy"]
    assert results.metric_label("mlm_loss a=1") == "MLM loss, a=1" and results.metric_label("macro_f1") == "macro_f1"


def test_the_figure_has_a_row_each_and_every_seed(found, tmp_path):
    from matplotlib.image import imread

    figure = experiments_figure(found, results.metric_label)
    left, right = figure.axes
    assert left.get_xlabel() == "MLM loss (held out, nats)" and right.get_xlabel() == "SOP accuracy"
    assert [text.get_text() for text in left.get_yticklabels()] == ["one", "two"]
    assert left.yaxis_inverted() and right.yaxis_inverted()
    drawn = [list(line.get_xdata()) for line in left.lines]
    assert [3.0, 4.0, 5.0] in drawn and [3.0, 5.0] in drawn and [3.5, 4.5, 5.5] in drawn
    assert len(right.lines) == 4  # one's seeds, spread, mean, and the dashed line
    write_figure(tmp_path / "figure.png", figure)
    picture = imread(tmp_path / "figure.png")
    ink = (picture[:, :, :3] < 0.7).any(axis=2)
    assert picture.shape[1] > 800 and 0.003 < ink.mean() < 0.3
    found["configurations"] = [configuration("none", [])]
    assert experiments_figure(found) is None
