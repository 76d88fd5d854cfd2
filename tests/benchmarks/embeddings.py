"""Do sentence vectors know which sentences belong together? The table of results/embeddings.json.

    python tests/benchmarks/embeddings.py --model runs/pretrained [--texts a.txt b.txt.xz] [--without FILE] [--out results.json]
    python tests/benchmarks/embeddings.py --table [--all]

From each file (one register, documents separated by blank lines) come pairs of passages of one document and, with the same first
passage, of two documents. A pair's score is the cosine of its vectors, and the AUC is the probability that a pair of one document
scores higher than one of two: 0.5 is chance. Compared are TF-IDF (scikit-learn's, fitted on the same passages), its first 100
singular directions (LSA), the model's vectors by layer and pooling, as they are, centred, and without their first directions
("all but the top", Mu and Viswanath 2018), and the same with random weights. The layer and the treatment of "the best" are chosen
on one half of the pairs, and all scores are of the other half. Nothing is trained on pairs.

Results of the same model and settings are added to the file.
"""

import argparse
import json
import math
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import albert_np as ab
from albert_np.data.formats.lines import read_lines
from albert_np.data.sentences import split_sentences
from albert_np.metrics.vectors import normalise

HERE = Path(__file__).parent
CORPORA = {  # name: file below ALBERT_NP_DATA/corpus
    "encyclopaedia": "modern/encyclopaedic.txt.xz", "government": "modern/government.txt.xz",
    "technical": "modern/techdocs_permissive.txt.xz", "essays": "modern/essays_handbooks.txt.xz",
    "novels": "modern/fiction_standardebooks.txt.xz", "addresses": "sotu.txt.xz", "Bible": "bible_kjv.txt.xz",
}  # fmt: skip
WORDS = (6, 60)  # of a sentence, least and most
CHARACTERS = 30_000_000  # of a file that are read
LSA = 100  # directions
BATCH = 64  # passages
TREATMENTS = ("plain", "centred", "all but the top")
Indices = np.ndarray  # (n, 3): the anchor, another passage of its document, a passage of another document


def documents(path: Path, sentences: int, without: Path | None = None) -> list[list[str]]:
    """Return the passages of each document, `sentences` consecutive sentences each, of documents with two or more of them.

    without: a file whose documents are left out, such as the text that the model was trained on.
    """
    found: list[list[str]] = []
    known = set() if without is None else {"\n".join(document) for document in split_documents(without)}
    for document in split_documents(path):
        if "\n".join(document) in known:
            continue
        units = [s for paragraph in document for s in split_sentences(paragraph) if WORDS[0] <= len(s.split()) <= WORDS[1]]
        passages = [" ".join(units[i : i + sentences]) for i in range(0, len(units) - sentences + 1, sentences)]
        passages = list(dict.fromkeys(passages))
        if len(passages) > 1:
            found.append(passages)
    return found


def split_documents(path: Path) -> Iterator[list[str]]:
    """Yield the paragraphs of each document of a file, up to `CHARACTERS`."""
    paragraphs: list[str] = []
    read = 0
    for _, line in read_lines(path):
        if line.strip():
            paragraphs.append(line)
        elif paragraphs:
            yield paragraphs
            paragraphs = []
        if (read := read + len(line)) > CHARACTERS:
            return
    if paragraphs:
        yield paragraphs


def choose_pairs(found: list[list[str]], anchors: int, seed: int) -> tuple[list[str], Indices]:
    """Return the different passages, and (anchor, same document, other document) of each pair of pairs."""
    rng, numbers = random.Random(seed), {}
    rows = []
    for _ in range(anchors):
        here, there = rng.sample(range(len(found)), 2)
        a, b = rng.sample(found[here], 2)
        c = rng.choice(found[there])
        rows.append([numbers.setdefault(passage, len(numbers)) for passage in (a, b, c)])
    return list(numbers), np.array(rows)


