"""Reading a tokenizer.json of a Unigram model without spiece.model beside it, as transformers 5 saves ALBERT's tokenizer.

The file is turned into the SentencePiece model that cuts texts alike, and into the settings of `AlbertTokenizer`:

    normalizer      `` and '' to ", NFKD and the removal of marks (keep_accents), lower case (do_lower_case), the character map
    pre_tokenizer   words split at white space (remove_space), each with ▁ before it
    model           the pieces with their scores; a piece that ends in a digit and a comma may have 100 less (`tokenizer_json`)
    added_tokens    ALBERT's five special tokens, and others that are cut out of a text before anything else

A file of which any step means something else is refused, and the message names the step: the ids would not be those that the
model was trained with. The two rules in which transformers' own conversion of a bare spiece.model differs are followed, too: its
user-defined pieces, ( ) " - . and so on, are tokens after which a new word begins, and "1," stays one piece.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.io.files import read_json
from albert_np.io.protobuf import BYTES, FOUR_BYTES, VARINT, field
from albert_np.text import specials
from albert_np.text.pieces import SPACE, ends_in_digit_comma
from albert_np.text.spiece import CONTROL, MAX_PIECES, NORMAL, UNKNOWN, USER_DEFINED

MAX_BYTES = 64 << 20
LOWERED = 50.0  # a score this far below all others is one that was lowered by 100
STEPS = {  # the steps of the normaliser in their order: name -> its place
    "white space": 0, "Strip": 1, "``": 2, "''": 3, "NFKD": 4, "marks": 5, "Lowercase": 6, "Precompiled": 7, "spaces": 8,
}  # fmt: skip
SPACES = re.compile(r"\[\\x\{9\}-\\x\{d\}.*\]\+|\\s\+", re.DOTALL)  # ours begins with U+0009 to U+000D
MARKS = re.compile(r"\[\\x\{300\}-\\x\{34e\}.*\]|\\p\{M[n]?\}", re.DOTALL)  # and this one with U+0300 to U+034E


@dataclass(frozen=True)
class UnigramFile:
    """The contents of a file.

    path         of the file
    values       the file as it is
    model        the bytes of an equal SentencePiece model
    switches     do_lower_case, keep_accents, remove_space
    added        pieces that are cut out of a text before it is normalised, beside ALBERT's special tokens
    cuts_commas  whether a comma after a digit becomes a piece of its own
    """

    path: Path
    values: dict[str, Any]
    model: bytes
    switches: dict[str, bool]
    added: tuple[str, ...]
    cuts_commas: bool

    @property
    def is_plain(self) -> bool:
        """Whether spiece.model alone would give the same ids."""
        return self.cuts_commas and not self.added


def is_unigram(path: Path) -> bool:
    """Return whether a tokenizer.json holds a Unigram model."""
    values = read_json(path, MAX_BYTES)
    model = values.get("model") if isinstance(values, dict) else None
    return isinstance(model, dict) and model.get("type") == "Unigram"


def read(path: Path) -> UnigramFile:
    """Read a tokenizer.json. ValueError, which names the file and the part that is damaged, or means something else than here."""
    values = read_json(path, MAX_BYTES)
    try:
        steps, charsmap = _read_normaliser(values.get("normalizer"))
        _check_words(values.get("pre_tokenizer"))
        _check_template(values.get("post_processor"))
        pieces, cuts_commas = _read_pieces(values["model"])
        added = _read_added(values.get("added_tokens") or [], pieces)
        model = _make_model(pieces, added, charsmap)
    except (AttributeError, TypeError, KeyError, IndexError, StopIteration) as error:
        raise ValueError(f"{path} is damaged, or not of the tokenizers library: {error!r}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    splits_space = any(step.get("type") == "WhitespaceSplit" for step in _flatten(values["pre_tokenizer"], "pretokenizers"))
    switches = {
        "do_lower_case": "Lowercase" in steps,
        "keep_accents": "marks" not in steps,
        "remove_space": splits_space or not {"white space", "spaces"}.isdisjoint(steps),
    }
    return UnigramFile(path, values, model, switches, tuple(added), cuts_commas)


def _flatten(step: Any, key: str) -> Iterator[dict[str, Any]]:
    """Yield the single steps of a part that is one step, a sequence of them, or missing."""
    if step is None:
        return
    if step["type"] != "Sequence":
        yield step
        return
    for each in step[key]:
        yield from _flatten(each, key)


# ---- the normaliser ----


def _read_normaliser(normaliser: Any) -> tuple[set[str], bytes]:
    """Return the names of the steps, see STEPS, and the character map. ValueError for others, and for another order."""
    names, charsmap = [], b""
    for step in _flatten(normaliser, "normalizers"):
        names.append(_name_step(step))
        if step["type"] == "Precompiled":
            try:
                charsmap = base64.b64decode(step["precompiled_charsmap"], validate=True)
            except binascii.Error as error:
                raise ValueError(f"its precompiled_charsmap is not base64: {error}") from None
    if sorted(names, key=STEPS.__getitem__) != names or len(set(names)) != len(names):
        raise ValueError(f"its normalizer has the steps {', '.join(names)}; ALBERT's are in the order {', '.join(STEPS)}")
    missing = [name for name in ("``", "''") if name not in names]
    if missing:
        raise ValueError(f"its normalizer does not replace {' and '.join(missing)} by a double quote, as ALBERT's does")
    if ("NFKD" in names) != ("marks" in names):
        raise ValueError("its normalizer has only one of NFKD and the removal of marks; ALBERT's has both, or keeps accents")
    return set(names), charsmap


def _name_step(step: dict[str, Any]) -> str:
    """Return the name of a step of the normaliser. ValueError for one that ALBERT's does not have."""
    kind = step["type"]
    if kind == "StripAccents":
        return "marks"
    if kind == "Strip" and step["strip_left"] and step["strip_right"]:
        return "Strip"
    if kind in ("NFKD", "Lowercase", "Precompiled"):
        return str(kind)
    if kind == "Replace":
        form, pattern = next(iter(step["pattern"].items()))
        content = step["content"]
        if form == "String" and pattern in ("``", "''") and content == '"':
            return str(pattern)
        if form == "Regex" and content == " " and (pattern == " {2,}" or SPACES.fullmatch(pattern)):
            return "spaces" if pattern == " {2,}" else "white space"
        if form == "Regex" and content == "" and MARKS.fullmatch(pattern):
            return "marks"
        raise ValueError(f"its normalizer replaces {str(pattern)[:40]!r} by {str(content)[:40]!r}, which ALBERT's does not")
    raise ValueError(f"its normalizer has the step {str(kind)[:40]!r}, which ALBERT's does not")


