"""albert-np embed: vectors of texts, to be stored, compared or drawn."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    QuietOption,
    option,
    print_json,
    print_message,
    print_note,
    print_table,
    split_pairs,
    use_backend,
)
from albert_np.apps.cli.streams import decode_argument, is_terminal, read_stdin
from albert_np.data.formats.summary import count_noun, cut

if TYPE_CHECKING:
    from albert_np.apps.embed import Texts
    from albert_np.tasks.embedder import Embedder

SHOWN_MATRIX = 20  # texts of a matrix that is printed
SHOWN_CHARACTERS = 120  # of a text
READING = ("text", "pair", "label", "header", "delimiter", "quotes", "missing")  # options of `read_table`
NOTHING = (
    "say what to do with the vectors: store them (--out vectors.npy), search (--nearest TEXT), compare (--similarity), draw "
    "(--project map.png), compare with human scores (--sts), or print them (--json)"
)


def embed(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Texts: one a line, or a column of a .tsv, .csv or .jsonl; - is standard input.")
    ],
    model: Annotated[
        str, typer.Option("--model", help="A model with its tokenizer: a folder, such as a run's, a .tar.gz, or a hub name.")
    ],
    pooling: Annotated[
        str, option("--pooling", "Mean of all tokens, the first token, or the layer on it [mean]", "Vectors", "mean|cls|pooler")
    ] = "mean",
    layer: Annotated[
        int, option("--layer", "The layer that is pooled: 0 (embeddings) to L, or from the end; -1 is the output [-1]", "Vectors")
    ] = -1,
    normalize: Annotated[bool, option("--normalize", "Divide each vector by its length.", "Vectors")] = False,
    max_length: Annotated[
        int | None, option("--max-length", "Tokens of a text; longer ones are cut [the model's positions]", "Vectors")
    ] = None,
    out: Annotated[Path | None, option("--out", "Store the vectors: .npy, or .jsonl with the texts.", "Results", "FILE")] = None,
    queries: Annotated[
        list[str] | None,
        option("--nearest", "Print the texts that are most similar to this one; may be repeated.", "Results", "TEXT"),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, rich_help_panel="Results", help="How many of them.")] = 5,
    similarity: Annotated[bool, option("--similarity", "Print the similarity of every two texts.", "Results")] = False,
    matrix: Annotated[
        Path | None, option("--similarity-out", "Store these similarities: .npy, .csv or .tsv.", "Results", "FILE")
    ] = None,
    picture: Annotated[
        Path | None,
        option("--project", "Draw a map of the texts as .png: the two directions in which they differ most.", "Results", "FILE"),
    ] = None,
    sts: Annotated[
        bool, option("--sts", "Compare the similarities of pairs with their scores: FILE has two texts and a number.", "Results")
    ] = False,
    reading: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help=f"Of a table: {', '.join(READING)}.")
    ] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Turn texts into vectors, with any model, and store, search, compare or draw them.

    Row i of the vectors belongs to line i. A blank line is an empty text: it has a vector, but is not found and not on the map.
    Similarity is the cosine of two vectors.

    Example: albert-np embed --model runs/first sentences.txt --nearest "A film that I will not forget." --out vectors.npy
    """
    from albert_np.apps import embed as files

    wanted = [out, queries, similarity, matrix, picture]
    if sts and any(wanted):
        raise typer.BadParameter("--sts compares the pairs of FILE; it goes with none of the other results")
    if not (sts or any(wanted) or as_json):
        raise typer.BadParameter(NOTHING)
    files.check_target(out, files.VECTOR_FILES, "--out")
    files.check_target(matrix, files.MATRIX_FILES, "--similarity-out")
    files.check_target(picture, (".png",), "--project")
    files.check_not_input(file, {"--out": out, "--similarity-out": matrix, "--project": picture})
    if out is not None and out == matrix:
        raise typer.BadParameter(f"--out and --similarity-out are the same file, {out}")
    options = parse_reading_options(reading)
    if "label" in options and picture is None and not sts:
        raise typer.BadParameter("labels are used by --project and --sts alone: leave out -o label")
    settings = dict(pooling=pooling, layer=layer, normalize=normalize, max_length=max_length, progress=not quiet)
    if sts:
        score_pairs(file, model, options, settings, backend, as_json, quiet)
        return
    asked = [decode_argument(query, "--nearest") for query in queries or []]
    if not all(map(str.strip, asked)):
        raise typer.BadParameter("--nearest: the text is empty")
    if file == files.STDIN and is_terminal(sys.stdin) and not quiet:
        print_message("Type your texts, one per line; Ctrl-D ends.")
    texts = files.read_texts(file, read_stdin(), options, labelled=picture is not None)
    check_size(texts, similarity and not as_json, picture)
    if not quiet:
        print_message(texts.summary.describe())
    embedder = load(model, settings, backend)
    vectors = embedder.encode(texts.texts)
    result = describe(model, embedder, len(texts.texts))
    if out is not None:
        files.write_vectors(out, vectors, texts.texts)
        result["out"] = str(out)
    if matrix is not None or similarity:
        cosines = embedder.similarity(vectors)
    if matrix is not None:
        files.write_matrix(matrix, cosines)
        result["similarity_out"] = str(matrix)
    if picture is not None:
        result["project"] = draw(picture, vectors, texts)
    if asked:
        result["nearest"] = find_nearest(embedder, asked, vectors, texts, top)
    if similarity:
        result["similarity"] = [files.as_numbers(row) for row in cosines]
    if not any(wanted):
        result["vectors"] = [{"text": text, "vector": files.as_numbers(row)} for text, row in zip(texts.texts, vectors)]
    if as_json:
        print_json(result)
    else:
        print_result(result, texts, quiet)


