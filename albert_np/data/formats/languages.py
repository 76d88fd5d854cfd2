"""Languages in the names of columns, keys and files: "en", "eng_Latn", "pt-BR", "sentence_de", "German"."""

import re
from collections.abc import Sequence
from pathlib import Path

# ISO 639-1
CODES = set(
    """aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
    es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv
    ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd
    ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr
    ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu""".split()
)
# Other names (ISO 639-2 and 639-3, English, the language's own) by their ISO 639-1 code.
NAMES = {
    name: line.split()[0]
    for line in """\
    en eng english
    de deu ger german deutsch
    fr fra fre french français francais
    es spa spanish español espanol castellano
    it ita italian italiano
    pt por portuguese português portugues
    nl nld dut dutch nederlands
    sv swe swedish svenska
    da dan danish dansk
    no nor norwegian norsk
    nb nob
    nn nno
    fi fin finnish suomi
    is isl ice icelandic
    et est estonian
    lv lav latvian
    lt lit lithuanian
    pl pol polish polski
    cs ces cze czech čeština
    sk slk slo slovak
    sl slv slovene slovenian
    hr hrv croatian
    sr srp serbian
    bs bos bosnian
    mk mkd mac macedonian
    bg bul bulgarian
    ru rus russian русский
    uk ukr ukrainian українська
    be bel belarusian
    hu hun hungarian magyar
    ro ron rum romanian română
    el ell gre greek ελληνικά
    tr tur turkish türkçe
    sq sqi alb albanian
    ca cat catalan català
    gl glg galician
    eu eus baq basque
    ga gle irish
    cy cym wel welsh
    mt mlt maltese
    la lat latin
    eo epo esperanto
    he heb hebrew
    ar ara arb arabic
    fa fas per pes persian farsi
    ur urd urdu
    hi hin hindi
    bn ben bengali
    gu guj gujarati
    mr mar marathi
    ne nep npi nepali
    pa pan punjabi
    si sin sinhala
    ta tam tamil
    te tel telugu
    ml mal malayalam
    kn kan kannada
    th tha thai
    vi vie vietnamese
    id ind indonesian
    ms msa zsm malay
    tl tgl tagalog filipino
    zh zho chi cmn yue chinese mandarin 中文
    ja jpn japanese 日本語
    ko kor korean
    ka kat geo georgian
    hy hye arm armenian
    az aze azerbaijani
    kk kaz kazakh
    uz uzb uzbek
    mn mon khk mongolian
    km khm khmer
    lo lao
    my mya burmese
    sw swa swh swahili
    am amh amharic
    ha hau hausa
    yo yor yoruba
    ig ibo igbo
    so som somali
    zu zul zulu
    xh xho xhosa
    af afr afrikaans
    ps pus pbt pashto
    ku kur kmr kurdish
    tg tgk tajik
    """.splitlines()
    for name in line.split()[1:]
}
FILLERS = {
    "text",
    "texts",
    "txt",
    "word",
    "words",
    "phrase",
    "phrases",
    "sentence",
    "sentences",
    "sent",
    "lang",
    "translation",
}  # beside a language's name


def get_language(name: str) -> str | None:
    """Return the ISO 639-1 code of the language in a column's name, or None.

    >>> [get_language(name) for name in ("de", "German", "sentence_deu_Latn", "pt-BR", "label")]
    ['de', 'de', 'de', 'pt', None]
    """
    words = [word for word in re.findall(r"[^\W\d_]+|\d+", name.lower()) if word not in FILLERS]
    if not words or len(words) > 3 or any(not re.fullmatch(r"[a-z]{2}|[a-z]{4}|\d{3}", word) for word in words[1:]):
        return None  # behind the language: a region ("BR", "419") or a script ("Latn")
    return NAMES.get(words[0], words[0] if words[0] in CODES else None)


def get_file_languages(paths: Sequence[str]) -> list[str] | None:
    """Return the languages of files such as train.en and train.de.gz, by their suffixes; None unless all have a different one."""
    suffixes = [Path(path.removesuffix(".gz").removesuffix(".xz")).suffix.removeprefix(".") for path in paths]
    codes = [get_language(suffix) for suffix in suffixes]
    return suffixes if None not in codes and len(set(codes)) == len(codes) else None
