"""The scores: by hand, against other implementations, and at the edges (nothing found, nothing right, ties)."""

import random

import numpy as np
import pytest

from albert_np.metrics import (
    bleu,
    chrf,
    chunks,
    classification_scores,
    confusion,
    conll2005,
    conlleval,
    group_arguments,
    multilabel_scores,
    regression_scores,
    semeval,
    squad,
    to_bio,
)
from albert_np.metrics.squad import exact_match, normalise_answer, word_f1

TAGS = ["O", "O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-A", "E-B", "S-B"]


# ---- classes, sets, numbers ----


def test_classes_by_hand():
    scores = classification_scores([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 2)
    assert confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 2).tolist() == [[1, 1], [1, 2]]
    assert scores["accuracy"] == pytest.approx(3 / 5) and scores["f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert scores["macro_f1"] == pytest.approx((2 * 1 / 4 + 4 / 6) / 2)
    assert scores["matthews"] == pytest.approx((1 * 2 - 1 * 1) / np.sqrt(3 * 3 * 2 * 2))


def test_the_edges_of_classes():
    assert classification_scores([1, 1], [1, 1], 2) == {"accuracy": 1.0, "macro_f1": 1.0, "matthews": 0.0, "f1": 1.0}
    assert classification_scores([0, 1, 2], [1, 2, 0], 3)["macro_f1"] == 0
    with pytest.raises(ValueError, match="nothing to score"):
        classification_scores([], [], 2)
    with pytest.raises(ValueError, match="one shape"):
        classification_scores([0, 1], [0], 2)
    with pytest.raises(ValueError, match="predicted must be classes from 0 to 1, got 0 to 2"):
        classification_scores([0, 1], [0, 2], 2)


@pytest.mark.parametrize("C", [2, 3, 7])
def test_classes_as_scikit_learn(C):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: nothing to compare with")
    rng = np.random.default_rng(C)
    for n in (1, 5, 60):
        gold, found = rng.integers(C, size=(2, n))
        ours = classification_scores(gold, found, C)
        assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(gold, found))
        assert ours["macro_f1"] == pytest.approx(metrics.f1_score(gold, found, average="macro", zero_division=0))
        assert ours["matthews"] == pytest.approx(metrics.matthews_corrcoef(gold, found) if n > 1 else 0)
        a, b = rng.integers(2, size=(2, n, C)).astype(bool)
        ours = multilabel_scores(a, b)
        for average in ("micro", "macro"):
            assert ours[f"{average}_f1"] == pytest.approx(metrics.f1_score(a, b, average=average, zero_division=0))
        assert ours["exact_match"] == pytest.approx(metrics.accuracy_score(a, b))


def test_numbers_as_scipy_with_ties_and_constants():
    from scipy.stats import pearsonr, spearmanr

    rng = np.random.default_rng(1)
    gold, found = rng.integers(5, size=40) / 2, rng.integers(6, size=40) / 3  # many ties
    ours = regression_scores(gold, found)
    assert ours["pearson"] == pytest.approx(pearsonr(gold, found).statistic)
    assert ours["spearman"] == pytest.approx(spearmanr(gold, found).statistic)
    assert ours["mean_squared_error"] == pytest.approx(((gold - found) ** 2).mean())
    assert ours["root_mean_squared_error"] == pytest.approx(ours["mean_squared_error"] ** 0.5)
    assert next(iter(ours)) == "root_mean_squared_error"
    assert regression_scores([1.0, 2.0], [3.0, 3.0])["pearson"] == 0 and regression_scores([1.0], [2.0])["spearman"] == 0
    assert regression_scores([[1, 4], [2, 3], [3, 1]], [[1, 1], [2, 2], [3, 3]])["spearman"] == pytest.approx(0)


@pytest.mark.parametrize("unit", [1e-200, 1e-6, 1, 1e12, 1e149])
def test_errors_in_any_unit(unit):
    gold, found = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.5, 3.0])
    ours, expected = regression_scores(gold * unit, found * unit), regression_scores(gold, found)
    assert ours["root_mean_squared_error"] == pytest.approx(expected["root_mean_squared_error"] * unit)
    assert ours["pearson"] == pytest.approx(expected["pearson"]) and ours["spearman"] == pytest.approx(expected["spearman"])
    offset = regression_scores(1e9 + gold, 1e9 + found)  # without scipy's warning that they are nearly constant
    assert offset["pearson"] == pytest.approx(expected["pearson"])


# ---- tags ----


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A", [("A", 0, 2), ("A", 3, 4)]),
        ("I-A I-A O", [("A", 0, 2)]),  # a span may begin without its B-
        ("B-A I-B I-B", [("A", 0, 1), ("B", 1, 3)]),  # another type is another span
        ("B-A B-A I-A", [("A", 0, 1), ("A", 1, 3)]),
        ("S-A B-A E-A S-A", [("A", 0, 1), ("A", 1, 3), ("A", 3, 4)]),
        ("E-A E-A", [("A", 0, 1), ("A", 1, 2)]),
        ("O O", []),
        ("", []),
    ],
)
def test_chunks(tags, expected):
    assert chunks(tags.split()) == expected


