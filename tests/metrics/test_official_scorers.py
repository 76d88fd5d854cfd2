"""The scores against those that the official scorers gave, once, for random cases (official_scores.json; numbers only).

The Perl scripts print percent with two decimals, the Python scripts of SQuAD all of them. Three things of the Perl scripts are
left out, as they cannot be compared: conlleval.pl has no S- (and does not split E- from B-), so E- and S- are held against the
port of it that does (conlleval 0.2); the scorer of SemEval divides by zero where every gold label is Other; srl-eval.pl reads
brackets, into which the tags were turned.
"""

import json
from pathlib import Path

import pytest

from albert_np.metrics import conll2005, conlleval, semeval, squad

CASES = json.loads((Path(__file__).parent / "official_scores.json").read_text(encoding="utf-8"))
PRF = ("precision", "recall", "f1")


def cases(scorer):
    return [pytest.param(case, id=str(number)) for number, case in enumerate(CASES[scorer])]


def percent(scores, keys):
    return [100 * scores[key] for key in keys]


def printed(*numbers):
    """Return numbers printed with two decimals, to compare with."""
    return pytest.approx(list(numbers), abs=0.00501, rel=0)


def tags_of(case):
    return [[line.split() for line in case[side]] for side in ("gold", "found")]


def test_there_are_cases_that_tell_something():
    assert {name: len(each) for name, each in CASES.items()} == {
        "conlleval.pl": 15, "conlleval with E and S": 8, "semeval2010_task8_scorer-v1.2.pl": 10, "srl-eval.pl": 10,
        "evaluate-v1.1.py": 8, "evaluate-v2.0.py": 8,
    }  # fmt: skip
    f1 = [case["scores"]["f1"] for case in CASES["conlleval.pl"]]
    macro = [case["scores"]["macro_f1"] for case in CASES["semeval2010_task8_scorer-v1.2.pl"]]
    right = [case["scores"]["overall"][0] for case in CASES["srl-eval.pl"]]
    for each, all_right in ((f1, 100), (macro, 100), (right, 1000)):
        assert sum(0 < x < all_right for x in each) >= 6  # not only all right or all wrong
    assert any(None in case["found"] for case in CASES["semeval2010_task8_scorer-v1.2.pl"])
    assert any("C-" in line for case in CASES["srl-eval.pl"] for line in case["found"])
    assert any(len(case["found"]) < len(case["gold"]) for case in CASES["evaluate-v1.1.py"])
    assert any([] in case["gold"].values() for case in CASES["evaluate-v2.0.py"])


@pytest.mark.parametrize("case", cases("conlleval.pl"))
def test_tags_as_conlleval(case):
    ours, theirs = conlleval(*tags_of(case)), case["scores"]
    assert [ours[key] for key in ("right", "gold", "found")] == [theirs[key] for key in ("right", "gold", "found")]
    keys = (*PRF, "accuracy")
    assert percent(ours, keys) == printed(*(theirs[key] for key in keys))
    assert ours["by_type"].keys() == theirs["by_type"].keys()
    for kind, (right, gold, found, *fractions) in theirs["by_type"].items():
        mine = ours["by_type"][kind]
        assert (mine["right"], mine["gold"], mine["found"]) == (right, gold, found)
        assert percent(mine, PRF) == printed(*fractions)


@pytest.mark.parametrize("case", cases("conlleval with E and S"))
def test_tags_with_ends_and_singles_as_the_port_of_conlleval(case):
    ours = conlleval(*tags_of(case))
    assert [ours[key] for key in ("right", "gold", "found")] == case["counts"]
    each = {kind: [mine[key] for key in ("right", "gold", "found")] for kind, mine in ours["by_type"].items()}
    assert each == case["by_type"]


@pytest.mark.parametrize("case", cases("semeval2010_task8_scorer-v1.2.pl"))
def test_relations_as_the_official_scorer(case):
    ours, theirs = semeval(case["gold"], case["found"]), case["scores"]
    keys = ("macro_precision", "macro_recall", "macro_f1", "micro_f1", "accuracy")
    assert percent(ours, keys) == printed(*(theirs[key] for key in keys))
    assert ours["by_relation"].keys() == theirs["by_relation"].keys()
    for name, fractions in theirs["by_relation"].items():
        assert percent(ours["by_relation"][name], PRF) == printed(*fractions)


@pytest.mark.parametrize("case", cases("srl-eval.pl"))
def test_roles_as_srl_eval(case):
    ours, theirs = conll2005(*tags_of(case)), case["scores"]
    assert 100 * ours["perfect_props"] == pytest.approx(theirs["perfect_props"], abs=0.00501, rel=0)
    assert ours["by_role"].keys() == theirs["by_role"].keys()
    pairs = [(ours, theirs["overall"]), *((ours["by_role"][role], row) for role, row in theirs["by_role"].items())]
    for mine, (right, excess, missed, *fractions) in pairs:
        assert (mine["right"], mine["excess"], mine["missed"]) == (right, excess, missed)
        assert percent(mine, PRF) == printed(*fractions)


@pytest.mark.parametrize("case", cases("evaluate-v1.1.py"))
def test_answers_as_squad_1(case):
    ours = squad(case["gold"], case["found"], 1)
    assert percent(ours, ("exact_match", "f1")) == pytest.approx([case["scores"]["exact_match"], case["scores"]["f1"]])
    assert ours["total"] == len(case["gold"])


@pytest.mark.parametrize("case", cases("evaluate-v2.0.py"))
def test_answers_as_squad_2(case):
    ours, theirs = squad(case["gold"], case["found"], 2), case["scores"]
    assert percent(ours, ("exact_match", "f1")) == pytest.approx([theirs["exact"], theirs["f1"]])
    assert ours["total"] == theirs["total"]
    assert ("no_answer_f1" in ours) == ("NoAns_f1" in theirs)
    for mine, other in (("has_answer", "HasAns"), ("no_answer", "NoAns")):
        if f"{mine}_f1" in ours:
            keys = (f"{mine}_exact_match", f"{mine}_f1")
            assert percent(ours, keys) == pytest.approx([theirs[f"{other}_exact"], theirs[f"{other}_f1"]])


def test_a_kind_of_question_that_does_not_occur_has_no_score():
    scores = squad({"1": [], "2": []}, {"1": "", "2": "x"}, 2)
    assert scores == {"exact_match": 0.5, "f1": 0.5, "no_answer_exact_match": 0.5, "no_answer_f1": 0.5, "total": 2}
    assert set(squad({"1": ["x"]}, {"1": "x"}, 2)) == {"exact_match", "f1", "total"}
