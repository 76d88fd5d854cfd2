"""The tokenizer of the Chinese models: BERT's WordPiece, for which there is no SentencePiece model but a vocab.txt.

text -> split at [CLS], [SEP], [MASK], [PAD], [UNK]
     -> control characters removed, spaces around each Chinese character, accents removed, lower case
     -> words: split at spaces and around punctuation
     -> pieces: repeatedly the longest one in the vocabulary; all except the first of a word begin with ##

This is done by the `tokenizers` library (the extra `chinese`); transformers' BertTokenizer uses the same code.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io.files import write_json, write_whole
from albert_np.text import settings, vocabulary
from albert_np.text.base import Tokenizer
from albert_np.text.encoding import Encoding
from albert_np.text.locate import JSON_FILE, VOCAB_FILE
from albert_np.text.normalise import check_text

CLS, SEP, UNK, PAD, MASK = "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"
SPECIALS = (CLS, SEP, UNK, PAD, MASK)
INNER = "##"  # a piece that begins with it continues a word
LONGEST_WORD = 100  # characters; a longer one is unknown, as in BERT


class WordPieceTokenizer(Tokenizer):
    """WordPiece under BERT's normalisation, with the same calls as `AlbertTokenizer`.

    do_lower_case            convert to lower case, and by default remove accents
    tokenize_chinese_chars   make each Chinese character a word
    strip_accents            remove accents or not; None: as do_lower_case
    model_max_length         the max_length of a call that asks for truncation or padding without one

    ImportError without the `tokenizers` library.
    """

    schema = settings.Schema(
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
        settings.check(self.options, self.schema)
        self._pieces = vocabulary.read(self.vocab_file, SPECIALS)
        self._ids = {piece: i for i, piece in enumerate(self._pieces)}
        super().__init__()
        self._for_corpora, self._for_models = self._build(with_specials=False), self._build(with_specials=True)

    def _build(self, with_specials: bool) -> Any:
        """Return the library's tokenizer; with_specials: one that recognises special tokens in a text."""
        try:
            import tokenizers
        except ImportError:
            raise ImportError("WordPiece vocabularies need the tokenizers library: pip install 'albert_np[chinese]'") from None
        from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

        built = tokenizers.Tokenizer(
            models.WordPiece(self._ids, unk_token=UNK, continuing_subword_prefix=INNER, max_input_chars_per_word=LONGEST_WORD)
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
            vocabulary.read_tokenizer_json(file)  # raises for a Unigram before its settings are compared with BERT's
        return cls

    def _save_vocabulary(self, folder: Path) -> None:
        text = "".join(f"{piece}\n" for piece in self._pieces)
        write_whole(folder / VOCAB_FILE, lambda temporary: temporary.write_bytes(text.encode()))
        write_json(folder / JSON_FILE, json.loads(self._for_models.to_str()))

    def fingerprint(self) -> str:
        """Return the SHA-256 of everything that a text's ids depend on: the pieces and the switches of the normaliser."""
        switches = {name: getattr(self, name) for name in self.schema.switches}
        return hashlib.sha256(json.dumps([self._pieces, switches], sort_keys=True).encode()).hexdigest()

    @property
    def strips_accents(self) -> bool:
        return self.do_lower_case if self.strip_accents is None else self.strip_accents

    def removed_marks(self, character: str) -> str:
        if character.isascii() or not self.strips_accents:
            return ""
        return "".join([c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) == "Mn"])

    def unknown_parts(self, text: str) -> list[str]:
        """Return the words that are not in the vocabulary, nor all their parts."""
        row = self._for_corpora.encode(check_text(text), add_special_tokens=False)
        return [text[start:end] for i, (start, end) in zip(row.ids, row.offsets) if i == self.unk_token_id]

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._pieces)

    def _get_piece(self, i: int) -> str:
        return self._pieces[i]

    def _get_id(self, piece: str) -> int:
        return self._ids.get(piece, self._ids[UNK])

    def word_starts(self) -> np.ndarray:
        """Return which pieces begin a word, (V,) bool: those without ## (create_pretraining_data.py, `_is_start_piece_bert`)."""
        return np.array([not piece.startswith(INNER) for piece in self._pieces])

    # ---- text to ids

    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        checked = [check_text(text) for text in texts]
        if num_threads == 1:
            return [self._for_corpora.encode(text, add_special_tokens=False).ids for text in checked]
        return [row.ids for row in self._for_corpora.encode_batch(checked, add_special_tokens=False)]

    def tokenize(self, text: str) -> list[str]:
        """Return the pieces of a text, in which special tokens are recognised. An unknown word becomes [UNK]."""
        return self._for_models.encode(check_text(text), add_special_tokens=False).tokens

    def _encode_texts(self, texts: list[str], with_spans: bool) -> list[Encoding]:
        rows = self._for_models.encode_batch(texts, add_special_tokens=False)
        return [Encoding(row.ids, row.offsets if with_spans else []) for row in rows]

    # ---- ids back to text

    def _join_pieces(self, pieces: list[str]) -> str:
        return self._for_models.decoder.decode(pieces) if pieces else ""
