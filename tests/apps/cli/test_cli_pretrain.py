"""`pretrain --model`, and the vocabulary's options of `pretrain`, `finetune` and `tokenizer train`."""

import json
import re
import shlex
import shutil
import tarfile
import time
import warnings
from pathlib import Path

import pytest
from stories import SIZES, TEXT

import albert_np as ab
from albert_np.apps.cli import main

GERMAN = "".join(
    f"Das Mädchen trägt {n} Überschuhe. Jürgen geht.\n\n" for n in "eins zwei drei vier fünf sechs sieben".split() * 3
)
SHORT = "--max-length 32 --tokens-per-batch 256 --held-out 0.2".split()


def run_command(*arguments: object) -> None:
    assert main([str(each) for each in arguments]) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """text.txt, german.txt, and first/, a finished run on the first."""
    folder = tmp_path_factory.mktemp("pretrain")
    (folder / "text.txt").write_text(TEXT)
    (folder / "german.txt").write_text(GERMAN, "utf-8")
    run_command("pretrain", folder / "text.txt", "--out", folder / "first", *SIZES, "--held-out", "0.2", "--steps", 3, "-q")
    return folder


def sha(path: Path) -> bytes:
    return (path / "model.safetensors").read_bytes()


# ---- going on from a model ----


def test_a_run_goes_on_from_a_model(folder, tmp_path, capsys):
    out = tmp_path / "second"
    run_command("pretrain", folder / "text.txt", "--model", folder / "first", "--out", out, *SHORT, "--steps", 2, "--lr", "1e-9")
    line = f"starts from {folder / 'first'}: 60 pieces, 2 layers, hidden size 12, "
    err = capsys.readouterr().err
    assert line in err and "new optimiser state and learning-rate schedule\n" in err and "training a vocabulary" not in err
    assert (out / "spiece.model").read_bytes() == (folder / "first" / "spiece.model").read_bytes()
    before, after = (ab.AlbertForPreTraining.from_pretrained(path).params.flat for path in (folder / "first", out))
    assert abs(before - after).max() < 1e-6 and abs(before).max() > 0.1
    run = json.loads((out / "run.json").read_text())
    assert run["source"]["model"] == str(folder / "first") and len(run["source"]["sha256"]) == 64
    assert "source" not in json.loads((folder / "first" / "run.json").read_text())


def test_a_new_run_says_what_it_chose_and_how_to_ask_its_model(folder, tmp_path, capsys):
    small = [each for each in SIZES if each not in ("--config", "tiny")]
    run_command("pretrain", folder / "text.txt", "--out", tmp_path / "a b", *small, "--steps", 1)
    out, err = capsys.readouterr()
    assert "neither --model nor --config is given: a new model with the sizes of tiny\n" in err
    command = next(line for line in out.splitlines() if line.startswith("try it: "))
    run_command(*shlex.split(command.removeprefix("try it: albert-np ")))
    assert capsys.readouterr().out.count("%") == 5


def test_nothing_is_left_of_a_run_that_could_not_begin(tmp_path, fails):
    (tmp_path / "text.txt").write_text("one line")
    assert "the text is too small" in fails(
        "pretrain", tmp_path / "text.txt", "--out", tmp_path / "runs" / "a", "--config", "tiny"
    )
    assert not (tmp_path / "runs" / "a").exists()
    (tmp_path / "b").mkdir()
    fails("pretrain", tmp_path / "text.txt", "--out", tmp_path / "b", "--config", "tiny")
    assert (tmp_path / "b").is_dir()  # it was there before


def test_it_is_resumed_without_the_model_bit_for_bit(folder, tmp_path, capsys):
    start = ["pretrain", folder / "text.txt", "--model", folder / "first", *SHORT, "--dropout", "0.1", "-q", "--epochs", 1]
    run_command(*start, "--out", tmp_path / "whole", "--checkpoint-every", 2)
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    for name in sorted((tmp_path / "part" / "checkpoints").iterdir())[1:]:
        shutil.rmtree(name)
    for more in ([], ["--model", folder / "first"]):
        shutil.copytree(tmp_path / "part", tmp_path / f"again{len(more)}")
        run_command("pretrain", "--resume", "--out", tmp_path / f"again{len(more)}", *more, "-q")
        assert sha(tmp_path / f"again{len(more)}") == sha(tmp_path / "whole")
        assert json.loads((tmp_path / f"again{len(more)}" / "run.json").read_text())["source"]["model"] == str(folder / "first")


