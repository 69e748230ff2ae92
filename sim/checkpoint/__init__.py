"""Real language models: a GGUF file or a folder in, a `Model` of whole-number codes and scales out."""

from sim.checkpoint.chat import prompt_tokens
from sim.checkpoint.load import load_model, model_names
from sim.checkpoint.model import GroupedMatrix, Layer, LlamaShape, Model
from sim.checkpoint.quantise import quantise
from sim.checkpoint.tokenizer import Tokenizer

__all__ = [
    "GroupedMatrix",
    "Layer",
    "LlamaShape",
    "Model",
    "Tokenizer",
    "load_model",
    "model_names",
    "prompt_tokens",
    "quantise",
]
