"""Writes tests/compatibility/data/values.json.gz: what model classes, optimisers and generators of random numbers gave.

    python tests/compatibility/make_values.py

It is run with the version whose values are to be kept; test_old_values.py computes all again. It uses nothing but what
`import albert_np as ab` gives. Everything is computed twice, by the fast kernels ("kernels") and by the operations that explain
themselves ("reference"), each by a process of its own, because an environment variable decides which.

Of a tensor two numbers are kept, which together no wrong tensor is likely to have: its norm, and its product with a random
direction of length 1. They are those of the kernels in float64; with them the other three agree but for rounding. For the same
machine there is of each of the four a SHA-256 of all bytes.
"""

import gzip
import hashlib
import itertools
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

import albert_np as ab

HERE = Path(__file__).parent
DATA = HERE / "data" / "values.json.gz"
WAYS = ("kernels", "reference")
DIGITS = 12  # that are kept of a number
REFERENCE = ("ALBERT_NP_TEXTBOOK", "ALBERT_NP_REFERENCE")  # the name until 0.1.0, and the one after it

TINY = ab.AlbertConfig(
    vocab_size=23, embedding_size=6, hidden_size=8, num_hidden_layers=4, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=12, classifier_dropout_prob=0.2, num_labels=3,
)  # fmt: skip
DROPOUT = dict(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3)
CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fusion": dict(fusion_layers=(1, 2, 3)),
    "sharing attention": dict(sharing="attention"),
    "sharing ffn": dict(sharing="ffn"),
    "sharing none": dict(sharing="none"),
    "two groups": dict(num_hidden_groups=2),
    "two blocks": dict(inner_group_num=2),
    "recompute": dict(recompute=True),
    "no pad row": dict(pad_row_gradient=False),
    "ranks": dict(ranks={"ffn.intermediate": 3, "ffn.output": 2, "attention.query": 4}),
    "fewer heads": dict(attention_head_size=3),
    "gelu": dict(hidden_act="gelu"),
    "relu": dict(hidden_act="relu"),
    "tanh": dict(hidden_act="tanh"),
}

# Four rows with holes: tokens are hidden in the middle and at the end, and one visible token is the padding piece, 0.
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0], [1, 0, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0, 0]])
IDS = np.array([[2, 7, 0, 11, 3, 14, 3], [2, 19, 22, 5, 3, 0, 0], [2, 8, 8, 3, 21, 3, 0], [2, 13, 3, 0, 0, 0, 0]])
TYPES = np.array([[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 0], [0, 0, 1, 0, 0, 0, 0]])
INPUTS = dict(input_ids=IDS, attention_mask=MASK, token_type_ids=TYPES)
PIECES = np.full(IDS.shape, -100)
PIECES[0, [1, 3]], PIECES[1, 3], PIECES[2, [2, 4, 5]] = (9, 17), 20, (12, 1, 6)
ORDER = np.array([0, 1, 1, 0])
CLASSES = np.array([2, 0, -100, 1])
TAGS = np.where((MASK == 1) & (IDS > 4), IDS % 3, -100)
NUMBERS = np.array([[0.5, -1.0, 2.0], [0.25, 0.0, 1.5], [-2.0, 1.0, 0.0], [1.0, 3.0, -0.5]])
SETS = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.5], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
PLACES = np.array([[1, 5], [3, 0], [4, 2], [1, 2]])
SPANS = dict(start_positions=np.array([1, 3, -100, 0]), end_positions=np.array([3, 4, 5, 7]))

# name -> (class, fields of the config, arguments of the loss)
LOSSES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "pretraining": (ab.AlbertForPreTraining, {}, dict(labels=PIECES, sentence_order_label=ORDER)),
    "pretraining, pieces only": (ab.AlbertForPreTraining, {}, dict(labels=PIECES)),
    "pretraining, sums": (
        ab.AlbertForPreTraining, {},
        dict(labels=PIECES, sentence_order_label=ORDER, denominators={"mlm": 11.0, "sop": 9.0}),
    ),
    "masked pieces": (ab.AlbertForMaskedLM, {}, dict(labels=PIECES)),
    "classes": (ab.AlbertForSequenceClassification, {}, dict(labels=CLASSES)),
    "regression": (ab.AlbertForSequenceClassification, dict(problem_type="regression"), dict(labels=NUMBERS)),
    "sets": (ab.AlbertForSequenceClassification, dict(problem_type="multi_label_classification"), dict(labels=SETS)),
    "tags": (ab.AlbertForTokenClassification, {}, dict(labels=TAGS)),
    "answers": (ab.AlbertForQuestionAnswering, dict(num_labels=2), SPANS),
    "relations": (ab.AlbertForRelationClassification, {}, dict(labels=CLASSES, entity_positions=PLACES)),
    "translation": (ab.AlbertForTranslation, {}, {}),
    "translation, smoothed": (ab.AlbertForTranslation, {}, dict(label_smoothing=0.1)),
}  # fmt: skip
OUTPUTS = (
    "last_hidden_state", "pooler_output", "hidden_states", "attentions", "prediction_logits", "sop_logits", "logits",
    "start_logits", "end_logits",
)  # fmt: skip


