"""The vocabulary of a tokenizer and the rows of a model's word table, where the two meet."""

from albert_np.models.config import AlbertConfig


def check_vocabulary(config: AlbertConfig, pieces: int) -> None:
    """Raise ValueError if a tokenizer of this many pieces has more of them than the model has rows.

    Fewer are no fault: a word table is often padded to a multiple of 8 or 64, and rows without a piece are never answers.
    """
    if pieces > config.vocab_size:
        raise ValueError(
            f"the tokenizer has {pieces} pieces, but the model's vocab_size is {config.vocab_size}: this is not the "
            "tokenizer that the model was trained with, or pieces were added to it alone"
        )
