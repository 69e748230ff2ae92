"""A model's sizes from the config.json that is published with its weights."""

import json
from pathlib import Path

from devicemodels.errors import UserError
from sim.system.language_model import LanguageModel

NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "dim": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "ffn": ("intermediate_size", "ffn_dim", "n_inner"),
    "vocab": ("vocab_size",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "experts_used": ("num_experts_per_tok",),
    "expert_ffn": ("moe_intermediate_size",),
    "shared_experts": ("n_shared_experts",),
    "shared_ffn": ("shared_expert_intermediate_size",),
    "window": ("sliding_window",),
}
"""Our sizes, and what different families call them."""

NEEDED = ("layers", "dim", "heads", "ffn", "vocab")

NOT_GATED = {
    "bloom",
    "falcon",
    "gpt2",
    "gpt_bigcode",
    "gpt_neox",
    "gptj",
    "mpt",
    "nemotron",
    "opt",
    "phi",
    "starcoder2",
}
"""Families whose feed-forward block has two matrices; the others have three."""

TIED = {"bloom", "falcon", "gemma", "gemma2", "gpt2", "mpt", "opt"}
"""Families whose head is the embedding unless the file says otherwise."""

FOUR_WIDE = {"bloom", "gpt2", "gptj"}
"""Families whose block is four times as wide as the model unless the file says otherwise."""

NOT_DESCRIBED = {
    "kv_lora_rank": "latent attention",
    "hybrid_override_pattern": "state-space layers",
    "layers_block_type": "layers of several kinds",
    "attn_layer_period": "state-space layers",
    "ssm_state_size": "state-space layers",
    "state_size": "state-space layers",
}
"""Fields of models that the sizes here do not describe."""

LARGEST = 10**7
"""Beyond any size of a model: a file that says more is wrong."""


def read_config(path: Path) -> LanguageModel:
    """The model that a `config.json` describes.

    Raises
    ------
    UserError
        The file cannot be read, is not JSON, lacks a field, or describes what no `LanguageModel` does.
    """
    config = _read(path)
    _check_kind(path, config)
    family = config.get("model_type")
    sizes = {ours: _size(path, config, ours) for ours in NAMES}
    if sizes["ffn"] is None and family in FOUR_WIDE and sizes["dim"]:
        sizes["ffn"] = 4 * sizes["dim"]
    for ours in NEEDED:
        if sizes[ours] is None:
            needed = ", ".join(NAMES[one][0] for one in NEEDED)
            raise UserError(f"model {path} lacks the field '{NAMES[ours][0]}'; a config.json needs {needed}")
    return LanguageModel(
        name=(path.parent.resolve().name if path.stem == "config" else path.stem) or "config",
        ffn_matrices=2 if family in NOT_GATED else 3,
        tied=bool(config.get("tie_word_embeddings", family in TIED)),
        **_attention(path, config, sizes),
        **_blocks(path, sizes),
        **{name: sizes[name] for name in ("layers", "dim", "vocab")},
    )


def _read(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"model {path} cannot be read ({error.strerror}): give the path of a config.json") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"model {path} is not JSON ({error}): give the path of a config.json") from error
    if not isinstance(config, dict):
        raise UserError(f"model {path} holds {type(config).__name__}, but a config.json holds an object of sizes")
    inner = config.get("text_config")  # models that also see keep the language model's sizes there
    return config | inner if isinstance(inner, dict) else config


def _check_kind(path: Path, config: dict) -> None:
    """Refuse what the sizes here would misrepresent."""
    for field, what in NOT_DESCRIBED.items():
        if config.get(field):
            raise UserError(f"model {path} has {what} ('{field}'), which a config.json's sizes do not describe here")
    dense = config.get("first_k_dense_replace") or config.get("mlp_only_layers")
    if dense or any(config.get(step, 1) != 1 for step in ("decoder_sparse_step", "interleave_moe_layer_step")):
        raise UserError(f"model {path} routes in some layers only, and here all layers of a config.json are alike")


def _size(path: Path, config: dict, ours: str) -> int | None:
    """A size by any of its names; None where the file leaves it out."""
    for name in NAMES[ours]:
        value, least = config.get(name), 0 if ours in ("window", "shared_ffn", "shared_experts") else 1
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
            limit = f"a whole number above {least - 1} and at most {LARGEST}"
            raise UserError(f"model {path}: '{name}' is {value!r}, but it must be {limit}")
        return value
    return None


def _attention(path: Path, config: dict, sizes: dict) -> dict[str, int]:
    heads, dim = sizes["heads"], sizes["dim"]
    kv_heads, head_dim = sizes["kv_heads"] or heads, sizes["head_dim"] or dim // heads
    if heads % kv_heads:
        raise UserError(f"model {path}: {heads} attention heads cannot share {kv_heads} key and value heads evenly")
    if not head_dim:
        raise UserError(f"model {path}: a hidden_size of {dim} leaves nothing for each of {heads} heads")
    window = sizes["window"] if config.get("use_sliding_window", True) else 0
    return {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, "window": window or 0}


def _blocks(path: Path, sizes: dict) -> dict[str, int]:
    experts, used = sizes["experts"] or 1, sizes["experts_used"]
    if experts == 1:
        return {"ffn": sizes["ffn"]}
    if used is None:
        raise UserError(f"model {path} has {experts} experts but lacks the field 'num_experts_per_tok'")
    if used > experts:
        raise UserError(f"model {path}: each token chooses {used} experts, but there are {experts}")
    width = sizes["expert_ffn"] or sizes["ffn"]
    shared = sizes["shared_ffn"] or (sizes["shared_experts"] or 0) * width
    return {"ffn": width, "experts": experts, "experts_used": used, "shared_ffn": shared}
