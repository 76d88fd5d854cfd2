"""Raw text -> pieces -> ids, and back.

normalise   ALBERT's normalisation, with an alignment to the original text
spiece      a SentencePiece model, checked before its library sees it (protobuf, charsmap)
tokenizer   AlbertTokenizer (specials, pieces, offsets, encoding and settings are its parts)
train       train_tokenizer: a new vocabulary from raw lines
"""

from albert_np.text.normalise import Normalised, normalise
from albert_np.text.tokenizer import AlbertTokenizer
from albert_np.text.train import train_tokenizer

__all__ = ["AlbertTokenizer", "Normalised", "normalise", "train_tokenizer"]
