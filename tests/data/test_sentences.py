import pytest
from data_tools import LetterTokenizer
from hypothesis import given
from hypothesis import strategies as st

from albert_np.data.sentences import encode_segments, split_sentences


@pytest.mark.parametrize(
    "expected",
    [
        ["It rained.", "We stayed."],
        ["Did it?", "Yes!", "It did."],
        ["We met Mr. Hill and Dr. Wood in St. Ives.", "They left."],
        ["J. R. Hill came.", "So did A. Wood."],
        ["It is in the U.S. Senate, e.g. The House is not."],  # a missed end rather than an invented one
        ["It cost 3.5 pounds.", "Then 4.", "Then more."],
        ["See No. 5 of Vol. 2 on Jan. 3 at once.", "He said no.", "She agreed."],
        ["Well... perhaps not.", "Well...", "Perhaps."],
        ["Wait… it moved.", "Wait…", "Look."],
        ['"It was late."', '"Was it?" he asked.', "(It was.)", "[So it was!]", "Good."],
        ["“Come in.”", "“No.”", "‘Never?’", "Never."],
        ["1. The first point is short.", "2. The second is not."],
        ["It was I.", "Nobody else."],
        ["In 1845.", "Then came 1846.", "1847 was next."],
        ["he wrote. and then he slept."],
        ["他来了。", "他走了！", "为什么？"],
        ["Всё ясно.", "Да."],
        ["यह किताब है।", "वह घर है॥", "क्या?"],
        ["هل جاء؟", "نعم۔", "ثم ذهب."],
        ["no end at all"],
    ],
)
def test_split_sentences(expected):
    glue = "" if "。" in expected[0] else " "
    assert split_sentences(glue.join(expected)) == expected


def test_a_danda_ends_a_sentence_without_a_space():
    assert split_sentences("यह किताब है।वह घर है।") == ["यह किताब है।", "वह घर है।"]


def test_blanks_of_any_kind_between_sentences():
    assert split_sentences("  One.\u00a0 Two.\n\tThree.  ") == ["One.", "Two.", "Three."]
    assert split_sentences("   ") == []


@given(st.text(alphabet="aB.!? \"'3,)(。I", max_size=80))
def test_no_character_is_lost(paragraph):
    assert "".join("".join(split_sentences(paragraph)).split()) == "".join(paragraph.split())


def encode(text, limit):
    tokenizer = LetterTokenizer()
    [parts] = encode_segments([text], tokenizer.encode_batch, limit)
    return [tokenizer.decode(ids) for ids in parts]


def test_a_short_sentence_stays_whole():
    assert encode("one, two, three", 20) == ["one, two, three"]


def test_a_long_sentence_is_cut_at_its_clauses():
    assert encode("one two three, four five; six seven", 16) == ["one two three,", "four five;", "six seven"]


def test_a_long_clause_is_cut_at_blanks_evenly():
    assert encode("aaaa bbbb cccc dddd eeee ffff", 16) == ["aaaa bbbb cccc", "dddd eeee ffff"]


def test_a_long_word_is_cut_evenly():
    assert encode("a" * 30, 16) == ["a" * 15, "a" * 15]


def test_dashes_stay_and_number_ranges_are_not_cut():
    parts = encode("in 1845-46 it was so -- and so it was -- as before", 14)
    assert "".join(parts).replace(" ", "") == "in1845-46itwasso--andsoitwas--asbefore"
    assert all(not part.startswith("-") for part in parts)


words = st.text(alphabet="abc,;-", min_size=1, max_size=25)


@given(st.lists(st.lists(words, max_size=30).map(" ".join), max_size=6), st.integers(2, 20))
def test_parts_hold_all_tokens_and_keep_the_limit(sentences, limit):
    tokenizer = LetterTokenizer()
    cut = encode_segments(sentences, tokenizer.encode_batch, limit)
    assert len(cut) == len(sentences)
    for sentence, parts in zip(sentences, cut):
        assert all(0 < len(ids) <= limit for ids in parts)
        joined = "".join(tokenizer.decode(ids) for ids in parts).replace(" ", "")
        assert joined == sentence.replace(" ", "")


def test_the_tokenizer_is_called_at_most_three_times():
    calls = []
    tokenizer = LetterTokenizer()

    def encode_batch(texts):
        calls.append(len(texts))
        return tokenizer.encode_batch(texts)

    encode_segments(["a b c, d e f, " * 20, "x" * 100, "short"] * 10, encode_batch, 8)
    assert len(calls) == 3