def test_another_start_is_refused_on_resuming(folder, tmp_path, fails):
    out = tmp_path / "second"
    run_command("pretrain", folder / "text.txt", "--model", folder / "first", "--out", out, *SHORT, "--steps", 2, "-q")
    shutil.copytree(out, tmp_path / "other")
    line = fails("pretrain", "--resume", "--out", out, "--model", tmp_path / "other")
    assert f"started from the parameters that {folder / 'first'} had then, not from those of {tmp_path / 'other'}" in line
    shutil.copytree(folder / "first", tmp_path / "first")
    assert "started from new parameters" in fails("pretrain", "--resume", "--out", tmp_path / "first", "--model", out)


def test_what_differs_from_the_run_that_is_resumed_is_refused(folder, tmp_path, fails):
    """Options that would have been ignored."""
    out = tmp_path / "second"
    run_command("pretrain", folder / "text.txt", "--model", folder / "first", "--out", out, *SHORT, "--steps", 2, "-q")
    line = fails("pretrain", "--resume", "--out", out, "--config", "tiny")
    assert f"cannot resume {out}: --config tiny is not that of the run: embedding_size is 64 in it and was " in line
    assert "steps is 1 now, and 2 are done" in fails("pretrain", "--resume", "--out", out, "--steps", 1)
    ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=60)).save_pretrained(tmp_path / "wide")
    line = fails("pretrain", "--resume", "--out", out, "--model", tmp_path / "wide")
    assert f"cannot resume {out}: the run did not start from {tmp_path / 'wide'} (" in line


@pytest.mark.parametrize("kind", ["file", "archive", "hf", "without SOP", "body", "classifier", "deeper"])
def test_models_of_every_form(folder, tmp_path, kind, capsys, recwarn):
    warnings.simplefilter("always")  # they are printed
    model, more = tmp_path / "model", []
    if kind == "hf":
        run_command("convert", folder / "first", model, "--to", "hf", "-q")
    elif kind == "archive":
        model = tmp_path / "model.tar.gz"
        with tarfile.open(model, "w:gz") as packed:
            for name in ("config.json", "model.safetensors", "spiece.model", "tokenizer_config.json"):
                packed.add(folder / "first" / name, f"model/{name}")
    elif kind == "file":
        model = folder / "first" / "model.safetensors"
    elif kind == "classifier":
        (tmp_path / "t.tsv").write_text("text\tlabel\nThe cat sleeps.\tcat\nA grey dog runs.\tdog\n")
        run_command(
            "finetune", "classification", "--train", tmp_path / "t.tsv", "--model", folder / "first", "--out", model, "-q",
            "--epochs", 1,
        )  # fmt: skip
    elif kind == "deeper":
        model, more = folder / "first", ["--num-hidden-layers", 5]
    else:
        one = ab.AlbertForMaskedLM if kind == "without SOP" else ab.AlbertModel
        one.from_pretrained(folder / "first").save_pretrained(model)
        more = ["--tokenizer", folder / "first"]
    capsys.readouterr()
    run_command("pretrain", folder / "text.txt", "--model", model, "--out", tmp_path / "out", *SHORT, "--steps", 1, *more)
    err = capsys.readouterr().err
    assert f"starts from {model}: 60 pieces, {5 if kind == 'deeper' else 2} layers" in err
    assert ("; changed: num_hidden_layers 5 instead of 2\n" in err) == (kind == "deeper")
    lacking = {"without SOP": "pooler, sop", "body": "mlm, sop", "classifier": "mlm, sop"}.get(kind)
    assert (lacking is None) == ("no weights for" not in err)
    assert lacking is None or f"{model} has no weights for {lacking}: initialised afresh" in err
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert "label2id" not in config and "id2label" not in config
    assert (tmp_path / "out" / "spiece.model").is_file()


