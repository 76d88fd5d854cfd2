"""Files of another form than the training examples."""

import json
import re
import warnings

import pytest

import albert_np as ab
from albert_np.tasks.classification import Classification
from albert_np.tasks.ner import NamedEntities
from albert_np.tasks.question_answering import QuestionAnswering

SINGLE = "text,label\na b,good\nc d,bad\n"
PAIRS = "text,pair,label\na b,c,good\nc d,e,bad\n"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def learn(path, **options):
    task = Classification(**options)
    task.learn(task.read(path))
    return task


def test_pairs_for_a_model_of_single_texts(write):
    single, pairs = write("a.csv", SINGLE), write("b.csv", PAIRS)
    for training, other, message in (
        (single, pairs, "b.csv: it is read as pairs of texts, and the training examples are single texts (option pair=none)"),
        (pairs, single, "a.csv: it is read as single texts, and the training examples are pairs (option pair)"),
    ):
        task = learn(training)
        for read in (task.read, task.read_unlabelled):
            with pytest.warns(UserWarning, match=re.escape(message)):
                read(other)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            task.read(training)
        new = Classification()
        examples, dev = new.read(training), new.read(other)
        new.learn(examples)
        with pytest.warns(UserWarning, match=re.escape(message)):
            new.summarize({"train": (training, examples), "dev": (other, dev)}, lambda line: None)


def test_messages_name_the_file(write):
    task, other = learn(write("a.csv", SINGLE)), write("b.csv", "text,group\na b,good\n")
    message = "cannot be scored (" + str(other) + " has the columns 'text', 'group') (option label)"
    with pytest.raises(ValueError, match=re.escape(message)):
        task.score(task.read(other), [{"label": "good"}])
    examples = task.read(write("a.csv", SINGLE))
    assert task.examples(examples) is examples  # with the name of its file
    with pytest.raises(ValueError, match=re.escape("one.txt has one column: expected a text and its label in columns")):
        learn(write("one.txt", "__label__good a b\n__label__bad c d\n"))
    numbers, names = learn(write("n.csv", "text,score\na b,0.5\nc d,1.5\n")), write("c.csv", SINGLE)
    with pytest.raises(ValueError, match=r"c\.csv: the label 'good' is not a number"):
        numbers.describe_labels(numbers.read(names))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"tokens": ["Ada", "ran"], "ner_tags": [1, 0]}\n'),
        ("a.json", '[{"tokens":["Ada"],"ner_tags":[1]}]'),
        ("a.json", '[\n {\n  "source_text": "My name is Ada",\n  "privacy_mask": []\n }\n]'),
        ("a.txt", '[{"tokens":["Ada"],"ner_tags":[1]}]'),
    ],
)
def test_json_with_entities_is_refused(write, name, text):
    path = write(name, text)
    for read in (NamedEntities().read, NamedEntities().read_unlabelled):
        with pytest.raises(ValueError, match=f"{name}:1: it looks like JSON; expected a word and its tag in columns"):
            read(path)


def test_other_files_of_entities(write):
    with pytest.raises(ValueError, match=r"a\.csv:1: lines have ','; expected columns separated by tabs or blanks"):
        NamedEntities().read(write("a.csv", "Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-PER\n,ran,VBD,O\n"))
    task = NamedEntities()
    with pytest.raises(ValueError, match="the training examples have no tags: expected a word and its tag on each line"):
        task.learn(task.read(write("a.txt", "Ada\nran\n")))
    with pytest.warns(UserWarning, match=re.escape("all words begin with 'en:', which no typed text has: remove it")):
        task.read(write("b.txt", "en:Ada B-PER\nen:: O\n\nen:Bob B-PER\n"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.read(write("c.txt", "en:Ada B-PER\nran O\n"))
        task.read(write("d.txt", "en: B-PER\nde: O\n"))


def test_a_table_of_questions_is_refused(write):
    with pytest.raises(
        ValueError, match=re.escape("a.csv: a table is not read; expected SQuAD's JSON, or an object on each line")
    ):
        QuestionAnswering().read(write("a.csv", 'context,question,answer\n"Ada ran.",Who?,Ada\n'))


QUESTION = '{"question": "Who?", "context": "Ada ran.", "answer": "Ada"}\n'
RELATION = '1\t"The <e1>a</e1> b <e2>c</e2>."\nX(e1,e2)\n\n2\t"The <e1>a</e1> d <e2>c</e2>."\nY(e1,e2)\n'


@pytest.mark.parametrize(
    ("task", "train", "dev", "message"),
    [
        ("classification", ("a.csv", SINGLE), ("b.csv", "text,group\na,b\n"), "none of the examples has a label"),
        ("ner", ("a.conll", "Ada B-PER\nran O\n"), ("b.conll", "Ada\nran\n"), "no tags in 1 of 1 sentences"),
        ("question-answering", ("a.jsonl", QUESTION), ("b.jsonl", '{"question": "Q", "context": "A"}\n'), "no answers in 1 of 1"),
        ("relations", ("a.txt", RELATION), ("b.txt", '1\t"The <e1>a</e1> b <e2>c</e2>."\n'), "no relation in 1 of 1"),
        ("translation", ("a.tsv", "a b\tc d\n"), ("b.txt", "a b\n"), "no translation in 1 of 1"),
    ],
)
def test_development_examples_that_cannot_be_scored_leave_no_folder(write, tmp_path, task, train, dev, message):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=rf"{re.escape(dev[0])}: {message}"):
        ab.finetune(task, write(*train), write(*dev), config="tiny", vocab_size=40, epochs=1, out=out, progress=False)
    assert not out.exists()


def test_doubts_about_the_labels_are_in_the_run(write, tmp_path):
    path = write("a.csv", "text,label\nred,5%\nblue,6%\nred,5%\nblue,6%\n")
    with pytest.warns(UserWarning, match="labels such as '5%' are taken for classes"):
        done = ab.finetune("classification", path, config="tiny", vocab_size=40, epochs=1, out=tmp_path / "run", progress=False)
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["files"]
    assert [len(files[0]["warnings"]) for files in (done.files, stored)] == [1, 1]


def test_rows_without_room_for_a_text_are_refused(write):
    with pytest.raises(ValueError, match="max_length must be a number of tokens, 3 or more, not 2"):
        ab.finetune("classification", write("a.csv", SINGLE), config="tiny", vocab_size=40, options={"max_length": 2})
    with pytest.raises(ValueError, match="3 or more, not -5"):
        Classification().change_options({"max_length": -5})