def scores(vectors: np.ndarray, pairs: Indices) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines of the pairs of one document and of those of two, each (n,)."""
    unit = normalise(vectors.astype(np.float64))
    a, b, c = (unit[pairs[:, i]] for i in range(3))
    return (a * b).sum(1), (a * c).sum(1)


def auc(same: np.ndarray, other: np.ndarray) -> float:
    """Return the probability that a score of `same` is above one of `other`; equal ones count half."""
    from scipy.stats import rankdata

    n, m = len(same), len(other)
    return float((rankdata(np.concatenate([same, other]))[:n].sum() - n * (n + 1) / 2) / (n * m))


def auc_with_error(vectors: np.ndarray, pairs: Indices, draws: int = 100) -> tuple[float, float]:
    """Return the AUC and its standard error, by drawing anchors with replacement."""
    same, other = scores(vectors, pairs)
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, len(same), len(same)) for _ in range(draws)]
    return auc(same, other), float(np.std([auc(same[i], other[i]) for i in samples]))


def difference(vectors: np.ndarray, others: np.ndarray, pairs: Indices, draws: int = 200) -> tuple[float, float]:
    """Return the AUC of some vectors minus that of others, and its standard error, by drawing the same anchors for both."""
    first, second = scores(vectors, pairs), scores(others, pairs)
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, len(pairs), len(pairs)) for _ in range(draws)]
    spread = [auc(first[0][i], first[1][i]) - auc(second[0][i], second[1][i]) for i in samples]
    return auc(*first) - auc(*second), float(np.std(spread))


def treat(vectors: np.ndarray, treatment: str) -> np.ndarray:
    """Return vectors unchanged, without their mean, or without their mean and their first H / 100 directions (at least one)."""
    if treatment == "plain":
        return vectors
    centred = vectors - vectors.mean(0)
    if treatment == "centred":
        return centred
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    top = directions[: max(1, math.ceil(vectors.shape[1] / 100))]
    return centred - centred @ top.T @ top


def count_vectors(passages: list[str]) -> dict[str, np.ndarray]:
    """Return the vectors of TF-IDF and of LSA, fitted on the passages."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer().fit_transform(passages)
    directions = min(LSA, weights.shape[1] - 1, len(passages) - 1)
    return {"TF-IDF": weights.toarray(), f"LSA, {directions}": TruncatedSVD(directions, random_state=0).fit_transform(weights)}


def model_vectors(model: Any, tokenizer: Any, passages: list[str], layers: list[int]) -> dict[tuple[str, int], np.ndarray]:
    """Return the vectors by (pooling, layer): those of `ab.Embedder`, but all layers from one pass."""
    kinds = [("mean", layer) for layer in layers] + ([("mean", -1)] if model.config.fusion_layers else [])
    kinds += [("cls", -1)] + ([("pooler", -1)] if "pooler" in model.params.form else [])
    found = {kind: np.empty((len(passages), model.config.hidden_size), np.float32) for kind in kinds}
    longest = ab.Embedder(model, tokenizer).max_length
    order = sorted(range(len(passages)), key=lambda i: len(passages[i]))
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        inputs = tokenizer([passages[i] for i in rows], max_length=longest, truncation=True, padding=True)
        out = model(**inputs, output_hidden_states=True)
        lengths = inputs["attention_mask"].sum(1, keepdims=True)  # (B, 1)
        for pooling, layer in kinds:
            h = out.last_hidden_state if layer == -1 else out.hidden_states[layer]  # (B, T, H), zero at padding
            if pooling == "mean":
                found[pooling, layer][rows] = h.sum(1) / lengths
            else:
                found[pooling, layer][rows] = h[:, 0] if pooling == "cls" else out.pooler_output
    return found


