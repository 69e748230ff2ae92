"""A compiled program in figures: what each memory holds, where matrices lie, when every instruction plays."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from devicemodels.errors import UserError
from rtl.chip.assembly import tile_paths
from rtl.tile.config import TileConfig
from rtl.tile.program import Source
from sim.accounts import events
from sim.compiler import Program
from sim.compiler.place import MatrixPlace
from sim.timing import Turn, pages_of, phase_cycles, token_cycles, turns


@dataclass(frozen=True, kw_only=True)
class Use:
    """A memory: words used, words there are, and how many such memories the tiles have."""

    memory: str
    used: int
    words: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Where a matrix lies in every lane: words from an address on, for so many blocks of rows."""

    layer: int | None
    name: str
    address: int
    words: int
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A model's program on a design, at one position that emits a token."""

    design: str
    model: str
    program: Program
    position: int

    @property
    def config(self) -> TileConfig:
        """The tiles that it is for."""
        return self.program.config

    @cached_property
    def memories(self) -> list[Use]:
        """How full every memory is."""
        config, used = self.config, self.program.placement.used
        sizes = {
            "each weight bank": (config.bank_words, config.banks),
            "each KV bank": (config.kv_words, config.lanes * config.sequences),
            "the constant memory": (config.constant_words, config.tiles),
            "the vector memory": (config.vector_words, 2 * config.tiles),
            "the activation memory": (config.activation_groups, config.columns * config.tiles),
        }
        found = []
        for name, (words, count) in sizes.items():
            share = config.banks_per_lane if name == "each weight bank" else 1
            found.append(Use(memory=name, used=-(-used[name] // share), words=words, count=count))
        for name, queue in zip(("stream", "vector"), self.program.queues, strict=True):
            memory = f"the {name} program"
            found.append(Use(memory=memory, used=len(queue), words=config.program_words, count=config.tiles))
        return found

    @cached_property
    def matrices(self) -> list[Matrix]:
        """Every matrix in the order of its addresses."""
        place = self.program.placement
        named: list[tuple[int | None, str, MatrixPlace]] = [(None, "embedding", place.embedding)]
        for layer, at in enumerate(place.layers):
            named += [(layer, name, matrix) for name, matrix in at.matrices.items()]
        if place.head is not place.embedding:
            named.append((None, "head", place.head))
        return [
            Matrix(layer=layer, name=name, address=at.weights, words=at.words * at.blocks, blocks=at.blocks)
            for layer, name, at in named
        ]

    @cached_property
    def cycles(self) -> int:
        """Of the token."""
        return token_cycles(self.program.queues, self.config, self.position, emits=True)

    @cached_property
    def utilisation(self) -> float:
        """Weight words delivered over those that the banks could deliver."""
        reads = events(self.program.queues, self.config, self.position, emits=True)["weight reads"]
        return reads * self.config.period / (self.config.lanes * self.cycles)

    @cached_property
    def turns(self) -> dict[bool, list[Turn]]:
        """When every instruction plays, of the streaming queue (True) and of the vector queue."""
        return turns(self.program.queues, self.config, pages_of(self.position))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "design": self.design,
            "model": self.model,
            "position": self.position,
            "tiles": [
                {"path": path, "lanes": self.config.lanes_of(tile)} for tile, path in enumerate(tile_paths(self.config))
            ],
            "link_cycles": self.config.collective_cycles,
            "memories": [asdict(use) for use in self.memories],
            "matrices": [asdict(matrix) for matrix in self.matrices],
            "cycles": self.cycles,
            "utilisation": self.utilisation,
            "phase_cycles": dict(phase_cycles(self.program.queues, self.config, self.position)),
            "timeline": [
                {"queue": "stream" if streams else "vector", "start": turn.start, "end": turn.end,
                 "phase": turn.instruction.phase, "source": turn.instruction.source.name}
                for streams, played in self.turns.items() for turn in played if turn.instruction.source < Source.END
            ],
        }  # fmt: skip


def check_position(position: int, program: Program) -> None:
    """Refuse a position that the context does not have."""
    if not 0 <= position < program.context:
        raise UserError(
            f"--position is {position}, and the context has positions 0 to {program.context - 1}: take one of these"
        )