# ---- words, and the special tokens around them ----


def _check_words(pre_tokenizer: Any) -> None:
    """Raise ValueError unless a text is split at spaces into words with ▁ before each."""
    steps = list(_flatten(pre_tokenizer, "pretokenizers"))
    metaspaces = [step for step in steps if step["type"] == "Metaspace"]
    for step in steps:
        pattern = str(step.get("pattern"))
        known = step["type"] in ("WhitespaceSplit", "Metaspace") or (
            step["type"] == "Split" and (pattern == str({"String": " "}) or "(?<=<)pad(?=>)" in pattern)
        )
        if not known:
            raise ValueError(f"its pre_tokenizer has the step {step['type']!r}, which ALBERT's does not")
    if len(metaspaces) != 1:
        raise ValueError("its pre_tokenizer has no Metaspace, which puts ▁ before each word")
    (step,) = metaspaces
    scheme = step.get("prepend_scheme") or ("always" if step.get("add_prefix_space", True) else "never")
    if step["replacement"] != SPACE or scheme != "always" or step.get("split") is False:
        raise ValueError("its pre_tokenizer does not put ▁ before every word, as ALBERT's does (prepend_scheme must be 'always')")


def _check_template(template: Any) -> None:
    """Raise ValueError unless [CLS] a [SEP] is made of a text."""
    if isinstance(template, dict) and template["type"] == "BertProcessing":
        names = [template["cls"][0], "A", template["sep"][0]]
    elif isinstance(template, dict) and template["type"] == "TemplateProcessing":
        names = [next(iter(part.values()))["id"] for part in template["single"]]
    else:
        names = []
    if names != [specials.CLS, "A", specials.SEP]:
        raise ValueError("its post_processor does not put [CLS] and [SEP] around a text, as ALBERT's does")


