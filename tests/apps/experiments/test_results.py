"""The table and the figure, by hand-made results."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

import albert_np as ab
from albert_np.apps.experiments import comparisons, paper, results, tables
from albert_np.apps.experiments.file import Configuration
from albert_np.apps.experiments.folder import Run
from albert_np.data.formats import Labelled
from albert_np.io.files import write_figure
from albert_np.metrics import paired
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
    metrics = results.choose_metrics(each)
    return {"title": "Of three", "about": "Why.", "metrics": metrics, "configurations": each,
            "comparisons": comparisons.compare(each, metrics, ()), "notes": ["A note."],
            "failed": {"three, seed 0": "exit code 1: no"}, "missing": 3}  # fmt: skip


def test_means_deviations_and_differences(found):
    one = found["configurations"][0]
    assert one["mean"]["mlm_loss"] == 4 and one["deviation"]["mlm_loss"] == 1
    text = tables.markdown(found)
    assert "|  | parameters | MLM loss | SOP accuracy | tokens/s | seeds |\n|---|---:|---:|---:|---:|---:|\n" in text
    assert "| one | 1,000 | 4.0000 ± 1.0000 | 0.6000 ± 0.1000 | 50 | 3 |" in text
    assert "| two | 1,000 | 4.5000 ± 1.0000 | – | 50 | 3 |" in text
    assert "| three | – | – | – | – | 0 |" in text
    assert "|  | against | in | difference | 95 % interval | seeds | the paper | verdict |" in text
    assert "|---|---|---|---:|---:|---:|---|---|\n" in text
    assert "| two | one | MLM loss | +0.5000 | +0.5000 to +0.5000 | 3 | – | worse |" in text
    for part in (
        "# Of three",
        "Why.",
        "A note.",
        "the unigram entropy is 5.000",
        "3 runs are missing.",
        "FAILED: three, seed 0: exit code 1: no",
    ):
        assert part in text
    assert "tokens/s" not in tables.means_table(found, speed=False)
    found["comparisons"] = []
    assert "verdict" not in tables.markdown(found)


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
    def cell(*values: float) -> str:
        return tables._format_mean({"runs": [{"error": value} for value in values]}, "error")

    assert cell(25951.51, 25953.2) == "25952.4 ± 1.19501"
    assert cell(2e-6, 4e-6) == "3e-06 ± 1.41421e-06"
    assert cell(-0.01, 0.0098) == "-0.0001 ± 0.0140"


def test_differences_are_between_runs_of_the_same_seed(found):
    one, two, three = found["configurations"]
    del two["runs"][0]
    assert comparisons.differences(two, one, "mlm_loss") == {1: 0.5, 2: 0.5}
    one["runs"].pop()
    assert comparisons.differences(two, one, "mlm_loss") == {1: 0.5}
    (only,) = comparisons.compare([one, two, three], ["mlm_loss"], ())
    assert only["verdict"] == "one seed only" and only["low"] is None
    assert "| +0.5000 | – | 1 | – | one seed only |" in tables.differences_table({"comparisons": [only], "metrics": ["mlm_loss"]})


def records(losses: list[float], **direction) -> dict:
    """The comparison of a configuration that has these differences to the first."""
    seeds = range(len(losses))
    one = {"name": "one", "runs": [{"seed": seed, "mlm_loss": 5.0 + seed, "sop_accuracy": 0.5} for seed in seeds]}
    two = {"name": "two", "runs": [{"seed": s, "mlm_loss": 5.0 + s + losses[s], "sop_accuracy": 0.5 + losses[s]} for s in seeds]}
    given = paper.parse_directions([{"configuration": "two", **direction}] if direction else [], ["one", "two"], METRICS)
    return {each["metric"]: each for each in comparisons.compare([one, two], METRICS, given)}


METRICS = ["mlm_loss", "sop_accuracy"]
CLEAR, UNCLEAR = [-0.11, -0.10, -0.09], [-0.10, 0.0, 0.05]


@pytest.mark.parametrize(
    ("losses", "direction", "verdict"),
    [
        (CLEAR, {"direction": "better"}, "same direction as the paper"),
        (CLEAR, {"direction": "worse"}, "opposite to the paper"),
        (CLEAR, {"direction": "same", "within": 0.2}, "the same, as in the paper"),
        (CLEAR, {"direction": "same", "within": 0.05}, "different, unlike the paper"),
        (CLEAR, {"direction": "same", "within": 0.1}, "not decided"),
        (CLEAR, {}, "better"),
        ([0.11, 0.10, 0.09], {}, "worse"),
        ([0.11, 0.10, 0.09], {"direction": "worse"}, "same direction as the paper"),
        (UNCLEAR, {"direction": "better"}, "not seen"),
        (UNCLEAR, {"direction": "same", "within": 0.1}, "not decided"),
        (UNCLEAR, {}, "not seen"),
        ([-0.01, -0.02, -0.03], {"direction": "better"}, "not seen"),  # 3.46 standard errors; of three seeds, 4.30 are needed
        ([-0.01, -0.02, -0.03, -0.02], {"direction": "better"}, "same direction as the paper"),  # 4.90; of four, 3.18
        ([-0.1], {"direction": "better"}, "one seed only"),
    ],
)
def test_verdicts_on_a_loss(losses, direction, verdict):
    assert records(losses, **direction)["mlm_loss"]["verdict"] == verdict


def test_a_higher_accuracy_is_better():
    assert records(CLEAR)["sop_accuracy"]["verdict"] == "worse"
    one, other = records(CLEAR, metric="sop_accuracy", direction="worse", source="Table 5").values()
    assert one["verdict"] == "better" and other["verdict"] == "same direction as the paper" and other["source"] == "Table 5"


def test_the_table_has_the_first_metric_and_those_of_the_paper():
    def rows(**direction) -> list[str]:
        found = {"metrics": METRICS, "comparisons": list(records(CLEAR, **direction).values())}
        return tables.differences_table(found).splitlines()[2:]

    assert rows() == ["| two | one | MLM loss | -0.1000 | -0.1248 to -0.0752 | 3 | – | better |"]
    assert rows(metric="sop_accuracy", direction="same", within=0.2, source="Table 5")[1:] == [
        "| two | one | SOP accuracy | -0.1000 | -0.1248 to -0.0752 | 3 | same (within 0.2): Table 5 | the same, as in the paper |"
    ]


def test_two_others_may_be_compared():
    each = [configuration(name, [loss, loss + 0.1]) for name, loss in (("one", 3.0), ("two", 4.0), ("three", 5.0))]
    given = paper.parse_directions([{"configuration": "three", "against": "two", "direction": "worse"}],
                                   ["one", "two", "three"], ["mlm_loss"])  # fmt: skip
    found = comparisons.compare(each, ["mlm_loss"], given)
    assert [(c["configuration"], c["against"], round(c["mean"], 6)) for c in found] == [
        ("two", "one", 1.0), ("three", "one", 2.0), ("three", "two", 1.0),
    ]  # fmt: skip
    assert [c["verdict"] for c in found] == ["worse", "worse", "same direction as the paper"]


def test_the_seeds_that_effects_need():
    found = {"metrics": METRICS, "comparisons": list(records(UNCLEAR, metric="sop_accuracy", direction="better").values())}
    loss, accuracy = comparisons.plan_seeds(found)
    assert loss["deviation"] == pytest.approx(0.0763763) and loss["seeds"] == 3 and accuracy["metric"] == "sop_accuracy"
    assert loss["smallest"][3] == pytest.approx(3.264044 * 0.0763763) and set(loss["smallest"]) == {3, 5, 8}
    assert loss["needed"] == paired.pairs_needed(loss["mean"], loss["deviation"]) == 167
    text = tables.power_table(found)
    assert "|  | in | seeds | deviation | seen with 3 | seen with 5 | seen with 8 | difference | seeds needed for it |" in text
    assert "| two against one | MLM loss | 3 | 0.0764 | 0.2493 | 0.1285 | " in text and "| -0.0167 | 167 |" in text


def test_the_deviation_is_pooled_over_the_configurations():
    each = [configuration("one", [3.0] * 4), configuration("two", [3.1, 3.0, 3.2, 3.1]), configuration("three", [3.1, 3.3])]
    plans = comparisons.plan_seeds({"metrics": ["mlm_loss"], "comparisons": comparisons.compare(each, ["mlm_loss"], ())})
    assert [plan["configuration"] for plan in plans] == ["two", "three", "pooled"] and plans[-1]["seeds"] == 4
    assert plans[-1]["deviation"] == pytest.approx(((0.02 + 0.02) / (3 + 1)) ** 0.5)
    assert set(plans[-1]["smallest"]) == {3, 4, 5, 8}


def test_planning_takes_two_seeds(found):
    found["configurations"][1]["runs"] = found["configurations"][1]["runs"][:1]
    found["comparisons"] = comparisons.compare(found["configurations"], found["metrics"], ())
    with pytest.raises(ValueError, match="two finished seeds of two configurations"):
        tables.power_table(found)


def test_random_batches_show_their_heaviest_step(found):
    assert "heaviest / mean step" not in tables.markdown(found)
    found["configurations"][1]["changes"] = {"batches": "random"}
    assert "| heaviest / mean step |" in tables.markdown(found) and "| 1.500 |" in tables.markdown(found)


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
    assert [4.0] in drawn and [4.5, 4.5, 4.5] in drawn  # the first mean, and each seed's difference added to it
    assert [4.5, 4.5] in drawn  # the interval, of no width
    assert len(right.lines) == 2  # the mean of one, and the dashed line
    one, two, _ = found["configurations"]
    two["runs"][0]["mlm_loss"] += 0.3
    found["comparisons"] = comparisons.compare([one, two], found["metrics"], ())
    low, high = next([*line.get_xdata()] for line in experiments_figure(found).axes[0].lines if len(line.get_xdata()) == 2)
    assert 4 < low < 4.6 - 0.1 < 4.6 + 0.1 < high  # 0.6 ± 0.43
    assert (low, high) == pytest.approx((4.6 - 4.3027 * 0.1, 4.6 + 4.3027 * 0.1), abs=1e-4)
    found["comparisons"] = []  # one configuration, or none with the seeds of the first: their own figures
    assert [3.5 + 0.3, 4.5, 5.5] in [list(line.get_xdata()) for line in experiments_figure(found).axes[0].lines]
    write_figure(tmp_path / "figure.png", figure)
    picture = imread(tmp_path / "figure.png")
    ink = (picture[:, :, :3] < 0.7).any(axis=2)
    assert picture.shape[1] > 800 and 0.003 < ink.mean() < 0.3
    found["configurations"] = [configuration("none", [])]
    assert experiments_figure(found) is None


def test_the_line_of_a_run_has_its_scores():
    sizes = {"parameters": 1000, "steps": 10, "tokens": 500, "seconds": 1.0, "tokens_per_second": 500.0}
    assert results.format_figures({**sizes, "epoch": 2, "accuracy": 0.75}) == "accuracy 0.7500"
    line = results.format_figures({**sizes, "heaviest_step": 1.0, "unigram_entropy": 5.0, "mlm_loss": 4.0, "sop_accuracy": 0.5})
    assert line == "MLM loss 4.0000, SOP accuracy 0.5000"
