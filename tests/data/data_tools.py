"""Helpers of the data tests: a tokenizer small enough to read, and text for it."""

import hashlib
import string

import numpy as np

from albert_np.data import Corpus

PUNCTUATION = ".,;!?\"'-"


class LetterTokenizer:
    """A piece is a letter, with the space before it if it starts a word; punctuation stands alone. Ids can be read back."""

    pad_token_id, unk_token_id, cls_token_id, sep_token_id, mask_token_id = range(5)

    def __init__(self, name="letters"):
        letters = string.ascii_lowercase + string.digits
        self.name = name
        self.vocabulary = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
        self.vocabulary += ["▁" + letter for letter in letters] + list(letters) + list(PUNCTUATION)
        self.ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        self.texts_seen = 0

    vocab_size = property(lambda self: len(self.vocabulary))

    def encode_batch(self, texts):
        self.texts_seen += len(texts)
        return [[self.ids.get(piece, 1) for piece in self.pieces(text)] for text in texts]

    def pieces(self, text):
        for word in text.lower().split():
            start = True
            for letter in word:
                yield letter if letter in PUNCTUATION or not start else "▁" + letter
                start = False

    def convert_ids_to_tokens(self, ids):
        return [self.vocabulary[i] for i in ids]

    def word_starts(self):
        return np.array([piece[0] in "▁<[" or piece in PUNCTUATION for piece in self.vocabulary])

    def space_starts(self):
        return np.array([piece.startswith("▁") for piece in self.vocabulary])

    def fingerprint(self):
        return hashlib.sha256(self.name.encode()).hexdigest()

    def decode(self, ids):
        return "".join(self.vocabulary[i] for i in ids).replace("▁", " ").strip()


NOUNS = "river hill garden lamp letter ship road window forest cloud horse bridge".split()
VERBS = "crosses follows keeps finds leaves carries watches meets".split()
ENDS = "at noon|in the rain|without a word|every winter|before the others came|and then sleeps".split("|")


def sentence(rng):
    subject, verb, thing, end = (words[rng.integers(len(words))] for words in (NOUNS, VERBS, NOUNS, ENDS))
    return f"The {subject} {verb} a {thing}" + (f" {end}." if rng.random() < 0.6 else ".")


def text(documents=40, sentences=(3, 30), seed=0):
    """Documents of one paragraph each, between empty lines."""
    rng = np.random.default_rng(seed)
    return "\n\n".join(" ".join(sentence(rng) for _ in range(rng.integers(*sentences))) for _ in range(documents)) + "\n"


def make_corpus(folder, content=None, max_length=64, **options):
    path = folder / "text.txt"
    path.write_text(text() if content is None else content, encoding="utf-8")
    return Corpus.prepare([path], LetterTokenizer(), folder / "cache", max_length=max_length, **options)
