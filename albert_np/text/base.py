"""The base class of tokenizers: ids, pairs, padding, batches and files, once texts can be cut into pieces.

A subclass defines how a text is cut (`_encode_texts`, `encode_batch`, `tokenize`, `_join_pieces`) and its vocabulary.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from albert_np.io import sources
from albert_np.io.files import data_errors, make_folder, write_json
from albert_np.text import encoding, settings
from albert_np.text.encoding import NO_SPAN, Encoding
from albert_np.text.locate import find_vocabulary
from albert_np.text.normalise import check_text
from albert_np.text.pieces import SPACE


class Tokenizer(ABC):
    """Text -> ids of pieces, and back. Special tokens: [CLS], [SEP], unknown, padding, [MASK].

    model_max_length   the max_length of a call that asks for truncation or padding without one
    extra_settings     entries of tokenizer_config.json that have no meaning here; they are written back when it is saved
    """

    schema: settings.Schema  # the names of its settings and special tokens
    cls_token: str
    sep_token: str
    unk_token: str
    pad_token: str
    mask_token: str
    vocab_file: Path
    model_max_length: int

    def __init__(self) -> None:
        self.extra_settings: dict[str, Any] = {}
        self.all_special_tokens = tuple(self.schema.tokens.values())
        self.all_special_ids = tuple(self.convert_tokens_to_ids(token) for token in self.all_special_tokens)
        ids = dict(zip(self.schema.tokens, self.all_special_ids))
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
        """Return the tokenizer of a folder, a vocabulary file, Google's .tar.gz, or a name on the Hugging Face hub.

        A folder's vocabulary is spiece.model, or else its only \\*.model (Google's 30k-clean.model), or else vocab.txt: a
        WordPiece vocabulary, as in the Chinese models, for which a `WordPieceTokenizer` is returned, or else tokenizer.json, of
        either kind. The settings are those of the folder's tokenizer_config.json, if there is one.

        changes: settings that replace the folder's, such as ``keep_accents=True``. The other arguments are those of
        huggingface_hub, and are used only for names on the hub.

        FileNotFoundError if no tokenizer is found; the message names the file that is needed. ValueError, which names the file,
        if it is damaged or holds something else.
        """
        hub = {"revision": revision, "cache_dir": cache_dir, "local_files_only": local_files_only, "token": token}
        with data_errors(), sources.local(path, "tokenizer", **hub) as local:  # type: ignore[arg-type]
            file = find_vocabulary(local)
            tokenizer = cls._class_for(file)._load(file, local if local.is_dir() else None, changes)
        if local != Path(path):
            tokenizer.vocab_file = Path(path)  # the local copy may have been temporary
        return tokenizer

    @classmethod
    def _class_for(cls, file: Path) -> "type[Tokenizer]":
        """Return the class that reads a vocabulary file. ValueError if this class does not."""
        if cls is not Tokenizer:
            return cls
        from albert_np.text.tokenizer import AlbertTokenizer

        return AlbertTokenizer._class_for(file)

    @classmethod
    def _load(cls, file: Path, folder: Path | None, changes: dict[str, Any]) -> "Tokenizer":
        options, extra_settings = settings.read(folder, cls.schema)
        tokenizer = cls(file, **{**options, **changes})  # type: ignore[call-arg]
        tokenizer.extra_settings = extra_settings
        return tokenizer

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the vocabulary, tokenizer_config.json and tokenizer.json, each atomically. transformers reads them, too."""
        folder = Path(folder)
        make_folder(folder)
        self._save_vocabulary(folder)
        write_json(folder / settings.CONFIG_FILE, settings.to_config(self.schema, self.options, self.extra_settings))

    @abstractmethod
    def _save_vocabulary(self, folder: Path) -> None:
        """Write all files except tokenizer_config.json."""

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments except the vocabulary."""
        return {name: getattr(self, name) for name in self.schema.names}

    @abstractmethod
    def fingerprint(self) -> str:
        """Return the SHA-256 of everything that a text's ids depend on: the vocabulary and the switches of the normaliser."""

    @property
    def encoding_note(self) -> str:
        """A remark on the speed of encoding, for the log of a run; "" if there is none."""
        return ""

    @property
    @abstractmethod
    def strips_accents(self) -> bool:
        """True if the normaliser removes accents."""

    @abstractmethod
    def removed_marks(self, character: str) -> str:
        """Return the combining marks of a character that the normaliser removes; "" if there are none."""

    @abstractmethod
    def unknown_parts(self, text: str) -> list[str]:
        """Return the parts of a text of a corpus that are not in the vocabulary: its characters, or whole words."""

    # ---- the vocabulary

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({len(self)} pieces, {options})"

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pieces, V."""

    @abstractmethod
    def _get_piece(self, i: int) -> str:
        """Return the piece of a valid id."""

    @abstractmethod
    def _get_id(self, piece: str) -> int:
        """Return the id of a piece, or that of the unknown one."""

    @abstractmethod
    def word_starts(self) -> np.ndarray:
        """Return which pieces begin a word, by Google's rule for whole-word masking, (V,) bool."""

    def space_starts(self) -> np.ndarray:
        """Return which pieces follow a space in the text, (V,) bool; `word_starts` if the vocabulary does not mark spaces."""
        starts = np.array([piece.startswith(SPACE) for piece in self._vocabulary()])
        return starts if starts.any() else self.word_starts()

    @property
    def vocab_size(self) -> int:
        """The number of pieces, V."""
        return len(self)

    def get_vocab(self) -> dict[str, int]:
        """Return {piece: id}."""
        return {piece: i for i, piece in enumerate(self._vocabulary())}

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...  # type: ignore[overload-overlap]
    @overload
    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]: ...

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> int | list[int]:
        """Return the id of a piece, or a list of them; an unknown piece has `unk_token_id`."""
        return self._get_id(tokens) if isinstance(tokens, str) else [self._get_id(token) for token in tokens]

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(self, ids: Iterable[int], skip_special_tokens: bool = False) -> list[str]: ...

    def convert_ids_to_tokens(self, ids: int | Iterable[int], skip_special_tokens: bool = False) -> str | list[str]:
        """Return the piece of an id, or a list of them. ValueError for an id outside the vocabulary."""
        if not isinstance(ids, Iterable) or np.ndim(ids) == 0:  # type: ignore[arg-type]
            return self._find_piece(ids)
        return [self._find_piece(i) for i in map(int, ids) if not (skip_special_tokens and i in self.all_special_ids)]

    def _vocabulary(self) -> list[str]:
        return [self._get_piece(i) for i in range(len(self))]

    def _find_piece(self, i: Any) -> str:
        if not 0 <= int(i) < len(self):
            raise ValueError(f"id {int(i)} is outside the vocabulary: it has ids from 0 to {len(self) - 1}")
        return self._get_piece(int(i))

    # ---- a corpus: text to ids, without special tokens

    @abstractmethod
    def encode_batch(self, texts: Iterable[str], num_threads: int = -1) -> list[list[int]]:
        """Return the ids of many texts of a corpus: normalised, nothing added.

        The names of special tokens are ordinary text here, as in Google's data: a corpus cannot contain [MASK] or padding.
        num_threads: -1 is one per processor; the ids do not depend on it.
        """

    def encode_text(self, text: str) -> list[int]:
        """Return the ids of one text of a corpus; see `encode_batch`."""
        return self.encode_batch([text], num_threads=1)[0]

    def encode_lines(self, lines: Iterable[str], num_threads: int = -1) -> list[np.ndarray]:
        """Return the ids of `encode_batch` as int32 arrays."""
        return [np.array(row, np.int32) for row in self.encode_batch(lines, num_threads)]

    # ---- the model's input

    @abstractmethod
    def _encode_texts(self, texts: list[str], with_spans: bool) -> list[Encoding]:
        """Return the ids of each text, in which special tokens are recognised."""

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """Return the pieces of a text, in which special tokens are recognised."""

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        max_length: int | None = None,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        return_offsets_mapping: bool = False,
        add_special_tokens: bool = True,
        return_tensors: str | None = None,
    ) -> dict[str, Any]:  # not of np.ndarray: as model(**batch) it must fit arguments of every type
        """Return the model's arguments for one text or a list of texts, with their pairs if there are any.

        padding      False, True or "longest" (to the longest row), "max_length"
        truncation   False, True or "longest_first", "only_first", "only_second"; None truncates (longest first) if max_length
                     is given without padding, like transformers
        max_length   tokens of a row with its special tokens; by default `model_max_length`
        return_tensors   None or "np": NumPy arrays in either case

        -> input_ids, token_type_ids, attention_mask (B, T) int64 and, if requested, offset_mapping (B, T, 2): the slice of
        the text (of the pair, where the token type is 1) that a token came from, (0, 0) for special tokens.

        ValueError: rows of unequal length without padding, a row longer than max_length without truncation, a max_length
        without room for the special tokens, an unknown option.
        """
        if return_tensors not in (None, "np"):
            raise ValueError(f"return_tensors must be 'np' or None, not {return_tensors!r}: a call returns NumPy arrays")
        pad_to = encoding.choose_option("padding", padding, encoding.PADDING)
        strategy = encoding.choose_truncation(truncation, max_length, pad_to)
        texts_a, texts_b = _list_texts(text, text_pair)
        limit = self._choose_limit(max_length, pad_to, strategy)
        encodings_a = self._encode_texts(texts_a, return_offsets_mapping)
        encodings_b = [None] * len(texts_a) if texts_b is None else self._encode_texts(texts_b, return_offsets_mapping)
        ends = (self.cls_token_id, self.sep_token_id) if add_special_tokens else None
        rows = [encoding.make_row(a, b, ends, limit, strategy) for a, b in zip(encodings_a, encodings_b)]
        lengths = [len(row.ids) for row, _ in rows]
        width = encoding.compute_width(lengths, limit, pad_to)
        batch = {
            "input_ids": encoding.pad_rows([row.ids for row, _ in rows], width, self.pad_token_id),
            "token_type_ids": encoding.pad_rows([types for _, types in rows], width, 0),
            "attention_mask": encoding.pad_rows([[1] * length for length in lengths], width, 0),
        }
        if return_offsets_mapping:
            batch["offset_mapping"] = encoding.pad_rows([row.spans for row, _ in rows], width, NO_SPAN)
        return batch

    def encode(self, text: str, text_pair: str | None = None, add_special_tokens: bool = True, **options: Any) -> list[int]:
        """Return the ids of one text or pair as a list; options as in a call."""
        if not isinstance(text, str):
            raise ValueError(f"encode takes one text, not {type(text).__name__}; call the tokenizer for a list of texts")
        return self(text, text_pair, add_special_tokens=add_special_tokens, **options)["input_ids"][0].tolist()

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Return the number of special tokens around a text or a pair."""
        return 3 if pair else 2

    def build_inputs_with_special_tokens(self, ids: list[int], pair_ids: list[int] | None = None) -> list[int]:
        """Return [CLS] ids [SEP], or [CLS] ids [SEP] pair_ids [SEP]."""
        tail = [] if pair_ids is None else [*pair_ids, self.sep_token_id]
        return [self.cls_token_id, *ids, self.sep_token_id, *tail]

    def _choose_limit(self, max_length: int | None, padding: str | None, strategy: str | None) -> int | None:
        """Return the length of the longest row that is allowed; None for no limit."""
        if max_length is None:
            return self.model_max_length if strategy or padding == "max_length" else None
        if isinstance(max_length, bool) or not isinstance(max_length, int | np.integer) or max_length < 0:
            raise ValueError(f"max_length must be a number of tokens, not {max_length!r}")
        return int(max_length)

    # ---- ids back to text

    def decode(self, ids: ArrayLike, skip_special_tokens: bool = False) -> str:
        """Return the text of a row of ids, normalised; special tokens are written as they are."""
        if np.ndim(ids) > 1:
            raise ValueError(f"decode takes one row of ids, got the shape {np.shape(ids)}; batch_decode takes several")
        return self._join_pieces(self.convert_ids_to_tokens(np.atleast_1d(ids), skip_special_tokens))

    @abstractmethod
    def _join_pieces(self, pieces: list[str]) -> str:
        """Return the text that pieces of the vocabulary stand for."""

    def batch_decode(self, rows: Iterable[ArrayLike], skip_special_tokens: bool = False) -> list[str]:
        """Return `decode` of each row."""
        return [self.decode(row, skip_special_tokens) for row in rows]


def _list_texts(text: Any, pair: Any) -> tuple[list[str], list[str] | None]:
    """Return the two arguments of a call as lists of equal length."""
    if isinstance(text, str):
        if pair is not None and not isinstance(pair, str):
            raise ValueError(f"text is one text, so text_pair must be one too, not {type(pair).__name__}")
        return [check_text(text)], None if pair is None else [check_text(pair)]
    if not isinstance(text, Sequence | np.ndarray) or isinstance(pair, str):
        raise ValueError("text must be a str, or a list of str with text_pair a list as long")
    if pair is not None and len(pair) != len(text):
        raise ValueError(f"text has {len(text)} texts, but text_pair has {len(pair)}")
    return list(map(check_text, text)), None if pair is None else list(map(check_text, pair))
