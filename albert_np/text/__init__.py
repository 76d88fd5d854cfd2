"""Raw text -> pieces -> ids, and back. (A piece is an entry of a SentencePiece or WordPiece vocabulary.)

To read it, follow a text:

normalise        ALBERT's normalisation, with or without an alignment to the original text
specials         splitting a text at its special tokens, [CLS], [SEP], [MASK], <pad>, <unk>
pieces           Google's rules for single pieces: digits before a comma, which pieces begin a word
offsets          the slice of the original text that each piece came from
tokenizer        AlbertTokenizer: all of these around a SentencePiece model
unigram          encoding by such a model in plain Python, where the sentencepiece library is not installed
encoding         ids -> rows of a batch: pairs, truncation, special tokens, padding
base             Tokenizer: what all tokenizers share, calls and files
wordpiece        WordPieceTokenizer, for the Chinese models
train            train_tokenizer: a new vocabulary from raw lines
coverage         the characters of a text that a vocabulary does not keep

Files:

locate           which file of a folder holds the vocabulary
settings         tokenizer_config.json
spiece           SentencePiece models, checked before they are used; specs: their settings, charsmap: their character map
vocabulary       WordPiece vocabularies: vocab.txt
tokenizer_json   tokenizer.json, for transformers and the tokenizers library
unigram_json     a tokenizer.json without spiece.model, as transformers 5 saves it
"""

from albert_np.text.base import Tokenizer
from albert_np.text.normalise import Normalised, normalise
from albert_np.text.tokenizer import AlbertTokenizer
from albert_np.text.train import train_tokenizer
from albert_np.text.wordpiece import WordPieceTokenizer

__all__ = ["AlbertTokenizer", "Normalised", "Tokenizer", "WordPieceTokenizer", "normalise", "train_tokenizer"]
__dir__ = __all__.copy  # for completion
