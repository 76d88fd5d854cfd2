"""ALBERT's tokenizer: raw text -> SentencePiece pieces -> ids, and back; the same ids as transformers' AlbertTokenizer.

text -> lower case, one character at a time
     -> cut at [CLS], [SEP], [MASK], <pad>, <unk>; [MASK] swallows the blank before it
     -> each part: ALBERT's normaliser -> SentencePiece -> the rule for digits and commas
"""

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from albert_np.io.files import write_json, write_whole
from albert_np.text import settings, specials, spiece, tokenizer_json
from albert_np.text.base import Tokenizer
from albert_np.text.encoding import Pieces
from albert_np.text.locate import JSON_FILE, MODEL_FILE
from albert_np.text.normalise import checked, lower_each, lower_each_aligned, normalise, plain
from albert_np.text.offsets import piece_spans, shifted
from albert_np.text.pieces import comma_table, split_commas, starts_word

BATCH = 10_000  # texts that SentencePiece is given at once


class AlbertTokenizer(Tokenizer):
    """SentencePiece pieces under ALBERT's normalisation.

    do_lower_case, keep_accents, remove_space   see `albert_np.text.normalise`.
    model_max_length                            the max_length of a call that asks for truncation or padding without one.
    """

    # With "AlbertTokenizer" for its class transformers 5 would take only the pieces of tokenizer.json and build the rest anew,
    # in which some texts come out otherwise (see `tokenizer_json`), and would leave out the token types.
    form = settings.Form(
        "PreTrainedTokenizerFast",
        ("do_lower_case", "remove_space", "keep_accents"),
        dict(zip(("cls_token", "sep_token", "unk_token", "pad_token", "mask_token"), specials.SPECIALS)),
        written=(
            ("bos_token", specials.CLS),
            ("eos_token", specials.SEP),
            ("model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
        ),
    )
    cls_token, sep_token, unk_token, pad_token, mask_token = specials.SPECIALS

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
        settings.check(self.options, self.form)
        self._processor, self._model = spiece.load(self.vocab_file, specials.SPECIALS)
        self._commas = comma_table(self._processor)
        super().__init__()

    # ---- files

    @classmethod
    def _class_for(cls, file: Path) -> type[Tokenizer]:
        """`WordPieceTokenizer` for vocab.txt and for the tokenizer.json that stands alone."""
        if file.suffix.lower() not in (".txt", ".json"):
            return cls
        from albert_np.text.wordpiece import WordPieceTokenizer

        return WordPieceTokenizer._class_for(file)

    def _save_vocabulary(self, folder: Path) -> None:
        write_whole(folder / MODEL_FILE, lambda temporary: temporary.write_bytes(self._model.data))
        try:
            values = tokenizer_json.built(self._model, self.do_lower_case, self.keep_accents, self.remove_space)
        except ValueError as error:
            (folder / JSON_FILE).unlink(missing_ok=True)  # one of another vocabulary would be read instead of spiece.model
            said = f"{folder}: no {JSON_FILE} is written, since {error}"
            warnings.warn(f"{said}; transformers can read spiece.model, and may cut some texts otherwise", stacklevel=3)
        else:
            write_json(folder / JSON_FILE, values)

    def fingerprint(self) -> str:
        """SHA-256 of all that the ids of a text depend on: the model's bytes and the switches of the normaliser."""
        switches = {name: getattr(self, name) for name in self.form.switches}
        return hashlib.sha256(self._model.data + json.dumps(switches, sort_keys=True).encode()).hexdigest()

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._model.pieces)

    def _piece(self, i: int) -> str:
        return self._model.pieces[i].text

    def _id(self, piece: str) -> int:
        return self._processor.piece_to_id(piece)

    def word_starts(self) -> np.ndarray:
        """Which pieces begin a word, by Google's rule for whole-word masking.   -> (V,) bool"""
        return np.array([starts_word(piece) for piece in self._vocabulary()])

    # ---- a corpus: text to ids, nothing around it

    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        clean = [self._clean(lower_each(text) if self.do_lower_case else text) for text in map(checked, texts)]
        return [row for i in range(0, len(clean), BATCH) for row in self._ids(clean[i : i + BATCH], num_threads)]

    def _clean(self, text: str) -> str:
        return plain(text, self.do_lower_case, self.keep_accents, self.remove_space)

    def _ids(self, clean: list[str], num_threads: int = 1) -> list[list[int]]:
        """The ids of normalised texts."""
        if self._processor.piece_to_id(",") == self.unk_token_id:  # then a comma can hide in an unknown piece
            return [self.convert_tokens_to_ids(self._pieces(text)) for text in clean]
        if num_threads == 1:  # one by one: for a list the library starts threads, which takes longer than a hundred texts
            rows = [self._processor.encode(text) for text in clean]
        else:
            rows = self._processor.encode(clean, num_threads=num_threads)
        return [row if self._commas.keys().isdisjoint(row) else _replaced(row, self._commas) for row in rows]

    def _pieces(self, clean: str) -> list[str]:
        return split_commas(self._processor.encode(clean, out_type=str), self._processor)

    # ---- the model's input

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, special tokens in it taken as such. What is unknown stands there as it was."""
        found: list[str] = []
        lowered = specials.lower_around(checked(text)) if self.do_lower_case else checked(text)
        for part, _, _ in specials.parts(lowered):
            found += [part] if part in specials.SPECIALS else self._pieces(self._clean(part))
        return found

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

    def _joined(self, pieces: list[str]) -> str:
        text, run = "", []
        for piece in pieces:
            if piece not in specials.SPECIALS:
                run.append(piece)
                continue
            text += ("" if text and not run else " ") + self._processor.decode_pieces(run) + piece
            run = []
        return (text + self._processor.decode_pieces(run)).strip()


def _replaced(ids: list[int], table: dict[int, list[int]]) -> list[int]:
    return [j for i in ids for j in table.get(i, (i,))]
