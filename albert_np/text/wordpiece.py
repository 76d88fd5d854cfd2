"""The tokenizer of the Chinese models: BERT's WordPiece, for which there is no SentencePiece model but a vocab.txt.

text -> cut at [CLS], [SEP], [MASK], [PAD], [UNK] as they are written
     -> control characters out, blanks around each Chinese character, accents off, lower case
     -> words: cut at blanks and around punctuation
     -> pieces: the longest that the vocabulary has, again and again; all but a word's first begin with ##

The `tokenizers` library does it (the extra `chinese`); transformers' BertTokenizer runs the same code.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io.files import write_json, write_whole
from albert_np.text import settings, vocabulary
from albert_np.text.base import Tokenizer
from albert_np.text.encoding import Pieces
from albert_np.text.locate import JSON_FILE, VOCAB_FILE
from albert_np.text.normalise import checked

CLS, SEP, UNK, PAD, MASK = "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"
SPECIALS = (CLS, SEP, UNK, PAD, MASK)
INNER = "##"  # a piece that begins with it goes on with a word
LONGEST_WORD = 100  # characters; a longer one is unknown, as in BERT


class WordPieceTokenizer(Tokenizer):
    """WordPiece under BERT's normalisation, with the same calls as `AlbertTokenizer`.

    do_lower_case            lower case; by default accents go with it.
    tokenize_chinese_chars   each Chinese character is a word.
    strip_accents            True or False whatever the case; None: as do_lower_case.
    model_max_length         the max_length of a call that asks for truncation or padding without one.

    ImportError without the `tokenizers` library.
    """

    form = settings.Form(
        "BertTokenizer",
        ("do_lower_case", "tokenize_chinese_chars", "strip_accents"),
        dict(zip(("cls_token", "sep_token", "unk_token", "pad_token", "mask_token"), SPECIALS)),
        optional=("strip_accents",),
    )
    cls_token, sep_token, unk_token, pad_token, mask_token = SPECIALS

    def __init__(
        self,
        vocab_file: str | Path,
        do_lower_case: bool = True,
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        model_max_length: int = 512,
    ):
        self.vocab_file = Path(vocab_file)
        self.do_lower_case, self.tokenize_chinese_chars = do_lower_case, tokenize_chinese_chars
        self.strip_accents, self.model_max_length = strip_accents, model_max_length
        settings.check(self.options, self.form)
        self._all = vocabulary.read(self.vocab_file, SPECIALS)
        self._places = {piece: i for i, piece in enumerate(self._all)}
        super().__init__()
        self._plain, self._special = self._built(with_specials=False), self._built(with_specials=True)

    def _built(self, with_specials: bool) -> Any:
        """The library's tokenizer; with_specials: one that knows special tokens in a text."""
        try:
            import tokenizers
        except ImportError:
            raise ImportError("WordPiece vocabularies need the tokenizers library: pip install 'albert_np[chinese]'") from None
        from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

        built = tokenizers.Tokenizer(
            models.WordPiece(self._places, unk_token=UNK, continuing_subword_prefix=INNER, max_input_chars_per_word=LONGEST_WORD)
        )
        built.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.tokenize_chinese_chars,
            strip_accents=self.strip_accents,
            lowercase=self.do_lower_case,
        )
        built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        built.decoder = decoders.WordPiece(prefix=INNER)
        built.post_processor = processors.TemplateProcessing(
            single=f"{CLS}:0 $A:0 {SEP}:0",
            pair=f"{CLS}:0 $A:0 {SEP}:0 $B:1 {SEP}:1",
            special_tokens=[(CLS, self.cls_token_id), (SEP, self.sep_token_id)],
        )
        if with_specials:
            built.add_special_tokens(list(SPECIALS))
        return built

    # ---- files

    @classmethod
    def _class_for(cls, file: Path) -> type[Tokenizer]:
        if file.suffix.lower() == ".model":
            raise ValueError(f"{file} is a SentencePiece model, not {VOCAB_FILE}: AlbertTokenizer reads it")
        if file.suffix.lower() == ".json":
            vocabulary.from_json(file)  # of a Unigram it is better said before settings are compared with BERT's
        return cls

    def _save_vocabulary(self, folder: Path) -> None:
        text = "".join(f"{piece}\n" for piece in self._all)
        write_whole(folder / VOCAB_FILE, lambda temporary: temporary.write_bytes(text.encode()))
        write_json(folder / JSON_FILE, json.loads(self._special.to_str()))

    def fingerprint(self) -> str:
        """SHA-256 of all that the ids of a text depend on: the pieces and the switches of the normaliser."""
        switches = {name: getattr(self, name) for name in self.form.switches}
        return hashlib.sha256(json.dumps([self._all, switches], sort_keys=True).encode()).hexdigest()

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._all)

    def _piece(self, i: int) -> str:
        return self._all[i]

    def _id(self, piece: str) -> int:
        return self._places.get(piece, self._places[UNK])

    def word_starts(self) -> np.ndarray:
        """Which pieces begin a word: those without ## (create_pretraining_data.py, `_is_start_piece_bert`).   -> (V,) bool"""
        return np.array([not piece.startswith(INNER) for piece in self._all])

    # ---- text to ids

    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        given = [checked(text) for text in texts]
        if num_threads == 1:
            return [self._plain.encode(text, add_special_tokens=False).ids for text in given]
        return [found.ids for found in self._plain.encode_batch(given, add_special_tokens=False)]

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, special tokens in it taken as such. A word that is unknown becomes [UNK]."""
        return self._special.encode(checked(text), add_special_tokens=False).tokens

    def _encoded(self, texts: list[str], with_spans: bool) -> list[Pieces]:
        found = self._special.encode_batch(texts, add_special_tokens=False)
        return [Pieces(row.ids, row.offsets if with_spans else []) for row in found]

    # ---- ids back to text

    def _joined(self, pieces: list[str]) -> str:
        return self._special.decoder.decode(pieces) if pieces else ""