def parse_reading_options(pairs: list[str] | None) -> dict[str, Any]:
    """["text=review", "header=false"] -> {"text": "review", "header": False}. ValueError for an unknown option."""
    from albert_np.io.similar_names import suggest
    from albert_np.tasks import get_task

    owner = get_task("classification")  # whose files have the same options
    options = {}
    for key, text in split_pairs("--option", pairs).items():
        if key not in READING:
            raise ValueError(f"embed has no option {key!r}; expected one of {', '.join(READING)}{suggest(key, READING)}")
        options[key] = owner.parse_option(key, text)
    return options


def check_size(texts: "Texts", shown: bool, picture: Path | None) -> None:
    """Raise ValueError if there are too many texts to print their matrix, or too few to draw a map."""
    n, points = len(texts.texts), len(texts.not_blank())
    if shown and n > SHOWN_MATRIX:
        raise ValueError(
            f"the similarities of {n:,} texts are too many to print ({SHOWN_MATRIX} at most): store them with --similarity-out, "
            "or print them with --json"
        )
    if picture is not None and points < 2:
        raise ValueError("--project needs two texts or more, and there is one")


def load(model: str, settings: dict[str, Any], backend: str | None) -> "Embedder":
    from albert_np.tasks.embedder import Embedder

    use_backend(backend)
    return Embedder.from_pretrained(model, **settings)


def describe(model: str, embedder: "Embedder", count: int) -> dict[str, Any]:
    """Return the part of the result that is the same for all forms of it."""
    return {
        "model": model, "pooling": embedder.pooling, "layer": embedder.layer, "normalize": embedder.normalize,
        "max_length": embedder.max_length, "texts": count, "width": embedder.model.config.hidden_size,
    }  # fmt: skip


