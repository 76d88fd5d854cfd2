"""Scripts that are written without blanks between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan.

Scores that count words see a whole sentence of these as one word, so they have a form that counts characters.
"""

import re
import unicodedata
from collections.abc import Iterable

UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u0f40-\u0fbc\u1000-\u109f\u1780-\u17d3\u2e80-\u2fdf\u3005-\u3007"
    "\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
CHARACTER = re.compile(f"[{UNSPACED}]")
HAN = re.compile("[\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
OTHER_WORD = re.compile(rf"[^\W\d_{UNSPACED}]+")
INNER_BLANK = re.compile(rf"(?<=[{UNSPACED}])[^\S\r\n]+(?=[{UNSPACED}])")
LETTERS_PER_BLANK = 6  # with more blanks than one in so many letters, words are taken to be separated by them


def has_no_blanks(texts: Iterable[str]) -> bool:
    """Return whether texts are in a language written without blanks: they have more characters of such a script than words of
    others, and blanks between two of these characters are rare (a text that was divided into words by a program has many)."""
    unspaced = others = blanks = 0
    for text in texts:
        unspaced += len(CHARACTER.findall(text))
        others += len(OTHER_WORD.findall(text))
        blanks += len(INNER_BLANK.findall(text))
    return unspaced > others and blanks * LETTERS_PER_BLANK <= unspaced


def is_chinese(texts: Iterable[str]) -> bool:
    """Return whether nearly all characters of the scripts without blanks are Chinese ones; Japanese has kana among them."""
    unspaced = han = 0
    for text in texts:
        unspaced += len(CHARACTER.findall(text))
        han += len(HAN.findall(text))
    return han * 20 > unspaced * 19


def split_characters(text: str) -> list[str]:
    """Return the units of a text in mixed segmentation, as in the scripts of CMRC 2018 (Cui et al. 2019) and MLQA (Lewis et al.
    2020): each character of a script without blanks, and each word of the rest. Punctuation is left out."""
    units: list[str] = []
    for word in "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c)[0] != "P").split():
        units += [unit for unit in re.split(f"([{UNSPACED}])", word) if unit]
    return units
