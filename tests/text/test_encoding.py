import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert_np.text.encoding import Encoding, truncate_pair


def pieces(count, first=0):
    return Encoding(list(range(first, first + count)), [(i, i + 1) for i in range(count)])


def one_by_one(a, b, excess):
    """transformers' rule as it was written first: one token at a time from the longer, from the second if equal."""
    for _ in range(excess):
        if a > b:
            a -= 1
        else:
            b -= 1
    return a, b


@given(st.integers(0, 30), st.integers(0, 30), st.data())
def test_longest_first_is_one_token_at_a_time(a, b, data):
    excess = data.draw(st.integers(0, a + b))
    left, right = truncate_pair(pieces(a), pieces(b, 100), excess, "longest_first")
    assert (len(left.ids), len(right.ids)) == one_by_one(a, b, excess)
    assert left.ids == list(range(len(left.ids))) and right.ids == list(range(100, 100 + len(right.ids)))
    assert len(left.spans) == len(left.ids)


def test_one_text_is_cut_from_its_end(tokenizer):
    ids = tokenizer.encode("the miller walks to the river", max_length=6)
    assert ids == [2, *tokenizer.encode("the miller walks to the river")[1:5], 3]
    assert tokenizer.encode("the miller walks", max_length=4, truncation="only_first") == (
        tokenizer.encode("the miller walks", max_length=4, truncation=True)
    )


def test_pairs_cut_on_one_side(tokenizer):
    a, b = "the the the the", "the the the"
    whole = tokenizer(a, b)["token_type_ids"][0]
    assert whole.tolist() == [0] * 6 + [1] * 4
    first = tokenizer(a, b, max_length=8, truncation="only_first")["token_type_ids"][0]
    assert first.tolist() == [0] * 4 + [1] * 4
    second = tokenizer(a, b, max_length=8, truncation="only_second")["token_type_ids"][0]
    assert second.tolist() == [0] * 6 + [1] * 2
    both = tokenizer(a, b, max_length=7, truncation=True)["token_type_ids"][0]
    assert both.tolist() == [0] * 4 + [1] * 3


def test_padding(tokenizer):
    batch = tokenizer(["the", "the the the"], ["the the", "the"], padding=True, return_offsets_mapping=True)
    assert set(batch) == {"input_ids", "token_type_ids", "attention_mask", "offset_mapping"}
    the = tokenizer.convert_tokens_to_ids("▁the")
    assert batch["input_ids"].tolist() == [[2, the, 3, the, the, 3, 0], [2, the, the, the, 3, the, 3]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1] * 6 + [0], [1] * 7]
    assert batch["offset_mapping"].shape == (2, 7, 2)
    assert batch["offset_mapping"][0].tolist() == [[0, 0], [0, 3], [0, 0], [0, 3], [4, 7], [0, 0], [0, 0]]
    assert all(array.dtype == np.int64 for array in batch.values())


def test_shapes(tokenizer):
    assert tokenizer("the")["input_ids"].shape == (1, 3)
    assert tokenizer(["the", "a"])["input_ids"].shape == (2, 3)
    assert tokenizer("the", padding="max_length", max_length=9)["attention_mask"].tolist() == [[1] * 3 + [0] * 6]
    assert tokenizer("the", padding="max_length")["input_ids"].shape == (1, tokenizer.model_max_length)
    assert tokenizer("the " * 600, truncation=True)["input_ids"].shape == (1, 512)
    assert tokenizer("the the", add_special_tokens=False)["input_ids"].shape == (1, 2)
    assert tokenizer([])["input_ids"].shape == (0, 0)
    assert tokenizer([], return_offsets_mapping=True)["offset_mapping"].shape == (0, 0, 2)
    assert tokenizer("", add_special_tokens=False)["input_ids"].shape == (1, 0)
    assert tokenizer(["", ""], ["", ""])["input_ids"].tolist() == [[2, 3, 3]] * 2
    assert tokenizer("the", "the", add_special_tokens=False)["token_type_ids"].tolist() == [[0, 1]]


def test_inputs_by_hand(tokenizer):
    ids, pair = tokenizer.encode_text("the river"), tokenizer.encode_text("a dog")
    assert tokenizer.build_inputs_with_special_tokens(ids, pair) == tokenizer.encode("the river", "a dog")
    assert tokenizer.build_inputs_with_special_tokens(ids) == tokenizer.encode("the river")
    assert (tokenizer.num_special_tokens_to_add(), tokenizer.num_special_tokens_to_add(pair=True)) == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((["the", "the the"],), {}, "from 3 to 4 tokens: pass padding=True"),
        (("the the the",), {"max_length": 4, "truncation": False}, "5 tokens, more than max_length 4: pass truncation"),
        (("the the the",), {"max_length": 4, "padding": True}, "5 tokens, more than max_length 4"),
        (("the the the",), {"max_length": 4, "padding": "max_length"}, "5 tokens, more than max_length 4"),
        (("the",), {"max_length": 1}, "max_length 1 leaves no room: the special tokens alone are 2"),
        (("the", "the"), {"max_length": 2}, "special tokens alone are 3"),
        (("the", "the the the"), {"max_length": 4, "truncation": "only_first"}, "take 3 tokens from a text of 1"),
        (("the the the",), {"max_length": 4, "truncation": "only_second"}, "needs a text_pair"),
        (("the",), {"max_length": "4"}, "max_length must be a number of tokens, not '4'"),
        (("the",), {"max_length": True}, "max_length must be a number"),
        (("the",), {"padding": "left"}, "padding must be one of .*'max_length'.*, not 'left'"),
        (("the",), {"truncation": "longest"}, "truncation must be one of .*'only_first'.*, not 'longest'"),
        (("the",), {"padding": 1}, "padding must be one of"),
        (("the", ["the"]), {}, "text_pair must be one too, not list"),
        ((["the"], "the"), {}, "text_pair a list as long"),
        ((["the", "a"], ["the"]), {}, "text has 2 texts, but text_pair has 1"),
        (({"the": 1},), {}, "text must be a str"),
    ],
)
def test_errors(tokenizer, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **options)


def test_encode_takes_one_text(tokenizer):
    with pytest.raises(ValueError, match="encode takes one text, not list"):
        tokenizer.encode(["the"])


def test_return_tensors(tokenizer):
    expected = tokenizer(["the old bridge"])
    for value in ("np", None):
        found = tokenizer(["the old bridge"], return_tensors=value)
        assert {key: rows.tolist() for key, rows in found.items()} == {key: rows.tolist() for key, rows in expected.items()}
    for value in ("pt", "tf", True):
        with pytest.raises(ValueError, match=rf"return_tensors must be 'np' or None, not {value!r}: a call returns NumPy arrays"):
            tokenizer(["the old bridge"], return_tensors=value)


def test_texts_of_unequal_length_without_padding(tokenizer):
    with pytest.raises(ValueError, match=r"the rows have from 3 to .* tokens: pass padding=True to fill them up"):
        tokenizer(["the", "the old bridge fell"])
