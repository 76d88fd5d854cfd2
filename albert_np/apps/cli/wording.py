"""Messages at the command line. Below `apps` they name arguments as Python has them, `out` or `resume=True`; here, options."""

import re

# arguments of Python's functions that are options of a command, and those whose option has another name
ARGUMENTS = frozenset(
    "accumulate batch_size changes checkpoint_every clip_norm config data dev epochs examples from_scratch hard held_out "
    "keep_accents labels learning_rate lower_case max_length model objective options out paper precision resume schedule seed "
    "seeds source steps teacher template tensorboard tokenizer tokens_per_batch train vocab_size warmup".split()
)
OTHERS = {
    "learning_rate": "--lr", "objective": "--sentence-objective", "source": "--model", "ab.use('cupy')": "--backend cupy",
}  # fmt: skip


_ARGUMENT = re.compile(r"`([\w.]+(?:\('\w+'\))?)(?:=True)?`")
_OPTION = re.compile(r"`options=\{'(\w+)': ([\w.]+)\}`")
_VALUE = re.compile(r"\boption (\w+=[^\s,;)]+)")  # option kind=number
_NAME = re.compile(r"(?<=[( ])option (\w+)(?=\))")  # (option text), (..., see option text)
_CHANGE = re.compile(r"`changes=\{'(\w+)': ([\w.]+)\}`")


def as_options(message: str) -> str:
    """Return the message with the arguments that stand in backquotes written as options.

    >>> as_options("`resume=True` continues it, or choose another `out`; try a lower `learning_rate`")
    '--resume continues it, or choose another --out; try a lower --lr'
    >>> as_options("name their column, `options={'label': NAME}`, or see `read_table`")
    'name their column, -o label=NAME, or see `read_table`'
    >>> as_options("name it (option text), or say what they are (option kind=classes)")
    'name it (-o text=...), or say what they are (-o kind=classes)'
    """
    message = _OPTION.sub(r"-o \1=\2", message)
    message = _NAME.sub(r"-o \1=...", _VALUE.sub(r"-o \1", message))
    message = _CHANGE.sub(lambda match: f"--{match[1].replace('_', '-')} {match[2]}", message)
    return _ARGUMENT.sub(lambda match: OTHERS.get(match[1]) or _option(match[1]) or match[0], message)


def _option(name: str) -> str:
    """Return the option of an argument; "" for other names."""
    return "--" + name.replace("_", "-") if name in ARGUMENTS else ""