# ---- what is kept of an array ----


def direction(name: str, size: int) -> np.ndarray:
    """A random vector of length 1 that depends on its name alone, and on no distribution of NumPy's, which may change."""
    raw = np.random.Philox(key=zlib.crc32(name.encode())).random_raw(size)
    vector = (raw >> np.uint64(11)) * 2.0**-53 - 0.5
    return vector / np.sqrt((vector * vector).sum())


def kept(name: str, array: Any) -> list[float]:
    """Its norm, and its product with the direction of this name."""
    flat = np.asarray(array, np.float64).reshape(-1)
    return [rounded(np.sqrt((flat * flat).sum())), rounded(flat @ direction(name, flat.size))]


def rounded(number: Any) -> float:
    return float(f"{float(number):.{DIGITS}g}")


def digest(arrays: Iterable[tuple[str, Any]]) -> str:
    """Of the bytes of these arrays, one behind the other."""
    found = hashlib.sha256()
    for _, array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def told(arrays: Iterable[tuple[str, Any]], **more: Any) -> dict[str, Any]:
    """The record of some arrays: what they are called, in their order, what is kept of each, and the digest of all."""
    arrays = list(arrays)
    return {
        **more,
        "names": hashlib.sha256("\n".join(name for name, _ in arrays).encode()).hexdigest()[:16],
        "sha256": digest(arrays),
        "tensors": [kept(name, array) for name, array in arrays],
    }


# ---- what is computed ----


def model_of(kind: Any, dtype: str, **fields: Any) -> Any:
    """A model whose every tensor differs from what it starts as: nothing is symmetric, no bias is 0."""
    model = kind(TINY.replace(**fields), seed=1, dtype=dtype)
    for name, array in model.params.items():
        array[...] += (direction(name, array.size) * 0.3 * np.sqrt(array.size)).reshape(array.shape).astype(array.dtype)
    return model


def losses() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every class in the plain form, and pretraining in every form: loss and gradients, with and without dropout."""
    cases = [(name, "plain") for name in LOSSES] + [("pretraining", form) for form in CONFIGS if form != "plain"]
    cases += [("tags", "fusion"), ("translation", "two groups"), ("classes", "sharing none"), ("masked pieces", "ranks")]
    for (name, form), dtype, drops in itertools.product(cases, ("float64", "float32"), (False, True)):
        kind, fields, labels = LOSSES[name]
        model = model_of(kind, dtype, **fields, **CONFIGS[form], **(DROPOUT if drops else {}))
        loss, grads = model.loss_and_gradients(**INPUTS, **labels, rng=5 if drops else None)
        key = f"{name} | {form} | {'dropout' if drops else 'no dropout'} | {dtype}"
        yield key, told([("loss", loss), *grads.items()], loss=float(loss))


def outputs() -> Iterator[tuple[str, dict[str, Any]]]:
    """What calls return."""
    kinds: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
        "AlbertModel": (ab.AlbertModel, {}, {}),
        **{kind.__name__: (kind, fields, {}) for kind, fields, _ in LOSSES.values() if "Relation" not in kind.__name__},
        "AlbertForRelationClassification": (ab.AlbertForRelationClassification, {}, dict(entity_positions=PLACES)),
    }
    forms = [(name, "plain") for name in kinds] + [("AlbertModel", form) for form in CONFIGS if form != "plain"]
    for (name, form), dtype in itertools.product(forms, ("float64", "float32")):
        kind, fields, more = kinds[name]
        model = model_of(kind, dtype, **fields, **CONFIGS[form])
        out = model(**INPUTS, **more, output_hidden_states=True, output_attentions=True)
        found = []
        for field in OUTPUTS:
            value = getattr(out, field)
            parts = value if isinstance(value, tuple) else (value,)
            # finfo.min, where an answer cannot start or end, is larger than all else
            found += [(f"{field} {i}", np.where(x < -1e30, 0, x)) for i, x in enumerate(parts) if x is not None]
        yield f"{name} | {form} | {dtype}", told(found)


def generated() -> dict[str, Any]:
    """Translations, greedily and by beams: the ids themselves."""
    model = model_of(ab.AlbertForTranslation, "float64")
    model.params.embeddings.position[...] *= 6  # so that it does not always say the same
    model.params.mlm.b[...] *= 0.1
    sources = dict(input_ids=[[2, 7, 9, 3], [2, 15, 3, 0]], attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]])
    return {
        f"{beams} beams, to {end}": model.generate(**sources, num_beams=beams, max_new_tokens=6, eos_token_id=end).tolist()
        for beams, end in itertools.product((1, 3), (3, 6, 9))
    }


def updates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Five steps of each optimiser, with clipped gradients: parameters and moments, and the norms before clipping."""
    forms: dict[str, dict[str, Any]] = {
        "default": {}, "corrected": dict(bias_correction=True), "decay of all": dict(decay_all=True, weight_decay=0.1),
        "both": dict(bias_correction=True, decay_all=True, beta1=0.8, beta2=0.95, eps=1e-5),
    }  # fmt: skip
    for name, form, dtype in itertools.product(("adamw", "lamb"), forms, ("float64", "float32")):
        model = model_of(ab.AlbertForPreTraining, dtype, **CONFIGS["two groups"])
        state, norms = ab.optim.init(name, model.params, **forms[form]), []
        for step in range(5):
            arguments = LOSSES["pretraining"][2]
            loss, grads = model.loss_and_gradients(**INPUTS, **arguments, rng=ab.Dropout(3, step))
            norms.append(float(ab.optim.clip(grads, 0.5 if step < 3 else 100.0)))
            ab.optim.step(model.params, grads, state, ab.optim.learning_rate(step, 0.02, 2, 8))
        record = told(model.params.items(), loss=float(loss), norms=norms, count=state.count)
        trees = model.params, state.m, state.v
        yield f"{name} | {form} | {dtype}", {**record, "sha256": digest(pair for tree in trees for pair in tree.items())}


