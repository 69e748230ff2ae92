"""The sizes of a Llama model from the metadata of a GGUF file."""

from sim.checkpoint.gguf_file import GgufFile, shown
from sim.checkpoint.model import LlamaShape

_ARCHITECTURE = "llama"
_ROPE_BASE = 10000.0


def read_shape(file: GgufFile) -> LlamaShape:
    """Read and check the sizes.

    Raises
    ------
    UserError
        If the architecture is not llama, a size is missing or two disagree, or the model uses rope scaling or
        experts, which are not supported.
    """
    _check_architecture(file)
    _check_features(file)
    dim, heads = file.integer("llama.embedding_length"), file.integer("llama.attention.head_count")
    kv_heads = file.integer("llama.attention.head_count_kv", heads)
    return LlamaShape(
        dim=dim,
        layers=file.integer("llama.block_count"),
        heads=heads,
        kv_heads=_check_groups(file, heads, kv_heads),
        head_dim=_head_dim(file, dim, heads),
        ffn=file.integer("llama.feed_forward_length"),
        vocab=_vocab(file),
        context=file.integer("llama.context_length"),
        rope_base=file.positive("llama.rope.freq_base", _ROPE_BASE),
        norm_eps=file.positive("llama.attention.layer_norm_rms_epsilon"),
        tied="output.weight" not in file.tensors,
    )


def _check_architecture(file: GgufFile) -> None:
    architecture = file.text("general.architecture")
    if architecture != _ARCHITECTURE:
        found = f'architecture "{shown(architecture)}", only "{_ARCHITECTURE}" is supported'
        raise file.refuse(f"is a model of {found}: give a Llama model.")


def _check_features(file: GgufFile) -> None:
    scaling = file.text("llama.rope.scaling.type", "none")
    if scaling != "none":
        raise file.refuse(f'uses rope scaling "{shown(scaling)}", which is not supported: give a model without it.')
    if file.fields.get("llama.rope.scale_linear", 1.0) != 1.0:
        raise file.refuse("uses linear rope scaling, which is not supported: give a model without it.")
    if file.integer("llama.expert_count", 0, low=0):
        raise file.refuse("is a mixture of experts, which is not supported: give a dense Llama model.")


def _check_groups(file: GgufFile, heads: int, kv_heads: int) -> int:
    if heads % kv_heads:
        raise file.refuse(f"has {heads} heads, which {kv_heads} key heads cannot share evenly: convert it again.")
    return kv_heads


def _head_dim(file: GgufFile, dim: int, heads: int) -> int:
    head_dim = file.integer("llama.attention.key_length", dim // heads, low=2)
    if head_dim * heads != dim and "llama.attention.key_length" not in file.fields:
        raise file.refuse(f"has {heads} heads for a width of {dim}, which is no multiple of that: convert it again.")
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        if file.integer(key, head_dim) != head_dim:
            raise file.refuse(f'gives "{key}" as {file.fields[key]}, only the head\'s own {head_dim} is supported.')
    if head_dim % 2:
        raise file.refuse(f"has heads of {head_dim} values, but rotary pairs need an even number: convert it again.")
    return head_dim


def _vocab(file: GgufFile) -> int:
    tokens = len(file.items("tokenizer.ggml.tokens", str))
    stated = file.integer("llama.vocab_size", tokens)
    if stated != tokens:
        raise file.refuse(f"states a vocabulary of {stated} but lists {tokens} tokens: convert it again.")
    return tokens