def test_every_scheme_becomes_strict_bio():
    assert to_bio("I-A I-A B-A O I-B".split()) == ("B-A", "I-A", "B-A", "O", "B-B")  # IOB1
    assert to_bio("B-A I-A E-A S-B O".split()) == ("B-A", "I-A", "I-A", "B-B", "O")
    assert to_bio("B-A L-A U-B".split()) == ("B-A", "I-A", "B-B")


def conlleval_by_walking(gold, found):
    """conlleval's own way: one pass over the tokens with a flag that says whether a right span is open."""

    def start(before, here):
        return here[0] != "O" and (here[0] in "BS" or before[0] in "OES" or before[1:] != here[1:])

    def end(before, here):
        return before[0] != "O" and (before[0] in "ES" or here[0] in "OBS" or before[1:] != here[1:])

    right = guessed = true = 0
    for a, b in zip(gold, found):
        open_ = False
        last = ("O", "O")
        for g, p in zip([*a, "O"], [*b, "O"]):
            ends = end(last[0], g), end(last[1], p)
            if open_ and ends == (True, True):
                right, open_ = right + 1, False
            elif open_ and (ends[0] != ends[1] or g[1:] != p[1:]):
                open_ = False
            starts = start(last[0], g), start(last[1], p)
            if starts == (True, True) and g[1:] == p[1:]:
                open_ = True
            true, guessed, last = true + starts[0], guessed + starts[1], (g, p)
    return right, guessed, true


def test_conlleval_counts_as_the_script_walks():
    rng = random.Random(4)
    gold = [[rng.choice(TAGS) for _ in range(rng.randint(0, 9))] for _ in range(400)]
    found = [[tag if rng.random() < 0.7 else rng.choice(TAGS) for tag in tags] for tags in gold]
    scores = conlleval(gold, found)
    assert (scores["right"], scores["found"], scores["gold"]) == conlleval_by_walking(gold, found)
    assert scores["right"] > 100 and sum(each["right"] for each in scores["by_type"].values()) == scores["right"]


def test_the_edges_of_conlleval():
    nothing = conlleval([["B-A", "O"]], [["O", "O"]])
    assert (nothing["precision"], nothing["recall"], nothing["f1"], nothing["accuracy"]) == (0, 0, 0, 0.5)
    assert conlleval([], [])["f1"] == 0 and conlleval([["O"]], [["O"]])["accuracy"] == 1
    assert conlleval([["B-A", "I-A"]], [["B-A", "B-A"]])["right"] == 0  # half of a span is not right
    with pytest.raises(ValueError, match="sentence 1 has 2 words, but 1 tags"):
        conlleval([["O"], ["O", "O"]], [["O"], ["O"]])


# ---- relations ----


def test_relations_by_hand():
    gold = ["R(e1,e2)", "R(e2,e1)", "S(e1,e2)", "Other", "Other"]
    found = ["R(e1,e2)", "R(e1,e2)", "S(e1,e2)", "S(e2,e1)", "Other"]
    scores = semeval(gold, found)  # R: 1 right of 2 found and of 2; S: 1 right of 2 found and of 1
    assert scores["by_relation"]["R"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert scores["by_relation"]["S"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert scores["macro_f1"] == pytest.approx((0.5 + 2 / 3) / 2) and scores["accuracy"] == 0.6
    assert scores["micro_f1"] == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))


def semeval_by_matrix(gold, found):
    """The official script's way: a confusion matrix of relations, and apart from it the wrong directions."""
    relation = [label.split("(")[0] for label in gold]
    guessed = [None if label is None else label.split("(")[0] for label in found]
    scores = []
    for name in sorted(set(relation) - {"Other"}):
        rows = list(zip(gold, found, relation, guessed))
        right = sum(a == b for a, b, r, s in rows if r == name == s)
        wrong_direction = sum(a != b for a, b, r, s in rows if r == name == s)
        proposed = right + sum(s == name and r != name for _, _, r, s in rows)
        p = right / (proposed + wrong_direction) if proposed else 0
        r = right / relation.count(name)
        scores.append(2 * p * r / (p + r) if p + r else 0)
    return sum(scores) / len(scores)


def test_relations_as_the_script_counts_them():
    rng = random.Random(1)
    labels = ["Other", *(f"{name}-X({d})" for name in "ABCD" for d in ("e1,e2", "e2,e1"))]
    for case in range(50):
        gold = [rng.choice(labels[: rng.randint(2, 9)]) for _ in range(30)] + ["A-X(e1,e2)"]
        found = [label if rng.random() < case / 50 else rng.choice([*labels, None, "New-X(e1,e2)"]) for label in gold]
        assert semeval(gold, found)["macro_f1"] == pytest.approx(semeval_by_matrix(gold, found))