def test_what_does_not_fit_the_model_is_refused(folder, tmp_path, fails):
    run_command("tokenizer", "train", folder / "text.txt", "--out", tmp_path / "other", "--vocab-size", 50, "-q")
    command = "pretrain", folder / "text.txt", "--out", tmp_path / "out", "--model", folder / "first", *SHORT
    assert "has a config of its own: leave out --config tiny" in fails(*command, "--config", "tiny")
    assert "--vocab-size is for a new vocabulary; that of" in fails(*command, "--vocab-size", 77)
    assert "is lower-cased, accents removed: it cannot become cased" in fails(*command, "--cased")
    wider = fails(*command, "--hidden-size", 24)
    assert "attention.LayerNorm.bias: expected (24,), file has (12,)" in wider
    assert "with hidden_size 24 instead of 12 the weights of" in wider and "do not fit: leave that out" in wider
    assert "is not the vocabulary of" in fails(*command, "--tokenizer", tmp_path / "other")
    assert "position_embeddings.weight: expected (1024, 8)" in fails(*command, "--max-position-embeddings", 1024)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / "first" / name, bare)
    assert f"{bare} has no vocabulary: name it by --tokenizer" in fails(*command[:4], "--model", bare)
    assert "'no/such/thing'" in fails(*command[:4], "--model", "no/such/thing")


@pytest.mark.parametrize("name", ["first", "first.tar.gz"])
def test_a_folder_is_no_config(folder, tmp_path, fails, name):
    if name.endswith("gz"):
        (folder / name).touch()
    end = f"trains new weights; to go on from the weights in {folder / name}, name it as the model"
    assert fails("pretrain", folder / "text.txt", "--out", tmp_path / "out", "--config", folder / name).endswith(end)
    (tmp_path / "t.tsv").write_text("text\tlabel\na\tb\nc\td\n")
    train = "finetune", "classification", "--train", tmp_path / "t.tsv", "--out", tmp_path / "out"
    assert fails(*train, "--config", folder / name).endswith(end)
    (tmp_path / "sweep.toml").write_text(f'[pretrain]\nfiles = ["{folder / "text.txt"}"]\nconfig = "{folder / name}"\n')
    assert fails("sweep", tmp_path / "sweep.toml", "--out", tmp_path / "out").endswith(end)


@pytest.mark.parametrize(
    ("command", "option", "expected"),
    [
        ("pretrain", "--init", "; did you mean '--model'?"),
        ("finetune", "--init-from", "; did you mean '--model'?"),
        ("pretrain", "--modle", "; did you mean '--model'?"),
        ("pretrain", "--keep-accent", "; did you mean '--keep-accents'?"),
        ("info", "--train", ""),
        ("info", "--init", ""),
    ],
)
def test_unknown_options(fails, command, option, expected):
    assert fails(command, option, "x").endswith(f"unknown option '{option}'{expected}")


# ---- schedules, settings and curves ----


