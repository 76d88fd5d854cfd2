"""Words of a text, cut by the default rules of Unicode Standard Annex #29 (word boundaries), with a few tailorings.

Each character is mapped to one letter for its kind, from `unicodedata` alone, and one regular expression over these letters finds
the words. As in UAX #29

  * combining marks, joiners, soft hyphens, variation selectors, skin tones and other format characters belong to the character
    before them and never split a word (WB4); the parts of an emoji joined by ZWJ are one word (WB3c), as are the two regional
    indicators of a flag (WB15, WB16);
  * letters and digits are joined (WB5, WB8 to WB10), also by one of ``. ' ’ ·`` and their variants (WB6, WB7), and Hebrew letters
    by ``"`` (WB7b, WB7c); a final ``'`` belongs to a Hebrew letter (WB7a);
  * each ideograph and each hiragana is a word, and a run of katakana is one (WB13). This is also the usual form of Chinese data
    for named entities: one character per row. In a text whose words are separated by blanks, as other data has them, what stands
    between two blanks is a word.

Tailorings: ``&`` and hyphens join letters as well ("R&D", "well-known"); ``,`` does not ("1,250" is three words); a sign is a
word. A run of Thai, Lao, Khmer or Myanmar is one word: its words can only be found with a dictionary, unless blanks or zero-width
spaces (U+200B) separate them. Blanks, zero-width spaces, control characters, and format characters without a character before
them lie between the words, so every word has something to see.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

ZWSP, ZWJ = "\u200b", "\u200d"
INNER_SIGNS = frozenset(".’&-\u00b7\u0387\u2010\u2011\u2018\u2024\u2027\u055f\u05f4\ufe52\uff07\uff0e")
GERESH = "\u05f3"  # a punctuation mark that is part of Hebrew words
# Format characters with a glyph, which begin numbers and words (Prepended_Concatenation_Mark); and what is ignorable by default
# (Default_Ignorable_Code_Point) but not classified as a format character.
VISIBLE_FORMAT = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
SKIN_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
REGIONAL_INDICATOR = re.compile("[\U0001f1e6-\U0001f1ff]")
KATAKANA = re.compile("[\u3031-\u3035\u309b\u309c\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
IDEOGRAPH = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00016fe4\U00017000-\U00018d08\U0001b000-\U0001b2fb\U00020000-\U0003ffff]"
)

CHARACTERS_PER_BLANK = 6  # in Chinese or Japanese with fewer, the blanks separate words
BLANK_BETWEEN = re.compile(r"[hk][ezf]* +(?=[hk])")
X = "[ezf]*"  # characters that belong to the one before them
LETTER = f"(?: b{X}q{X}(?=b) | b{X}a{X}(?![bw]) | [bw]{X} )"  # with the signs that belong to Hebrew letters alone
WORD = re.compile(
    rf"""
      {LETTER} (?: (?:[am]{X})? {LETTER} )*     # letters and digits
    | k{X} (?: k{X} )*                          # katakana
    | r{X} r{X}                                 # a flag
    | p{X} (?: (?<=z) p{X} )*                   # a pictograph, or several joined by ZWJ
    | [ahmqrs]{X}                               # an ideograph, a sign
    | e{X}                                      # marks without a character before them
    """,
    re.VERBOSE,
)


def find_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield (first character, one after the last) of each word of a text."""
    kinds = "".join(map(character_kind, text))
    if len(BLANK_BETWEEN.findall(kinds)) * CHARACTERS_PER_BLANK > kinds.count("h") + kinds.count("k"):
        kinds = kinds.replace("h", "w").replace("k", "w")
    for match in WORD.finditer(kinds):
        yield match.span()


@cache
def character_kind(c: str) -> str:
    """Return the kind of a character.

    " "  between words              w  letter or digit      b  Hebrew letter      m  joins letters       a  '       q  "
    h    ideograph or hiragana      k  katakana             p  pictograph         r  regional indicator  s  another sign
    e    mark that is seen          f  invisible            z  ZWJ
    """
    category = unicodedata.category(c)
    if c.isspace() or c == ZWSP or category == "Cc":
        return " "
    if c in INNER_SIGNS or c in ("'", '"', ZWJ):
        return {"'": "a", '"': "q", ZWJ: "z"}.get(c, "m")
    if INVISIBLE.match(c) or (category == "Cf" and not VISIBLE_FORMAT.match(c)):
        return "f"
    if category[0] == "M" or SKIN_TONE.match(c):
        return "e"
    for kind, pattern in (("r", REGIONAL_INDICATOR), ("k", KATAKANA), ("h", IDEOGRAPH)):
        if pattern.match(c):
            return kind
    if c.isalnum() or c in ("_", GERESH) or category == "Cf":
        return "b" if category == "Lo" and ("\u0590" <= c <= "\u05ff" or "\ufb1d" <= c <= "\ufb4f") else "w"
    return "p" if category in ("So", "Sm") else "s"
