"""Small files in the official layouts of GLUE, SuperGLUE and SQuAD, with their oddities, written into a folder."""

import json

PAIRS = [
    ("The cat sat down.", "A cat was sitting."),
    ("It rains.", "The sun shines."),
    ("He left at noon.", "He left."),
    ("No.", "Yes."),
]
WORDS = ["good", "bad"]


def write(folder, name, *lines, mark=""):
    """Write lines into a file, which may begin with a byte order mark."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(mark + "".join(line + "\n" for line in lines), encoding="utf-8")


def row(*cells):
    return "\t".join(map(str, cells))


def write_cola(folder):
    sentences = [f"The {word} film number {n} ." for n in range(4) for word in WORDS]
    lines = [row("gj04", n % 2, "" if n % 2 else "*", each) for n, each in enumerate(sentences)]
    write(folder, "train.tsv", *lines)
    write(folder, "dev.tsv", *lines[:4])
    write(folder, "test.tsv", row("index", "sentence"), *(row(n, each) for n, each in enumerate(sentences[:3])))


def write_cola_release(folder):
    lines = [row("gj04", n % 2, "" if n % 2 else "*", f"Sentence {n} is here.") for n in range(6)]
    write(folder, "in_domain_train.tsv", *lines)
    write(folder, "in_domain_dev.tsv", *lines[:2])
    write(folder, "out_of_domain_dev.tsv", *lines[3:6])


def write_sst2(folder):
    lines = ['a " quoted film \t1', 'so-so , says "time\t0', "good\t1", "bad\t0"]
    write(folder, "train.tsv", "sentence\tlabel", *lines)
    write(folder, "dev.tsv", "sentence\tlabel", *lines[:2])
    write(folder, "test.tsv", "index\tsentence", '0\tan "unclosed film', "1\tfine")


def write_mrpc(folder):
    header = row("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
    lines = [row(n % 2, 100 + n, 200 + n, *pair) for n, pair in enumerate(PAIRS)]
    write(folder, "train.tsv", header, *lines, mark="\ufeff")
    write(folder, "dev.tsv", header, *lines[:3], mark="\ufeff")
    test = [row(n, 100 + n, 200 + n, *pair) for n, pair in enumerate(PAIRS[:2])]
    write(folder, "test.tsv", row("index", "#1 ID", "#2 ID", "#1 String", "#2 String"), *test, mark="\ufeff")


def write_msr(folder, with_ids=True):
    header = row("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
    lines = [row(n % 2, 100 + n, 200 + n, *pair) for n, pair in enumerate(PAIRS)]
    write(folder, "msr_paraphrase_train.txt", header, *lines, mark="\ufeff")
    write(folder, "msr_paraphrase_test.txt", header, *reversed(lines[:2]), mark="\ufeff")
    if with_ids:
        write(folder, "dev_ids.tsv", row(101, 201), row(103, 203))


def write_stsb(folder):
    header = "index genre filename year old_index source1 source2 sentence1 sentence2 score".split()
    cells = ["main-captions", "MSRvid", "2012test", "0001", "none", "none"]
    lines = [row(n, *cells, *pair, f"{n + 0.25:.3f}") for n, pair in enumerate(PAIRS)]
    lines[1] = row(1, *cells, *PAIRS[1], "an extra cell", "1.250")
    write(folder, "train.tsv", row(*header), *lines)
    write(folder, "dev.tsv", row(*header), *lines[:3])
    write(folder, "test.tsv", row(*header[:-1]), *(row(n, *cells, *pair) for n, pair in enumerate(PAIRS[:2])))


def write_sts_release(folder):
    lines = [row("main-news", "headlines", "2013", f"{n:04}", f"{n:.3f}", *pair) for n, pair in enumerate(PAIRS)]
    lines[2] += "\thttp://a.org\thttp://b.org"
    for name in ("train", "dev", "test"):
        write(folder, f"sts-{name}.csv", *lines)


def write_qqp(folder):
    header = row("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
    lines = [row(n, 2 * n, 2 * n + 1, a, b, n % 2) for n, (a, b) in enumerate(PAIRS)]
    broken = [row(90, 1, 2, 'What is "this'), row(91, 3, 4, "cut off", "here")]
    write(folder, "train.tsv", header, lines[0], *broken, *lines[1:], row(92, 5, 6, "", "An empty first question", 0))
    write(folder, "dev.tsv", header, *lines)
    write(folder, "test.tsv", row("id", "question1", "question2"), *(row(n, *pair) for n, pair in enumerate(PAIRS[:3])))


def write_mnli(folder):
    parses = ["sentence1_binary_parse", "sentence2_binary_parse", "sentence1_parse", "sentence2_parse"]
    start = ["index", "promptID", "pairID", "genre", *parses, "sentence1", "sentence2"]
    names = ["neutral", "contradiction", "entailment", "neutral"]
    lines = [row(n, n, f"{n}n", "fiction", "( a )", "( b )", "(ROOT a)", "(ROOT b)", *pair) for n, pair in enumerate(PAIRS)]
    train = [f"{line}\tneutral\t{name}" for line, name in zip(lines, names)]
    write(folder, "train.tsv", row(*start, "label1", "gold_label"), *train, f"{lines[0]}\tneutral\t-")
    labels = "label1 label2 label3 label4 label5 gold_label".split()
    dev = [f"{line}\t" + "\t".join([name] * 6) for line, name in zip(lines, names)]
    write(folder, "dev_matched.tsv", row(*start, *labels), *dev)
    write(folder, "dev_mismatched.tsv", row(*start, *labels), *dev[:3])
    for name, count in (("matched", 2), ("mismatched", 3)):
        write(folder, f"test_{name}.tsv", row(*start), *lines[:count])


def write_entailment(folder, first="sentence1", second="sentence2", names=("entailment", "not_entailment")):
    lines = [row(n, *pair, names[n % 2]) for n, pair in enumerate(PAIRS)]
    write(folder, "train.tsv", row("index", first, second, "label"), *lines)
    write(folder, "dev.tsv", row("index", first, second, "label"), *lines[:3])
    write(folder, "test.tsv", row("index", first, second), *(row(n, *pair) for n, pair in enumerate(PAIRS[:2])))


def write_ax(folder):
    write(folder, "diagnostic.tsv", row("index", "sentence1", "sentence2"), *(row(n, *pair) for n, pair in enumerate(PAIRS)))
    header = [
        "Lexical Semantics",
        "Predicate-Argument Structure",
        "Logic",
        "Knowledge",
        "Domain",
        "Premise",
        "Hypothesis",
        "Label",
    ]
    names = ["neutral", "contradiction", "entailment", "neutral"]
    lines = [row("Quantifiers", "", "Negation", "", "News", *pair, name) for pair, name in zip(PAIRS, names)]
    write(folder, "diagnostic-full.tsv", row(*header), *lines)


GLUE = {
    "CoLA": write_cola, "SST-2": write_sst2, "MRPC": write_mrpc, "STS-B": write_stsb, "QQP": write_qqp, "MNLI": write_mnli,
    "QNLI": lambda folder: write_entailment(folder, "question", "sentence"), "RTE": write_entailment,
    "WNLI": lambda folder: write_entailment(folder, names="01"), "diagnostic": write_ax,
}  # fmt: skip


def write_glue(folder, names=GLUE):
    """Write the folders of these data sets of GLUE, and return the folder that holds them."""
    for name in names:
        GLUE[name](folder / name)
    return folder


def write_objects(folder, rows, tests):
    """Write train, val and test.jsonl of SuperGLUE."""
    for name, each in (("train", rows), ("val", rows[:3]), ("test", tests)):
        write(folder, f"{name}.jsonl", *map(json.dumps, each))


def write_superglue(folder):
    """Write the folders of SuperGLUE's data sets, and return the folder that holds them."""
    names = ["entailment", "contradiction", "neutral", "entailment"]
    n4 = range(4)
    boolq = [{"question": "is it so", "passage": a, "idx": n, "label": n % 2 == 1} for n, (a, _) in zip(n4, PAIRS)]
    cb = [{"premise": a, "hypothesis": b, "label": names[n], "idx": n} for n, (a, b) in zip(n4, PAIRS)]
    rte = [
        {"premise": a, "hypothesis": b, "label": ("entailment", "not_entailment")[n % 2], "idx": n}
        for n, (a, b) in zip(n4, PAIRS)
    ]
    wic = [
        {"word": "cat", "sentence1": a, "sentence2": b, "idx": n, "label": n % 2 == 0, "start1": 0, "end2": 3, "version": 1.1}
        for n, (a, b) in zip(n4, PAIRS)
    ]  # fmt: skip
    copa = [
        {"premise": a, "choice1": "It is so.", "choice2": b, "question": ("cause", "effect")[n % 2], "label": n % 2, "idx": n}
        for n, (a, b) in zip(n4, PAIRS)
    ]
    for name, rows in (("BoolQ", boolq), ("CB", cb), ("RTE", rte), ("WiC", wic), ("COPA", copa)):
        tests = [{key: value for key, value in each.items() if key != "label"} for each in rows[:2]]
        write_objects(folder / name, rows, tests)
    return folder


