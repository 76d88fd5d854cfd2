"""Scores for languages without blanks between words: by characters, and only there."""

import random
import re
import string
import unicodedata
from collections import Counter

import pytest

from albert_np.metrics import bleu, bleu_signature, chrf, infer_bleu_tokens, squad, squad_characters
from albert_np.metrics.scripts import has_no_blanks, split_characters
from albert_np.metrics.squad import character_f1, word_f1

CHINESE = ["我喜欢北京烤鸭。", "今天的天气很好,2024年。"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我喜欢北京烤鸭。", "zh"),
        ("他在 Google 工作。", "zh"),
        ("你好", "zh"),
        ("わたしは東京に住んでいます。", "char"),
        ("トヨタ自動車", "char"),
        ("ผมชอบกินข้าว แต่แมวไม่ชอบ", "char"),
        ("ខ្ញុំចូលចិត្ត", "char"),
        ("ကျွန်တော် မြန်မာ", "char"),
        ("我 喜欢 北京 烤鸭 。", "13a"),  # cut into words already
        ("나는 서울에 산다.", "13a"),
        ("I like 北京 very much.", "13a"),
        ("यह एक किताब है।", "13a"),
        ("1987", "13a"),
        ("", "13a"),
    ],
)
def test_the_tokens_follow_the_language(text, tokens):
    assert infer_bleu_tokens([text]) == tokens
    assert has_no_blanks([text]) == (tokens != "13a")


def test_bleu_of_characters_tells_translations_apart():
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: BLEU cannot be tried")
    near, far = ["我喜欢南京烤鸭。", "今天的天气很好,2023年。"], ["他不在家。", "明天的天气不好。"]
    assert bleu(near, CHINESE) == bleu(far, CHINESE) == 0  # words: the fault
    assert bleu(near, CHINESE, "zh") > bleu(far, CHINESE, "zh") > 0
    assert bleu(CHINESE, CHINESE, "zh") == pytest.approx(100) and chrf(near, CHINESE) > chrf(far, CHINESE)
    assert "tok:zh" in bleu_signature("zh") and "tok:13a" in bleu_signature("13a")


def test_units_of_mixed_text():
    assert split_characters("我在Google工作 20 年。") == ["我", "在", "Google", "工", "作", "20", "年"]
    assert split_characters("「東京」タワー") == list("東京タワー") and split_characters("the U.S. army") == ["the", "US", "army"]


def test_f1_of_characters_by_hand():
    assert word_f1("北京烤鸭", "北京的烤鸭") == 0 and character_f1("北京烤鸭", "北京的烤鸭") == pytest.approx(2 * 4 / (4 + 5))
    assert character_f1("北京。", "北京") == 1 and character_f1("", "") == 1 and character_f1("", "", 1) == 0
    assert character_f1("the red house", "a red roof") == word_f1("the red house", "a red roof") == 0.5
    gold = {"1": ["北京烤鸭", "烤鸭"], "2": ["1987年"], "3": []}
    assert squad_characters(gold, {"1": "烤鸭", "2": "年", "3": "x"}) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert squad_characters({"1": ["年"]}, {}, 1) == 0 and "char_f1" not in squad(gold, {})


def mlqa_units(text):
    """Units of Chinese answers as MLQA's script describes them."""
    text = "".join(c for c in text.lower() if unicodedata.category(c)[0] != "P" and c not in string.punctuation)
    return re.sub("([\u4e00-\u9fa5])", r" \1 ", text).split()


def test_f1_of_characters_as_in_mlqa():
    rng = random.Random(0)
    for _ in range(300):
        a, b = ("".join(rng.choice(["北", "京", "烤", "鸭", "x", "GO", "19", " ", "。", "-"]) for _ in range(8)) for _ in "ab")
        x, y = mlqa_units(a), mlqa_units(b)
        common = (Counter(x) & Counter(y)).total()
        expected = 2 * common / (len(x) + len(y)) if x and y else float(x == y)
        assert character_f1(a, b) == pytest.approx(expected), (a, b)
