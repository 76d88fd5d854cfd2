"""Benchmarks that stand alone: SQuAD and RACE, with the settings of the ALBERT paper."""

from albert_np.tasks.benchmarks.record import Benchmark, PaperSettings, Source, Split

SQUAD = "https://rajpurkar.github.io/SQuAD-explorer"


def squad_split(name: str, hub: str, version: str) -> Split:
    """Return a split of SQuAD; the answers to its dev set may be written, since the test set is not public."""
    files = (Source((f"{name}-v{version}.json",)),)
    return Split(name, hub, files, "predictions.json" if name == "dev" else "")


def squad(version: str, hub: str, settings: PaperSettings) -> Benchmark:
    """Return the record of a version of SQuAD."""
    train, dev = squad_split("train", "train", version), squad_split("dev", "validation", version)
    digit = version[0]
    return Benchmark(
        f"squad:{version}", f"SQuAD {version}", "question-answering", ("f1", "exact_match"), train, (dev,), (dev,), SQUAD,
        (hub, "plain_text" if digit == "1" else "squad_v2"), aliases=(digit, f"v{version}", f"v{digit}"),
        folders=("SQuAD", f"squad{digit}", f"squad{version}", f"squad_v{digit}", f"squad-v{version}"), settings=settings,
        note="the file of predictions is that of SQuAD's official script, {id: text}",
    )  # fmt: skip


RACE = Benchmark(
    "race", "RACE", "multiple-choice", ("accuracy",), Split("train", "train", (Source(("train",)),)),
    (Split("dev", "validation", (Source(("dev",)),)), Split("test", "test", (Source(("test",)),))),
    (Split("test", "test", (Source(("test",)),), "predictions.json"),), "https://www.cs.cmu.edu/~glai1/data/race",
    ("ehovy/race", "all"), options={"form": "race"}, settings=PaperSettings(2e-5, 32, 0.1, 0.1, 12000, 1000, 512, epochs=4),
    note="folders train, dev and test with middle and high in them; the test set has labels, and is scored beside the dev set",
)  # fmt: skip

RECORDS = (
    RACE,
    squad("1.1", "rajpurkar/squad", PaperSettings(5e-5, 48, 0.0, 0.1, 3649, 365, 384, epochs=2)),
    squad("2.0", "rajpurkar/squad_v2", PaperSettings(3e-5, 48, 0.0, 0.1, 8144, 814, 512, epochs=3)),
)