def score_pairs(
    file: str, model: str, options: dict[str, Any], settings: dict[str, Any], backend: str | None, as_json: bool, quiet: bool
) -> None:
    """Print the correlations of the similarities of a file's pairs with their scores."""
    from albert_np.apps.embed import read_scored_pairs

    scored = read_scored_pairs(file, options)
    if not quiet:
        print_message(scored.summary.describe())
    embedder = load(model, settings, backend)
    result = {"pairs": len(scored.pairs), **embedder.score_sts(scored.pairs, scored.scores)}
    if as_json:
        print_json({**describe(model, embedder, 2 * len(scored.pairs)), "sts": result})
    else:
        print("\n".join(f"{name:8}  {result[name]:.4f}" for name in ("spearman", "pearson")))


def find_nearest(embedder: "Embedder", queries: list[str], vectors: Any, texts: "Texts", top: int) -> list[dict[str, Any]]:
    """Return the texts that are most similar to each query. index: of the vector; line (or row, or element): in the file."""
    rows = texts.not_blank()
    found = embedder.nearest(queries, vectors[rows], top)
    return [
        {
            "query": query,
            "neighbours": [
                {"index": i, texts.unit: texts.positions[i], "similarity": round(s, 6), "text": texts.texts[i]}
                for i, s in zip((rows[j] for j in indices), similarities)
            ],
        }
        for query, indices, similarities in zip(queries, found.indices.tolist(), found.similarities.tolist())
    ]


def draw(path: Path, vectors: Any, texts: "Texts") -> dict[str, Any]:
    """Draw the map of the texts -> the result for --json."""
    from albert_np.io.files import write_figures
    from albert_np.metrics.vectors import principal_components

    rows = texts.not_blank()
    projection = principal_components(vectors[rows])
    if not projection.shares.any():
        print_note(f"all {len(rows):,} texts of the map have the same vector, so they are at one point")
    labels = None if texts.labels is None else [label_name(texts.labels[i]) for i in rows]

    def make() -> dict[str, Any]:
        from albert_np.plots import map_figure

        names, label = [texts.texts[i] for i in rows], texts.summary.columns.get("label")
        return {path.stem: map_figure(projection.points, projection.shares, names, labels, label)}

    if not write_figures(path.parent, make):
        raise RuntimeError(f"{path} could not be written")
    points = [{"index": i, "x": x, "y": y} for i, (x, y) in zip(rows, projection.points.tolist())]
    return {"file": str(path), "shares": projection.shares.tolist(), "points": points}


def label_name(label: Any) -> str | None:
    """Return a label as one text; None if there is none."""
    return ", ".join(map(str, label)) if isinstance(label, list) else None if label is None else str(label)


def print_result(result: dict[str, Any], texts: "Texts", quiet: bool) -> None:
    """Print the results that are not files, and the names of those that are."""
    for found in result.get("nearest", ()):
        if not quiet:
            print(f"nearest to {shorten(found['query'])!r}")
        for each in found["neighbours"]:
            print(f"{each['similarity']:7.3f}  {texts.unit} {each[texts.unit]:<6}  {shorten(each['text'])}")
    if "similarity" in result:
        rows = [[str(number), *(f"{x:.2f}" for x in row)] for number, row in zip(texts.positions, result["similarity"])]
        print_table([texts.unit, *map(str, texts.positions), ""], [[*r, shorten(t, 40)] for r, t in zip(rows, texts.texts)])
    if quiet:
        return
    if "out" in result:
        print(f"{result['out']}: {count_noun(result['texts'], 'vector')} of {result['width']} numbers")
    if "similarity_out" in result:
        print(f"{result['similarity_out']}: {result['texts']} × {result['texts']} similarities")
    if "project" in result:
        shares = " and ".join(f"{share:.0%}" for share in result["project"]["shares"])
        points = count_noun(len(result["project"]["points"]), "text")
        print(f"{result['project']['file']}: a map of {points}; its axes have {shares} of the variance")


def shorten(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """Return a text on one line, without its end if it is long, and with control characters written as in Python."""
    from albert_np.tasks.task import one_line

    return cut(one_line(" ".join(text.split())), characters)
