from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.text import AlbertTokenizer
from albert_np.text.normalise import normalise_text

ATOMS = ["the", "Miller", "1,250,", "30,", "é", "e\u0301", "½", "ﬁ", "İ", "ΟΔΟΣ", "``", "''", "[MASK]", "[SEP]", "<pad>",
         "(", "€", "–", "漢字", "👩\u200d🔬", "\u200b", "▁", "\t", "\n", " ", "  ", "\u00a0", ".", "x"]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(ATOMS), max_size=12).map("".join), st.text(max_size=30))


def spans(tokenizer, text):
    batch = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return batch["input_ids"][0].tolist(), [tuple(pair) for pair in batch["offset_mapping"][0].tolist()]


@pytest.fixture(scope="module")
def cased(model_file):
    return AlbertTokenizer(model_file, do_lower_case=False, keep_accents=True, remove_space=False)


@settings(deadline=None, max_examples=300)
@given(texts)
def test_ordered_slices_of_the_original(tokenizer, cased, text):
    for each in (tokenizer, cased):
        ids, found = spans(each, text)
        assert ids == each.encode(text, add_special_tokens=False)
        assert all(0 <= start < end <= len(text) for start, end in found)
        assert all(a <= c and b <= d for (a, b), (c, d) in pairwise(found))


@settings(deadline=None, max_examples=300)
@given(texts)
def test_every_character_but_white_space_is_covered(tokenizer, text):
    """White space: characters that normalisation turns into a space, or drops."""
    _, found = spans(tokenizer, text)
    covered = {i for start, end in found for i in range(start, end)}
    clean = tokenizer._processor.normalize
    missing = [c for i, c in enumerate(text) if i not in covered]
    assert all(not clean(normalise_text(c.lower())).strip("▁ ") for c in missing)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["the", "miller", "1,250,", "café", "(two)", "it's", "30,"]), max_size=8).map(" ".join))
def test_a_slice_reads_as_its_piece(tokenizer, text):
    found = spans(tokenizer, text)[1]
    for piece, (start, end) in zip(tokenizer.tokenize(text), found):
        if piece != "▁":
            assert normalise_text(text[start:end]) == piece.removeprefix("▁")


def test_examples(tokenizer):
    text = "  The ``Café'' [MASK] (two)"
    ids, found = spans(tokenizer, text)
    slices = [(piece, text[a:b]) for piece, (a, b) in zip(tokenizer.convert_ids_to_tokens(ids), found)]
    assert slices[0] == ("▁the", "The")
    assert ('"', "``") in slices and ('"', "''") in slices
    assert ("▁", "``") in slices  # a space alone has the slice of what follows it
    assert ("[MASK]", " [MASK]") in slices  # with the space before it
    assert "".join(s for p, s in slices if p != "▁") == "The``Café'' [MASK](two)"


def test_what_one_character_was_made_into_shares_its_slice(tokenizer, cased):
    for each in (tokenizer, cased):
        found = spans(each, "a ½ x")[1]
        assert found.count((2, 3)) >= 3  # 1, ⁄ and 2
        assert set(found) == {(0, 1), (2, 3), (4, 5)}
    assert spans(tokenizer, "İx")[1][-1][1] == 2
