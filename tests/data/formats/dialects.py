"""Random sentences with entities or propositions, and the dialects of files in columns in which they can be written."""

WORDS = """Ada Lee ran to Rio . , - # #Rio
don't 10\u00a0000 價格 e\u0301t\u00e9 O B-PER word = _ * (x) 1 2005 a\u200db \ufe0f -- [x] 3-4 5.1
x=y|z % {b} "q" \u0939\u093f\u0928\u094d\u0926\u0940""".split()
WORDS += ["10\u00a0000"]
TYPES = ("PER", "LOC", "ARGM-LOC", "x.y")
ENDS = ("", "", " ", "\t", " \t ", "\u00a0", "\ufeff", "\u200b", "\u3000")  # blank lines


# ---- sentences with entities ----


def random_sentences(rng):
    """[(words, [(type, first, one past the last)])]"""
    sentences = []
    for _ in range(rng.randint(1, 4)):
        words = tuple(rng.choice(WORDS) for _ in range(rng.randint(1, 8)))
        spans, i = [], 0
        while i < len(words):
            length = rng.randint(1, 3)
            if rng.random() < 0.5 and i + length <= len(words):
                spans.append((rng.choice(TYPES), i, i + length))
                i += length
            else:
                i += 1
        sentences.append((words, spans))
    if not any(spans for _, spans in sentences):
        sentences[0] = (sentences[0][0], [("PER", 0, 1)])
    return sentences


def tags_of(scheme, spans, length):
    """The tags of a sentence in one of the schemes with prefixes."""
    tags = ["O"] * length
    letters = {"BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEWO": "BMEW"}.get(scheme, "BIIB")
    previous = None
    for kind, first, stop in spans:
        begins, inside, ends, single = letters
        if scheme == "IOB1" and previous != (kind, first):
            begins = single = "I"
        marks = [single] if stop == first + 1 else [begins, *[inside] * (stop - first - 2), ends]
        tags[first:stop] = [f"{mark}-{kind}" for mark in marks]
        previous = (kind, stop)
    return tags


def brackets_of(spans, length):
    cells = ["*"] * length
    for kind, first, stop in spans:
        cells[first], cells[stop - 1] = f"({kind}*", "*)" if stop > first + 1 else f"({kind}*)"
    return cells


SPELLINGS = {
    "lower": lambda tag: tag[:1].lower() + tag[1:],
    "underscore": lambda tag: tag.replace("-", "_", 1),
    "suffix": lambda tag: tag if tag == "O" else f"{tag[2:]}-{tag[0]}",
    "suffix_": lambda tag: tag if tag == "O" else f"{tag[2:]}_{tag[0]}",
    "bare": lambda tag: tag[0],
    "key": lambda tag: f"SpaceAfter=No|NER={tag}",
    "dash": lambda tag: "_" if tag == "O" else tag,
}


def cells_of(rng, sentences):
    """The cells of the tags of each sentence, and the cell of O."""
    kind = rng.choice(["plain"] * 4 + ["brackets", *SPELLINGS])
    if kind == "brackets":
        return [brackets_of(spans, len(words)) for words, spans in sentences], "*"
    scheme = rng.choice(["BIO", "IOB1", "BIOES", "BILOU", "BMES", "BMEWO"])
    if kind == "bare":
        scheme = "BIO"
    change = SPELLINGS.get(kind, str)
    return [[change(tag) for tag in tags_of(scheme, spans, len(words))] for words, spans in sentences], change("O")


def write_sentences(rng, sentences):
    """(bytes of a file, options to read it)"""
    cells, outside = cells_of(rng, sentences)
    if all(set(column) <= {"B", "I", "O"} for column in cells):
        sentences[:] = [(words, [("ENTITY", first, stop) for _, first, stop in spans]) for words, spans in sentences]
    numbered = rng.random() < 0.4 and any(len(words) > 1 for words, _ in sentences)
    base, extra, named = rng.choice((0, 1)), rng.randint(0, 3), rng.random() < 0.3
    options = {}
    if named:  # the tag before the word
        options = {"word": 2 + numbered, "tag": 1 + numbered}
    rows = []
    empty = rng.random() < 0.3  # one word that cannot be seen in each sentence
    for (words, _), tags in zip(sentences, cells):
        if empty:
            words, tags = (*words, rng.choice(("\u200b", "\ufeff\u2060", "\u3000", "\u00ad"))), [*tags, outside]
        rows.append([])
        for i, (word, tag) in enumerate(zip(words, tags)):
            middle = ["NN", "x1", "=", "7"][:extra]
            columns = ["_", tag, word, *middle] if named else [word, *middle, tag]
            rows[-1].append([str(base + i), *columns] if numbered else columns)
    if numbered and rng.random() < 0.5:
        insert_tokens(rng, rows, base)
    lines = write_lines(rng, rows, numbered)
    return encode(rng, lines), options


