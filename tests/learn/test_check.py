"""Messages of the checker, and everything that it grades besides the numbers."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import albert_np as ab
from albert_np import learn
from albert_np.core import active, layers
from albert_np.learn import DictStore, FileStore, Report, bugs
from albert_np.learn.progress import next_hint, record_check

LAYER_NORM = learn.solution("layer_norm")


def changed(old, new, name="layer_norm"):
    source = learn.solution(name)
    assert source.count(old) == 1
    return learn.check(source.replace(old, new))


def items(report):
    return {item.name: item for item in report.items}


def test_a_file_half_written():
    report = learn.check(learn.stub("layer_norm").replace("g.gamma += ...", "g.gamma += (dy * xhat).sum(0)"))
    found = items(report)
    assert found["g.gamma"].status == "right" and found["g.beta"].status == found["dx"].status == "todo"
    assert "not finished, 1 of" in report.verdict and "lines 32, 33, 34" in found["layer_norm_backward"].note
    report = learn.check(learn.stub("layer_norm").replace("dxhat = ...", "dxhat = dy"))
    assert items(report)["dxhat"].status == "wrong" and items(report)["dxhat"].step
    source = learn.stub("layer_norm").replace("return ...", "return dxhat - rows_mean(dxhat)")
    assert items(learn.check(source))["dx"].status == "todo"  # no traceback about an ellipsis


def test_float32_of_a_gradient_that_is_zero():
    """The bias of the keys has the gradient 0. What rounding leaves of it depends on the order of the operations."""
    source = learn.solution("self_attention")
    for old, new in (("dcontext[rows]", "3 * dcontext[rows]"), ("merge_heads(d) for", "merge_heads(d) / 3 for")):
        assert source.count(old) == 1
        source = source.replace(old, new)
    report = learn.check(source)
    assert report.passed, str(report)


def test_a_function_instead_of_a_file():
    def layer_norm_backward(dy, cache, p, g):
        xhat, rstd = cache
        g.gamma += (dy * xhat).sum(0)
        g.beta += dy.sum(0)
        dxhat = dy * p.gamma
        return rstd * (dxhat - dxhat.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True))

    assert learn.check(layer_norm_backward).passed
    assert learn.check({"layer_norm_backward": layer_norm_backward}, exercise="layer_norm").passed

    def softmax_backward(dy, y):
        return y * ...

    report = learn.check(softmax_backward)
    assert not report.passed and items(report)["softmax_backward"].status == "todo"


def test_an_unfinished_function_beside_another_forward_pass(tmp_path, monkeypatch):
    """A notebook has a forward pass of its own, here without eps. It is not graded."""
    (tmp_path / "beside.py").write_text(
        "def layer_norm(x, p):\n    return x, x\n\n\n"
        "def layer_norm_backward(dy, cache, p, g):\n    dxhat = dy * p.gamma\n    return ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import beside

    found = items(learn.check({"layer_norm_backward": beside.layer_norm_backward}, exercise="layer_norm"))
    assert "forward pass" not in found
    assert found["dxhat"].status == "right" and found["layer_norm_backward"].status == "todo"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "the file is empty"),
        ("  \n\n", "the file is empty"),
        ("# albert-np learn: layer_norm\ndef f(:\n", r"Python cannot read line 2: def f\(:"),
        ("# albert-np learn: layer_norm\nx = 1\n", "the function layer_norm_backward is not there"),
        ("# albert-np learn: layer_norm\ndef layer_norm_backwards(): pass\n", "is layer_norm_backwards meant for it"),
        ("# albert-np learn: layer_norm\nlayer_norm_backward = 3\n", "used for something else"),
        ("# albert-np learn: layernorm\nx = 1\n", "no exercise 'layernorm'; did you mean layer_norm"),
        ("x = 1\n", "not clear which exercise this is for"),
        ("# albert-np learn: linear\n1 / 0\n", "line 2: 1 / 0: ZeroDivisionError: division by zero"),
        ("# albert-np learn: linear\nexit()\n", "line 2: exit.*: the file ends the program"),
        ("# albert-np learn: linear\nimport torch_of_nowhere\n", "line 2: .*ModuleNotFoundError.*The exercises need only numpy"),
        ("\x00\n", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_graded(source, message):
    report = learn.check(source + "\n" if "\n" not in source else source)
    assert not report.passed and not report.items and report.score == (0, 0)
    import re

    assert re.search(message, report.error), report.error


def test_an_error_is_reported_with_the_line_of_the_file():
    report = changed("    g.beta += dy.sum(0)", "    g.beta += dy")
    line = 1 + LAYER_NORM.splitlines().index("    g.beta += dy.sum(0)  # (W,)")
    note = items(report)["layer_norm_backward"].note
    assert note.startswith(f"line {line}: g.beta += dy") and "is a sum over the rows, .sum(0), missing?" in note
    assert not any(item.name == "arguments untouched" for item in report.items)
    report = changed("dxhat = dy * p.gamma", "dxhat = dy * p.gama")
    assert "no parameter is called 'gama'" in items(report)["layer_norm_backward"].note
    report = changed("dxhat = dy * p.gamma", "dxhat = layer_norm_backward(dy, cache, p, g)")
    assert "calls itself without end" in items(report)["layer_norm_backward"].note


def test_results_before_an_error_count():
    report = changed("dxhat = dy * p.gamma", "dxhat = dy * p.gama")
    assert [items(report)[name].status for name in ("g.gamma", "g.beta", "dx")] == ["right", "right", "missing"]
    report = changed("    g.beta += dy.sum(0)", "    1 / 0\n    g.beta += dy.sum(0)")
    assert [items(report)[name].status for name in ("g.gamma", "g.beta", "dx")] == ["right", "missing", "missing"]


def test_an_error_inside_numpy_is_reported_where_the_student_called_it():
    note = items(changed("(dy * xhat).sum(0)", "np.concatenate(dy, xhat)"))["layer_norm_backward"].note
    assert note.startswith("line ") and "np.concatenate(dy, xhat)" in note


def test_a_forgotten_return():
    report = changed("    return rstd * (", "    rstd * (")
    assert "is a return missing?" in items(report)["dx"].note and not report.passed
    assert not report.diagnosis


def test_one_value_instead_of_three():
    report = changed("return dproduct @ k, dproduct.swapaxes(1, 2) @ q, dv", "return dproduct @ k", "attention")
    assert items(report)["dq"].status == "right" and items(report)["dk"].status == "missing"
    report = changed(
        "return dproduct @ k, dproduct.swapaxes(1, 2) @ q, dv", "return dproduct @ k, dproduct.swapaxes(1, 2) @ q", "attention"
    )
    assert [items(report)[name].status for name in ("dq", "dk", "dv")] == ["right", "right", "missing"]
    assert items(report)["dv"].note == "attend_backward returns 2 of 3 values: dq, dk, dv"


def test_too_many_values():
    report = changed("swapaxes(1, 2) @ q, dv", "swapaxes(1, 2) @ q, dv, dscores", "attention")
    assert "4 values are returned, but expected are 3: dq, dk, dv" in items(report)["attend_backward"].note
    note = items(changed("rows_mean(dxhat * xhat))", "rows_mean(dxhat * xhat)), g.gamma"))["dx"].note
    assert note == "expected an array, got a tuple of 2 values; gradients of parameters are added to g and not returned"


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("g.gamma += (dy * xhat).sum(0)", "g['gamma'] += (dy * xhat).sum(0)", "write g.w instead of g['w']"),
        ("(dy * xhat).sum(0)", "(dy * xhat).sum(-1)", "is the sum over the right axis?"),
        ("(dy * xhat).sum(0)", "np.add.at(g.gamma, dy, xhat)", "np.add.at(table, ids, rows)"),
        ("dxhat = dy * p.gamma", "dxhat = dy if dy > 0 else xhat", "np.where(condition, a, b) chooses"),
        ("dxhat = dy * p.gamma", "dxhat = dy * dict().get(0)", "Something is None here"),
        ("dxhat = dy * p.gamma", "dxhat = dy * dict()['gamma']", "There is no such key"),
        ("dxhat = dy * p.gamma", "dxhat = dy * p.gamma; rows_mean = rows_mean(dy)", "makes a name local to it"),
    ],
)
def test_advice_for_errors(old, new, advice):
    assert advice in items(changed(old, new))["layer_norm_backward"].note


def test_numbers_that_look_alike():
    report = changed("xhat * rows_mean(dxhat * xhat))", "xhat * rows_mean(dxhat * xhat)).astype(np.float32)")
    note = items(report)["dx"].note
    yours, right = note.partition("yours ")[2].split(", right ")
    assert yours != right, note
    assert len(report.diagnosis) == 1 and "Your dx is right to about 7 digits only" in report.diagnosis[0]


def test_right_results_beside_an_error_are_not_called_inexact():
    old = "[more if d is None else d + more for d, more in zip(dlevels, dhidden)]"
    report = changed(old, "[d + more for d, more in zip(dlevels, dhidden)]", "pretraining")  # an error in every second case
    assert "Something is None here" in items(report)["encode_backward"].note and not report.diagnosis


def test_one_value_instead_of_two_outside_the_model():
    report = changed("return s * np.clip(n, -q, q), np.abs(n) <= q", "return s * np.clip(n, -q, q)", "int8")
    assert items(report)["y"].status == "right"
    assert items(report)["inside"].note == "fake_quantise returns 1 of 2 values: y, inside"
    report = changed("return chosen", "return chosen.tolist()", "masking")
    assert items(report)["chosen"].note.startswith("expected an array, got a list of ")


def test_a_sum_where_there_is_a_mean():
    report = changed("- xhat * rows_mean(dxhat * xhat)", "- xhat * (dxhat * xhat).sum(-1, keepdims=True)")
    assert "has the factor W too much" in report.diagnosis[0] and "a sum where there should be a mean?)" in report.diagnosis[0]


def test_not_a_number():
    report = changed("return rstd * (", "return np.nan * (")
    assert "NaN in 20 of 20 places" in items(report)["dx"].note


def test_a_wrong_type():
    assert "got str" in items(changed("return dy @ p.w.T", "return 'dx'", "linear"))["dx"].note


def test_dtypes():
    report = changed("return rstd * (", "return np.float64(1) * rstd * (")
    assert not report.passed and "dx becomes float64" in items(report)["float32"].note


@pytest.mark.parametrize(
    ("line", "named"), [("dy *= 1.5", "dy"), ("xhat *= 1.5", "the cache"), ("p.gamma *= 1.5", "p")]
)  # fmt: skip
def test_arguments_must_stay_as_they_are(line, named):
    report = changed("    xhat, rstd = cache\n", f"    xhat, rstd = cache\n    {line}\n")
    assert f"writes to {named}: " in items(report)["arguments untouched"].note


def test_the_forward_pass_must_stay_as_it_is():
    report = changed("xhat = centred * rstd", "xhat = centred * rstd * 1.001")
    assert items(report)["forward pass"].note.startswith("it was given, and its result has changed")
    report = changed("centred = x - rows_mean(x)", "centred = x - rows_meen(x)")
    assert "it was given and no longer runs: line" in items(report)["forward pass"].note


def test_the_library_s_own_function_does_not_count():
    source = "from albert_np.core.layers import layer_norm_backward as other\n\n\ndef layer_norm_backward(dy, cache, p, g):\n"
    report = learn.check(source + "    return other(dy, cache, p, g)\n")
    assert not report.passed and "calls the function of albert_np" in items(report)["your own work"].note


def test_time_and_memory_are_bounded():
    loop = "for n, i, o in np.ndindex(*x.shape, dy.shape[1]):"
    slow = f"dx = 0 * x\n    {loop}\n        dx[n, i] += dy[n, o] * p.w[i, o]\n    return dx"
    source = learn.solution("linear").replace("def linear(", "import numpy as np\n\n\ndef linear(")
    report = learn.check(source.replace("return dy @ p.w.T", slow))
    assert "times as long as the reference" in items(report)["cost"].note
    report = changed("return dy @ p.w.T", "return (dy[:, None, :] * p.w[None]).sum(-1)", "linear")
    assert "times the memory of the reference" in items(report)["cost"].note


def test_printed_text_is_part_of_the_report(capsys):
    report = changed("    xhat, rstd = cache\n", "    xhat, rstd = cache\n    print('shape', xhat.shape)\n")
    assert report.passed and "shape (5, 4)" in report.printed and "  | shape (5, 4)" in str(report)
    report = changed("    xhat, rstd = cache\n", "    xhat, rstd = cache\n    print('x' * 10**6)\n")
    assert len(report.printed) <= 2000 and capsys.readouterr().out == ""


def test_nothing_remains_changed(capsys):
    profile, before = sys.getprofile(), dict(active())
    learn.check(LAYER_NORM)
    assert sys.getprofile() is profile and active() == before and capsys.readouterr() == ("", "")


def test_the_report_as_text_html_and_json():
    report = changed("(dy * xhat).sum(0)", "(dy < xhat).sum(0)")
    again = Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False)))
    assert str(again) == str(report) == repr(report) and not again.passed
    page = report._repr_html_()
    assert "<table>" in page and "WRONG" in page and "<script" not in page
    page = Report("x", error="<script>").to_dict()
    assert "<script>" not in Report.from_dict(page)._repr_html_()


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="no exercise 'layernorm'; did you mean layer_norm"):
        learn.check(LAYER_NORM, exercise="layernorm")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        learn.check(tmp_path / "a.py")
    with pytest.raises(ValueError, match="is a folder"):
        learn.check(tmp_path)
    with pytest.raises(ValueError, match=r"source: expected the text or the path .* got int"):
        learn.check(3)


def test_a_file_with_another_encoding(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in learn.check(tmp_path / "a.py").error
    (tmp_path / "b.py").write_text("\ufeff" + LAYER_NORM, encoding="utf-8")  # as Windows' editor writes it
    assert learn.check(tmp_path / "b.py").passed


def test_restricted_files():
    assert learn.check(LAYER_NORM, restricted=True).passed
    for line in ("import os", "from pathlib import Path", "import albert_np.learn", "from albert_np import learn",
                 "open('x')", "eval('1')", "().__class__", "np.save('x', 1)"):  # fmt: skip
        report = learn.check(LAYER_NORM.replace("import numpy as np\n", f"import numpy as np\n{line}\n"), restricted=True)
        assert "which no exercise needs" in report.error, line


def test_your_functions_in_the_library():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("f4")
    p = ab.gradcheck.parameters({"gamma": (4,), "beta": (4,)}, 0).astype("f4")
    expected = layers.layer_norm(x, p)[0]
    with learn.use(LAYER_NORM.replace("+ p.beta", "+ p.beta + 1")):
        assert active()["layer_norm"] == "your_file"
        y, cache = layers.layer_norm(x, p)
        layers.layer_norm_backward(y, cache, p, p.zeros_like())
    assert np.allclose(y, expected + 1, atol=1e-6) and active()["layer_norm"] != "your_file"


def train_one_step():
    """Return the loss and the parameters after a step of a model that uses every operation of the exercises."""
    config = ab.AlbertConfig.preset(
        "tiny",
        vocab_size=31,
        num_hidden_layers=3,
        fusion_layers=(1, 3),
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    model = ab.AlbertForPreTraining(config, seed=0, dtype="float64")
    ids = np.arange(12).reshape(2, 6) % 7 + 4
    loss, grads = model.loss_and_gradients(ids, labels=ids, sentence_order_label=[0, 1], rng=ab.Dropout(1))
    ab.optim.clip(grads, 0.1)
    for optimizer in ("lamb", "adamw"):
        ab.optim.step(model.params, grads, ab.optim.init(optimizer, model.params), 0.01)
    translating = ab.AlbertForTranslation(config, seed=1, dtype="float64")
    types = np.repeat([[0, 1]], 3, axis=1).repeat(2, axis=0)
    other_loss, _ = translating.loss_and_gradients(ids, token_type_ids=types)
    return float(loss) + float(other_loss), model.params.flat.copy()


OUTSIDE = {"masking", "int8"}  # exercises on what comes before training and after it
IN_MODEL = [exercise.name for exercise in learn.exercises() if exercise.name not in OUTSIDE]


@pytest.mark.parametrize("name", IN_MODEL)
def test_the_model_trains_with_every_solution(name):
    loss, params = train_one_step()
    with learn.use(learn.solution(name)):
        own_loss, own_params = train_one_step()
    assert own_loss == pytest.approx(loss, rel=1e-12)
    assert np.allclose(params, own_params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", IN_MODEL)
def test_every_solution_is_really_called_in_the_model(name):
    """A version that raises makes the training of the model raise."""
    main = next(exercise for exercise in learn.exercises() if exercise.name == name).main
    source = learn.solution(name)
    at = source.index("\n", source.index(f"def {main}(")) + 1
    with learn.use(source[:at] + "    raise ZeroDivisionError\n" + source[at:]), pytest.raises(ZeroDivisionError):
        train_one_step()


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_use_of_an_exercise_that_is_not_a_part_of_the_model(name):
    with pytest.raises(ValueError, match=f"{name} is no operation of the model"), learn.use(learn.solution(name)):
        pass


def test_a_wrong_mask_in_translation_lets_the_model_see_its_labels():
    source = learn.solution("translation_mask").replace("np.maximum(S, query + 1)", "np.maximum(S, T + 0 * query)")
    model = ab.AlbertForTranslation(ab.AlbertConfig.preset("tiny", vocab_size=31), seed=0, dtype="float64")
    ids, types = np.array([[2, 7, 3, 9, 8, 3]]), np.array([[0, 0, 0, 1, 1, 1]])
    changed = ids.copy()
    changed[0, 4] = 11
    with learn.use(source):
        seen = [model(each, token_type_ids=types).logits[0, 3] for each in (ids, changed)]
    with learn.use(learn.solution("translation_mask")):
        hidden = [model(each, token_type_ids=types).logits[0, 3] for each in (ids, changed)]
    assert np.array_equal(*hidden) and not np.allclose(*seen)
    assert np.allclose(model(ids, token_type_ids=types).logits[0, 3], hidden[0])


def test_use_of_a_file_that_is_not_finished():
    with pytest.raises(ValueError, match="layer_norm is not finished"), learn.use(learn.stub("layer_norm")):
        pass
    with pytest.raises(ValueError, match="the file is empty"), learn.use("\n"):
        pass


def test_bugs():
    texts = {learn.bug(seed) for seed in range(12)}
    assert len(texts) == 12 and learn.bug(3) == learn.bug(3)
    for text in texts:
        report = learn.check(text)
        assert not report.passed and not report.error and not report.diagnosis and "still there" in report.advice
        assert not any(item.name.endswith("_backward") for item in report.items), "it must run"
    text = learn.bug(3)
    repaired = learn.check(text.splitlines()[0] + "\n" + learn.solution(learn.check(text).exercise).partition("\n")[2])
    assert repaired.passed and repaired.diagnosis[0].startswith("You have found it. ")


def test_seeds_of_bugs_keep_their_bugs_when_exercises_and_mistakes_are_added(monkeypatch):
    seeds = range(40)
    before = {seed: bugs.choose(seed) for seed in seeds}
    names = Counter(exercise.name for exercise, _ in before.values())
    assert len(names) > 13 and max(names.values()) < 7, "the exercises are not drawn alike"
    fewer = [exercise for exercise in bugs.every() if exercise.name not in ("linear", "gather")]  # as if these were added later
    known = bugs.known_mistakes
    monkeypatch.setattr(bugs, "every", lambda: fewer)
    monkeypatch.setattr(bugs, "known_mistakes", lambda name: known(name)[1:])
    for seed, (exercise, mistake) in before.items():
        if exercise in fewer and mistake != known(exercise.name)[0]:
            assert bugs.choose(seed) == (exercise, mistake), seed
    with pytest.raises(ValueError, match="seed must be a non-negative integer, not -1"):
        bugs.choose(-1)


def test_stores(tmp_path):
    for store in (DictStore(), FileStore(tmp_path)):
        record_check(store, "linear", False)
        record_check(store, "linear", True)
        record_check(store, "linear", False)
        assert store.get("linear") == {"passed": True, "tries": 3, "hints": 0} and store.get("gelu") is None
        hints = learn.hints("gelu")
        assert [next_hint(store, "gelu", hints)[0] for _ in range(5)] == [1, 2, 3, 4, 4]
    (tmp_path / ".albert-np-learn.json").write_text("[", encoding="utf-8")
    with pytest.raises(ValueError, match=r"albert-np-learn.json is damaged"):
        FileStore(tmp_path).get("linear")


def test_it_needs_neither_files_nor_processes_nor_threads():
    """As in a browser: a check in a fresh process in which these raise."""
    code = """