def measure(path: Path, model: Any, tokenizer: Any, layers: list[int], given: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of one file: {method: {treatment: (AUC, standard error)}}, and how many pairs there were."""
    found = documents(path, given.sentences, given.without)
    if len(found) < 2:
        raise SystemExit(f"{path}: it has {len(found)} documents with two passages or more; two are needed")
    passages, pairs = choose_pairs(found, given.pairs, given.seed)
    chosen, scored = pairs[::2], pairs[1::2]
    counted = count_vectors(passages)
    methods: dict[str, Any] = {name: {"plain": auc_with_error(vectors, scored)} for name, vectors in counted.items()}
    fresh = ab.AlbertModel(model.config, seed=given.seed)
    for prefix, network in (("", model), ("random ", fresh)):
        best: Any = (0.0, "", "", None)
        for (pooling, layer), vectors in model_vectors(network, tokenizer, passages, layers).items():
            name = f"{prefix}{pooling}" + (f", layer {layer}" if pooling == "mean" else "")
            treated = {treatment: treat(vectors, treatment) for treatment in TREATMENTS}
            methods[name] = {treatment: auc_with_error(each, scored) for treatment, each in treated.items()}
            for treatment, each in treated.items():
                best = max(best, (auc(*scores(each, chosen)), name, treatment, each), key=lambda entry: entry[0])
        _, name, treatment, vectors = best
        methods[f"{prefix}best"] = {"plain": methods[name][treatment], "chosen": f"{name}, {treatment}"}
        methods[f"{prefix}best minus TF-IDF"] = {"plain": difference(vectors, counted["TF-IDF"], scored)}
    return {"documents": len(found), "passages": len(passages), "pairs": 2 * len(scored), "methods": methods}


def table(results: dict[str, Any], every_row: bool = False) -> str:
    """Return the results in Markdown: a method per row, a file per column. every_row: also the rows that matter less."""
    files = results["files"]
    methods = list(next(iter(files.values()))["methods"])
    lines = ["| " + " | ".join(["AUC", *files]) + " |", "|---|" + "---:|" * len(files)]
    for method in methods:
        for treatment in TREATMENTS:
            rows = [file["methods"].get(method, {}).get(treatment) for file in files.values()]
            if None in rows or not (every_row or matters(method, treatment, methods)):
                continue
            name = method if treatment == "plain" else f"{method}, {treatment}"
            lines.append(f"| {name} | " + " | ".join("{:.3f} ± {:.3f}".format(*row) for row in rows) + " |")
    for prefix in ("", "random "):
        chosen = [f"{name}: {file['methods'][prefix + 'best']['chosen']}" for name, file in files.items()]
        lines.append(f"\n{prefix}best: {'; '.join(chosen)}")
    counts = [f"{name}: {file['documents']:,} documents, {file['pairs']:,} pairs" for name, file in files.items()]
    size = "one sentence" if results["sentences"] == 1 else f"{results['sentences']} sentences"
    return "\n".join([*lines, "", f"{results['model']}; {'; '.join(counts)}; passages of {size}"])


def matters(method: str, treatment: str, methods: list[str]) -> bool:
    """Return whether a row is in the short table: plain or centred, and of random weights the first and last layer."""
    layers = [name for name in methods if name.startswith("random mean")]
    shown = not method.startswith("random") or method in (layers[0], layers[-1], "random best", "random best minus TF-IDF")
    return shown and (treatment == "plain" or (treatment == "centred" and method.startswith("mean")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a folder with a model and its tokenizer")
    parser.add_argument("--texts", nargs="*", type=Path, help="files; by default those of ALBERT_NP_DATA/corpus")
    parser.add_argument("--without", type=Path, help="a file whose documents are left out")
    parser.add_argument("--layers", nargs="*", type=int, help="by default the embeddings, the middle and the last")
    parser.add_argument("--pairs", type=int, default=2000, help="anchors, half of them to choose the layer")
    parser.add_argument("--sentences", type=int, default=1, help="in a passage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "embeddings.json")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--all", action="store_true", help="print every row of it")
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.out.read_text(encoding="utf-8")), given.all))
        return
    if given.model is None:
        parser.error("--model is missing")
    if not given.texts and "ALBERT_NP_DATA" not in os.environ:
        parser.error("name files with --texts, or the folder of the data with ALBERT_NP_DATA")
    files = {path.name.split(".")[0]: path for path in given.texts or ()}
    files = files or {name: Path(os.environ["ALBERT_NP_DATA"]) / "corpus" / file for name, file in CORPORA.items()}
    embedder = ab.Embedder.from_pretrained(given.model)
    L = embedder.model.config.num_hidden_layers
    layers = given.layers or sorted({0, 1, L // 2, L - 1, L})
    settings = {"sentences": given.sentences, "layers": layers, "pairs": given.pairs, "seed": given.seed}
    results: dict[str, Any] = {"model": f"{Path(given.model).name}: {embedder.model.config.sizes()}", **settings, "files": {}}
    if given.out.is_file():
        stored = json.loads(given.out.read_text(encoding="utf-8"))
        results["files"] = stored["files"] if {**stored, "files": {}} == results else {}
    for name, path in files.items():
        results["files"][name] = measure(path, embedder.model, embedder.tokenizer, layers, given)
        print(f"{name}: {results['files'][name]['passages']} passages", flush=True)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results, given.all))


if __name__ == "__main__":
    main()
