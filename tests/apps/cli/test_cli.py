"""The command line: what it prints, its exit codes, and one clear line for each mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stories
from stories import TEXT

import albert_np as ab
from albert_np.apps.cli import main

SIZES = [*stories.SIZES, "--held-out", "0.2"]


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(TEXT)
    return file


@pytest.fixture(scope="module")
def run(text, tmp_path_factory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(["pretrain", str(text), "--out", str(out), *SIZES, "--steps", "6", "--quiet"]) == 0
    return out


# ---- it works ----


def test_a_run_leaves_a_model_metrics_and_figures(run):
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "model.safetensors", "spiece.model", "tokenizer_config.json", "metrics.jsonl"} <= names
    assert {path.name for path in (run / "figures").iterdir()} == {
        "loss.png", "accuracy.png", "learning_rate.png", "gradient_norm.png",
    }  # fmt: skip
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if "loss" in line] == [1, 2, 3, 4, 5, 6]


def test_json_is_one_object(text, tmp_path, capsys):
    assert main(["pretrain", str(text), "--out", str(tmp_path / "out"), *SIZES, "--steps", "2", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["step"] == found["total_steps"] == 2
    assert found["held_out"]["mlm_loss"] > 0 and found["unigram_entropy"] > 0
    assert captured.err == ""


def test_resuming_needs_only_the_folder(text, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["pretrain", str(text), "--out", out, *SIZES, "--steps", "3", "--dropout", "0.1"]) == 0
    assert main(["pretrain", "--out", out, "--resume", "--steps", "5"]) == 0
    captured = capsys.readouterr()
    assert "planned for 3 steps and is now for 5" in captured.err
    assert "5 of 5 steps" in captured.out
    assert main(["pretrain", str(text), "--out", out, "--resume", "--quiet"]) == 0


def test_without_a_terminal_progress_is_plain_lines(text, tmp_path, capsys):
    assert main(["pretrain", str(text), "--out", str(tmp_path / "out"), *SIZES, "--steps", "12"]) == 0
    err = capsys.readouterr().err
    assert "\x1b" not in err and "\r" not in err
    assert "MiB of memory while training; on the CPU" in err
    assert "step 12/12 loss" in err and "held-out after step 12: MLM loss" in err


def test_options_reach_the_model_and_the_data(text, tmp_path):
    out = tmp_path / "out"
    arguments = (
        "--sharing none --hidden-act=relu --set fusion_layers=1,2 --lines sentence --optimizer lamb --accumulate 2 --seed 5"
    )
    assert main(["pretrain", str(text), "--out", str(out), *SIZES, "--steps", "2", "--quiet", *arguments.split()]) == 0
    (checkpoint,) = (out / "checkpoints").iterdir()
    config = json.loads((checkpoint / "config.json").read_text())
    assert (config["sharing"], config["hidden_act"], config["fusion_layers"]) == ("none", "relu", [1, 2])
    state = json.loads((checkpoint / "state.json").read_text())
    assert state["optimizer"]["name"] == "lamb"
    assert (state["settings"]["lines"], state["settings"]["accumulate"], state["settings"]["seed"]) == ("sentence", 2, 5)


def test_fill_mask(run, capsys):
    assert main(["fill-mask", "--model", str(run), "The [MASK] sleeps in the [MASK].", "--top-k", "3", "--json"]) == 0
    masks = json.loads(capsys.readouterr().out)["masks"]
    assert [len(mask) for mask in masks] == [3, 3]
    for mask in masks:
        probabilities = [entry["probability"] for entry in mask]
        assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1
    assert main(["fill-mask", "--model", str(run), "The [MASK] sleeps."]) == 0
    assert capsys.readouterr().out.count("%") == 5


def test_info_counts_each_tensor_once(capsys):
    assert main(["info", "base", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    uses = {tensor["name"]: tensor["uses"] for tensor in found["tensors"]}
    assert uses["embeddings.word"] == 2 and uses["groups.0.blocks.0.ffn.output.w"] == 12 and uses["pooler.w"] == 1
    heads = 768 * 128 + 128 + 2 * 128 + 30000 + 2 * 768 + 2  # MLM and SOP
    assert found["parameters"] == 11_683_584 + heads  # the count of ALBERT base, albert_facts
    assert found["parameters"] == sum(tensor["parameters"] for tensor in found["tensors"])


def test_info_with_groups_and_partial_sharing(capsys):
    assert main("info tiny --num-hidden-layers 6 --num-hidden-groups 2 --inner-group-num 2 --json".split()) == 0
    uses = {tensor["name"]: tensor["uses"] for tensor in json.loads(capsys.readouterr().out)["tensors"]}
    assert uses["groups.1.blocks.1.attention.key.b"] == 3
    assert main("info tiny --sharing attention --json".split()) == 0
    uses = {tensor["name"]: tensor["uses"] for tensor in json.loads(capsys.readouterr().out)["tensors"]}
    assert uses["groups.0.blocks.0.attention.key.w"] == 4 and uses["groups.3.blocks.0.ffn.output.w"] == 1
    assert "groups.1.blocks.0.attention.key.w" not in uses


def test_info_for_people(run, capsys):
    assert main(["info", str(run)]) == 0
    out = capsys.readouterr().out
    assert "embeddings.word" in out and "60×8" in out and "activations" in out
    assert main(["info", str(run), "--sampler"]) == 0
    out = capsys.readouterr().out
    assert "each exactly once" in out and "True" in out


def test_gradcheck_of_one_layer(capsys):
    assert main(["gradcheck", "--only", "pooler", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] and found["checks"]


def test_gradcheck_exits_1_when_a_gradient_is_wrong(monkeypatch, capsys):
    from albert_np.core import layers

    right = layers.pooler_backward
    monkeypatch.setattr(layers, "pooler_backward", lambda *arguments: 2 * right(*arguments))
    assert main(["gradcheck", "--only", "pooler", "--quiet"]) == 1
    assert "they differ" in capsys.readouterr().out


def test_tokenizer_train(text, tmp_path, capsys):
    assert main(["tokenizer", "train", str(text), "--out", str(tmp_path), "--vocab-size", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["vocab_size"] == 60
    assert (tmp_path / "spiece.model").is_file() and (tmp_path / "tokenizer_config.json").is_file()


@pytest.mark.parametrize("command", ["demo", "pretrain", "fill-mask", "info", "gradcheck", "tokenizer train"])
def test_every_command_has_help_with_an_example(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Example: albert-np {command}" in " ".join(out.split())


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["--help"]) == 0
    assert main([]) == 2


def test_help_is_fast():
    started = time.perf_counter()
    code = "import sys; from albert_np.apps.cli import main; main(['--help']); print([m for m in sys.modules if m in HEAVY])"
    heavy = "HEAVY = 'scipy sentencepiece safetensors matplotlib rich.progress'.split()\n"
    done = subprocess.run([sys.executable, "-c", heavy + code], capture_output=True, text=True, check=True)
    assert time.perf_counter() - started < 5  # it takes 0.2 s; a busy machine must not fail the test
    assert done.stdout.endswith("[]\n")


# ---- mistakes ----


def test_missing_empty_and_unreadable_files(fails, tmp_path):
    out = "--out", tmp_path / "out"
    assert "no such text file" in fails("pretrain", tmp_path / "none.txt", *out, *SIZES)
    (tmp_path / "empty.txt").touch()
    assert "empty.txt is empty" in fails("pretrain", tmp_path / "empty.txt", *out, *SIZES, code=1)
    (tmp_path / "latin.txt").write_bytes(b"A caf\xe9 is here. It is open.\n" * 50)
    assert "not UTF-8" in fails("pretrain", tmp_path / "latin.txt", *out, *SIZES, code=1)
    assert "folder" in fails("pretrain", tmp_path, *out, *SIZES)
    assert "name the text files" in fails("pretrain", *out, *SIZES)


def test_a_corpus_too_small_for_a_pair(fails, text, run, tmp_path):
    (tmp_path / "small.txt").write_text("Cat.\n")
    line = fails("pretrain", tmp_path / "small.txt", "--out", tmp_path / "out", "--tokenizer", run, *SIZES[2:], "--held-out", 0)
    assert "too small for one sentence pair" in line
    line = fails("pretrain", tmp_path / "small.txt", "--out", tmp_path / "two", *SIZES)
    assert "too small for a vocabulary of 60" in line


def test_sizes_that_do_not_fit(fails, text, tmp_path):
    command = "pretrain", text, "--out", tmp_path / "out"
    assert "num_attention_heads must divide hidden_size" in fails(*command, "--num-attention-heads", 3)
    line = fails(*command, "--num-hidden-layers", 4, "--num-hidden-groups", 3)
    assert "num_hidden_groups must divide num_hidden_layers" in line
    assert "sequences are too long: max_length is 999" in fails(*command, "--max-length", 999)
    assert not (tmp_path / "out").exists()


def test_ids_outside_the_vocabulary(fails, text, run, tmp_path):
    line = fails("pretrain", text, "--out", tmp_path, "--tokenizer", run, *SIZES, "--vocab-size", 50)
    assert "the tokenizer has 60 pieces, but the model's vocab_size is 50" in line


def test_unknown_keys_name_the_nearest(fails, text, tmp_path):
    assert "did you mean '--hidden-size'?" in fails("pretrain", text, "--out", tmp_path, "--hiden-size", 3)
    assert "did you mean 'hidden_size'?" in fails("info", "tiny", "--set", "hidden_sice=3")
    (tmp_path / "c.json").write_text('{"hidden_size": 8, "num_atention_heads": 2}')
    line = fails("pretrain", text, "--out", tmp_path / "out", "--config", tmp_path / "c.json", code=1)
    assert "'num_atention_heads'; did you mean 'num_attention_heads'?" in line
    assert "tinny" in fails("info", "tinny")
    (tmp_path / "broken.json").write_text("{")
    assert "is not valid JSON: line 1" in fails("info", tmp_path / "broken.json", code=1)


def test_option_values_that_make_no_sense(fails, text, tmp_path):
    command = "pretrain", text, "--out", tmp_path / "out"
    assert "optimizer must be one of adamw, lamb" in fails(*command, "--optimizer", "sgd")
    assert "learning_rate must be a positive number" in fails(*command, "--lr", -1)
    assert "steps" in fails(*command, "--steps", "many").lower()
    assert "requires an argument" in fails(*command, "--hidden-size")
    assert "hidden_size must be an integer" in fails(*command, "--hidden-size", "big")
    assert "unknown backend 'torch'" in fails(*command, "--backend", "torch")
    assert "--out" in fails("pretrain", text)


def test_a_missing_gpu_is_said(fails, text, tmp_path):
    import importlib.util

    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed here")
    assert "cupy backend needs CuPy" in fails("pretrain", text, "--out", tmp_path, "--backend", "cupy", code=1)


def test_folders_that_cannot_be_used(fails, text, run, tmp_path):
    assert "already holds a run" in fails("pretrain", text, "--out", run, *SIZES)
    assert "no run to resume" in fails("pretrain", "--resume", "--out", tmp_path)
    (tmp_path / "file").touch()
    assert "is a file" in fails("pretrain", text, "--out", tmp_path / "file", *SIZES)
    assert "cannot be created" in fails("pretrain", text, "--out", "/proc/no/such", *SIZES, code=1)
    assert "no tokenizer" in fails("pretrain", text, "--out", tmp_path / "out", "--tokenizer", tmp_path, *SIZES, code=1)


def test_an_unwritable_folder(fails, text, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    assert "Permission denied" in fails("pretrain", text, "--out", tmp_path / "out", *SIZES, code=1)


def test_resuming_as_another_run(fails, text, run, tmp_path):
    assert "hidden_act is 'relu' now and was 'gelu_new'" in fails("pretrain", "--resume", "--out", run, "--hidden-act", "relu")
    assert "learning_rate is 0.5 now" in fails("pretrain", "--resume", "--out", run, "--lr", 0.5)
    other = tmp_path / "other.txt"
    other.write_text(TEXT + "\nAnother one. And one more.\n")
    assert "not the text files" in fails("pretrain", other, "--resume", "--out", run)


def test_fill_mask_mistakes(fails, run, tmp_path):
    assert "no [MASK] in" in fails("fill-mask", "--model", run, "nothing to fill")
    assert "no tokenizer at" in fails("fill-mask", "--model", tmp_path, "a [MASK]", code=1)
    assert "and the model takes 128" in fails("fill-mask", "--model", run, "cat " * 300 + "[MASK]")


# ---- from outside: signals, a full disk ----


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "albert_np", *map(str, arguments)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_resume(text, tmp_path, number, code):
    out = tmp_path / "out"
    arguments = command("pretrain", text, "--out", out, *SIZES, "--steps", 100_000, "--log-every", 1)
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    metrics, waited = out / "metrics.jsonl", 0
    while process.poll() is None and not (metrics.exists() and metrics.stat().st_size > 1000) and waited < 600:
        time.sleep(0.05)
        waited += 1
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"albert-np pretrain --resume --out {out}" in err.splitlines()[-1]
    (checkpoint,) = (out / "checkpoints").iterdir()
    step = json.loads((checkpoint / "state.json").read_text())["step"]
    last = json.loads(metrics.read_text().splitlines()[-1])
    assert last["step"] == step > 0


@pytest.mark.parametrize(("limit", "sizes"), [(6000, SIZES), (500_000, [*SIZES, "--intermediate-size", "20000"])])
def test_a_full_disk_is_one_line(text, tmp_path, limit, sizes):
    """No file may grow over the limit here: the vocabulary, or else the parameters, cannot be written, as on a full disk."""
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limited += (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); from albert_np.apps.cli import main; sys.exit(main())"
    )
    out = tmp_path / "out"
    arguments = [sys.executable, "-c", limited, "pretrain", str(text), "--out", str(out), *sizes, "--steps", "2", "--quiet"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("albert-np: ") and done.stderr.count("\n") == 1
    assert "too large" in done.stderr.lower()
    assert not list(out.glob("checkpoints/*")) and not list(out.glob("*.tmp")) and not (out / "model.safetensors").exists()


def test_a_bug_is_one_line_too_unless_asked(monkeypatch, capsys):
    from albert_np.apps import cli

    def broken():
        raise TypeError("oh")

    monkeypatch.setattr(cli, "app", broken)
    assert main([]) == 1
    assert capsys.readouterr().err == "albert-np: TypeError: oh (this is a bug; ALBERT_NP_DEBUG=1 shows where)\n"
    monkeypatch.setenv("ALBERT_NP_DEBUG", "1")
    with pytest.raises(TypeError):
        main([])


def test_gradcheck_of_a_folder(tmp_path, capsys, fails):
    import albert_np as ab

    config = ab.AlbertConfig(
        vocab_size=37, embedding_size=6, hidden_size=10, num_hidden_layers=2, num_attention_heads=2, intermediate_size=14,
        max_position_embeddings=16, initializer_range=0.4,
    )  # fmt: skip
    ab.AlbertForPreTraining(config).save_pretrained(tmp_path)
    assert main(["gradcheck", "--model", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] and len(found["checks"][0]["tensors"]) == 32
    assert "there is no file or folder" in fails("gradcheck", "--model", tmp_path / "none")
    assert "cannot be combined with --only" in fails("gradcheck", "--model", tmp_path, "--only", "linear")


def test_info_says_where_a_tensor_is_used(capsys):
    assert main(["info", "tiny", "--set", "sharing=attention", "--json"]) == 0
    where = {t["name"]: (t["uses"], t["where"]) for t in json.loads(capsys.readouterr().out)["tensors"]}
    assert where["embeddings.word"] == (2, "embeddings, mlm decoder")
    assert where["groups.0.blocks.0.attention.query.w"] == (4, "layers 1-4")
    assert where["groups.2.blocks.0.ffn.output.b"] == (1, "layer 3")


def test_hints_are_alike_or_not_given(fails, capsys):
    assert fails("info", "tiny", "--train") == "albert-np: unknown option '--train'"
    line = fails("gradcheck", "--only", "atention")
    assert "similar ones are" in line and "attention" in line and line.count(";") <= 20
    line = fails("gradcheck", "--only", "qqqq")
    assert "matches no check; some of the" in line and line.count(";") == 20
    assert main(["ask", "--help"]) == 0
    assert "[default: .]" not in capsys.readouterr().out


def test_a_vocabulary_does_not_replace_that_of_a_model(text, tmp_path, fails):
    ab.AlbertModel(ab.AlbertConfig.preset("tiny", vocab_size=20)).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "spiece.model").write_bytes(b"its own")
    given = "tokenizer", "train", text, "--vocab-size", "60", "--out"
    assert "holds a model (config.json), which goes with the vocabulary there" in fails(*given, tmp_path / "model")
    assert (tmp_path / "model" / "spiece.model").read_bytes() == b"its own"
    assert "spiece.model: --out is the name of a folder" in fails(*given, tmp_path / "spiece.model")
    assert not (tmp_path / "spiece.model").exists()


def test_ctrl_c_while_a_vocabulary_is_trained(text, tmp_path, monkeypatch, fails):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("albert_np.text.train_tokenizer", interrupted)
    given = [text, "--out", tmp_path / "out", "--vocab-size", 60]
    assert fails("tokenizer", "train", *given, code=130) == "albert-np: interrupted"


def test_ctrl_c_is_noticed_at_once(capfd, request):
    from albert_np.apps.cli.common import announce_interrupt

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests with it ignored
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with pytest.raises(KeyboardInterrupt), announce_interrupt("wait"):
        signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err == "albert-np: wait\n"
    with announce_interrupt("wait"):
        pass
    assert capfd.readouterr().err == "" and signal.set_wakeup_fd(-1) == -1


def test_counts_agree_with_their_nouns(tmp_path, capsys):
    (tmp_path / "short.txt").write_text(TEXT.replace("\n\n", "\n"))
    given = [str(tmp_path / "short.txt"), "--out", str(tmp_path / "out"), *stories.SIZES, "--held-out", "0", "--steps", "1"]
    assert main(["pretrain", *given]) == 0
    captured = capsys.readouterr()
    assert "1 document, " in captured.err and "1 of 1 step, " in captured.out
    assert f"tokenising 1 file into {tmp_path / 'out' / 'corpus'}\n" in captured.err


def test_an_option_of_the_task_that_is_given_as_one_of_the_command(fails):
    line = fails("finetune", "classification", "--text", "review", "--train", "a.tsv", "--out", "b")
    assert line.endswith("an option of the task, such as the name of a column, is given as -o text=...")
    assert fails("finetune", "classification", "--epoch", "3").endswith("unknown option '--epoch'; did you mean '--epochs'?")
