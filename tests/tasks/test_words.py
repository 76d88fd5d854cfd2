"""Typed text becomes the same words, ids and answers as the words of a file, in any script and either Unicode form."""

import unicodedata

import numpy as np
import pytest

from albert_np.data.formats import Tagged
from albert_np.tasks import get_task
from albert_np.tasks.roles import Answer
from albert_np.tasks.words import WordEncoder, split_words
from albert_np.text import WordPieceTokenizer

SENTENCES = {
    "German": ("Frau", "Müller", "fährt", "nach", "Köln", "."),
    "Hindi": ("श्री", "मोदी", "दिल्ली", "में", "हैं", "।"),
    "Persian": ("او", "می\u200cخواهد", "به", "تهران", "برود", "."),
    "Hebrew": ("הוּא", 'בצה"ל', "."),
    "Thai": ("สวัสดี", "กรุงเทพ"),
    "Chinese": ("我", "喜欢", "北京", "烤鸭", "。"),
    "Chinese, one by one": ("我", "喜", "欢", "北", "京", "。"),
    "Japanese": ("東京", "に", "パン", "を", "食べる", "。"),
    "emoji": ("👩\u200d🔬", "in", "🇩🇪", "1\ufe0f\u20e3"),
    "English": ("Ann", "doesn't", "like", "R&D", "in", "the", "U.S", "."),
}
TAGS = ["O", "B-A", "I-A"]


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_typed_text_has_the_words_and_rows_of_a_file(tokenizer, name, form):
    sentence = tuple(unicodedata.normalize("NFC", word) for word in SENTENCES[name])
    typed = unicodedata.normalize(form, " ".join(sentence))
    task = get_task("ner", labels=TAGS)
    example = task.example(typed)
    assert example.words == sentence
    assert [item.ids for item in task.items(example, tokenizer)] == [item.ids for item in task.items(Tagged(sentence), tokenizer)]
    tags = ("B-A", *("I-A",) * (len(sentence) - 1))
    (entity,) = task.as_json(example, tags)["entities"]
    assert (entity["start"], entity["end"], entity["text"]) == (0, len(typed), typed)


def test_composed_and_decomposed_words_have_the_same_ids(tokenizer, tmp_path):
    """Of a file as well. WordPiece that keeps accents has pieces for composed characters alone."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed: WordPiece cannot be tried")
    words = ["한국어", "Köln", "ガイド", "йод"]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), encoding="utf-8")
    wordpiece = WordPieceTokenizer(tmp_path / "vocab.txt", do_lower_case=False, strip_accents=False)
    for each in (wordpiece, tokenizer):
        encode = WordEncoder(each)
        assert encode(words) == encode([unicodedata.normalize("NFD", word) for word in words])
    assert WordEncoder(wordpiece)(words) == [[5], [6], [7], [8]]


def test_offsets_are_those_of_the_typed_text():
    text = "\ufeffU\u0308ber Schiff\u00adfahrt  in Ko\u0308ln\u200b!"
    task = get_task("ner", labels=TAGS)
    example = task.example(text)
    assert example.words == ("Über", "Schiff\u00adfahrt", "in", "Köln", "!")
    found = task.as_json(example, ("O", "B-A", "O", "B-A", "O"))["entities"]
    assert [(e["start"], e["end"], e["text"]) for e in found] == [(7, 19, "Schiff\u00adfahrt"), (24, 29, "Ko\u0308ln")]
    roles = get_task("srl", labels=TAGS)
    answer = Answer([3], [(3, ("O", "O", "O", "B-V", "O"))])
    assert roles.as_json(roles.example(text), answer)["predicates"][0]["predicate"] == "Ko\u0308ln"


@pytest.mark.parametrize("name", ["ner", "srl"])
def test_a_text_without_a_visible_word_is_answered_by_nothing(tokenizer, name):
    task = get_task(name, labels=TAGS)
    example = task.example("\u200d\ufeff \x00")
    assert example.words == () and split_words("\u00ad") == []
    items = task.items(example, tokenizer)
    outputs = [np.zeros((len(item.ids), 3)) for item in items]
    assert task.as_json(example, task.answer(example, items, outputs))["text"] == "\u200d\ufeff \x00"
