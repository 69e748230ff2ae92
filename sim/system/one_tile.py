"""One tile of this project with a model that it holds whole: its compiled program's cycles, and nothing else."""

from dataclasses import dataclass
from functools import lru_cache

from devicemodels.errors import UserError
from rtl.tile.config import TileConfig
from sim.checkpoint import LlamaShape
from sim.system.language_model import LanguageModel
from sim.system.machine import Engine
from sim.system.own_chip import design_tile
from sim.system.own_tile import schedule, tile_cycles
from sim.system.rate import Step
from sim.timing import Queues, token_cycles

ENGINE = Engine(name="compiled_program", layer_time=0.0, bandwidth_fraction=1.0, compute_fraction=1.0)
"""The program says all that an engine's constants would."""


@dataclass(frozen=True, kw_only=True)
class TileProgram:
    """A model's program on one tile; a tile works on one token at a time.

    Attributes
    ----------
    clock : hertz
    queues : instructions of a token, with the weights left out
    """

    shape: LlamaShape
    config: TileConfig
    clock: float
    queues: Queues

    def step(self, tokens: float, context: float) -> Step:
        """Seconds of a step of some tokens, each with `context` tokens before it."""
        cycles, each = tile_cycles(self.shape, self.config, int(context)), tokens / self.clock
        return Step(
            weights=cycles.weights * each, kv=cycles.kv * each, fixed=cycles.waits * each,
            arithmetic=0.0, attention=0.0, sync=0.0,
        )  # fmt: skip

    def prompt_time(self, start: float, tokens: float) -> float:
        """Seconds of a prompt's tokens behind `start` cached ones; only the last one yields a token."""
        positions = range(int(start), int(start + tokens))
        cycles = [token_cycles(self.queues, self.config, at, emits=at == positions[-1]) for at in positions]
        return sum(cycles) / self.clock


@lru_cache(maxsize=8)
def tile_program(design: str, model: LanguageModel) -> TileProgram:
    """The program of a model on a tile of a design.

    Raises
    ------
    UserError
        The model is not of Llama's kind.
    """
    if model.experts > 1 or model.ffn_matrices != 3 or model.mixer_layers or model.window:
        raise UserError(f"{model.name} is not of Llama's kind, which a tile's program needs: take another machine")
    tile = design_tile(design)
    shape = LlamaShape(
        dim=model.dim, layers=model.layers, heads=model.heads, kv_heads=model.kv_heads, head_dim=model.head_dim,
        ffn=model.ffn, vocab=model.vocab, context=tile.config.context, rope_base=1e4, norm_eps=1e-5, tied=model.tied,
    )  # fmt: skip
    queues = schedule(shape, tile.config)
    return TileProgram(shape=shape, config=tile.config, clock=tile.clock_hz, queues=queues)