# ---- the pieces ----


def _read_pieces(model: dict[str, Any]) -> tuple[list[tuple[str, float]], bool]:
    """Return the pieces with the scores of SentencePiece, and whether the comma rule is applied."""
    if model.get("byte_fallback"):
        raise ValueError("byte_fallback is not supported: it turns unknown characters into bytes, which ALBERT's models do not")
    vocab = model["vocab"]
    if not isinstance(vocab, list) or len(vocab) > MAX_PIECES:
        raise ValueError(f"its vocab must be a list of at most {MAX_PIECES} pieces")
    for i, each in enumerate(vocab):
        is_pair = isinstance(each, list) and len(each) == 2 and isinstance(each[0], str)
        if not is_pair or isinstance(each[1], bool) or not isinstance(each[1], int | float):
            raise ValueError(f"piece {i} must be a text and its score, not {str(each)[:60]}")
    unknown = model["unk_id"]
    if type(unknown) is not int or not 0 <= unknown < len(vocab) or vocab[unknown][0] != specials.UNK:
        raise ValueError(f"its unk_id {unknown!r} is not {specials.UNK}, ALBERT's unknown piece")
    lowest = min((score for text, score in vocab if not ends_in_digit_comma(text)), default=0.0)
    divided = [score for text, score in vocab if ends_in_digit_comma(text)]
    is_lowered = all(score < lowest - LOWERED for score in divided)
    pieces = [(text, score + 100 if is_lowered and ends_in_digit_comma(text) else score) for text, score in vocab]
    return pieces, is_lowered


def _read_added(tokens: list[dict[str, Any]], pieces: list[tuple[str, float]]) -> list[str]:
    """Return the added tokens beside ALBERT's; those after the last piece are added to `pieces`."""
    added = []
    for token in sorted(tokens, key=lambda token: token["id"]):
        text, i = token["content"], token["id"]
        if i == len(pieces) and text not in specials.SPECIALS:
            pieces.append((text, 0.0))
        if type(i) is not int or not 0 <= i < len(pieces) or pieces[i][0] != text:
            raise ValueError(f"the added token {str(text)[:40]!r} has the id {i!r}, which is not that of its piece")
        if text in specials.SPECIALS:
            continue
        if token.get("single_word"):
            raise ValueError(f"the added token {text[:40]!r} is for whole words only (single_word), which is not supported")
        added.append(text)
    return added


def _make_model(pieces: list[tuple[str, float]], added: list[str], charsmap: bytes) -> bytes:
    """Return the pieces and the character map as a SentencePiece model."""
    kinds = {**dict.fromkeys(added, USER_DEFINED), **dict.fromkeys(specials.SPECIALS, CONTROL), specials.UNK: UNKNOWN}
    fields = []
    for text, score in pieces:
        try:
            number = struct.pack("<f", score)
        except (OverflowError, struct.error):
            raise ValueError(f"the score of the piece {text[:40]!r} is too large: {score}") from None
        piece = field(1, BYTES, text.encode()) + field(2, FOUR_BYTES, number) + field(3, VARINT, kinds.get(text, NORMAL))
        fields.append(field(1, BYTES, piece))
    trainer = field(3, VARINT, 1) + field(4, VARINT, len(pieces))  # a Unigram model of this size
    normaliser = field(1, BYTES, b"from tokenizer.json") + field(2, BYTES, charsmap) if charsmap else field(1, BYTES, b"identity")
    return b"".join(fields) + field(2, BYTES, trainer) + field(3, BYTES, normaliser)
