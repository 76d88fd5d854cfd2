"""Raw text -> pieces -> ids, and back.

normalise   ALBERT's normalisation, with an alignment to the original text
spiece      a SentencePiece model, checked before its library sees it (protobuf, specs, charsmap)
base        what all tokenizers share: pairs, padding, batches, files (encoding, settings and locate are its parts)
tokenizer   AlbertTokenizer (specials, pieces, offsets and tokenizer_json are its parts)
wordpiece   WordPieceTokenizer, for the Chinese models (vocabulary reads their vocab.txt)
train       train_tokenizer: a new vocabulary from raw lines
"""

from albert_np.text.base import Tokenizer
from albert_np.text.normalise import Normalised, normalise
from albert_np.text.tokenizer import AlbertTokenizer
from albert_np.text.train import train_tokenizer
from albert_np.text.wordpiece import WordPieceTokenizer

__all__ = ["AlbertTokenizer", "Normalised", "Tokenizer", "WordPieceTokenizer", "normalise", "train_tokenizer"]