def test_a_schedule_goes_on(folder, tmp_path, capsys, fails):
    """The settings that are taken from the run are printed, and so are the losses before and after."""
    more = "--max-length", 24, "--tokens-per-batch", 200, "--max-ngram", 1, "--sentence-objective", "nsp", "--optimizer", "lamb"
    first = tmp_path / "first"
    run_command("pretrain", folder / "text.txt", "--out", first, *SIZES[:-4], *more, "--held-out", 0.2, "--steps", 3, "-q")
    command = "pretrain", folder / "text.txt", "--held-out", 0.2, "--out"
    run_command(*command, tmp_path / "on", "--model", first, "--schedule", "continued", "--steps", 5)
    out, err = capsys.readouterr()
    assert "optimiser state and learning-rate schedule go on, to step 5\n" in err
    data = "objective nsp, style paper, max_ngram 1, masked_lm_prob 0.15, max_length 24"
    assert f"as {first} was trained: {data}, optimizer lamb, learning_rate 0.001, warmup 1, tokens_per_batch 200\n" in err
    assert "held-out after step 3: MLM loss" in err and "held-out after step 5: MLM loss" in err
    assert re.search(r"5 of 5 steps, .*; held-out MLM loss \d\.\d+ \(\d\.\d+ before, unigram entropy", out)
    run_command(*command, tmp_path / "anew", "--model", first / "checkpoints" / "step-00000003", "--steps", 2, "--max-ngram", 2)
    out, err = capsys.readouterr()
    assert "was trained: objective nsp, style paper, masked_lm_prob 0.15, max_length 24\n" in err
    assert "held-out before the first step: MLM loss" in err and "new optimiser state and learning-rate schedule\n" in err
    run_command(*command, tmp_path / "json", "--model", first, "--steps", 1, "--json")
    assert json.loads(capsys.readouterr().out)["held_out_before"]["mlm_loss"] > 0
    assert "--schedule continued goes on with a run's: name the run by --model" in fails(
        *command, tmp_path / "a", "--schedule", "continued"
    )
    assert f"{first} has made 3 steps: set --steps to a larger number, that of both runs together" in fails(
        *command, tmp_path / "a", "--model", first, "--schedule", "continued"
    )
    assert "set --steps, not --epochs" in fails(
        *command, tmp_path / "a", "--model", first, "--schedule", "continued", "--epochs", 2
    )
    ab.AlbertForPreTraining.from_pretrained(first).save_pretrained(tmp_path / "bare")
    assert f"{tmp_path / 'bare'} has none: use --schedule fresh" in fails(
        *command, tmp_path / "a", "--model", tmp_path / "bare", "--schedule", "continued", "--tokenizer", first
    )
    assert not (tmp_path / "a").exists()