import threading, subprocess, socket
from albert_np import learn
source = learn.solution("layer_norm")
def refuse(*_): raise RuntimeError
threading.Thread.start = subprocess.Popen.__init__ = socket.socket.__init__ = refuse
report = learn.check(source.replace("dy * p.gamma", "dy * 1"))
assert "scaled by gamma" in str(report), report
import sys
assert not {"scipy", "matplotlib", "typer", "rich", "sentencepiece"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_that_is_not_finished_is_graded_line_by_line():
    """As in a notebook: functions are given, not a file."""

    def layer_norm_backward(dy, cache, p, g):
        g.gamma += ...
        g.beta += dy.sum(0)
        dxhat = dy * p.gamma  # noqa: F841
        return ...

    items = {item.name: item.status for item in learn.check(layer_norm_backward).items}
    assert items == {"layer_norm_backward": "todo", "dx": "todo", "dxhat": "right", "g.gamma": "todo", "g.beta": "right"}


def test_an_unfinished_function_may_call_others_of_its_module():
    def linear_backward(dy, x, p, g):
        g.b += sum_of_rows(dy)
        g.w += ...
        return dy @ p.w.T

    items = {item.name: item.status for item in learn.check({"linear_backward": linear_backward}).items}
    assert items == {"linear_backward": "todo", "dx": "right", "g.w": "todo", "g.b": "right"}


def sum_of_rows(dy):
    return dy.sum(0)
