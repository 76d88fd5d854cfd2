"""What every tokenizer does once texts can be cut into pieces: ids, pairs, padding, batches, files.

A subclass says how a text is cut (`_encoded`, `encode_batch`, `tokenize`, `decode`) and what its vocabulary holds.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.io import sources
from albert_np.io.files import make_folder, write_json
from albert_np.text import encoding, settings
from albert_np.text.encoding import NO_SPAN, Pieces
from albert_np.text.locate import vocabulary_file
from albert_np.text.normalise import checked
from albert_np.text.pieces import SPACE


class Tokenizer(ABC):
    """Text -> ids of pieces, and back. Special tokens: [CLS], [SEP], unknown, padding, [MASK].

    model_max_length   the max_length of a call that asks for truncation or padding without one.
    foreign            what tokenizer_config.json said besides the settings that are known here: kept, and written back.
    """

    form: settings.Form  # the names of its settings and special tokens
    cls_token: str
    sep_token: str
    unk_token: str
    pad_token: str
    mask_token: str
    vocab_file: Path
    model_max_length: int

    def __init__(self) -> None:
        self.foreign: dict[str, Any] = {}
        self.all_special_tokens = tuple(self.form.tokens.values())
        self.all_special_ids = tuple(self.convert_tokens_to_ids(token) for token in self.all_special_tokens)
        ids = dict(zip(self.form.tokens, self.all_special_ids))
        self.cls_token_id, self.sep_token_id, self.unk_token_id = ids["cls_token"], ids["sep_token"], ids["unk_token"]
        self.pad_token_id, self.mask_token_id = ids["pad_token"], ids["mask_token"]

    # ---- files

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **changes: Any,
    ) -> "Tokenizer":
        """The tokenizer of a folder, a vocabulary file, Google's .tar.gz, or a name on the Hugging Face hub.

        A folder's vocabulary is spiece.model, or else its only \\*.model (Google's 30k-clean.model), or else vocab.txt: a
        WordPiece vocabulary, as the Chinese models have, for which a `WordPieceTokenizer` is returned. A folder's
        tokenizer_config.json counts, too.

        changes: settings that replace the folder's, such as ``keep_accents=True``. The other arguments are those of
        huggingface_hub and mean something for names on the hub only.

        FileNotFoundError: there is nothing, or nothing that a tokenizer can be made of; the message names the file that is
        needed. ValueError, which names the file: it is damaged or holds something else.
        """
        hub = {"revision": revision, "cache_dir": cache_dir, "local_files_only": local_files_only, "token": token}
        with sources.local(path, "tokenizer", **hub) as found:  # type: ignore[arg-type]
            file = vocabulary_file(found)
            tokenizer = cls._class_for(file)._loaded(file, found if found.is_dir() else None, changes)
        if found != Path(path):
            tokenizer.vocab_file = Path(path)  # what was found may have been temporary
        return tokenizer

    @classmethod
    def _class_for(cls, file: Path) -> "type[Tokenizer]":
        """The class that reads a vocabulary file; ValueError if this one does not."""
        return cls

    @classmethod
    def _loaded(cls, file: Path, folder: Path | None, changes: dict[str, Any]) -> "Tokenizer":
        known, foreign = settings.read(folder, cls.form)
        tokenizer = cls(file, **{**known, **changes})  # type: ignore[call-arg]
        tokenizer.foreign = foreign
        return tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the vocabulary, tokenizer_config.json and tokenizer.json, which transformers reads too; each whole or not
        at all."""
        folder = Path(folder)
        make_folder(folder)
        self._save_vocabulary(folder)
        write_json(folder / settings.FILE, settings.written(self.form, self.options, self.foreign))

    @abstractmethod
    def _save_vocabulary(self, folder: Path) -> None:
        """The files besides tokenizer_config.json."""

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments besides the vocabulary."""
        return {name: getattr(self, name) for name in self.form.names}

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of all that the ids of a text depend on: the vocabulary and the switches of the normaliser."""

    # ---- the vocabulary

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _piece(self, i: int) -> str:
        """The piece of an id that exists."""

    @abstractmethod
    def _id(self, piece: str) -> int:
        """The id of a piece, or that of the unknown one."""

    @abstractmethod
    def word_starts(self) -> np.ndarray:
        """Which pieces begin a word, by Google's rule for whole-word masking.   -> (V,) bool"""

    def space_starts(self) -> np.ndarray:
        """Return which pieces follow a space in the text, (V,) bool; `word_starts` if the vocabulary does not mark spaces."""
        starts = np.array([piece.startswith(SPACE) for piece in self._vocabulary()])
        return starts if starts.any() else self.word_starts()

    @property
    def vocab_size(self) -> int:
        return len(self)

    def get_vocab(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self._vocabulary())}

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a piece, or a list of them; an unknown piece has `unk_token_id`."""
        return self._id(tokens) if isinstance(tokens, str) else [self._id(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The piece of an id, or a list of them. ValueError: an id outside the vocabulary."""
        if np.ndim(ids) == 0:
            return self._checked_piece(ids)
        kept = [int(i) for i in ids]
        return [self._checked_piece(i) for i in kept if not (skip_special_tokens and i in self.all_special_ids)]

    def _vocabulary(self) -> list[str]:
        return [self._piece(i) for i in range(len(self))]

    def _checked_piece(self, i: Any) -> str:
        if not 0 <= int(i) < len(self):
            raise ValueError(f"id {int(i)} is outside the vocabulary: it has ids from 0 to {len(self) - 1}")
        return self._piece(int(i))

    # ---- a corpus: text to ids, nothing around it

    @abstractmethod
    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        """The ids of many texts of a corpus: normalised, nothing added.

        What looks like a special token is ordinary text here, as in Google's data: a corpus cannot bring in [MASK] or the
        padding. num_threads: -1 is one a processor; the ids do not depend on it.
        """

    def encode_text(self, text: str) -> list[int]:
        """The ids of one text of a corpus; see `encode_batch`."""
        return self.encode_batch([text], num_threads=1)[0]

    def encode_lines(self, lines: Iterable[str], num_threads: int = -1) -> list[np.ndarray]:
        """`encode_batch` as int32 arrays."""
        return [np.array(row, np.int32) for row in self.encode_batch(lines, num_threads)]

    # ---- the model's input

    @abstractmethod
    def _encoded(self, texts: list[str], with_spans: bool) -> list[Pieces]:
        """The pieces of each text, special tokens in it taken as such."""

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, special tokens in it taken as such."""

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

    # ---- ids back to text

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        """The text of a row of ids. What normalisation took away does not come back; special tokens stand as they are."""
        if np.ndim(ids) > 1:
            raise ValueError(f"decode takes one row of ids, got the shape {np.shape(ids)}; batch_decode takes several")
        return self._joined(self.convert_ids_to_tokens(np.atleast_1d(ids), skip_special_tokens))

    @abstractmethod
    def _joined(self, pieces: list[str]) -> str:
        """The text that pieces of the vocabulary stand for."""

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
