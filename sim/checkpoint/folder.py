"""A Llama model from a folder as Hugging Face publishes it: `config.json`, safetensors and `tokenizer.json`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devicemodels.errors import UserError
from sim.checkpoint.folder_tokenizer import read_chat_template, read_tokenizer
from sim.checkpoint.gguf_file import shown
from sim.checkpoint.model import GroupedMatrix, Layer, LlamaShape, Model
from sim.checkpoint.quantise import quantise
from sim.checkpoint.safetensors_file import StoredTensor, open_safetensors, read_json

_ARCHITECTURE = "LlamaForCausalLM"
_SIZES = {
    "dim": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "vocab": "vocab_size",
    "context": "max_position_embeddings",
}
_PLAIN = {"attention_bias": (False,), "mlp_bias": (False,), "hidden_act": ("silu", "swish")}
"""Choices that a plain Llama model has; a file that leaves one out means the first."""


def read_folder(folder: Path) -> Model:
    """Read a model; matrices are quantised to `Q8_0` groups.

    Raises
    ------
    UserError
        One sentence with the file and the thing at fault: an architecture, a tensor type or a tokenizer that is not
        supported, or a file that is missing, truncated or damaged.
    """
    config = read_json(folder / "config.json")
    shape = _shape(folder / "config.json", config)
    tensors = _Tensors(folder)
    embedding = tensors.matrix("model.embed_tokens.weight", shape.vocab, shape.dim)
    model = Model(
        name=folder.resolve().name,
        licence="unknown",
        shape=shape,
        tokenizer=read_tokenizer(folder, shape.vocab),
        embedding=embedding,
        layers=tuple(_layer(tensors, f"model.layers.{index}.", shape) for index in range(shape.layers)),
        norm=tensors.vector("model.norm.weight", shape.dim),
        head=embedding if shape.tied else tensors.matrix("lm_head.weight", shape.vocab, shape.dim),
        chat_template=read_chat_template(folder),
    )
    tensors.finish(tied=shape.tied)
    return model


def _shape(path: Path, config: dict[str, Any]) -> LlamaShape:
    _check_architecture(path, config)
    sizes = {ours: _whole(path, config, theirs) for ours, theirs in _SIZES.items()}
    heads, kv_heads = sizes["heads"], _whole(path, config, "num_key_value_heads", sizes["heads"])
    head_dim = _whole(path, config, "head_dim", sizes["dim"] // heads)
    if heads % kv_heads or head_dim % 2 or not head_dim:
        raise UserError(
            f'"{path}" has {heads} heads of {head_dim} values on {kv_heads} key heads, which must be shared evenly '
            "and have pairs to rotate: fetch it again."
        )
    rope = config.get("rope_parameters") or {}
    return LlamaShape(
        **sizes,
        kv_heads=kv_heads,
        head_dim=head_dim,
        rope_base=_positive(path, {**config, **rope}, "rope_theta", 10000.0),
        norm_eps=_positive(path, config, "rms_norm_eps", 1e-6),
        tied=config.get("tie_word_embeddings") is True,
    )


def _check_architecture(path: Path, config: dict[str, Any]) -> None:
    found = config.get("architectures") or [config.get("model_type")]
    if found not in ([_ARCHITECTURE], ["llama"]):
        raise UserError(
            f'"{path}" is of architecture {shown(str(found))}, only {_ARCHITECTURE} is supported: give a Llama model.'
        )
    for key, values in _PLAIN.items():
        if config.get(key, values[0]) not in values:
            raise UserError(f'"{path}" gives "{key}" as {shown(repr(config[key]))}, only {values[0]} is supported.')
    for key in ("rope_scaling", "rope_parameters"):
        rope = config.get(key) or {}
        kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else rope
        if kind != "default":
            raise UserError(f'"{path}" uses rope scaling {shown(repr(kind))}, which is not supported.')
    if config.get("quantization_config"):
        raise UserError(f'"{path}" is of quantised weights, which are supported in GGUF only: convert it to GGUF.')


def _whole(path: Path, config: dict[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
        raise UserError(f'"{path}" gives "{key}" as {shown(repr(value))}, but it must be 1, 2, 3 …: fetch it again.')
    return value


def _positive(path: Path, config: dict[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise UserError(f'"{path}" gives "{key}" as {shown(repr(value))}, which must be above zero: fetch it again.')
    return float(value)


class _Tensors:
    """Takes tensors out of a checkpoint by name, checks them, and remembers which were taken."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tensors = folder, open_safetensors(folder)
        self._left = set(self._tensors)

    def vector(self, name: str, size: int) -> NDArray[np.float32]:
        return self._take(name, (size,)).values()

    def matrix(self, name: str, rows: int, columns: int) -> GroupedMatrix:
        return quantise(self._take(name, (rows, columns)).values())

    def rotated(self, name: str, heads: int, head_dim: int, columns: int) -> GroupedMatrix:
        """Queries or keys: the checkpoint's rotary pairs are half a head apart, ours are adjacent rows."""
        values = self._take(name, (heads * head_dim, columns)).values()
        pairs = values.reshape(heads, 2, head_dim // 2, columns).swapaxes(1, 2)
        return quantise(pairs.reshape(heads * head_dim, columns))

    def finish(self, *, tied: bool) -> None:
        """Refuse a checkpoint with tensors that no one took, but for a copy of the head and old rotary tables."""
        for name in sorted(self._left):
            if not (tied and name == "lm_head.weight") and not name.endswith("rotary_emb.inv_freq"):
                raise UserError(
                    f'"{self._folder}" has a tensor "{shown(name)}", which a plain Llama model has not: give another.'
                )

    def _take(self, name: str, shape: tuple[int, ...]) -> StoredTensor:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise UserError(f'"{self._folder}" has no tensor "{name}", which a Llama model needs: fetch it again.')
        if tensor.shape != shape:
            raise UserError(
                f'"{tensor.path}" gives "{name}" the shape {tensor.shape}, config.json asks for {shape}: fetch both.'
            )
        self._left.discard(name)
        return tensor


def _layer(tensors: _Tensors, prefix: str, shape: LlamaShape) -> Layer:
    dim, head_dim = shape.dim, shape.head_dim
    attention, block = prefix + "self_attn.", prefix + "mlp."
    return Layer(
        attention_norm=tensors.vector(prefix + "input_layernorm.weight", dim),
        q=tensors.rotated(attention + "q_proj.weight", shape.heads, head_dim, dim),
        k=tensors.rotated(attention + "k_proj.weight", shape.kv_heads, head_dim, dim),
        v=tensors.matrix(attention + "v_proj.weight", shape.kv_heads * head_dim, dim),
        o=tensors.matrix(attention + "o_proj.weight", dim, shape.heads * head_dim),
        ffn_norm=tensors.vector(prefix + "post_attention_layernorm.weight", dim),
        gate=tensors.matrix(block + "gate_proj.weight", shape.ffn, dim),
        up=tensors.matrix(block + "up_proj.weight", shape.ffn, dim),
        down=tensors.matrix(block + "down_proj.weight", dim, shape.ffn),
    )
