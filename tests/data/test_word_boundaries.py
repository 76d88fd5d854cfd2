"""Words of typed text: Unicode's rules, in every script; composed and decomposed text alike."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert_np.data.word_boundaries import character_kind, find_words

SCRIPTS = {
    "English": "don't U.S. R&D well-known, 3.14 “so” ",
    "Vietnamese": "Tiếng Việt, được ",
    "German": "Äpfel, Grüße-Übung ",
    "Devanagari": "हिन्दी क्षत्रिय क़लम। ",
    "Tamil": "தமிழ் மொழி, ",
    "Thai": "ที่นี่ ภาษาไทย ",
    "Hangul": "한국어, 문법 ",
    "Hebrew": 'שָׁלוֹם צה"ל רח׳ ',
    "Arabic": "مُحَمَّدٌ، آمن ۱۲۳ ",
    "Chinese": "我愛北京,2024年。",
    "Japanese": "ガイドを食べる。パン",
    "emoji": "👩\u200d🔬👍🏽 🇩🇪🇫🇷 1\ufe0f\u20e3 ❤\ufe0f\u200d🔥 ",
    "signs": "≠ a≠b ½ · ΅ \u0387 ",
}
IGNORED = "\u00ad\u200c\u200d\ufe0f\u2060\u0301\u034f"  # never split a word
texts = st.lists(st.sampled_from([*"".join(SCRIPTS.values()), *IGNORED, "\u200b", "\x00", "\t", "\u0323", "\u1160"])).map("".join)


def words(text):
    return [text[start:stop] for start, stop in find_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't U.S. R&D, well-known l·l 1,250 3.14 a_b", "don't U.S . R&D , well-known l·l 1 , 250 3.14 a_b"),
        ("well\u2011known (x--y) 'q' $5", "well\u2011known ( x - - y ) ' q ' $ 5"),
        ("e\u0301te\u0301, Ma\u0308dchen", "e\u0301te\u0301 , Ma\u0308dchen"),
        ("Schiff\u00adfahrt a\ufeffb a\u2060b", "Schiff\u00adfahrt a\ufeffb a\u2060b"),
        ("हिन्दी क्\u200dष नमस्ते।", "हिन्दी क्\u200dष नमस्ते ।"),
        ("می\u200cخواهم مُحَمَّد", "می\u200cخواهم مُحَمَّد"),
        ("ที่นี่ภาษาไทย\u200bสวัสดี", "ที่นี่ภาษาไทย สวัสดี"),
        ("한국어 \u1112\u1161\u11ab", "한국어 \u1112\u1161\u11ab"),
        ('שָׁלוֹם צה"ל צה״ל "א"', 'שָׁלוֹם צה"ל צה״ל " א "'),
        ("ג'ורג' רח׳ א'-ב", "ג'ורג' רח׳ א'-ב"),
        ("我爱北京2024年", "我 爱 北 京 2024 年"),
        ("我 喜欢 北京 烤鸭 。", "我 喜欢 北京 烤鸭 。"),  # its words are separated by blanks
        ("東京 に ガイド を 食べる", "東京 に ガイド を 食べる"),
        ("ガイドを食べる ABCビル", "ガイド を 食 べ る ABC ビル"),
        ("👩\u200d🔬👍🏽🇩🇪🇫🇷🇩", "👩\u200d🔬 👍🏽 🇩🇪 🇫🇷 🇩"),
        ("1\ufe0f\u20e3#\ufe0f\u20e3 ❤\ufe0f\u200d🔥", "1\ufe0f\u20e3 #\ufe0f\u20e3 ❤\ufe0f\u200d🔥"),
        ("\ufeffab \u200d \u00ad cd\x00\x1b \u200e", "ab cd"),  # nothing invisible is a word
        ("\u3164 \uffa0 \u115f", ""),
        ("\u0301ab \u0323\u0301 c", "\u0301 ab \u0323\u0301 c"),  # marks with nothing before them
        ("10\u00a0000\u3000x\u2028y\r\nz", "10 000 x y z"),
        ("\u0600\u0661\u0662", "\u0600\u0661\u0662"),  # the Arabic number sign is a format character that is seen
    ],
)
def test_words(text, expected):
    assert words(text) == expected.split(" " if expected else None)


@given(texts)
def test_composed_and_decomposed_text_have_the_same_words(text):
    composed, decomposed = (words(unicodedata.normalize(form, text)) for form in ("NFC", "NFD"))
    assert [unicodedata.normalize("NFC", word) for word in decomposed] == composed


@given(texts)
def test_words_are_in_order_and_leave_out_what_is_not_seen(text):
    position = 0
    for start, stop in [*find_words(text), (len(text), len(text))]:
        assert position <= start <= stop
        skipped = text[position:start]
        assert all(character_kind(c) in " fz" for c in skipped), ascii(skipped)
        word, position = text[start:stop], stop
        if word:
            assert character_kind(word[0]) not in " fz"
            assert not unicodedata.combining(word[0]) or start == 0 or character_kind(text[start - 1]) in " fz"


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
@given(st.data())
def test_what_is_ignored_never_splits_a_word(text, data):
    """Insertions after a character that is in a word change that word alone, and it stays one."""
    kinds = [character_kind(c) for c in text]
    places = [i + 1 for i, kind in enumerate(kinds) if kind not in " z" and "z" not in kinds[i + 1 : i + 2]]
    inserted = {place: data.draw(st.sampled_from("\u00ad\u200d\ufe0f")) for place in data.draw(st.sets(st.sampled_from(places)))}
    for place, c in list(inserted.items()):
        if c == "\u200d" and kinds[place : place + 1] == ["p"]:  # it would join two emoji
            inserted[place] = "\u00ad"
    longer = "".join(c + inserted.get(i + 1, "") for i, c in enumerate(text))
    expected = words(text)
    found = words(longer)
    assert len(found) == len(expected)
    for word, other in zip(expected, found):
        assert re.sub("[\u00ad\u200d\ufe0f]", "", other) == re.sub("[\u00ad\u200d\ufe0f]", "", word)


def test_every_canonical_decomposition_is_cut_like_its_character():
    for code in range(0x110000):
        c = chr(code)
        if unicodedata.decomposition(c)[:1] not in ("", "<") and not 0xD800 <= code < 0xE000:
            d = unicodedata.normalize("NFD", c)
            for context in ("a%sb", " %s ", "字%sカ"):
                pair = [unicodedata.normalize("NFC", word) for word in words(context % d)]
                assert pair == [unicodedata.normalize("NFC", word) for word in words(context % c)], hex(code)


def test_a_long_text_takes_linear_time():
    for text in ("\u0301" * 200_000, "a.\u00ad" * 100_000, 'א"' * 100_000, "👩\u200d" * 100_000, "\u200d" * 200_000):
        assert sum(1 for _ in find_words(text)) <= len(text)
