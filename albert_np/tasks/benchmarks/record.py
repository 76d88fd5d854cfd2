"""The record of a benchmark: its files, columns, labels, metrics, settings and submission, as data.

A data set is one `Benchmark`; the other files of this package are the mechanism that all of them share.
"""

from dataclasses import dataclass, field
from typing import Any

SUFFIXES = (".tsv", ".jsonl", ".json", ".csv", ".parquet")  # of the files that a split may be in, the first that exists


@dataclass(frozen=True)
class Source:
    """Files that hold the examples of a split, under names of their own.

    names   files that are read one after the other
    ids     "in" or "out": of the rows, those whose ids are in the file `Benchmark.ids`, or the others
    note    said to the user, if the choice is not obvious
    """

    names: tuple[str, ...]
    ids: str = ""
    note: str = ""


@dataclass(frozen=True)
class Split:
    """A set of examples.

    name        "train", "dev", "dev_matched", ...: the official file is of this name, with a suffix from `SUFFIXES`
    hub         its name on the hub: "validation"
    sources     other files that hold it, such as those of the original release
    submission  the file to which the answers are written; "": answers to it are not submitted
    """

    name: str
    hub: str
    sources: tuple[Source, ...] = ()
    submission: str = ""


def test_split(submission: str) -> tuple[Split, ...]:
    """Return the one test set of a benchmark, whose answers are submitted under this name."""
    return (Split("test", "test", submission=submission),)


@dataclass(frozen=True)
class Fields:
    """The columns of a table, or the keys of objects, in lower case; of several names the first that a file has counts.

    prefix          a column whose text stands before the first text, with a colon
    ids             columns that identify a row in `Benchmark.ids`
    without_header  the columns of a file without a header; (): there is always one
    """

    text: tuple[str, ...]
    pair: tuple[str, ...] = ()
    label: tuple[str, ...] = ("label",)
    index: tuple[str, ...] = ("index", "idx", "id")
    prefix: str = ""
    ids: tuple[str, ...] = ()
    without_header: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperSettings:
    """A row of table 14 of the ALBERT paper (Lan et al. 2020, appendix A.4): how each task was fine-tuned.

    epochs   passes over the official training examples that these steps amount to, rounded
    """

    learning_rate: float
    batch_size: int
    dropout: float
    classifier_dropout: float
    steps: int
    warmup_steps: int
    max_length: int
    epochs: int

    @property
    def warmup(self) -> float:
        """The warm-up as a share of the steps."""
        return self.warmup_steps / self.steps


@dataclass(frozen=True)
class Benchmark:
    """A data set with everything that its name stands for.

    name        "glue:mrpc"; aliases: other spellings of what follows the colon
    title       its official name, which is that of its folder; folders: other usual names of the folder
    task        name of the task; options: of the task, beside those that follow from the record
    labels      the names of the classes, as submissions write them, in the order of the model's outputs; (): it has no classes
    hub_labels  the same in the order of the ids that files exported from the hub have
    scale       the least and the greatest of the numbers
    metrics     the official scores; their mean selects the best epoch, and is the benchmark's share of an average over several
    fields      the columns; None: the task reads the file by itself
    train, dev, test   the splits; train None: nothing is trained on, a model of `model_from` answers
    ids         a file of ids, which divides an original release into splits (under any of these names)
    settings    those of the paper; None: it has none
    hub         (data set, configuration) on the hub
    source      where the files come from, for the message that they are missing
    note        about the data, for docs/glue.md
    """

    name: str
    title: str
    task: str
    metrics: tuple[str, ...]
    train: Split | None
    dev: tuple[Split, ...]
    test: tuple[Split, ...]
    source: str
    hub: tuple[str, str] = ("", "")
    aliases: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    hub_labels: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    fields: Fields | None = None
    ids: tuple[str, ...] = ()
    settings: PaperSettings | None = None
    model_from: str = ""
    note: str = ""

    @property
    def group(self) -> str:
        """The collection that it belongs to: "glue", "superglue", or "" for one that stands alone."""
        return self.name.partition(":")[0] if self.name.startswith(("glue:", "superglue:")) else ""

    @property
    def splits(self) -> tuple[Split, ...]:
        """All splits: train, dev, test."""
        return (*((self.train,) if self.train else ()), *self.dev, *self.test)

    def get_split(self, name: str) -> Split:
        """Return the split of this name. ValueError that lists those there are."""
        for split in self.splits:
            if split.name == name:
                return split
        raise ValueError(f"{self.name} has no examples {name!r}; expected one of {', '.join(each.name for each in self.splits)}")

    def task_options(self) -> dict[str, Any]:
        """Return the options of the task that the record decides."""
        options = dict(self.options)
        if self.settings is not None:
            options["max_length"] = self.settings.max_length
        if self.fields is not None:
            options |= {"benchmark": self.name, "metric": list(self.metrics), "kind": "classes" if self.labels else "number"}
            options |= {"classes": list(self.labels)} if self.labels else {}
        return options