def test_other_models_have_the_default_settings(folder, tmp_path, capsys):
    """A padded vocabulary of 70 rows for 60 pieces, other sharing, and fewer positions than the default length."""
    sizes = dict(num_hidden_layers=2, hidden_size=12, embedding_size=8, num_attention_heads=3, intermediate_size=16)
    config = ab.AlbertConfig(vocab_size=70, max_position_embeddings=20, sharing="attention", **sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model lacks a head, and the file repeats shared layers
        ab.AlbertForMaskedLM(config).save_pretrained(tmp_path / "model")
        run_command(
            "pretrain", folder / "text.txt", "--model", tmp_path / "model", "--tokenizer", folder / "first", "--out",
            tmp_path / "out", "--steps", 1, "--held-out", 0.2, "--tokens-per-batch", 100,
        )  # fmt: skip
    data = "objective sop, style paper, max_ngram 3, masked_lm_prob 0.15, max_length 20"
    assert f"by default: {data}\n" in capsys.readouterr().err
    made = ab.AlbertConfig.from_pretrained(tmp_path / "out")
    assert (made.sharing, made.vocab_size, made.max_position_embeddings) == ("attention", 70, 20)


def test_curves_go_on_when_a_run_is_resumed(folder, tmp_path, fails, monkeypatch):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'albert_np[tensorboard]'")
    command = "pretrain", folder / "text.txt", *SIZES, "--held-out", 0.2, "-q"
    monkeypatch.chdir(tmp_path)
    run_command(*command, "--out", "run", "--steps", 2, "--tensorboard", "tb")
    assert "holds the curves of another run; choose another folder as --tensorboard" in fails(
        *command, "--out", "other", "--tensorboard", "tb"
    )
    assert not (tmp_path / "other").exists()  # before anything else
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run_command("pretrain", "--resume", "--out", "../run", "--steps", 3, "-q")
    assert len(list((tmp_path / "tb" / "seed-0").iterdir())) == 2
    assert "run.json is a file; --tensorboard needs a folder" in fails(
        *command, "--out", "other", "--tensorboard", "../run/run.json"
    )


# ---- capitals and accents ----


def settings_of(out: Path) -> tuple[bool, bool]:
    found = json.loads((out / "tokenizer_config.json").read_text())
    return found["do_lower_case"], found["keep_accents"]


@pytest.mark.parametrize(
    ("options", "switches", "text"),
    [
        ([], (True, False), "das madchen tragt"),
        (["--cased"], (False, False), "Das Madchen tragt"),
        (["--keep-accents"], (True, True), "das mädchen trägt"),
        (["--cased", "--keep-accents"], (False, True), "Das Mädchen trägt"),
    ],
)
@pytest.mark.parametrize("command", ["pretrain", "finetune", "tokenizer"])
def test_the_vocabulary_keeps_what_is_asked_for(folder, tmp_path, capsys, command, options, switches, text):
    out = tmp_path / "out"
    if command == "pretrain":
        more = [*SIZES, "--vocab-size", 38, "--steps", 1, "--held-out", 0.2]
        run_command("pretrain", folder / "german.txt", "--out", out, *more, *options)
    elif command == "tokenizer":
        run_command("tokenizer", "train", folder / "german.txt", "--out", out, "--vocab-size", 38, *options)
    else:
        (tmp_path / "t.tsv").write_text(
            "text\tlabel\n" + "".join(f"{line}\t{len(line) % 2}\n" for line in GERMAN.split("\n\n") if line), "utf-8"
        )
        own = [*(["--lower-case"] * switches[0]), *(["--strip-accents"] * (not switches[1]))]
        files = "--train", tmp_path / "t.tsv", "--config", "tiny", "--epochs", 1
        run_command("finetune", "classification", *files, "--out", out, *SIZES[2:-4], *own)
    err = capsys.readouterr()
    assert settings_of(out) == switches
    tokenizer = ab.AlbertTokenizer.from_pretrained(out)
    assert tokenizer.decode(tokenizer.encode_text("Das Mädchen trägt")) == text
    treatment = f"{'lower-cased' if switches[0] else 'cased'}, accents {'kept' if switches[1] else 'removed'}"
    assert treatment in err.err + err.out
    removed = re.search(r"removed from (\d+) of (\d+) characters \(\d+\.\d%\), such as ä -> a, ü -> u, Ü -> U(.*)", err.err)
    assert (removed is None) == switches[1]
    if removed is not None:
        characters = [c for c in GERMAN if not c.isspace()]
        assert (int(removed[1]), int(removed[2])) == (sum(c in "äöüÜ" for c in characters), len(characters))
        assert removed[3] == ("" if command == "finetune" else "; keep them with --keep-accents")


def test_the_settings_are_honoured_to_the_end(folder, tmp_path, capsys, fails):
    """Held-out text, resuming, the corpus, fill-mask and Hugging Face's files: all by the stored settings."""
    out, more = tmp_path / "out", [*SIZES, "--vocab-size", 38, "--held-out", 0.2]
    run_command("pretrain", folder / "german.txt", "--out", out, *more, "--steps", 2, "--cased", "--keep-accents", "-q")
    run_command("pretrain", folder / "german.txt", "--resume", "--out", out, "--steps", 3, "--cased", "--keep-accents", "-q")
    assert settings_of(out) == settings_of(out / "checkpoints" / "step-00000003") == (False, True)
    assert "is cased, accents kept: it cannot become cased, accents removed" in fails(
        "pretrain", "--resume", "--out", out, "--strip-accents"
    )
    run_command("fill-mask", "--model", out, "Das Mädchen [MASK].", "--json")
    assert "Mädchen" in capsys.readouterr().out
    run_command("convert", out, tmp_path / "hf", "--to", "hf", "-q")
    assert settings_of(tmp_path / "hf") == (False, True)
    steps = json.loads((tmp_path / "hf" / "tokenizer.json").read_text())["normalizer"]["normalizers"]
    assert not {"NFKD", "Lowercase"} & {step["type"] for step in steps}
    again = "pretrain", folder / "german.txt", "--corpus", out / "corpus", *more, "--steps", 1
    capsys.readouterr()
    run_command(*again, "--out", tmp_path / "uncased")
    assert "corpus: the tokenizer has changed" in capsys.readouterr().err


def test_a_vocabulary_that_is_given(folder, tmp_path, capsys, fails):
    (tmp_path / "t.tsv").write_text("text\tlabel\nDas Mädchen ☃ trägt 価\tx\nder ☃\ty\n", "utf-8")
    arguments = "finetune", "classification", "--train", tmp_path / "t.tsv", "--model", folder / "first", "--epochs", 1
    run_command(*arguments, "--out", tmp_path / "out")
    err = capsys.readouterr().err
    assert "accents and other marks were removed from 2 of 21 characters (9.5%), such as ä -> a\n" in err
    assert re.search(r"the vocabulary lacks \d of 21 characters \(\d+\.\d%\), which become <unk>: ☃ \(2\)", err)
    assert "is lower-cased, accents removed: it cannot become" in fails(*arguments, "--out", tmp_path / "o", "--keep-accents")
    run_command(
        "pretrain", folder / "german.txt", "--tokenizer", folder / "first", "--out", tmp_path / "p", *SIZES[2:], "--steps", 1,
        "--held-out", 0.2,
    )  # fmt: skip
    err = capsys.readouterr().err
    assert "such as ä -> a, ü -> u, Ü -> U\n" in err  # without advice: the vocabulary is as it is
    assert "is lower-cased" in fails(
        "pretrain", folder / "german.txt", "--tokenizer", folder / "first", "--out", tmp_path / "q", "--cased"
    )


def test_counts_in_json(folder, tmp_path, capsys):
    run_command("tokenizer", "train", folder / "german.txt", "--out", tmp_path / "out", "--vocab-size", 38, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["lower_case"], found["keep_accents"], found["is_sample"]) == (True, False, False)
    assert found["removed_accents"] == {"ä": 42, "Ü": 21, "ü": 24} and found["unknown"] == {}


def test_counting_a_large_text_takes_little_time(tmp_path):
    from albert_np.apps.cli.tokenizer import measure_coverage
    from albert_np.text import train_tokenizer

    (tmp_path / "large.txt").write_text((GERMAN + "☃ 価\n") * 6000, "utf-8")
    tokenizer = ab.AlbertTokenizer(train_tokenizer(GERMAN.split("\n"), tmp_path / "m", 38))
    began = time.process_time()
    coverage = measure_coverage(tokenizer, [tmp_path / "large.txt"])
    assert time.process_time() - began < 5 and coverage.is_sample
    assert "in a sample of the text" in coverage.describe()[0] and set(coverage.unknown) == {"☃", "価"}


def test_few_held_out_examples_are_said(folder, tmp_path, capsys):
    (tmp_path / "ten.txt").write_text("\n".join(TEXT.splitlines()[:12]))
    more = [*SIZES, "--vocab-size", 50, "--steps", 1]
    run_command("pretrain", tmp_path / "ten.txt", "--out", tmp_path / "a", *more)
    assert re.search(
        r"; \d held out for evaluation: too few to tell models apart \(--held-out, or more text\)", capsys.readouterr().err
    )
    run_command("pretrain", tmp_path / "ten.txt", "--out", tmp_path / "b", *more, "--held-out", 0)
    assert "; none held out, so nothing is evaluated" in capsys.readouterr().err


def test_separators_of_other_programs_are_said(tmp_path, capsys):
    stories = TEXT.split("\n\n")
    for name, glue in (("lines.txt", "\n<|endoftext|>\n"), ("within.txt", "<|endoftext|>")):
        (tmp_path / name).write_text(glue.join(stories))
    more = [*SIZES, "--vocab-size", 60, "--steps", 1, "--held-out", 0.2]
    run_command("pretrain", tmp_path / "lines.txt", "--out", tmp_path / "a", *more)
    assert "if it ends documents, give --document-separator '<|endoftext|>'\n" in capsys.readouterr().err
    run_command("pretrain", tmp_path / "lines.txt", "--out", tmp_path / "b", *more, "--document-separator", "<|endoftext|>")
    assert "<|endoftext|>" not in capsys.readouterr().err
    run_command("pretrain", tmp_path / "within.txt", "--out", tmp_path / "c", *more)
    assert "<|endoftext|> is within lines of the text and is read as text" in capsys.readouterr().err


def test_what_each_option_keeps_is_said():
    from albert_np.apps.cli.pretrain_start import _describe_choices

    assert _describe_choices(True, False) == " (--cased keeps capitals, --keep-accents keeps accents)"
    assert _describe_choices(True, True) == " (--cased keeps capitals)" and _describe_choices(False, True) == ""
