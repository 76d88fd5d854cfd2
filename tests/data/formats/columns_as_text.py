"""Sentences as a line of text, for tests that compare what a reader returns: "Ada/B-PER ran/O ‖ It/O rains/O"."""

import warnings

from albert_np.data.formats import read_propositions, read_tags

SIGNS = {"⏎": "\n", "⇥": "\t", "⍽": "\u00a0", "∅": "\u200b", "␣": " "}  # how pages write characters that cannot be seen


def show_tags(sentences):
    """Words and tags of each sentence."""
    return " ‖ ".join(
        " ".join(map("/".join, zip(each.words, each.tags)) if each.tags is not None else each.words) for each in sentences
    )


def show_propositions(sentences):
    """Words of each sentence, then its frames with the tags of each."""
    return " ‖ ".join(
        "; ".join([" ".join(each.words), *(f"{p.frame} {' '.join(p.tags)}" for p in each.predicates)]) for each in sentences
    )


def write_signs(text):
    """The text with the characters that `SIGNS` stand for."""
    for sign, character in SIGNS.items():
        text = text.replace(sign, character)
    return text


def read_as_text(task, path, **options):
    """Return the sentences of a file as text, or "refused: " and the message without the file's name."""
    read, show = {"ner": (read_tags, show_tags), "srl": (read_propositions, show_propositions)}[task]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return show(read(path, **options))
    except ValueError as error:
        assert "\n" not in str(error) and str(error).startswith((str(path), *options)), error
        return "refused: " + str(error).removeprefix(str(path)).lstrip(": ")
