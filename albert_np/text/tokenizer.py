"""ALBERT's tokenizer: raw text -> SentencePiece pieces -> ids, and back; the same ids as transformers' AlbertTokenizer.

text -> lower case, one character at a time
     -> cut at [CLS], [SEP], [MASK], <pad>, <unk>; [MASK] swallows the blank before it
     -> each part: ALBERT's normaliser -> SentencePiece -> the rule for digits and commas
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.files import write_json, write_whole
from albert_np.text import encoding, settings, specials, spiece
from albert_np.text.encoding import NO_SPAN, Pieces
from albert_np.text.normalise import checked, lower_each, lower_each_aligned, normalise, plain
from albert_np.text.offsets import piece_spans, shifted
from albert_np.text.pieces import comma_table, split_commas, starts_word

MODEL_FILE = "spiece.model"
BATCH = 10_000  # texts that SentencePiece is given at once


class AlbertTokenizer:
    """SentencePiece pieces under ALBERT's normalisation.

    do_lower_case, keep_accents, remove_space   see `albert_np.text.normalise`.
    model_max_length                            the max_length of a call that asks for truncation or padding without one.
    """

    cls_token, sep_token, unk_token, pad_token, mask_token = specials.SPECIALS
    all_special_tokens = specials.SPECIALS

    def __init__(
        self,
        vocab_file: str | Path,
        do_lower_case: bool = True,
        remove_space: bool = True,
        keep_accents: bool = False,
        model_max_length: int = 512,
    ):
        self.vocab_file = Path(vocab_file)
        self.do_lower_case, self.remove_space, self.keep_accents = do_lower_case, remove_space, keep_accents
        self.model_max_length = model_max_length
        settings.check(self.options)
        self._processor, self._model = spiece.load(self.vocab_file, specials.SPECIALS)
        self.all_special_ids = tuple(self._processor.piece_to_id(token) for token in specials.SPECIALS)
        self.cls_token_id, self.sep_token_id, self.unk_token_id, self.pad_token_id, self.mask_token_id = self.all_special_ids
        self._commas = comma_table(self._processor)

    # ---- files

    @classmethod
    def from_pretrained(cls, path: str | Path, **changes: Any) -> "AlbertTokenizer":
        """The tokenizer of a folder (spiece.model, and tokenizer_config.json if there is one), or of a model file.

        changes: settings that replace the folder's, such as ``keep_accents=True``.
        """
        path = Path(path)
        model = path / MODEL_FILE if path.is_dir() else path
        if not model.is_file():
            raise FileNotFoundError(f"no tokenizer at {path}: there is no file {model}")
        return cls(model, **{**settings.read(path if path.is_dir() else None), **changes})

    def save_pretrained(self, folder: str | Path) -> None:
        """Write spiece.model and tokenizer_config.json, which transformers reads too; each whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / MODEL_FILE, lambda temporary: temporary.write_bytes(self._model))
        write_json(folder / settings.FILE, settings.written(self.options))

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments besides the model."""
        return {name: getattr(self, name) for name in settings.NAMES}

    def fingerprint(self) -> str:
        """SHA-256 of all that the ids of a text depend on: the model's bytes and the switches of the normaliser."""
        switches = {name: getattr(self, name) for name in settings.SWITCHES}
        return hashlib.sha256(self._model + json.dumps(switches, sort_keys=True).encode()).hexdigest()

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._processor)

    @property
    def vocab_size(self) -> int:
        return len(self)

    def get_vocab(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self._vocabulary())}

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a piece, or a list of them; an unknown piece has `unk_token_id`."""
        if isinstance(tokens, str):
            return self._processor.piece_to_id(tokens)
        return [self._processor.piece_to_id(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The piece of an id, or a list of them. ValueError: an id outside the vocabulary."""
        if np.ndim(ids) == 0:
            return self._piece(ids)
        kept = [int(i) for i in ids]
        return [self._piece(i) for i in kept if not (skip_special_tokens and i in self.all_special_ids)]

    def word_starts(self) -> np.ndarray:
        """Which pieces begin a word, by Google's rule for whole-word masking.   -> (V,) bool"""
        return np.array([starts_word(piece) for piece in self._vocabulary()])

    def _vocabulary(self) -> list[str]:
        return [self._processor.id_to_piece(i) for i in range(len(self))]

    def _piece(self, i: Any) -> str:
        if not 0 <= int(i) < len(self):
            raise ValueError(f"id {int(i)} is outside the vocabulary: it has ids from 0 to {len(self) - 1}")
        return self._processor.id_to_piece(int(i))

    # ---- a corpus: text to ids, nothing around it

    def encode_text(self, text: str) -> list[int]:
        """The ids of one text of a corpus; see `encode_batch`."""
        return self.encode_batch([text], num_threads=1)[0]

    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        """The ids of many texts of a corpus: normalised, nothing added.

        What looks like a special token is ordinary text here, as in Google's data: a corpus cannot bring in [MASK] or
        <pad>. num_threads: -1 is one a processor; the ids do not depend on it.
        """
        clean = [self._clean(lower_each(text) if self.do_lower_case else text) for text in map(checked, texts)]
        return [row for i in range(0, len(clean), BATCH) for row in self._ids(clean[i : i + BATCH], num_threads)]

    def encode_lines(self, lines: Iterable[str], num_threads: int = -1) -> list[np.ndarray]:
        """`encode_batch` as int32 arrays."""
        return [np.array(row, np.int32) for row in self.encode_batch(lines, num_threads)]

    def _clean(self, text: str) -> str:
        return plain(text, self.do_lower_case, self.keep_accents, self.remove_space)

    def _ids(self, clean: list[str], num_threads: int = 1) -> list[list[int]]:
        """The ids of normalised texts."""
        if self._processor.piece_to_id(",") == self.unk_token_id:  # then a comma can hide in an unknown piece
            return [self.convert_tokens_to_ids(self._pieces(text)) for text in clean]
        rows = self._processor.encode(clean, num_threads=num_threads)
        return [row if self._commas.keys().isdisjoint(row) else _replaced(row, self._commas) for row in rows]

    def _pieces(self, clean: str) -> list[str]:
        return split_commas(self._processor.encode(clean, out_type=str), self._processor)

    # ---- the model's input

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        max_length: int | None = None,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        return_offsets_mapping: bool = False,
        add_special_tokens: bool = True,
    ) -> dict[str, np.ndarray]:
        """One text or a list of them, each with its pair if there is one, as the model's arguments.

        padding      False, True or "longest" (to the longest row), "max_length"
        truncation   False, True or "longest_first", "only_first", "only_second"; None cuts (longest first) where max_length
                     is given without padding, as transformers does
        max_length   tokens of a row with its special tokens; `model_max_length` where it is needed and not given

        -> input_ids, token_type_ids, attention_mask (B, T) int64 and, if asked for, offset_mapping (B, T, 2): the slice of
        the text (of the pair, where the token type is 1) that a token came from, (0, 0) where it came from none.

        ValueError: rows of unequal length without padding, a row longer than max_length without truncation, a max_length
        without room for the special tokens, an unknown option.
        """
        fill = encoding.chosen("padding", padding, encoding.PADDING)
        strategy = encoding.strategy(truncation, max_length, fill)
        a, b = _texts(text, text_pair)
        limit = self._limit(max_length, fill, strategy)
        pieces_a = self._encoded(a, return_offsets_mapping)
        pieces_b = [None] * len(a) if b is None else self._encoded(b, return_offsets_mapping)
        ends = (self.cls_token_id, self.sep_token_id) if add_special_tokens else None
        rows = [encoding.row(*pair, ends, limit, strategy) for pair in zip(pieces_a, pieces_b)]
        lengths = [len(row.ids) for row, _ in rows]
        width = encoding.width(lengths, limit, fill)
        batch = {
            "input_ids": encoding.rectangular([row.ids for row, _ in rows], width, self.pad_token_id),
            "token_type_ids": encoding.rectangular([types for _, types in rows], width, 0),
            "attention_mask": encoding.rectangular([[1] * length for length in lengths], width, 0),
        }
        if return_offsets_mapping:
            batch["offset_mapping"] = encoding.rectangular([row.spans for row, _ in rows], width, NO_SPAN)
        return batch

    def encode(self, text: str, text_pair: str | None = None, add_special_tokens: bool = True, **options: Any) -> list[int]:
        """The ids of one text or pair, as a list; options are those of a call."""
        if not isinstance(text, str):
            raise ValueError(f"encode takes one text, not {type(text).__name__}; call the tokenizer for a list of texts")
        return self(text, text_pair, add_special_tokens=add_special_tokens, **options)["input_ids"][0].tolist()

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, special tokens in it taken as such. What is unknown stands there as it was."""
        found: list[str] = []
        lowered = specials.lower_around(checked(text)) if self.do_lower_case else checked(text)
        for part, _, _ in specials.parts(lowered):
            found += [part] if part in specials.SPECIALS else self._pieces(self._clean(part))
        return found

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        return 3 if pair else 2

    def build_inputs_with_special_tokens(self, ids: list[int], pair_ids: list[int] | None = None) -> list[int]:
        """[CLS] ids [SEP], or [CLS] ids [SEP] pair_ids [SEP]."""
        tail = [] if pair_ids is None else [*pair_ids, self.sep_token_id]
        return [self.cls_token_id, *ids, self.sep_token_id, *tail]

    def _limit(self, max_length: int | None, fill: str | None, strategy: str | None) -> int | None:
        """The longest row that is allowed; None for any."""
        if max_length is None:
            return self.model_max_length if strategy or fill == "max_length" else None
        if isinstance(max_length, bool) or not isinstance(max_length, int | np.integer) or max_length < 0:
            raise ValueError(f"max_length must be a number of tokens, not {max_length!r}")
        return int(max_length)

    def _encoded(self, texts: list[str], with_spans: bool) -> list[Pieces]:
        """The pieces of each text, special tokens in it taken as such."""
        if with_spans or any(map(specials.may_hold, texts)):
            return [self._parts_encoded(text, with_spans) for text in texts]
        return [Pieces(ids, []) for ids in self.encode_batch(texts, num_threads=1 if len(texts) < 64 else -1)]

    def _parts_encoded(self, text: str, with_spans: bool) -> Pieces:
        """One text, part by part."""
        lowered = specials.lower_around(text) if self.do_lower_case else text
        found = Pieces([], [])
        for part, start, end in specials.parts(lowered):
            if part in specials.SPECIALS:
                found.ids.append(self._processor.piece_to_id(part))
                found.spans.append((start, end))
                continue
            clean = self._clean(part)
            if not with_spans:
                found.ids += self._ids([clean])[0]
                continue
            pieces = self._pieces(clean)
            found.ids += self.convert_tokens_to_ids(pieces)
            aligned = normalise(part, self.do_lower_case, self.keep_accents, self.remove_space)
            spans = piece_spans(self._processor, clean, pieces)
            found.spans += shifted([aligned.where(*span) for span in spans], start)
        if len(lowered) != len(text):
            found.spans = [lower_each_aligned(text).where(*span) for span in found.spans]
        return found

    # ---- ids back to text

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        """The text of a row of ids. What normalisation took away does not come back; special tokens stand as they are."""
        if np.ndim(ids) > 1:
            raise ValueError(f"decode takes one row of ids, got the shape {np.shape(ids)}; batch_decode takes several")
        text, run = "", []
        for token in self.convert_ids_to_tokens(np.atleast_1d(ids), skip_special_tokens):
            if token not in specials.SPECIALS:
                run.append(token)
                continue
            text += ("" if text and not run else " ") + self._processor.decode_pieces(run) + token
            run = []
        return (text + self._processor.decode_pieces(run)).strip()

    def batch_decode(self, rows: Any, skip_special_tokens: bool = False) -> list[str]:
        """`decode` of each row."""
        return [self.decode(row, skip_special_tokens) for row in rows]


def _texts(text: Any, pair: Any) -> tuple[list[str], list[str] | None]:
    """The two arguments of a call as lists of equal length."""
    if isinstance(text, str):
        if pair is not None and not isinstance(pair, str):
            raise ValueError(f"text is one text, so text_pair must be one too, not {type(pair).__name__}")
        return [checked(text)], None if pair is None else [checked(pair)]
    if not isinstance(text, Sequence | np.ndarray) or isinstance(pair, str):
        raise ValueError("text must be a str, or a list of str with text_pair a list as long")
    if pair is not None and len(pair) != len(text):
        raise ValueError(f"text has {len(text)} texts, but text_pair has {len(pair)}")
    return list(map(checked, text)), None if pair is None else list(map(checked, pair))


def _replaced(ids: list[int], table: dict[int, list[int]]) -> list[int]:
    return [j for i in ids for j in table.get(i, (i,))]
