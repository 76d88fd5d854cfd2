"""Training a SentencePiece vocabulary with ALBERT's settings.

Google's command (google-research/albert, README): a unigram model, <pad> 0 and <unk> 1, [CLS] [SEP] [MASK] as control
symbols 2 3 4, no begin and end symbols, the signs ( ) " - . – £ € always as separate pieces, coverage 0.99995.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from albert_np.io.files import write_whole
from albert_np.text.normalise import check_text, lower_each, normalise_text

CONTROL = ["[CLS]", "[SEP]", "[MASK]"]
SIGNS = ["(", ")", '"', "-", ".", "–", "£", "€"]
SMALLEST = 2 + len(CONTROL) + len(SIGNS)
LONGEST_LINE = 4000  # bytes: SentencePiece skips lines over 4192, so longer ones are split at spaces
RESERVED = "\u2585"  # ▅ stands for unknown characters within SentencePiece, which skips each line that has one
NAMES = {name: f"{name[0]} {name[1:-1]} {name[-1]}" for name in ("<pad>", "<unk>", *CONTROL)}  # else it skips their characters
THREADS = 2  # constant, since another number of threads adds in another order, which can in the end change the pieces


class TextTooSmall(ValueError):
    """The text is too small for the vocabulary; `largest` is the largest possible number of pieces."""

    def __init__(self, vocab_size: int, largest: int):
        super().__init__(f"the text is too small for a vocabulary of {vocab_size} pieces: the largest possible is {largest}")
        self.largest = largest


def train_tokenizer(
    lines: Iterable[str],
    model_path: str | Path,
    vocab_size: int,
    *,
    do_lower_case: bool = True,
    keep_accents: bool = False,
    character_coverage: float = 0.99995,
    max_lines: int = 10_000_000,
) -> Path:
    """Train a vocabulary of exactly `vocab_size` pieces on raw lines and write it to `model_path`, whole or not at all.

    The lines are normalised first, as by `AlbertTokenizer`; ▅ (U+2585), which SentencePiece reserves, counts as a space. If
    there are more than `max_lines`, a random sample is used. The same lines in the same order give the same bytes. Returns the
    path, for an `AlbertTokenizer` with the same do_lower_case and keep_accents: the file does not hold these.

    TextTooSmall, a ValueError, if the text is too small for `vocab_size`; ValueError if it has too many different characters;
    the message names the limit. ImportError without the sentencepiece library.
    """
    sentencepiece = load_library()
    if vocab_size <= SMALLEST:
        raise ValueError(f"vocab_size must be over {SMALLEST} (the special symbols alone), not {vocab_size}")
    if max_lines <= 100:
        raise ValueError(f"max_lines must be over 100, not {max_lines}: SentencePiece takes no smaller sample")
    model_path = Path(model_path)
    if not model_path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {model_path.parent} to write {model_path.name} to")
    source = NormalisedLines(lines, do_lower_case, keep_accents)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(source),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=CONTROL,
            user_defined_symbols=SIGNS,
            character_coverage=character_coverage,
            input_sentence_size=max_lines,
            shuffle_input_sentence=True,
            num_threads=THREADS,
            minloglevel=2,  # errors only
        )
    except RuntimeError as error:
        raise source.error or _explain_error(str(error), vocab_size) from error
    write_whole(model_path, lambda temporary: temporary.write_bytes(model.getvalue()))
    return model_path


def load_library() -> Any:
    """Return the sentencepiece library. Raises ImportError, which says what to do, where it is not installed."""
    try:
        import sentencepiece
    except ModuleNotFoundError:
        raise ImportError(
            "training a vocabulary needs the sentencepiece library: pip install sentencepiece. There is none for browsers: "
            "make the vocabulary elsewhere, or use that of a model"
        ) from None
    return sentencepiece


class NormalisedLines:
    """Iterates over normalised lines, none longer than SentencePiece accepts.

    SentencePiece replaces an exception that is raised while it reads by its own RuntimeError; `error` is the original one.
    """

    def __init__(self, lines: Iterable[str], do_lower_case: bool, keep_accents: bool):
        self.lines, self.do_lower_case, self.keep_accents = lines, do_lower_case, keep_accents
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            for line in map(check_text, self.lines):
                line = lower_each(line) if self.do_lower_case else line
                line = line.replace(RESERVED, " ")
                for name, apart in NAMES.items():
                    line = line.replace(name, apart)
                yield from _split_line(normalise_text(line, self.do_lower_case, self.keep_accents))
        except BaseException as error:  # KeyboardInterrupt, too
            self.error = error
            raise


def _split_line(line: str, longest: int = LONGEST_LINE) -> Iterator[str]:
    """Yield parts of at most `longest` bytes of UTF-8, split at spaces if there are any."""
    characters = longest // 4  # a character has at most four bytes
    while len(line) > characters and len(line.encode()) > longest:
        end = line.rfind(" ", 0, characters) + 1 or characters
        yield line[:end].strip()
        line = line[end:]
    if line.strip():
        yield line


def _explain_error(message: str, vocab_size: int) -> ValueError | RuntimeError:
    """Return the exception for an error message of SentencePiece, with what to change."""
    if largest := re.search(r"Please set it to a value <= (\d+)", message):
        return TextTooSmall(vocab_size, int(largest[1]))
    if needed := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return ValueError(
            f"the text has too many different characters for a vocabulary of {vocab_size} pieces: vocab_size must be "
            f"at least {needed[1]}, or character_coverage smaller"
        )
    if "sentences_.empty()" in message or "all_chars_count" in message:
        return ValueError("there is no text to train a vocabulary on: every line is empty, or has no characters that are kept")
    return RuntimeError(f"SentencePiece could not train a vocabulary of {vocab_size} pieces: {message}")