def initial() -> Iterator[tuple[str, dict[str, Any]]]:
    """Fresh parameters: names, shapes, and what is kept of them."""
    kinds = {kind.__name__: (kind, fields) for kind, fields, _ in LOSSES.values()} | {"AlbertModel": (ab.AlbertModel, {})}
    cases = [(name, "plain", 7) for name in kinds] + [("AlbertForPreTraining", form, 7) for form in CONFIGS if form != "plain"]
    cases += [("AlbertForPreTraining", "plain", 0), ("AlbertForPreTraining", "plain", 2**40 + 1)]
    for (name, form, seed), dtype in itertools.product(cases, ("float64", "float32")):
        kind, fields = kinds[name]
        params = kind(TINY.replace(**fields, **CONFIGS[form]), seed=seed, dtype=dtype).params
        shapes = {key: list(array.shape) for key, array in params.items()}
        yield f"{name} | {form} | seed {seed} | {dtype}", told(params.items(), count=params.count(), shapes=shapes)


def dropout_keys() -> dict[str, Any]:
    """The words under which the bits of dropout masks are encrypted, for places that a model has. The masks themselves are in
    the gradients of the models that drop."""
    places = [("embeddings", 0), ("classifier", 0), ("attention probs", 1), ("attention output", 3), ("ffn output", 2)]
    numbers = itertools.product((0, 5, 2**33), (0, 1, 1000), places)
    return {
        f"seed {seed}, step {step}, {place}": list(ab.Dropout(seed, step).fold_in(*place).words())
        for seed, step, place in numbers
    }


# ---- both ways, and the file ----

TABLES = {
    "losses": losses, "outputs": outputs, "generated": generated, "updates": updates, "initial": initial, "dropout": dropout_keys,
}  # fmt: skip


def computed() -> dict[str, dict[str, dict[str, Any]]]:
    """way -> table -> case -> record, each way by a process with one thread and without settings of the user's."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ALBERT_NP_")}
    path = os.pathsep.join([str(Path(ab.__file__).parents[1]), *filter(None, [own.get("PYTHONPATH")])])
    found = {}
    for way in WAYS:
        more = dict.fromkeys(REFERENCE, "1") if way == "reference" else {}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--print"], capture_output=True, text=True, timeout=300,
            env={**own, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path, **more},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        found[way] = json.loads(done.stdout)
    return found


def write(found: dict[str, dict[str, dict[str, Any]]]) -> None:
    """The records of the kernels in float64 whole, of the others the digests."""
    for way, tables in found.items():
        for table in tables.values():
            for case, record in table.items():
                if "sha256" in record and (way, case.split(" | ")[-1]) != (WAYS[0], "float64"):
                    table[case] = {"sha256": record["sha256"]}
    told = {"machine": {"albert_np": ab.__version__, **machine()}, **found}
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_bytes(gzip.compress(json.dumps(told).encode(), mtime=0))


def main() -> None:
    if sys.argv[1:] == ["--print"]:
        print(json.dumps({name: dict(table()) for name, table in TABLES.items()}))
    else:
        write(computed())
        print(f"{DATA}: {DATA.stat().st_size} bytes")


if __name__ == "__main__":
    main()
