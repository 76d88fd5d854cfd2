"""The data sets of GLUE (Wang et al. 2018), in the order of its leaderboard, with the settings of the ALBERT paper.

File names and columns are those of the official archives and of the usual download script; the sources beside them are the
original releases. Ids of labels are those of the data set nyu-mll/glue on the hub.
"""

from albert_np.tasks.benchmarks.record import Benchmark, Fields, PaperSettings, Source, Split, test_split

GLUE = "https://gluebenchmark.com/tasks"
BINARY = ("0", "1")
ENTAILMENT = ("entailment", "not_entailment")
THREE = ("contradiction", "entailment", "neutral")  # in the order of Google's code
THREE_HUB = ("entailment", "neutral", "contradiction")
TRAIN, DEV = Split("train", "train"), (Split("dev", "validation"),)
SENTENCES = Fields(("sentence1",), ("sentence2",))

COLA = Benchmark(
    "glue:cola", "CoLA", "classification", ("matthews",),
    Split("train", "train", (Source(("in_domain_train.tsv",)),)),
    (Split("dev", "validation", (Source(("in_domain_dev.tsv", "out_of_domain_dev.tsv")),)),),
    test_split("CoLA.tsv"), GLUE, ("nyu-mll/glue", "cola"),
    folders=("cola_public",), labels=BINARY, hub_labels=BINARY,
    fields=Fields(("sentence",), label=("label",), without_header=("source", "label", "mark", "sentence")),
    settings=PaperSettings(1e-5, 16, 0.0, 0.1, 5336, 320, 512, epochs=10),
    note="train and dev without a header: source, label, mark, sentence; the original release has the dev set in two files",
)  # fmt: skip
SST2 = Benchmark(
    "glue:sst-2", "SST-2", "classification", ("accuracy",), TRAIN, DEV, test_split("SST-2.tsv"), GLUE, ("nyu-mll/glue", "sst2"),
    aliases=("sst",), folders=("SST",), labels=BINARY, hub_labels=BINARY, fields=Fields(("sentence",)),
    settings=PaperSettings(1e-5, 32, 0.0, 0.1, 20935, 1256, 512, epochs=10), note="quotation marks are text",
)  # fmt: skip
MRPC = Benchmark(
    "glue:mrpc", "MRPC", "classification", ("accuracy", "f1"),
    Split("train", "train", (
        Source(("msr_paraphrase_train.txt",), ids="out"),
        Source(("msr_paraphrase_train.txt",), note="without dev_ids.tsv, all of it is trained on"),
    )),
    (Split("dev", "validation", (
        Source(("msr_paraphrase_train.txt",), ids="in"),
        Source(("msr_paraphrase_test.txt",), note="without dev_ids.tsv, the labelled test set takes the place of GLUE's dev set"),
    )),),
    (Split("test", "test", (Source(("msr_paraphrase_test.txt",)),), "MRPC.tsv"),),
    GLUE, ("nyu-mll/glue", "mrpc"), aliases=("msr_paraphrase",), labels=BINARY, hub_labels=BINARY,
    fields=Fields(("#1 string", "sentence1"), ("#2 string", "sentence2"), ("quality", "label"), ids=("#1 id", "#2 id")),
    ids=("dev_ids.tsv", "mrpc_dev_ids.tsv"), settings=PaperSettings(2e-5, 32, 0.0, 0.1, 800, 200, 512, epochs=7),
    note="quotation marks are text; the original files are divided by dev_ids.tsv, as the download script does it",
)  # fmt: skip
STSB = Benchmark(
    "glue:sts-b", "STS-B", "classification", ("pearson", "spearman"),
    Split("train", "train", (Source(("sts-train.csv",)),)), (Split("dev", "validation", (Source(("sts-dev.csv",)),)),),
    (Split("test", "test", (Source(("sts-test.csv",)),), "STS-B.tsv"),), GLUE, ("nyu-mll/glue", "stsb"),
    aliases=("sts", "stsbenchmark"), folders=("stsbenchmark", "STS"), scale=(0.0, 5.0),
    fields=Fields(
        ("sentence1",), ("sentence2",), ("score", "label"),
        without_header=("genre", "filename", "year", "old_index", "score", "sentence1", "sentence2"),
    ),
    settings=PaperSettings(2e-5, 16, 0.0, 0.1, 3598, 214, 512, epochs=10),
    note="rows may have more columns than the header; the original .csv files have tabs and no header",
)  # fmt: skip
QQP = Benchmark(
    "glue:qqp", "QQP", "classification", ("accuracy", "f1"), TRAIN, DEV, test_split("QQP.tsv"), GLUE, ("nyu-mll/glue", "qqp"),
    folders=("QQP-clean",), labels=BINARY, hub_labels=BINARY,
    fields=Fields(("question1",), ("question2",), ("is_duplicate", "label")),
    settings=PaperSettings(5e-5, 128, 0.1, 0.1, 14000, 1000, 512, epochs=5),
    note="training rows with missing columns are left out, and counted",
)  # fmt: skip
MNLI = Benchmark(
    "glue:mnli", "MNLI", "classification", ("accuracy",),
    Split("train", "train", (Source(("multinli_1.0_train.txt",)), Source(("multinli_1.0_train.jsonl",)))),
    (
        Split("dev_matched", "validation_matched",
              (Source(("multinli_1.0_dev_matched.txt",)), Source(("multinli_1.0_dev_matched.jsonl",)))),
        Split("dev_mismatched", "validation_mismatched",
              (Source(("multinli_1.0_dev_mismatched.txt",)), Source(("multinli_1.0_dev_mismatched.jsonl",)))),
    ),
    (
        Split("test_matched", "test_matched", submission="MNLI-m.tsv"),
        Split("test_mismatched", "test_mismatched", submission="MNLI-mm.tsv"),
    ),
    GLUE, ("nyu-mll/glue", "mnli"), aliases=("multinli",), folders=("multinli_1.0", "multinli"), labels=THREE,
    hub_labels=THREE_HUB,
    fields=Fields(("sentence1", "premise"), ("sentence2", "hypothesis"), ("gold_label", "label")),
    settings=PaperSettings(3e-5, 128, 0.0, 0.1, 10000, 1000, 512, epochs=3),
    note='the label is the last column, gold_label; examples with "-" are left out. The epoch is chosen by dev_matched',
)  # fmt: skip
QNLI = Benchmark(
    "glue:qnli", "QNLI", "classification", ("accuracy",), TRAIN, DEV, test_split("QNLI.tsv"), GLUE, ("nyu-mll/glue", "qnli"),
    aliases=("qnliv2",), folders=("QNLIv2",), labels=ENTAILMENT, hub_labels=ENTAILMENT,
    fields=Fields(("question",), ("sentence",)), settings=PaperSettings(1e-5, 32, 0.0, 0.1, 33112, 1986, 512, epochs=10),
    note="version 2 of the data (2019), with other examples than the first",
)  # fmt: skip
RTE = Benchmark(
    "glue:rte", "RTE", "classification", ("accuracy",), TRAIN, DEV, test_split("RTE.tsv"), GLUE, ("nyu-mll/glue", "rte"),
    labels=ENTAILMENT, hub_labels=ENTAILMENT, fields=SENTENCES,
    settings=PaperSettings(3e-5, 32, 0.1, 0.1, 800, 200, 512, epochs=10),
)  # fmt: skip
WNLI = Benchmark(
    "glue:wnli", "WNLI", "classification", ("accuracy",), TRAIN, DEV, test_split("WNLI.tsv"), GLUE, ("nyu-mll/glue", "wnli"),
    labels=BINARY, hub_labels=BINARY, fields=SENTENCES,
    settings=PaperSettings(2e-5, 16, 0.1, 0.1, 2000, 250, 512, epochs=50),
    note="the dev set is adversarial: 0.563 is what the commonest class scores, and few models score more",
)  # fmt: skip
AX = Benchmark(
    "glue:ax", "AX", "classification", ("matthews",), None,
    (Split("diagnostic-full", "", (Source(("diagnostic-full.tsv",)),)),),
    (Split("diagnostic", "test", (Source(("AX.tsv",)), Source(("diagnostic-full.tsv",))), "AX.tsv"),),
    GLUE, ("nyu-mll/glue", "ax"), aliases=("diagnostic", "diagnostics"), folders=("diagnostic", "diagnostics"), labels=THREE,
    hub_labels=THREE_HUB, fields=Fields(("sentence1", "premise"), ("sentence2", "hypothesis")), model_from="glue:mnli",
    note="the diagnostic set: no training examples; GLUE's R3 is Matthews' correlation for three classes",
)  # fmt: skip

RECORDS = (COLA, SST2, MRPC, STSB, QQP, MNLI, QNLI, RTE, WNLI, AX)
