import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from albert_np.text.normalise import check_text, lower_each, lower_each_aligned, normalise, normalise_text

# what normalisation treats in a way of its own, among ordinary letters
ODD = [*"aZ ’`'´½ﬁΣςİıẞÅǅϹ가힣①％㎏ﷺ…", "``", "''", "\t", "\n", "\x1c", "\u00a0", "\u3000", "\u0301", "\u0323", "\u0345",
       "\u20e3", "e\u0301\u0323", "𝚺", "👩\u200d🔬", "\u0f71\u0f72\u0f74"]  # fmt: skip
texts = st.one_of(st.text(), st.lists(st.sampled_from(ODD)).map("".join))
switches = st.fixed_dictionaries({name: st.booleans() for name in ("do_lower_case", "keep_accents", "remove_space")})


def transformers_preprocess_text(text, do_lower_case, keep_accents, remove_space):
    """The four steps as transformers' slow AlbertTokenizer documents them, on the whole string."""
    if remove_space:
        text = " ".join(text.strip().split())
    text = text.replace("``", '"').replace("''", '"')
    if not keep_accents:
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
    return text.lower() if do_lower_case else text


@given(texts, switches)
def test_text_is_the_whole_string_computation(text, options):
    expected = transformers_preprocess_text(text, **options)
    assert normalise_text(text, **options) == expected
    assert normalise(text, **options).text == expected


@given(texts, switches)
def test_origin_is_ordered_slices_of_the_original(text, options):
    result = normalise(text, **options)
    assert len(result.origin) == len(result.text)
    assert all(0 <= start < end <= len(text) for start, end in result.origin)
    assert all(a <= c and b <= d for (a, b), (c, d) in zip(result.origin, result.origin[1:]))


@given(texts, switches)
def test_every_character_has_a_place(text, options):
    result = normalise(text, **options)
    covered = {i for start, end in result.origin for i in range(start, end)}
    if result.text.strip():
        assert {i for i, c in enumerate(text) if not c.isspace()} <= covered


@given(texts, switches)
@example("\u0301\tx", {"do_lower_case": True, "keep_accents": False, "remove_space": True})
@example("a \u0301\r\u0323 \u0301", {"do_lower_case": True, "keep_accents": False, "remove_space": True})
def test_each_character_is_made_from_its_slice(text, options):
    """A space is made from white space, among which there may be marks that were dropped."""
    result = normalise(text, **options)
    for c, (start, end) in zip(result.text, result.origin):
        made = normalise_text(text[start:end], **{**options, "remove_space": False})
        is_space = c == " " and any(map(str.isspace, text[start:end]))
        assert c in made or is_space or c in "σς"  # final sigma: by its neighbours


@pytest.mark.parametrize(
    ("text", "expected", "origin"),
    [
        ("Ab", "ab", [(0, 1), (1, 2)]),
        ("  a \t b ", "a b", [(2, 3), (3, 6), (6, 7)]),
        ("é!", "e!", [(0, 1), (1, 2)]),
        ("e\u0301!", "e!", [(0, 2), (2, 3)]),
        ("a \u0301b", "a b", [(0, 1), (1, 2), (2, 4)]),
        ("a\u0301\tb", "a b", [(0, 2), (2, 3), (3, 4)]),
        ("\u0301\tx", " x", [(0, 2), (2, 3)]),  # a mark before which there is nothing belongs to what follows, here the space
        ("\u0301 \u0323 x", "  x", [(0, 2), (2, 4), (4, 5)]),
        ("a \u0301\tb", "a  b", [(0, 1), (1, 2), (2, 4), (4, 5)]),
        ("a \u0301", "a ", [(0, 1), (1, 3)]),
        (" \u0301", "", []),
        ("\x00\u0301x", "\x00x", [(0, 2), (2, 3)]),  # control characters are removed later, by SentencePiece
        ("\u200b\u0301x", "\u200bx", [(0, 2), (2, 3)]),
        ("½", "1⁄2", [(0, 1)] * 3),
        ("``a''", '"a"', [(0, 2), (2, 3), (3, 5)]),
        ("ΟΔΟΣ", "οδος", [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ("", "", []),
        ("\u0301", "", []),
    ],
)
def test_examples(text, expected, origin):
    result = normalise(text)
    assert (result.text, result.origin) == (expected, origin)


def test_accents_and_case_can_stay():
    assert normalise_text("Été", do_lower_case=False, keep_accents=True) == "Été"
    assert normalise("İx", keep_accents=True).origin == [(0, 1), (0, 1), (1, 2)]  # i and a dot above


@given(texts)
def test_lower_each_is_character_by_character(text):
    expected = "".join(c.lower() for c in text)
    assert lower_each(text) == expected
    aligned = lower_each_aligned(text)
    assert aligned.text == expected
    assert [text[a:b].lower() for a, b in dict.fromkeys(aligned.origin)] == [c.lower() for c in text]


def test_what_is_no_text_is_refused():
    with pytest.raises(ValueError, match="must be a str, not bytes"):
        check_text(b"a")
    with pytest.raises(ValueError, match=r"character 1 is '.ud800'"):
        check_text("a\ud800")