def insert_tokens(rng, rows, base):
    """Insert multiword tokens and empty nodes among numbered rows."""
    for sentence in rows:
        i = rng.randrange(len(sentence))
        other = ["_"] * (len(sentence[0]) - 1)
        sentence.insert(i + 1, [f"{base + i}.1", *other])
        sentence.insert(i, [f"{base + i}-{base + i + 1}", *other])


def write_lines(rng, rows, numbered):
    """Lines with comments, borders and blank lines in between."""
    tabs = rng.choice(("\t", "\t", " ", "  ", "mixed"))
    width = len(rows[0][0])
    blank_lines = not numbered or rng.random() < 0.7
    borders = rng.choice(
        (["-DOCSTART- -X- O O"], ["#end document", "#begin document (a/b); part 000"], ["# newdoc id = a", "# newpar"])
    )
    marked = rng.random() < 0.3
    comments = [
        "# sent_id = 1",
        "# text = Ada ran O",
        "# text = a\tB-PER",
        "# id x domain=en",
        "#",
        "##",
        "# note: this is one of many",
    ]
    comments += ["#\thttp://example.org/1\t[2009-10-17]"] if width not in (1, 3) or numbered else []
    commented = rng.random() < 0.5
    lines = []
    for sentence in rows:
        if marked:
            lines += borders
        if commented:
            lines += [rng.choice(comments) for _ in range(rng.randint(1, 2))]
        for row in sentence:
            separator = rng.choice(("\t", " ")) if tabs == "mixed" else tabs
            lines.append(separator.join(row))
        if not marked and (blank_lines or not numbered):
            lines += [rng.choice(ENDS) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.2:
        lines.append("\ufeff")
    return lines


def encode(rng, lines):
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    text = end.join(lines) + rng.choice(("", end, end + end))
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32")))


# ---- propositions ----


def random_propositions(rng):
    """[(words, [(index of the predicate, [(role, first, one past the last)])])]"""
    sentences = []
    for _ in range(rng.randint(1, 4)):
        words = tuple(rng.choice(WORDS) for _ in range(rng.randint(1, 7)))
        predicates = []
        for index in sorted(rng.sample(range(len(words)), rng.randint(0, min(2, len(words))))):
            spans = [("V", index, index + 1)]
            if index > 0 and rng.random() < 0.7:
                spans.insert(0, ("A0", rng.randrange(index), index))
            if index + 1 < len(words) and rng.random() < 0.7:
                spans.append(("AM-TMP", index + 1, rng.randint(index + 2, len(words))))
            predicates.append((index, spans))
        sentences.append((words, predicates))
    if not any(predicates for _, predicates in sentences):
        sentences[0] = (sentences[0][0], [(0, [("V", 0, 1)])])
    return sentences


def write_propositions(rng, sentences):
    """The bytes of a file in one of the forms."""
    form = rng.choice(("propbank", "conll-u", "conll-2005", "conll-2012"))
    tab = rng.choice(("\t", " ", "   "))
    lines = []
    for words, predicates in sentences:
        columns = [brackets_of(spans, len(words)) for _, spans in predicates]
        if rng.random() < 0.5 and form != "conll-2005":
            lines.append(rng.choice(("# sent_id = 1", "#begin document (x); part 000", "# newdoc", "#")))
        for i, word in enumerate(words):
            heads = {index for index, _ in predicates}
            cells = [column[i] for column in columns]
            lines.append(tab.join(write_row(form, i, word, i in heads, cells)))
        lines.append(rng.choice(ENDS))
    return encode(rng, lines)


def write_row(form, i, word, predicate, cells):
    if form == "propbank":
        return [str(i), word, "NN", *(("see", "see.01") if predicate else ("-", "-")), *cells]
    if form == "conll-u":
        return [str(i + 1), word, *"_____", str(i), *"___", "see.01" if predicate else "_", *cells][:6] + [
            str(i), "dep", "_", "_", "see.01" if predicate else "_", *cells,
        ]  # fmt: skip
    if form == "conll-2005":
        return [word, "NN", *(("01", "see") if predicate else "--"), *cells]
    frame = ("see", "01") if predicate else ("-", "-")
    return ["a/b/01", "0", str(i), word, "NN", "(S*", *frame, "-", "-", "*", *cells, "-"]
