"""What a language model is here: its sizes, and the bytes and operations that follow."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """Sizes of a transformer, or of a hybrid with state-space layers.

    Attributes
    ----------
    layers : all layers that a token passes one after the other
    attention_layers, ffn_layers : layers that attend, and that have a feed-forward block; 0: all
    ffn, ffn_matrices : width of the block (of one expert, where there are several) and its matrices, 3 if gated
    experts, experts_used : 1 and 1 if dense
    shared_ffn : width of what every token passes beside its experts
    mixer_layers, mixer_parameters, state_bytes : state-space layers, weights and state of each
    window : tokens that attention looks back; 0: all
    """

    name: str
    layers: int
    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    ffn_matrices: int = 3
    tied: bool = False
    experts: int = 1
    experts_used: int = 1
    shared_ffn: int = 0
    attention_layers: int = 0
    ffn_layers: int = 0
    mixer_layers: int = 0
    mixer_parameters: int = 0
    state_bytes: int = 0
    window: int = 0

    @property
    def attending(self) -> int:
        """Layers that attend."""
        return self.attention_layers or self.layers

    @property
    def feeding(self) -> int:
        """Layers with a feed-forward block."""
        return self.ffn_layers or self.layers

    @cached_property
    def attention_parameters(self) -> int:
        """Weights of all attention (and state-space) layers."""
        one = 2 * self.dim * self.head_dim * (self.heads + self.kv_heads)
        return self.attending * one + self.mixer_layers * self.mixer_parameters

    @cached_property
    def expert_parameters(self) -> int:
        """Weights of one expert of every layer; of the whole block if dense."""
        return self.feeding * self.ffn_matrices * self.dim * self.ffn

    @cached_property
    def common_parameters(self) -> int:
        """Weights that every token reads in a decode step, but for the experts: attention, routers, head."""
        shared = self.feeding * self.dim * (self.ffn_matrices * self.shared_ffn + self.experts * (self.experts > 1))
        return self.attention_parameters + shared + self.vocab * self.dim

    @cached_property
    def parameters(self) -> int:
        """All weights that must be held."""
        embedding = 0 if self.tied else self.vocab * self.dim
        return self.common_parameters + self.experts * self.expert_parameters + embedding

    @cached_property
    def active_parameters(self) -> int:
        """Weights that take part in one token."""
        return self.common_parameters + self.experts_used * self.expert_parameters

    def streamed_parameters(self, tokens: float) -> float:
        """Weights read in a step of `tokens` tokens that choose their experts evenly and independently."""
        if self.experts == 1:
            return self.active_parameters
        touched = self.experts * (1 - (1 - self.experts_used / self.experts) ** tokens)
        return self.common_parameters + touched * self.expert_parameters

    def kv_bytes(self, bits: float) -> float:
        """Bytes that one token of context adds."""
        return 2 * self.kv_heads * self.head_dim * self.attending * bits / 8

    @property
    def user_bytes(self) -> float:
        """Bytes of state that a user needs whatever the context."""
        return self.mixer_layers * self.state_bytes

    def seen(self, context: float) -> float:
        """Tokens that attention reads at a context."""
        return min(context, self.window) if self.window else context