def write_race(folder):
    """Write the folders train, dev and test of RACE, and return the folder that holds them."""
    for part, level in ((part, level) for part in ("train", "dev", "test") for level in ("middle", "high")):
        questions = {"questions": ["Tom is _ .", "Why?"], "options": [["hurt", "glad", "in", "out"]] * 2, "answers": ["A", "D"]}
        write(folder / part / level, "1.txt", json.dumps({"article": "Tom fell.", "id": f"{level}1.txt", **questions}))
    return folder


def write_squad(folder):
    """Write the four files of SQuAD 1.1 and 2.0, and return their folder."""
    passage = "The manual was written by Ada in London."
    answer = [{"text": "Ada", "answer_start": 26}]
    asked = [{"id": "a", "question": "Who wrote it?", "answers": answer}, {"id": "b", "question": "By whom?", "answers": answer}]
    unanswerable = {"id": "c", "question": "Why?", "answers": [], "is_impossible": True}
    for version, more in (("1.1", []), ("2.0", [unanswerable])):
        articles = [{"title": "It", "paragraphs": [{"context": passage, "qas": [*asked, *more]}]}]
        for name in ("train", "dev"):
            text = json.dumps({"version": version, "data": articles})
            write(folder, f"{name}-v{version}.json", text)
    return folder