def test_the_edges_of_relations():
    assert semeval(["A(e1,e2)"], [None])["macro_f1"] == 0 and semeval(["Other"], ["Other"])["macro_f1"] == 0
    assert semeval(["per:title", "no_relation"], ["per:title", "no_relation"], "no_relation")["micro_f1"] == 1
    with pytest.raises(ValueError, match="1 examples, and answers for 2"):
        semeval(["Other"], ["Other", "Other"])


# ---- roles ----


def test_arguments_in_pieces_are_one():
    tags = "B-ARG1 O B-V B-C-ARG1 I-C-ARG1 B-R-ARG1 B-ARG1 B-C-ARG1".split()
    first, second = ("ARG1", ((0, 1), (3, 5))), ("ARG1", ((6, 7), (7, 8)))
    assert group_arguments(tags) == {first, second, ("V", ((2, 3),)), ("R-ARG1", ((5, 6),))}
    assert group_arguments(["B-C-ARG2", "O"]) == {("ARG2", ((0, 1),))}  # nothing to continue: an argument by itself


def test_roles_by_hand():
    gold = [["B-ARG0", "B-V", "B-ARG1", "B-C-ARG1"], ["B-V", "B-ARG1", "O", "O"]]
    found = [["B-ARG0", "B-V", "B-ARG1", "O"], ["O", "B-ARG1", "O", "B-ARG2"]]
    scores = conll2005(gold, found)  # a part of an argument is not an argument; V is not scored
    assert (scores["right"], scores["excess"], scores["missed"]) == (2, 2, 1)
    assert scores["precision"] == 0.5 and scores["recall"] == pytest.approx(2 / 3) and scores["perfect_props"] == 0
    assert scores["by_role"]["ARG1"] == {**scores["by_role"]["ARG1"], "right": 1, "excess": 1, "missed": 1}
    assert conll2005(gold, gold)["f1"] == conll2005(gold, gold)["perfect_props"] == 1
    assert conll2005(gold, [["O"] * 4] * 2)["f1"] == 0 and conll2005([], [])["f1"] == 0
    with pytest.raises(ValueError, match="predicate 0 has 4 words, but 1 tags"):
        conll2005(gold, [["O"], ["O"]])


# ---- answers ----


def test_what_is_compared_of_an_answer():
    assert normalise_answer(" The  Quick, brown fox's A an! ") == "quick brown foxs"
    assert exact_match("the cat.", "Cat") == 1 and exact_match("cats", "cat") == 0
    assert word_f1("the black cat", "black cat sleeps") == pytest.approx(2 * 2 / (2 + 3))
    assert word_f1("a b b", "b b c") == pytest.approx(2 * 2 / (2 + 3))  # a is an article; b counts twice


def test_the_two_versions_differ_in_what_is_empty():
    assert (word_f1("", "", 2), word_f1("", "", 1), word_f1("the", "", 2), word_f1("x", "", 2)) == (1, 0, 1, 0)
    assert exact_match("the", "") == 1


def test_squad_by_hand():
    gold = {"1": ["Paris", "the city of Paris"], "2": [], "3": ["blue"]}
    scores = squad(gold, {"1": "city of paris", "2": "", "3": ""}, 2)
    assert scores["exact_match"] == pytest.approx(2 / 3) and scores["total"] == 3
    assert (scores["has_answer_exact_match"], scores["no_answer_exact_match"], scores["no_answer_f1"]) == (0.5, 1, 1)
    assert squad(gold, {"1": "Paris", "2": "no", "3": "a blue sky"}, 2)["f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert squad({"1": ["x"]}, {}, 1) == {"exact_match": 0, "f1": 0, "total": 1}
    assert squad({"1": ["the"]}, {}, 1)["exact_match"] == 0 and squad({"1": ["the"]}, {}, 2)["exact_match"] == 1
    with pytest.raises(ValueError, match="nothing to score"):
        squad({}, {})


# ---- translations ----


def test_bleu_and_chrf_are_sacrebleu_s():
    package = pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: BLEU and chrF cannot be tried")
    found, references = ["the cat sat on the mat .", "a dog"], ["the cat sat on a mat .", "the dog barks"]
    assert bleu(found, references) == pytest.approx(package.corpus_bleu(found, [references]).score)
    assert 0 < bleu(found, references) < 100 and bleu(references, references) == pytest.approx(100)
    assert chrf(references, references) == pytest.approx(100) and chrf(["", ""], references) == 0


def test_without_sacrebleu_there_is_one_clear_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ImportError, match=r"pip install 'albert_np\[translation\]'"):
        bleu(["a"], ["a"])
