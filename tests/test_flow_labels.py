"""The data-flow drawings of the notebooks are held to the code.

Each drawn function runs with sizes that differ, and its local variables are recorded line by line. So the label "dxhat (N, W)" is
compared with the variable `dxhat` of layer_norm_backward. And nothing may be missing: each parameter, each gradient
that was added to, and each cached array has to be drawn.
"""

import functools
import inspect
import re
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albert_np import one_page
from albert_np.compress import layers as compress_layers
from albert_np.core import layers, optim, reference
from albert_np.core.layers import activations, fusion
from albert_np.core.model import albert, block, embeddings, encoder, heads
from albert_np.core.optim import adamw
from albert_np.core.params import Namespace, Tree, leaves
from albert_np.gradcheck import examples
from albert_np.models import translation
from albert_np.models.shapes import shapes

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

import flow_drawing  # noqa: E402
import flows  # noqa: E402

sys.path.remove(str(NOTEBOOKS))

# M, C and the like are those of `examples`; the sizes of one drawing all differ
SIZES = dict(N=18, M=10, B=3, V=31, E=13, H=20, A=4, F=23, P=11, S=6, T=5, D=7, W=12, C=9, I=17, O=19, R=15)
N, M, W, C, R, T, D, I, O, A = (SIZES[letter] for letter in "NMWCRTDIOA")
CONFIG = replace(examples.TINY, fusion_layers=(1, 2, 3), hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
KEY = examples.dropout(0)


class Recorder:
    """While it is active, records the local variables of functions, line by line, and their results."""

    def __init__(self, *functions: Any) -> None:
        self.names = {inspect.unwrap(function).__code__: function.__name__ for function in functions}
        self.docs = {function.__name__: inspect.unwrap(function).__doc__ or "" for function in functions}
        self.values: dict[str, dict[str, list[Any]]] = {name: defaultdict(list) for name in self.docs}
        self.results: dict[str, Any] = {}

    def __call__(self, frame: Any, event: str, result: Any) -> Any:
        if (name := self.names.get(frame.f_code)) is None:
            return None
        for key, value in frame.f_locals.items():
            if not any(value is other for other in self.values[name][key]):
                self.values[name][key].append(value)
        if event == "return":
            self.results[name] = result
        return self

    def __enter__(self) -> "Recorder":
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.settrace(self.before)


class Recorded:
    """The variables of a forward and of a backward pass, its cache, its parameters and their gradients.

    more: functions that it calls, whose variables are drawn too. within: names of the parts of p whose tensors the labels name.
    listed: the name of p where it is a list.
    """

    def __init__(self, recorder: Recorder, name: str, *more: str, within: tuple[str, ...] = ("",), listed: str = "") -> None:
        backward = f"{name}_backward"
        self.forward = merged([recorder.values[f] for f in (name, *more)])
        self.backward = merged([recorder.values[f"{f}_backward"] for f in (name, *more)])
        (outputs, self.cache), gradients = recorder.results[name], recorder.results[backward]
        self.inputs = [key for key in arguments_of(recorder, name) if isinstance(self.forward[key][0], np.ndarray)]
        add_results(self.forward, recorder.docs[name], outputs, "y")
        add_results(self.backward, recorder.docs[backward], gradients, "d" + arguments_of(recorder, name)[0])
        for key in arguments_of(recorder, backward)[1:2]:
            self.forward.setdefault(key, [self.cache])  # a cache of one array has its name in the backward pass
        for key in getattr(self.cache, "_fields", ()):
            self.forward.setdefault(key, [getattr(self.cache, key)])
        for record, keys in (("batch", ("ids", "positions", "token_types")), ("results", ("loss",))):
            for value in self.forward.get(record, ())[:1]:
                self.forward |= {key: [getattr(value, key)] for key in keys}
        if name == "translation":
            self.forward["loss"] = [outputs.loss]
        p, g = (values.get(key, [None])[0] for values, key in ((self.forward, "p"), (self.backward, "g")))
        p, g = (Namespace(**{listed: tree}) if isinstance(tree, list) else tree for tree in (p, g))
        self.p, self.g = ([part(tree, key) for key in within] if tree is not None else [] for tree in (p, g))


def merged(variables: list[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """All values of each variable, of several functions."""
    values: dict[str, list[Any]] = defaultdict(list)
    for each in variables:
        for key, found in each.items():
            values[key] += found
    return dict(values)


def arguments_of(recorder: Recorder, name: str) -> list[str]:
    (code,) = (code for code, other in recorder.names.items() if other == name)
    return list(code.co_varnames[: code.co_argcount])


def add_results(values: dict[str, list[Any]], doc: str, result: Any, default: str) -> None:
    """Enter what a function returns under the names that its docstring has after the arrow."""
    match = re.search(r"-> ((?:\w+, )*\w+) \(", doc)
    for name, each in zip(match[1].split(", ") if match else [default], result if isinstance(result, tuple) else (result,)):
        values.setdefault(name, []).append(each)


def part(tree: Any, path: str) -> Any:
    """The part of a tree at "mlm.norm", "groups[0]" or "" (all of it); None: there is none."""
    for step in re.findall(r"\w+", path):
        if isinstance(tree, list):
            tree = tree[int(step)]
        elif (tree := getattr(tree, step, None)) is None:
            return None
    return tree


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def run(forward: Any, backward: Any, *arguments: Any, p: dict[str, tuple[int, ...]] | None = None, place: int = 1) -> Recorded:
    """Run an operation by itself. p: the shapes of its parameters, which come at this place of the arguments."""
    trees = (
        [Namespace(**{key: make(shape) for key, shape in p.items()}) for make in (lambda s: numbers(*s), np.zeros)] if p else []
    )
    with reference(), Recorder(forward, backward) as recorder:
        y, cache = forward(*arguments[:place], *trees[:1], *arguments[place:])
        backward(numbers(*np.shape(y)), cache, *trees)
    return Recorded(recorder, forward.__name__)


def pairs(*modules: Any) -> list[Any]:
    """All functions of these modules that have a backward pass, and those."""
    found = {name: f for module in modules for name, f in vars(module).items() if callable(f)}
    return [f for name, f in found.items() if f"{name}_backward" in found or name.endswith("_backward")]


@functools.cache
def whole(function: Any, backward: Any) -> Recorder:
    """Run a whole model, pretraining or translation, with all its functions recorded."""
    p = examples.parameters(shapes(CONFIG), 0)
    g = p.zeros_like()
    translates = function is translation.translation
    objective = translation.AlbertForTranslation.objective
    batch = examples.task_batch(CONFIG, 0, "translation", objective) if translates else examples.batch(CONFIG)
    functions = pairs(layers, albert, block, embeddings, encoder, heads, translation, fusion)
    with reference(), Recorder(*functions) as recorder:
        _, cache = function(batch, p, CONFIG, None, KEY)
        backward(1.0, cache, p, g, CONFIG, batch)
    return recorder


def of_model(name: str, *more: str, **options: Any) -> Recorded:
    return Recorded(whole(albert.pretraining, albert.pretraining_backward), name, *more, **options)


NORM = {"gamma": (W,), "beta": (W,)}
LABELS = np.arange(M) % C
CASES: dict[str, Any] = {
    "linear": lambda: run(layers.linear, layers.linear_backward, numbers(N, I), p={"w": (I, O), "b": (O,)}),
    "softmax": lambda: run(layers.softmax, layers.softmax_backward, numbers(N, W)),
    "cross_entropy": lambda: run(layers.cross_entropy, layers.cross_entropy_backward, numbers(M, C), LABELS, np.ones(M), 3.0),
    "layer_norm": lambda: run(layers.layer_norm, layers.layer_norm_backward, numbers(N, W), p=NORM),
    "gelu": lambda: run(activations.gelu_new, activations.gelu_new_backward, numbers(N, W)),
    "dropout": lambda: run(layers.dropout, layers.dropout_backward, numbers(N, W), 0.3, KEY),
    "gather": lambda: run(layers.gather, layers.gather_backward, numbers(N, W), np.arange(M)),
    "fake_quantise": lambda: run(
        compress_layers.fake_quantise, compress_layers.fake_quantise_backward, numbers(R, C), np.full((R, 1), 0.2), 3
    ),
    "attention_head": lambda: run(
        layers.attend, layers.attend_backward, *(numbers(A, T, D) for _ in range(3)), None, 0.3, KEY.for_rows(KEY.rows[:T])
    ),
    "add_norm": lambda: run(
        layers.add_norm, layers.add_norm_backward, numbers(N, W), numbers(N, W) ** 2, 1e-12, 0.3, KEY, p=NORM, place=2
    ),
    "embedding": lambda: of_model("embedding"),
    "embeddings": lambda: of_model("embeddings"),
    "feed_forward": lambda: of_model("feed_forward"),
    "attention": lambda: of_model("attention"),
    "block": lambda: of_model("block"),
    "encoder": lambda: of_model("encoder", "layer", listed="groups"),
    "fuse": lambda: of_model("fuse"),
    "fusion": lambda: of_model("fuse_levels", listed="fusion"),
    "pooler": lambda: of_model("pooler"),
    "order_head": lambda: of_model("order_head"),
    "mlm_head": lambda: of_model("mlm_head", within=("mlm", "embeddings", "")),
    "model": lambda: of_model("pretraining", "encode", "encoder", "fuse_levels", within=("", "embeddings")),
    "translation": lambda: Recorded(
        whole(translation.translation, translation.translation_backward), "translation", within=("", "embeddings")
    ),
}
# letters of the text for variables that have another name in the code, or none
ALSO = {
    "gelu": {"u": "t"},
    "attention": {"context": "y"},
    "fusion": {"h₄": "hidden", "h₈": "hidden", "h₁₂": "hidden", "f₁": "fused", "dh₄": "dhidden", "dh₈": "dhidden",
               "dh₁₂": "dhidden", "df₁": "dfused", "h": "fused", "dh": "dfused"},
}  # fmt: skip
# tensors of p that the operation does not read
OTHERS = {"order_head": "(?!pooler|sop)", "embedding": "norm|projection", "translation": "pooler|sop"}
# kept, but not drawn: what only tells a shape or that a head was there, and what recomputing needs
NOT_DRAWN = {"gather": {"x"}, "encoder": {"hidden", "dropout_key"}, "model": {"h"}, "translation": {"h"}, "cross_entropy": set()}
WORDS = set("max sum mean log exp tanh clip round random random zeros of s shape onehot rate Σ".split())


def shape_of(text: str, name: str = "") -> tuple[int, ...]:
    """Return the numbers for the letters, such as (18, 40) for "(N, 2H)", in this drawing."""
    letters = [part for part in text.strip("()").split(",") if part.strip()]
    factors = [re.fullmatch(r"\s*(\d*)([A-Z]?)", each) for each in letters]
    sizes = SIZES | ({"M": sum(T - n + 1 for T, n in zip(examples.LENGTHS, examples.SOURCES))} if name == "translation" else {})
    shape = tuple(int(each[1] or 1) * sizes.get(each[2], 1) for each in factors)
    return (A, *shape) if name == "attention_head" else shape  # that drawing shows one head of A


def labels(flow: Any, kinds: set[str]) -> list[tuple[str, bool]]:
    """(text, whether it stands on the forward side) of the labels of values and of arrows of these kinds."""
    found = [
        (box.text, box.x < flow_drawing.WIDTH / 2) for box in flow.boxes.values() if box.kind in ("value", "stack") and box.text
    ]
    return found * ("value" in kinds) + [(a.label, a.kind != "backward") for a in flow.arrows if a.label and a.kind in kinds]


def shapes_in(value: Any) -> set[tuple[int, ...]]:
    """The shape of an array, a number or each array of a list."""
    if isinstance(value, list | tuple):
        return {shape for each in value for shape in shapes_in(each)}
    return {np.shape(value)} if isinstance(value, np.ndarray | np.generic | float) else set()


def names_in(text: str) -> list[str]:
    return [re.sub(r"\[.*?\]", "", name) for name in text.split(", ")]


drawn = pytest.mark.parametrize("name", CASES)


def test_each_drawing_is_compared():
    assert set(flows.FLOWS) - set(CASES) == {"adamw", "lamb", "one_page", "legend"}


@drawn
def test_arrays_and_their_shapes(name):
    case = CASES[name]()
    for text, forward in labels(flows.draw(name).flow, {"value", "forward", "backward"}):
        values, label = case.forward if forward else case.backward, flow_drawing.label_of(text)
        for variable in names_in(label.name):
            variable = ALSO.get(name, {}).get(variable, variable)
            assert variable in values, f"{text}: the code has no {variable}"
            if label.shape:
                expected = shape_of(label.shape, name)
                assert any(expected in shapes_in(value) for value in values[variable]), f"{text}: {variable} has another shape"


@drawn
def test_inputs_are_drawn(name):
    flow = flows.draw(name).flow
    words = set(re.findall(r"\w+", " ".join([box.text for box in flow.boxes.values()] + [arrow.label for arrow in flow.arrows])))
    assert set(CASES[name]().inputs) - words - {"rows"} == set()


@drawn
def test_lines_of_code_name_what_is_there(name):
    case, flow = CASES[name](), flows.draw(name).flow
    for box in flow.boxes.values():
        if box.kind not in ("op", "grad") or box.op:
            continue
        values = case.forward if box.x < flow_drawing.WIDTH / 2 else case.backward
        parameters = {key for tree in case.p for key in vars(tree)}
        for word in re.findall(r"[A-Za-z_]\w*", re.sub("[ᵀ²³]", "", box.text)):
            known = word in values or word in case.forward or word in parameters | WORDS or word in ALSO.get(name, {})
            assert known or word == "g", f"{box.text}: the code has no {word}"


@drawn
def test_parameters(name):
    case, flow = CASES[name](), flows.draw(name).flow
    named = {"p": set(), "g": set()}
    for box in flow.boxes.values():
        for text in (*box.params, *box.grads):
            label, trees = flow_drawing.label_of(text), case.g if text in box.grads else case.p
            path = label.name.removeprefix("g.")
            found = [tree for tree in (part(tree, path) for tree in trees) if tree is not None]
            assert found, f"{text} is no parameter"
            arrays = [array for _, array in tensors(found[0])]
            named["g" if text in box.grads else "p"] |= set(map(id, arrays))
            if label.shape:
                assert arrays[0].shape == shape_of(label.shape), f"{text}: the shape is {arrays[0].shape}"
    if name in ("linear", "layer_norm", "mlm_head", "embedding"):  # their gradients are lines of code
        text = " ".join(box.text for box in flow.boxes.values() if box.kind == "grad")
        for path in re.findall(r"g\.(\w+)", text):
            found = [tree for tree in (part(tree, path) for tree in case.g) if tree is not None]
            named["g"] |= {id(array) for _, array in tensors(found[0])}
    others = re.compile(OTHERS.get(name, "$"))
    for key, trees in (("p", case.p), ("g", case.g)):
        for path, array in tensors(trees[0]) if trees else ():
            if not others.match(path):
                assert id(array) in named[key], f"{key}.{path} is not drawn"
                assert key == "p" or np.any(array), f"nothing is added to g.{path}"


def tensors(tree: Any) -> list[tuple[str, Any]]:
    """(name, array) of all arrays of a tree or a part of it."""
    items = tree.items() if isinstance(tree, Tree) else leaves("", tree)
    return [(name.lstrip("."), array) for name, array in items]


@drawn
def test_caches(name):
    case, flow = CASES[name](), flows.draw(name).flow
    kept: list[Any] = []
    for text, _ in labels(flow, {"cache"}):
        label = flow_drawing.label_of(text.replace(",\n", ", "))
        for variable in names_in(label.name):
            assert variable in case.forward, f"{text}: the code has no {variable}"
            members = [value for value in case.forward[variable] if value is not None and is_in(value, case.cache)]
            assert members, f"{variable} is not kept"
            kept += members
            if label.shape:
                expected = shape_of(label.shape, name)
                assert any(np.shape(member) == expected for member in members), f"{text}: {variable} has another shape"
    skipped = [value for key in NOT_DRAWN.get(name, ()) for value in case.forward[key]]
    assert covered(case.cache, kept + skipped), "something that is kept is not drawn"


def is_in(value: Any, cache: Any) -> bool:
    return value is cache or (isinstance(cache, list | tuple) and any(is_in(value, member) for member in cache))


def covered(cache: Any, kept: list[Any]) -> bool:
    """Whether all arrays of a cache are among these values, or inside of one of them."""
    if any(cache is value for value in kept) or not isinstance(cache, list | tuple | np.ndarray):
        return True
    return isinstance(cache, list | tuple) and all(covered(member, kept) for member in cache)


def test_one_page():
    rng = np.random.default_rng(0)
    p = one_page.initialise(rng, np.float64)
    batch = one_page.make_batch([rng.integers(one_page.WORDS, one_page.V, n) for n in (5, 6, 1, 3)], rng)
    with Recorder(one_page.albert, one_page.losses_and_gradients) as recorder:
        one_page.losses_and_gradients(batch, p)
    values = {**recorder.values["albert"], **recorder.values["losses_and_gradients"], "ids": [batch.ids]}
    sizes = dict(N=len(batch.ids), H=one_page.H, M=len(batch.masked_rows), V=one_page.V, B=len(batch.starts))
    for text, _ in labels(flows.draw("one_page").flow, {"value", "forward", "backward"}):
        name, letters = flow_drawing.label_of(text)
        if name not in ("loss", "dloss"):  # the sum of both losses, which the page does not compute
            shape = tuple(sizes.get(letter) or int(letter) for letter in re.findall(r"\w+", letters))
            assert any(np.shape(value) == shape for value in values[name]), text


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_optimisers(name):
    flow, step = flows.draw(name).flow, getattr(adamw, f"{name}_step")
    assert flow.frames[0].title == f"{name}_step"
    p = examples.parameters({"x": {"w": (I, O)}}, 0)
    state = optim.init(name, p)
    with reference(), Recorder(step, adamw.adam_update, adamw.apply, adamw.trust_ratio) as recorder:
        step(p, p.copy(), state, 0.1, {})
    values = {**recorder.values[step.__name__], **recorder.values["adam_update"], **recorder.values["apply"]}
    texts = [box.text for box in flow.boxes.values()]
    words = {word for text in texts for word in re.findall(r"[a-z]+", text)}
    assert words - set(values) == set()
    assert {"g", "m", "v", "u", "w", "rate"} <= words
    assert ("‖" in " ".join(texts)) == bool(recorder.values["trust_ratio"])


def test_translation_mask():
    (grid,) = flows.draw("translation").flow.grids
    source = grid.rows.index("[SEP]") + 1
    sequences = examples.PrefixSequences(np.array([len(grid.rows)]), first_rows=np.array([0]), prefix_lengths=np.array([source]))
    assert grid.rows == grid.columns
    assert np.array_equal(np.array(grid.cells, dtype=bool), sequences.visible(0))
