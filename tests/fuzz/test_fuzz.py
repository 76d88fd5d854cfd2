"""Whatever lies in a file or comes over the network: an answer, or one clear line. See harness.py."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from harness import VALUES, WORDS, damaged, fuzz

import albert_np as ab
from albert_np.io.files import parse_json
from albert_np.tasks import get_task
from albert_np.training import Settings
from albert_np.training.finetune_settings import FinetuneSettings

sys.path += [str(Path(__file__).parents[1] / name) for name in ("io", "text", "tasks")]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")]


def lines(*rows: str) -> bytes:
    return "".join(row + "\n" for row in rows).encode()


SQUAD = {"version": "2.0", "data": [{"title": "t", "paragraphs": [{"context": "Anna is in Rome.", "qas": [
    {"id": "1", "question": "Where is Anna?", "answers": [{"text": "Rome", "answer_start": 11}]},
    {"id": "2", "question": "When?", "answers": [], "is_impossible": True}]}]}]}  # fmt: skip
FLAT = {"id": "1", "question": "Where?", "context": "In Rome.", "answers": {"text": ["Rome"], "answer_start": [3]}}
TACRED = {"id": "a", "token": ["Anna", "is", "in", "Rome"], "subj_start": 0, "subj_end": 0, "obj_start": 3, "obj_end": 3,
          "relation": "in"}  # fmt: skip
OPENNRE = {
    "text": "Anna is in Rome",
    "h": {"name": "Anna", "pos": [0, 4]},
    "t": {"name": "Rome", "pos": [11, 15]},
    "relation": "in",
}
RACE = {"answers": ["A", "D"], "options": [list("abcd"), list("efgh")], "questions": ["It is _ .", "Why?"], "article": "A.\nB.",
        "id": "high1.txt"}  # fmt: skip
ARC = {"id": "1", "question": {"stem": "Why?", "choices": [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]},
       "answerKey": "B"}  # fmt: skip
READERS = {
    "classification": {
        "a.tsv": lines("text\tlabel", "Anna is here.\twarm", "Bela is there.\tcold"),
        "b.csv": lines("sentence1,sentence2,label", '"Anna, Bela",then,1', "a,b,0"),
        "c.jsonl": lines('{"text": "Anna", "label": "a"}', '{"text": "Bela", "label": "b", "id": 3}'),
        "d.json": json.dumps([{"text": "Anna", "label": 1}, {"text": "Bela", "label": 0}]).encode(),
        "e.tsv": lines("gj04\t1\t\tThe book.", "gj04\t0\t*\tBook the."),
        "f.csv": lines("v1;v2;;", *(f'{i % 2},5;"text {i} of ""them""";;' for i in range(6))),
        "g.jsonl": lines(*(json.dumps({"sentence": f"a b {i}", "labels": [i % 2, 1, 0]}) for i in range(4))),
        "h.tsv": "remark\tgroup\n".encode("utf-16") + "".join(f"it was {i}\t{i % 2}\n" for i in range(5)).encode("utf-16-le"),
        "i.csv": lines("id,text,toxic,rude", "1,x,0,1", "2,y,1,1"),
    },
    "question-answering": {
        "a.json": json.dumps(SQUAD).encode(), "b.jsonl": lines(json.dumps(FLAT), json.dumps({**FLAT, "id": 2})),
        "c.json": json.dumps([{"question": "Who?", "context": "Anna.", "answer": "Anna"}, {**FLAT, "is_impossible": 0}]).encode(),
    },
    "multiple-choice": {
        "a.txt": json.dumps(RACE).encode(), "b.jsonl": lines(json.dumps(ARC), json.dumps({**ARC, "id": "2"})),
        "c.csv": lines("sent1,sent2,source,ending0,ending1,ending2,label", '"He, ""x"".",He,gold,a,"b\tc",d,1', "a,b,c,d,e,f,0"),
        "d.jsonl": lines('{"ctx_a": "A", "ctx_b": "b", "endings": ["a", "b"], "label": 1, "split_type": "zeroshot", "ind": 1}'),
        "e.jsonl": lines('{"premise": "A", "choice1": "a", "choice2": "b", "question": "cause", "label": 0, "idx": 0}'),
        "f.xml": b'<?xml version="1.0" encoding="UTF-8" ?><copa-corpus><item id="1" asks-for="cause" '
        b'most-plausible-alternative="1"><p>A &amp; b.</p><a1>a</a1><a2>b</a2></item></copa-corpus>',
        "g.jsonl": lines('{"question": "Why?", "choices": ["a", "b", "b"], "label": "B", "group": "x"}',
                         '{"choices": ["a", "c"], "question": "Is it _ ?", "context": "A.", "label": "c"}'),
        "h.json": json.dumps([{"question": "", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"}]).encode(),
        "i.csv": lines("video-id,gold-ending,distractor-0,distractor-1,sent1,sent2", "v,a,b,c,d,e"),
    },
    "ner": {"a.conll": lines("Anna\tB-PER", "is\tO", "", "Rome\tS-LOC", ".\tO"), "b.txt": lines("Anna NNP I-PER", "x Y O"),
            "c.tsv": lines("#\thttp://a.org\t[2009-10-17]", "1-2\tzum\t_\t_", "1\tzu\tO\tO", "2\tdem\tO\tB-X", "1\tJa\tO\tO"),
            "d.conll": lines("#begin document (a)", "Anna (PER*", "Bo *)", "# *", "#end document", "-DOCSTART- *", "x *")},
    "srl": {"a.conll": lines("0\tAnna\tNNP\t-\t-\t(A0*)", "1\truns\tVBZ\trun\trun.01\t(V*)"),
            "b.conllu": lines("1\tAnna\t_\t_\tNNP\t_\t2\tnsubj\t_\t_\t_\t(A0*)",
                              "2\truns\t_\t_\tVBZ\t_\t0\troot\t_\t_\trun.01\t(V*)"),
            "c.txt": lines("Anna NNP - - (A0*)", "runs VBZ 01 run (V*)", "", "Yes UH - -"),
            "d.conll": lines("#begin document (x)", "x 0 0 Anna NNP (S* - - - - * (A0*) (0)",
                             "x 0 1 runs VBZ *) run 01 1 - * (V*) -")},
    "relations": {"a.txt": lines('1\t"<e1>Anna</e1> is in <e2>Rome</e2>."', "In(e1,e2)", "Comment: none", ""),
                  "b.json": json.dumps([TACRED]).encode(),
                  "c.jsonl": lines(json.dumps(TACRED), json.dumps({**TACRED, "id": "b"})),
                  "d.json": json.dumps({"data": [OPENNRE, {"text": "<e1>a</e1> <e2>b</e2>", "label": "x"}]}).encode(),
                  "e.json": json.dumps({"P": [{"tokens": ["a", "b"], "h": ["a", "", [[0]]], "t": ["b", "", [[1]]]}]}).encode()},
    "translation": {"a.tsv": lines("Anna runs.\tAnna läuft.", "Yes.\tJa."),
                    "b.jsonl": lines('{"source": "a", "target": "b"}', '{"id": 1, "source": "c", "target": "d"}'),
                    "c.jsonl": lines('{"translation": {"en": "a", "de": "b"}}', '{"translation": {"en": "c", "de": "d"}}'),
                    "d.csv": lines("en;de;", '"Anna, ""x""";Bela;', "Yes.;Ja.;"),
                    "e.txt": lines("Go.\tGeh.\tCC-BY 2.0", "a\tb\tCC-BY"),
                    "f.json": json.dumps({"source": ["a", "b"], "target": ["c", "d"]}).encode()},
}  # fmt: skip


WORDS_OF = {"multiple-choice": ("race", "plain", "question", "text,label", "ending0,ending1", "index", "letter")}
TYPED = ("", "0", "1", "2", "3", "9", "-1", "none", "text", "label", "source", "en", "tab", ";", "|", "#", "O", "-", "true", "no",
         "io", "skip", "refuse", "sets", "number", "1,2", '["a"]', "text,label")  # fmt: skip


def choose_options(task, rng):
    """Change some options by which files are read, to values as they may be typed on the command line."""
    for option in (*task.reading, "kind", "max_length"):
        if option in task.options and rng.random() < 0.15:
            try:
                value = task.parse_option(
                    option, rng.choice((*TYPED, *WORDS_OF.get(task.name, ()))) if option != "max_length" else "32"
                )
                type(task)(**{option: value})
            except ValueError as error:
                assert option in str(error), error
                continue
            task.options[option] = value
            task.changed.add(option)


@pytest.mark.parametrize("name", READERS)
def test_task_readers(name, tmp_path, tokenizer):
    def use(sample, data):
        path = tmp_path / sample
        path.write_bytes(data)
        task = get_task(name, max_length=32)
        if data not in READERS[name].values():
            choose_options(task, random.Random(data))
        reader = task.read_unlabelled if "max_length" in task.changed else task.read
        examples = reader(path)
        assert isinstance(examples.summary.describe(), str) and json.dumps(examples.summary.to_json())
        try:
            task.learn(examples)
            for example in examples[:5]:
                task.items(example, tokenizer)
        except ValueError as error:  # what the examples say does not fit together: no file is known there
            raise ValueError(f"{sample}: {error}") from None

    fuzz(READERS[name], use)


CONFIG = ab.AlbertConfig.preset("tiny", vocab_size=50, fusion_layers=(1, 2), id2label={0: "a", 1: "b"}).to_dict()
GOOGLE = {"hidden_size": 8, "num_attention_heads": 2, "embedding_size": 4, "vocab_size": 9, "intermediate_size": 8,
          "num_hidden_layers": 2, "hidden_act": "gelu", "max_position_embeddings": 16, "type_vocab_size": 2,
          "net_structure_type": 0, "gap_size": 0}  # fmt: skip


def test_configs(tmp_path):
    def use(sample, data):
        (tmp_path / sample).write_bytes(data)
        for strict in (False, True):
            config = ab.AlbertConfig.from_pretrained(tmp_path / sample, strict=strict)
            assert ab.AlbertConfig.from_dict(config.to_dict()) == config

    fuzz({"config.json": json.dumps(CONFIG).encode(), "albert_config.json": json.dumps(GOOGLE).encode()}, use)


def test_settings():
    def use(sample, data):
        try:
            values = parse_json(data)
            if not isinstance(values, dict):
                raise ValueError("no object")
            {"settings": Settings, "finetuning": FinetuneSettings}[sample].from_dict(values)
        except ValueError as error:
            raise ValueError(f"{sample}: {error}") from None

    samples = {"settings": Settings().to_dict(), "finetuning": FinetuneSettings().to_dict()}
    fuzz({name: json.dumps(value).encode() for name, value in samples.items()}, use, structured=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a trained model, and another of a run that was stopped."""
    from examples import examples

    folder = tmp_path_factory.mktemp("trained") / "model"
    given = examples("classification")
    small = dict(num_hidden_layers=1, hidden_size=16, intermediate_size=16, embedding_size=8, num_attention_heads=2)
    ab.finetune("classification", given, given[:4], config="tiny", changes=small, vocab_size=90, epochs=1, out=folder)
    return folder


def test_folders_of_trained_models(trained, tmp_path):
    from albert_np.tasks.finetune_folder import read_run
    from albert_np.tasks.trained import Trained

    names = ["task.json", "run.json", "tokenizer_config.json", "config.json"]

    def use(sample, data):
        for name in names:
            (tmp_path / name).write_bytes(data if name == sample else (trained / name).read_bytes())
        if sample == "run.json":
            read_run(tmp_path)
            return
        try:
            Trained.from_pretrained(tmp_path).predict("Anna takes the book.")
        except ValueError as error:
            if sample == "config.json":  # another config: the weights do not fit it, and they are what is named
                raise ValueError(f"{sample}: {str(error).splitlines()[0][:900]}") from None
            raise

    for path in trained.iterdir():
        if path.is_file() and path.name not in names:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    fuzz({name: (trained / name).read_bytes() for name in names}, use)


# ---- tokenizers ----


@pytest.fixture(scope="module")
def tokenizer(trained):
    return ab.AlbertTokenizer.from_pretrained(trained)


def test_texts(tokenizer):
    def use(sample, data):
        text = (
            data.decode("utf-16", "surrogatepass") if sample == "halves" and len(data) % 2 == 0 else data.decode(errors="replace")
        )
        try:
            found = tokenizer(text, text[:20], max_length=24, truncation=True, return_offsets_mapping=True)
            whole = tokenizer(text, return_offsets_mapping=True)
        except ValueError as error:
            raise ValueError(f"{sample}: {error}") from None
        assert found["input_ids"].shape[1] <= 24
        assert whole["input_ids"].min() >= 0 and whole["input_ids"].max() < len(tokenizer)
        assert whole["offset_mapping"].max() <= len(text) and isinstance(tokenizer.decode(whole["input_ids"][0]), str)

    text = "Anna takes the book in Paris. [MASK] ﬁ ① Ǆ é e\u0301 ½ 漢字 שלום \u200b 1,234 --- don't\n\ttabs"
    fuzz({"text": text.encode(), "marks": "[CLS][SEP]<pad><unk>▁▁ ".encode(), "halves": "Anna [MASK] 🙂".encode("utf-16")}, use)


def test_tokenizer_files(trained, tmp_path):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed: WordPiece cannot be read")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "anna", "##s", "the", "."]

    def use(sample, data):
        folder = tmp_path / sample
        folder.mkdir(exist_ok=True)
        (folder / sample).write_bytes(data)
        tokenizer = ab.AlbertTokenizer.from_pretrained(folder)
        tokenizer.decode(tokenizer("Anna's the book.")["input_ids"][0])

    alone = json.loads((trained / "tokenizer.json").read_text())
    steps = alone["normalizer"]["normalizers"]  # without the character map, so that other places are damaged more often
    composes = [step["type"] in ("NFC", "Precompiled") or step.get("pattern", {}).get("String", "") >= "\uff66" for step in steps]
    alone["normalizer"]["normalizers"] = [step for step, each in zip(steps, composes) if not each]
    samples = {"spiece.model": (trained / "spiece.model").read_bytes(), "vocab.txt": lines(*words)}
    fuzz({**samples, "tokenizer.json": json.dumps(alone).encode()}, use)


def test_folders_of_other_programs(trained, tmp_path):
    """Without task.json: what the model is for is in config.json."""
    from albert_np.tasks.trained import Trained

    def use(sample, data):
        (tmp_path / sample).write_bytes(data)
        try:
            Trained.from_pretrained(tmp_path).predict("Anna takes the book.")
        except (ValueError, FileNotFoundError) as error:  # weights that do not fit another config are named instead of it
            raise ValueError(f"{sample}: {str(error).splitlines()[0][:900]}") from None

    for path in trained.iterdir():
        if path.is_file() and path.name not in ("task.json", "run.json"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    fuzz({"config.json": (trained / "config.json").read_bytes()}, use)


# ---- weights ----


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """{file: bytes} of every format, each of a kilobyte or so; "a/b": in a folder of their own."""
    from safetensors.numpy import save
    from test_torch_mutations import LEGACY, ZIP

    from albert_np.apps.convert import convert
    from albert_np.compress.quantising import get_scheme, quantise_params
    from albert_np.io.packed_checkpoint import Packing, save_packed

    folder = tmp_path_factory.mktemp("weights")
    config = ab.AlbertConfig.preset(
        "tiny",
        vocab_size=9,
        embedding_size=2,
        hidden_size=4,
        num_attention_heads=2,
        intermediate_size=4,
        max_position_embeddings=8,
    )
    model = ab.AlbertModel(config)
    model.save_pretrained(folder / "plain")
    packing = Packing("int8", quantise_params(model.params, get_scheme("int8")))
    save_packed(folder / "packed", config, model.params, "AlbertModel", packing)
    convert(folder / "plain", folder / "tf", to="tf")
    np.savez(folder / "x.npz", a=np.arange(6.0).reshape(2, 3), b=np.int32(3))
    index = {"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    found = {"x.safetensors": save({"a": np.arange(3.0), "b": np.zeros((2, 2), np.float16)}),
             "packed.safetensors": (folder / "packed" / "model.safetensors").read_bytes(),
             "zip.bin": ZIP, "old.pth": LEGACY, "x.npz": (folder / "x.npz").read_bytes(),
             "model.safetensors.index.json": json.dumps(index).encode()}  # fmt: skip
    (tf,) = (folder / "tf").glob("*.index")
    found["model.ckpt.index"] = tf.read_bytes()
    found["model.ckpt.data-00000-of-00001"] = next((folder / "tf").glob("*.data-*")).read_bytes()
    return found


def test_weights(weights, tmp_path):
    from safetensors.numpy import save_file

    from albert_np.io import read

    def use(sample, data):
        folder = tmp_path / sample.split(".")[0] / sample.rpartition(".")[2]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / sample
        path.unlink(missing_ok=True)  # a file in use as a map must not be written to
        path.write_bytes(data)
        if "index.json" in sample:
            save_file({"a": np.zeros(2)}, folder / "one.safetensors")
            save_file({"b": np.zeros(2)}, folder / "two.safetensors")
        if "ckpt" in sample:
            for other in ("model.ckpt.index", "model.ckpt.data-00000-of-00001"):
                if other != sample:
                    (folder / other).write_bytes(weights[other])
            path = folder / "model.ckpt.index"
        for array in read(path).values():
            array.copy()

    fuzz(weights, use)


# ---- the service ----


def test_the_service(trained):
    pytest.importorskip("starlette", reason="starlette is not installed: the service cannot be tested")
    pytest.importorskip("httpx", reason="httpx is not installed: the service cannot be tested")
    from starlette.testclient import TestClient

    from albert_np.apps.serve.app import Limits, application
    from albert_np.apps.serve.services import open_service

    app = application(open_service(str(trained)), Limits(body=20_000, characters=5_000, many=8, timeout=30))
    rng = np.random.default_rng(0)
    with TestClient(app, raise_server_exceptions=True) as client:

        def use(sample, data):
            headers = {"content-type": str(rng.choice(["application/json", "text/plain", "multipart/form-data", ""]))}
            if rng.random() < 0.1:
                headers["content-length"] = str(rng.choice(["-1", "x", "999999999", "0", ""]))
            method = str(rng.choice(["POST"] * 12 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"]))
            path = "/answer" if rng.random() < 0.9 else str(rng.choice(["/", "/info", "/queue", "/answer/", "/%00", "/x?y=%ff"]))
            response = client.request(method, path, content=data, headers=headers)
            assert response.status_code // 100 in (2, 4), (method, path, response.status_code, response.text[:200])
            if (path == "/" and response.status_code == 200) or method in ("HEAD", "OPTIONS"):
                return
            said = response.json()
            assert (response.status_code == 200) != (set(said) == {"error"}), said

        one = {"text": "Anna takes the book.", "pair": "So it is."}
        samples = {"one": one, "several": {"requests": [{"text": "a"}, one, {"text": "[MASK] <e1>"}]}}
        fuzz({name: json.dumps(value).encode() for name, value in samples.items()}, use, structured=True)
        assert client.post("/answer", json=one).status_code == 422, "the model is one of single texts"
        assert client.post("/answer", json={"text": one["text"]}).status_code == 200, "it goes on"


# ---- the fuzzer itself ----


def test_it_finds_what_it_should(tmp_path):
    def careless(sample, data):
        json.loads(data)["a"]["b"]

    with pytest.raises(AssertionError, match=r"ALBERT_NP_FUZZ_SEED=\d+ ALBERT_NP_FUZZ_CASE=\d+"):
        fuzz({"x.json": b'{"a": {"b": 1}}'}, careless)

    def unnamed(sample, data):
        if data != b"good":
            raise ValueError("something is wrong")

    with pytest.raises(AssertionError, match="something is wrong"):
        fuzz({"x.txt": b"good"}, unnamed)

    def large(sample, data):
        np.ones(1 << 30 if data != b"good" else 1)

    with pytest.raises(AssertionError, match="MemoryError"):
        fuzz({"x": b"good"}, large)


def test_the_words_and_values_are_used():
    import random

    made = {damaged(random.Random(i), b"0123456789" * 20) for i in range(3000)}
    assert all(any(word in each for each in made) for word in WORDS) and len(VALUES) > 20
