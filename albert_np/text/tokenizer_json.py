"""tokenizer.json, the form in which transformers 5 and the `tokenizers` library read a SentencePiece vocabulary.

transformers can also make a tokenizer of spiece.model alone, but a different one: ( ) " - . – £ € become tokens of their own,
after which a new word begins, and release 5 lacks the rule for digits and commas. This file describes each step:

    the five special tokens, [MASK] with the space before it; ( ) " and so on are pieces like others
    the normaliser          white space, quotes, NFKD, marks, lower case (see `normalise`), the model's character map (before
                            it NFC, which composes Hangul and letters with marks as SentencePiece's own map does)
    the words               split at spaces, each with ▁ before it
    the pieces              Unigram with the model's scores; that of a piece which ends in a digit and a comma is lowered by
                            100, so that the comma comes off, as in transformers' own converter
    around the pieces       [CLS] a [SEP] b [SEP]

White space and combining marks are listed as Python defines them, since the library's own lists differ: its StripAccents also
drops marks of class 0 (U+20E3), and its WhitespaceSplit does not treat U+001C as white space.

AutoTokenizer (transformers 4 and 5) reads the file as it is. transformers' AlbertTokenizer, release 5, takes the pieces, their
scores and the character map from it and builds the rest anew; it then has those two differences again.

Remaining differences to `AlbertTokenizer`:
- equal scores: SentencePiece adds in 32 bits and the library in 64, so two ways to cut a word with equal sums can rank
  otherwise ("dddd": d dd d ...);
- a word in which the rule for digits and commas would cut the part before the comma in another way when it is alone;
- <PAD>, <UNK> in capitals, which are special tokens here, since the text is lower-cased first, and ordinary text there;
- with keep_accents: a mark behind a character that the map changes to another one (ª and an acute accent), and marks in an
  order that is not Unicode's: SentencePiece leaves them as they are, and NFC does not;
- characters that the library's Unicode tables are too old for (🯰 and some letters that came with Unicode 13).
"""

import base64
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from albert_np.text.pieces import SPACE, ends_in_digit_comma
from albert_np.text.specials import CLS, MASK, SEP, SPECIALS, UNK
from albert_np.text.specs import Specs
from albert_np.text.spiece import CONTROL, UNKNOWN, UNUSED, USER_DEFINED, Model, Piece

USER_DEFINED_SCORE = -0.1  # nearly 0, so that such a piece is always preferred


def build(model: Model, do_lower_case: bool, keep_accents: bool, remove_space: bool) -> dict[str, Any]:
    """Return the contents of tokenizer.json.

    ValueError if the model treats spaces in a way that the format cannot express.
    """
    if not model.specs.add_dummy_prefix or not model.specs.remove_extra_whitespaces:
        raise ValueError("the model keeps the spaces of a text as they are")
    if any(SPACE in piece.text[1:] or piece.kind == UNUSED for piece in model.pieces):
        raise ValueError("the model has pieces of several words, or unused ones")
    ids = {piece.text: i for i, piece in enumerate(model.pieces)}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted((_make_special(token, ids[token]) for token in SPECIALS), key=lambda token: token["id"]),
        "normalizer": {
            "type": "Sequence",
            "normalizers": _make_normaliser(model.specs, do_lower_case, keep_accents, remove_space),
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"String": " "}, "behavior": "Removed", "invert": False},
                _metaspace(),
                {"type": "Split", "pattern": {"Regex": _symbol_pattern(model.pieces)}, "behavior": "Isolated", "invert": False},
            ],
        },
        "post_processor": _make_template({token: ids[token] for token in (CLS, SEP)}),
        "decoder": _metaspace(),
        "model": {"type": "Unigram", "unk_id": ids[UNK], "vocab": _list_scores(model.pieces), "byte_fallback": False},
    }


def _make_special(token: str, i: int) -> dict[str, Any]:
    return {
        "id": i, "content": token, "single_word": False, "lstrip": token == MASK, "rstrip": False, "normalized": False,
        "special": True,
    }  # fmt: skip


def _make_normaliser(specs: Specs, do_lower_case: bool, keep_accents: bool, remove_space: bool) -> list[dict[str, Any]]:
    steps = []
    if remove_space:
        steps += [
            _replace({"Regex": _character_class(str.isspace) + "+"}, " "),
            {"type": "Strip", "strip_left": True, "strip_right": True},
        ]
    steps += [_replace({"String": "``"}, '"'), _replace({"String": "''"}, '"')]
    if not keep_accents:
        steps += [{"type": "NFKD"}, _replace({"Regex": _character_class(_is_mark)}, "")]
    if do_lower_case:
        steps.append({"type": "Lowercase"})
    if specs.charsmap:
        if b"nfkc" in specs.normalizer:  # SentencePiece's map composes; the library maps no sequence of six bytes or more
            steps += [*_widen_katakana(), {"type": "NFC"}] if keep_accents else [{"type": "NFC"}]
        steps.append({"type": "Precompiled", "precompiled_charsmap": base64.b64encode(specs.charsmap).decode()})
    return steps


def _widen_katakana() -> list[dict[str, Any]]:
    """Return steps from half-width katakana and voicing marks to full-width ones, which NFC then composes: ｶﾞ -> ガ."""
    return [_replace({"String": c}, unicodedata.normalize("NFKC", c)) for c in map(chr, range(0xFF66, 0xFFA0))]


def _replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) != 0


@cache
def _character_class(belongs: Callable[[str], bool]) -> str:
    r"""Return a regular expression for all characters that belong, [\x{300}-\x{34e}...]."""
    codes = [code for code in range(0x110000) if belongs(chr(code))]
    starts = [code for code, before in zip(codes, [-1, *codes]) if code != before + 1 or before == -1]
    ends = [code for code, after in zip(codes, [*codes[1:], -1]) if after != code + 1]
    return "[" + "".join(rf"\x{{{a:x}}}" if a == b else rf"\x{{{a:x}}}-\x{{{b:x}}}" for a, b in zip(starts, ends)) + "]"


def _symbol_pattern(pieces: list[Piece]) -> str:
    r"""Return a regular expression for the inside of the control symbols' names, (?<=<)pad(?=>) and so on.

    Text that becomes such a name only by normalisation (＜pad＞) must not become the symbol. Split at this pattern, it cannot.
    """
    names = [piece.text for piece in pieces if piece.kind in (CONTROL, UNKNOWN)]
    if any(len(name) < 3 for name in names):
        raise ValueError(f"the model has control symbols of less than three characters ({min(names, key=len)!r})")
    return "|".join(f"(?<={re.escape(name[0])}){re.escape(name[1:-1])}(?={re.escape(name[-1])})" for name in names)


def _list_scores(pieces: list[Piece]) -> list[list[Any]]:
    """Return each piece and its score. A user-defined piece has none in the file, and gets the one that SentencePiece uses."""
    listed: list[list[Any]] = []
    for piece in pieces:
        score = USER_DEFINED_SCORE if piece.kind == USER_DEFINED else piece.score
        listed.append([piece.text, score - 100 if ends_in_digit_comma(piece.text) else score])
    return listed


def _metaspace() -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}


def _make_template(ids: dict[str, int]) -> dict[str, Any]:
    """Return [CLS] a [SEP] and [CLS] a [SEP] b [SEP], the second text and its [SEP] with token type 1."""

    def special(token: str, token_type: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": token_type}}

    single = [special(CLS, 0), {"Sequence": {"id": "A", "type_id": 0}}, special(SEP, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, special(SEP, 1)],
        "special_tokens": {token: {"id": token, "ids": [i], "tokens": [token]} for token, i in ids.items()},
    }
