"""Text to tokens and back, exactly as llama.cpp does it."""

from sim.checkpoint.tokenizer.base import Tokenizer
from sim.checkpoint.tokenizer.byte_pair import BytePairTokenizer
from sim.checkpoint.tokenizer.sentencepiece import SentencePieceTokenizer
from sim.checkpoint.tokenizer.vocabulary import Vocabulary

__all__ = ["BytePairTokenizer", "SentencePieceTokenizer", "Tokenizer", "Vocabulary"]
