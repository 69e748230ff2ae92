"""How loud the groups of a model's vectors are, and the model equalised for that."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from sim.cache import cache_root, cached_json, content_key
from sim.checkpoint import Model
from sim.compiler.equalise import LayerExponents, equalise, exponents
from sim.reference import vectors

PASSAGE = Path(__file__).parent / "models" / "winters_tale.txt"
"""The third act of Shakespeare's Winter's Tale: its last tokens for calibration, the others for evaluation."""

CALIBRATION_TOKENS = 256


def passage_tokens(model: Model) -> list[int]:
    """The passage in a model's tokens."""
    return model.tokenizer.encode(PASSAGE.read_text(encoding="utf-8"))


def equalised(model: Model) -> Model:
    """The same model with the groups of its vectors at like magnitudes (see `sim.compiler.equalise`).

    fp32 reads the last `CALIBRATION_TOKENS` of the passage for that, which takes some seconds for a hundred million
    parameters; the powers of two are kept in the cache.
    """
    tokens = passage_tokens(model)[-min(CALIBRATION_TOKENS, model.shape.context) :]
    found = cached_json(cache_root(), f"equalise-{_key(model, tokens)}", lambda: _calibrate(model, tokens))
    return equalise(model, [LayerExponents(**{name: np.array(v) for name, v in layer.items()}) for layer in found])


def _calibrate(model: Model, tokens: list[int]) -> list[dict[str, list[int]]]:
    layers = [LayerExponents(**{n: exponents(v) for n, v in layer.items()}) for layer in vectors(model, tokens)]
    return [{name: powers.tolist() for name, powers in asdict(layer).items()} for layer in layers]


def _key(model: Model, tokens: list[int]) -> str:
    """Of the model's weights, by sums that a change of any scale or gain changes, and of the tokens."""
    matrices = [layer.down for layer in model.layers] + [model.embedding]
    sums = [float(np.abs(m.scales).sum(dtype=np.float64)) for m in matrices]
    gains = [float(np.sum(g, dtype=np.float64)) for la in model.layers for g in (la.attention_norm, la.ffn_norm)]
    return content_key(model.name, sums, gains, tokens)
