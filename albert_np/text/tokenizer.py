"""ALBERT's tokenizer: raw text -> SentencePiece pieces -> ids, and back; the same ids as transformers' AlbertTokenizer.

text -> lower case, one character at a time
     -> split at [CLS], [SEP], [MASK], <pad>, <unk>; [MASK] includes the space before it
     -> each part: ALBERT's normaliser -> SentencePiece -> the rule for digits and commas
"""

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io.files import write_json, write_whole
from albert_np.text import settings, specials, spiece, tokenizer_json, unigram_json
from albert_np.text.base import Tokenizer
from albert_np.text.encoding import Encoding
from albert_np.text.locate import JSON_FILE, MODEL_FILE
from albert_np.text.normalise import check_text, find_marks, lower_each, lower_each_aligned, normalise, normalise_text
from albert_np.text.offsets import find_spans, shift_spans
from albert_np.text.pieces import SPACE, make_comma_table, split_commas, starts_word

BATCH = 10_000  # texts passed to SentencePiece at once


class AlbertTokenizer(Tokenizer):
    """SentencePiece pieces under ALBERT's normalisation.

    vocab_file                                  spiece.model, or a tokenizer.json that was saved without it (`unigram_json`)
    do_lower_case, keep_accents, remove_space   see `albert_np.text.normalise`
    model_max_length                            the max_length of a call that asks for truncation or padding without one
    """

    # If the class were "AlbertTokenizer", transformers 5 would use only the pieces of tokenizer.json and build the rest anew,
    # which encodes some texts differently (see `tokenizer_json`), and would leave out the token types.
    schema = settings.Schema(
        "PreTrainedTokenizerFast",
        ("do_lower_case", "remove_space", "keep_accents"),
        dict(zip(("cls_token", "sep_token", "unk_token", "pad_token", "mask_token"), specials.SPECIALS)),
        constants=(
            ("bos_token", specials.CLS),
            ("eos_token", specials.SEP),
            ("model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
        ),
    )
    cls_token, sep_token, unk_token, pad_token, mask_token = specials.SPECIALS

    def __init__(
        self,
        vocab_file: str | Path | unigram_json.UnigramFile,
        do_lower_case: bool = True,
        remove_space: bool = True,
        keep_accents: bool = False,
        model_max_length: int = 512,
    ):
        self._json = vocab_file if isinstance(vocab_file, unigram_json.UnigramFile) else None
        self.vocab_file = self._json.path if self._json else Path(vocab_file)  # type: ignore[arg-type]
        self.do_lower_case, self.remove_space, self.keep_accents = do_lower_case, remove_space, keep_accents
        self.model_max_length = model_max_length
        settings.check(self.options, self.schema)
        if self.vocab_file.suffix.lower() == ".json":
            self._json = self._json or unigram_json.read(self.vocab_file)
            self._processor, self._model = spiece.load_bytes(self._json.model, self.vocab_file, specials.SPECIALS)
        else:
            self._processor, self._model = spiece.load(self.vocab_file, specials.SPECIALS)
        self._added = self._json.added if self._json else ()
        self._symbols = frozenset([*specials.SPECIALS, *self._added])
        self._pattern = specials.make_pattern(self._added)
        self._cuts_commas = self._json is None or self._json.cuts_commas
        self._commas = make_comma_table(self._processor) if self._cuts_commas else {}
        super().__init__()

    # ---- files

    @classmethod
    def _class_for(cls, file: Path) -> type[Tokenizer]:
        """Return `WordPieceTokenizer` for vocab.txt, and for a tokenizer.json of a WordPiece model."""
        suffix = file.suffix.lower()
        if suffix not in (".txt", ".json") or (suffix == ".json" and unigram_json.is_unigram(file)):
            return cls
        from albert_np.text.wordpiece import WordPieceTokenizer

        return WordPieceTokenizer._class_for(file)

    @classmethod
    def _load(cls, file: Path, folder: Path | None, changes: dict[str, Any]) -> Tokenizer:
        """Of a tokenizer.json the switches are those that it describes, whatever tokenizer_config.json says."""
        if file.suffix.lower() != ".json":
            return super()._load(file, folder, changes)
        found = unigram_json.read(file)
        options, extra_settings = settings.read(folder, cls.schema, found.added)
        for name, value in found.switches.items():
            if options.setdefault(name, value) != value:
                warnings.warn(
                    f"{settings.CONFIG_FILE} says {name} {options[name]}, {file} says {value}, which counts", stacklevel=3
                )
                options[name] = value
        tokenizer = cls(found, **{**options, **changes})
        tokenizer.extra_settings = extra_settings
        return tokenizer

    def _save_vocabulary(self, folder: Path) -> None:
        if self._json is not None and not self._json.is_plain:
            self._save_json(folder, self._json)
            return
        write_whole(folder / MODEL_FILE, lambda temporary: temporary.write_bytes(self._model.data))
        try:
            values = tokenizer_json.build(self._model, self.do_lower_case, self.keep_accents, self.remove_space)
        except ValueError as error:
            (folder / JSON_FILE).unlink(missing_ok=True)  # that of another vocabulary would be read instead of spiece.model
            problem = f"{folder}: no {JSON_FILE} is written, since {error}"
            warnings.warn(f"{problem}; transformers can read spiece.model, and may cut some texts otherwise", stacklevel=3)
        else:
            write_json(folder / JSON_FILE, values)

    def _save_json(self, folder: Path, source: unigram_json.UnigramFile) -> None:
        """Write the tokenizer.json that was read: spiece.model cannot express its rules."""
        changed = [name for name, value in source.switches.items() if getattr(self, name) != value]
        if changed:
            raise ValueError(f"{self.vocab_file} cannot be saved with another {' and '.join(changed)} than it was read with")
        (folder / MODEL_FILE).unlink(missing_ok=True)  # it would be read instead
        write_json(folder / JSON_FILE, source.values)

    def fingerprint(self) -> str:
        """Return the SHA-256 of everything that a text's ids depend on: the model's bytes and the switches of the normaliser."""
        rules: dict[str, Any] = {name: getattr(self, name) for name in self.schema.switches}
        if self._json is not None and not self._json.is_plain:
            rules |= {"added": self._added, "cuts_commas": self._cuts_commas}
        return hashlib.sha256(self._model.data + json.dumps(rules, sort_keys=True).encode()).hexdigest()

    @property
    def strips_accents(self) -> bool:
        return not self.keep_accents

    @property
    def encoding_note(self) -> str:
        return (
            ""
            if spiece.is_library(self._processor)
            else (
                "texts are encoded in plain Python, about six times slower than by the sentencepiece library, with the same ids"
            )
        )

    def removed_marks(self, character: str) -> str:
        return "" if self.keep_accents else find_marks(character)

    def unknown_parts(self, text: str) -> list[str]:
        pieces = self._cut(self._normalise(lower_each(text) if self.do_lower_case else text))
        unknown = [piece for piece in pieces if self._get_id(piece) == self.unk_token_id]
        return list("".join(unknown).replace(SPACE, ""))

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._model.pieces)

    def _get_piece(self, i: int) -> str:
        return self._model.pieces[i].text

    def _get_id(self, piece: str) -> int:
        return self._processor.piece_to_id(piece)

    def word_starts(self) -> np.ndarray:
        """Return which pieces begin a word, by Google's rule for whole-word masking, (V,) bool."""
        return np.array([starts_word(piece) for piece in self._vocabulary()])

    # ---- a corpus: text to ids, without special tokens

    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        if self._added:
            return [self._encode_around_added(check_text(text)) for text in texts]
        normal = [self._normalise(lower_each(text) if self.do_lower_case else text) for text in map(check_text, texts)]
        return [row for i in range(0, len(normal), BATCH) for row in self._encode(normal[i : i + BATCH], num_threads)]

    def _encode_around_added(self, text: str) -> list[int]:
        """Return the ids of a text of a corpus, in which the added tokens are recognised, but not the special ones."""
        ids: list[int] = []
        for part, _, _ in specials.split_at_specials(text, self._pattern):
            if part in self._added:
                ids.append(self._processor.piece_to_id(part))
            else:
                ids += self._encode([self._normalise(lower_each(part) if self.do_lower_case else part)])[0]
        return ids

    def _normalise(self, text: str) -> str:
        return normalise_text(text, self.do_lower_case, self.keep_accents, self.remove_space)

    def _encode(self, normal: list[str], num_threads: int = 1) -> list[list[int]]:
        """Return the ids of normalised texts."""
        if (
            self._cuts_commas and self._processor.piece_to_id(",") == self.unk_token_id
        ):  # then an unknown piece may contain a comma
            return [self.convert_tokens_to_ids(self._cut(text)) for text in normal]
        if num_threads == 1:  # one by one: for a list the library starts threads, which takes longer than a hundred texts
            rows = [self._processor.encode(text) for text in normal]
        else:
            rows = self._processor.encode(normal, num_threads=num_threads)
        return [row if self._commas.keys().isdisjoint(row) else _replace_ids(row, self._commas) for row in rows]

    def _cut(self, normal: str) -> list[str]:
        """Return the pieces of a normalised text."""
        pieces: list[str] = self._processor.encode(normal, out_type=str)
        return split_commas(pieces, self._processor) if self._cuts_commas else pieces

    # ---- the model's input

    def tokenize(self, text: str) -> list[str]:
        """Return the pieces of a text, in which special tokens are recognised. Unknown characters are returned as they are."""
        pieces: list[str] = []
        lowered = specials.lower_around_specials(check_text(text), self._pattern) if self.do_lower_case else check_text(text)
        for part, _, _ in specials.split_at_specials(lowered, self._pattern):
            pieces += [part] if part in self._symbols else self._cut(self._normalise(part))
        return pieces

    def _encode_texts(self, texts: list[str], with_spans: bool) -> list[Encoding]:
        if with_spans or self._added or any(map(specials.may_contain_specials, texts)):
            return [self._encode_parts(text, with_spans) for text in texts]
        return [Encoding(ids, []) for ids in self.encode_batch(texts, num_threads=1 if len(texts) < 64 else -1)]

    def _encode_parts(self, text: str, with_spans: bool) -> Encoding:
        """Encode one text, part by part between its special tokens."""
        lowered = specials.lower_around_specials(text, self._pattern) if self.do_lower_case else text
        result = Encoding([], [])
        for part, start, end in specials.split_at_specials(lowered, self._pattern):
            if part in self._symbols:
                result.ids.append(self._processor.piece_to_id(part))
                result.spans.append((start, end))
                continue
            normal = self._normalise(part)
            if not with_spans:
                result.ids += self._encode([normal])[0]
                continue
            pieces = self._cut(normal)
            result.ids += self.convert_tokens_to_ids(pieces)
            aligned = normalise(part, self.do_lower_case, self.keep_accents, self.remove_space)
            spans = find_spans(self._processor, normal, pieces)
            result.spans += shift_spans([aligned.find_origin(*span) for span in spans], start)
        if len(lowered) != len(text):
            result.spans = [lower_each_aligned(text).find_origin(*span) for span in result.spans]
        return result

    # ---- ids back to text

    def _join_pieces(self, pieces: list[str]) -> str:
        text, run = "", []
        for piece in pieces:
            if piece not in specials.SPECIALS:
                run.append(piece)
                continue
            text += ("" if text and not run else " ") + self._processor.decode_pieces(run) + piece
            run = []
        return (text + self._processor.decode_pieces(run)).strip()


def _replace_ids(ids: list[int], table: dict[int, list[int]]) -> list[int]:
    return [j for i in ids for j in table.get(i, (i,))]
