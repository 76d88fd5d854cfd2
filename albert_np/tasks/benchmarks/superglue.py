"""The data sets of SuperGLUE (Wang et al. 2019) that a head answers: official folders of JSON lines, and submissions in them.

The ALBERT paper has no settings for them, so the ordinary ones count.
"""

from albert_np.tasks.benchmarks.record import Benchmark, Fields, Source, Split, test_split

SUPERGLUE = "https://super.gluebenchmark.com/tasks"
HUB = "aps/super_glue"
TRAIN, DEV = Split("train", "train"), (Split("dev", "validation", (Source(("val.jsonl",)),)),)
TRUTH = ("false", "true")

BOOLQ = Benchmark(
    "superglue:boolq", "BoolQ", "classification", ("accuracy",), TRAIN, DEV, test_split("BoolQ.jsonl"), SUPERGLUE,
    (HUB, "boolq"), labels=TRUTH, hub_labels=TRUTH, fields=Fields(("passage",), ("question",), ("label", "answer")),
    options={"max_length": 512}, note="passage, then question",
)  # fmt: skip
CB = Benchmark(
    "superglue:cb", "CB", "classification", ("accuracy", "macro_f1"), TRAIN, DEV, test_split("CB.jsonl"), SUPERGLUE,
    (HUB, "cb"), aliases=("commitmentbank",), labels=("contradiction", "entailment", "neutral"),
    hub_labels=("entailment", "contradiction", "neutral"), fields=Fields(("premise",), ("hypothesis",)),
    options={"max_length": 512}, note="macro-F1 over the classes that occur",
)  # fmt: skip
RTE = Benchmark(
    "superglue:rte", "RTE", "classification", ("accuracy",), TRAIN, DEV, test_split("RTE.jsonl"), SUPERGLUE, (HUB, "rte"),
    labels=("entailment", "not_entailment"), hub_labels=("entailment", "not_entailment"),
    fields=Fields(("premise",), ("hypothesis",)), options={"max_length": 512},
)  # fmt: skip
WIC = Benchmark(
    "superglue:wic", "WiC", "classification", ("accuracy",), TRAIN, DEV, test_split("WiC.jsonl"), SUPERGLUE, (HUB, "wic"),
    labels=TRUTH, hub_labels=TRUTH, fields=Fields(("sentence1",), ("sentence2",), prefix="word"),
    note="the word, a colon and the first sentence; then the second sentence",
)  # fmt: skip

COPA = Benchmark(
    "superglue:copa", "COPA", "multiple-choice", ("accuracy",),
    Split("train", "train", (Source(("train.jsonl",)),)), (Split("dev", "validation", (Source(("val.jsonl",)),)),),
    (Split("test", "test", (Source(("test.jsonl",)),), "COPA.jsonl"),), SUPERGLUE, (HUB, "copa"), options={"form": "copa"},
    note="the premise, then the question (What was the cause of this? What happened as a result?) with each choice",
)  # fmt: skip

RECORDS = (BOOLQ, CB, COPA, RTE, WIC)
