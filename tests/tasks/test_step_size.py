"""The tokens of a step where they are not given: few examples get small steps, and nothing else changes."""

import json
import math

import pytest
from examples import examples

import albert_np as ab
from albert_np.apps.cli import main
from albert_np.data.formats import Labelled
from albert_np.tasks.step_size import LEAST_STEPS, limit_tokens
from albert_np.training import Report

SMALL = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32, embedding_size=16, num_attention_heads=2)


class Notes(Report):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def run(tokenizer, train=None, report=None, **arguments):
    defaults = dict(config="tiny", tokenizer=tokenizer, changes=SMALL, options={"max_length": 64}, epochs=1)
    given = examples("classification") if train is None else train
    return ab.finetune("classification", given, report=report, progress=False, **{**defaults, **arguments})


def stored(out):
    return json.loads((out / "run.json").read_text())["told"]["settings"]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([14] * 1000, (882, 62, 16)),  # a sixteenth of the epoch
        ([14] * 100, (119, 8, 12)),  # 8 examples, though these are more than a sixteenth
        ([14] * 9, (119, 4, 2)),
        ([14] * 8, (2048, 0, 0)),  # one step in any case
        ([], (2048, 0, 0)),
        ([100] * 200, (1300, 12, 16)),
        ([300] * 100, (2048, 0, 0)),  # 8 of them are more than a step of the usual size has
    ],
)
def test_the_rule(sizes, expected):
    assert limit_tokens(sizes, 2048) == expected


def test_enough_examples_are_not_read_to_the_end():
    def sizes():
        yield from [64] * (LEAST_STEPS * 2048 // 64)
        raise AssertionError("read on")

    assert limit_tokens(sizes(), 2048) == (2048, 0, 0)


def test_few_examples_make_several_steps_and_a_line_says_so(tokenizer, tmp_path):
    notes, given = Notes(), examples("classification")
    done = run(tokenizer, report=notes, out=tmp_path / "out")
    steps = len(done.history.steps)
    assert steps >= min(LEAST_STEPS, math.ceil(len(given) / 8)) > 1
    (line,) = [line for line in notes.lines if "few examples" in line]
    assert f"{stored(tmp_path / 'out')['tokens_per_batch']:,} tokens" in line
    assert done.trained.about["settings"] == stored(tmp_path / "out") | {"checkpoint_seconds": 60.0, "shard_optimizer": False}


@pytest.mark.parametrize("given", [{"tokens_per_batch": 2048}, {"tokens_per_batch": 150}, {"batch_size": 5}])
def test_a_given_size_is_kept(tokenizer, tmp_path, given):
    notes = Notes()
    run(tokenizer, report=notes, out=tmp_path / "out", **given)
    settings = stored(tmp_path / "out")
    assert settings["tokens_per_batch"] == given.get("tokens_per_batch", 2048)
    assert settings["batch_size"] == given.get("batch_size")
    assert not any("few examples" in line for line in notes.lines)


def test_none_stands_for_no_size(tokenizer, tmp_path):
    run(tokenizer, out=tmp_path / "out", tokens_per_batch=None)
    assert stored(tmp_path / "out")["tokens_per_batch"] < 2048


def test_with_much_text_nothing_changes(tokenizer):
    word = examples("classification")[0].text.split()[0]
    many = [Labelled(" ".join([word] * 60), label=str(i % 2)) for i in range(700)]
    given, left_out = (
        run(tokenizer, many, steps=2, **more).trained.model.params.flat for more in ({"tokens_per_batch": 2048}, {})
    )
    assert (given == left_out).all()


def test_a_run_of_an_older_version_is_resumed_with_its_size(tokenizer, tmp_path):
    first = run(tokenizer, out=tmp_path / "out", tokens_per_batch=2048)  # as every run had it
    again = run(tokenizer, out=tmp_path / "out", resume=True)
    assert (again.trained.model.params.flat == first.trained.model.params.flat).all()
    assert stored(tmp_path / "out")["tokens_per_batch"] == 2048
    with pytest.raises(ValueError, match="tokens_per_batch is 64 now and was 2048"):
        run(tokenizer, out=tmp_path / "out", resume=True, tokens_per_batch=64)


def test_at_the_command_line(tmp_path, capsys):
    rows = [f"It was a {'fine' if i % 2 else 'poor'} film, number {i}.\t{'good' if i % 2 else 'bad'}" for i in range(24)]
    (tmp_path / "train.tsv").write_text("\n".join(["text\tlabel", *rows]))
    command = f"finetune classification --config tiny --train {tmp_path}/train.tsv --epochs 1 --out {tmp_path}/out"
    assert main(command.split()) == 0
    printed = capsys.readouterr().err
    assert "an epoch has about 3 steps (--tokens-per-batch or --batch-size sets another size)" in printed
    assert "step 3/3" in printed
