"""Decode and prefill times of one machine: one set of equations for SRAM, MRAM and HBM.

A decode step of a machine is three terms:

bytes
    weights and KV over the bandwidth that streaming reaches; the weights once, however many sequences or columns
layers
    what each layer, step and sequence costs whatever it holds, and what attention or arithmetic takes beyond the bytes
sync
    what layers cost that are spread over several chips, and hops between chips

A layer is spread over `tensor` chips; `pipeline` such groups take the layers one after the other, so one token sees
the bandwidth of one group only, whatever the number of chips.
"""

from dataclasses import dataclass
from typing import Protocol

from sim.system.language_model import LanguageModel
from sim.system.machine import Engine, Machine

ROUTED_LAYER = 1.5
"""Time of a layer that routes to experts over that of a dense one: six exchanges of its parts, not four (derived)."""

ACTIVATION_BYTES = 2
"""Bytes of an activation between chips."""

PIECES = 7
"""Matrices of a layer, and so the groups that one layer can keep busy; a token passes no more, others serve others."""

REDUCTIONS = 2
"""All-reduces of a layer: behind attention and behind the feed-forward block."""


class Program(Protocol):
    """A machine whose every cycle is known, which then says its times itself."""

    def step(self, tokens: float, context: float) -> "Step":
        """A decode step of some tokens at a context."""

    def prompt_time(self, start: float, tokens: float) -> float:
        """Seconds of a prompt's tokens behind some that are cached."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A machine with its engine, and how the model lies on its chips.

    Attributes
    ----------
    tensor, pipeline : chips that share a layer, and groups of them
    bits, kv_bits : of a weight and of a KV element
    program : of a machine whose every cycle is known; else None
    """

    machine: Machine
    engine: Engine
    model: LanguageModel
    chips: int
    bits: float
    kv_bits: float
    program: Program | None = None

    @property
    def tensor(self) -> float:
        """Chips that share a layer."""
        return min(self.chips, self.machine.tensor_chips)

    @property
    def pipeline(self) -> float:
        """Groups of chips that take layers one after the other; a last group may be smaller."""
        return max(1.0, self.chips / self.machine.tensor_chips)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Seconds of one decode step: three terms, and the parts that they are made of."""

    weights: float
    kv: float
    arithmetic: float
    attention: float
    fixed: float
    sync: float

    @property
    def bytes(self) -> float:
        """Weights and KV over bandwidth."""
        return self.weights + self.kv

    @property
    def layers(self) -> float:
        """Fixed time, and what attention and arithmetic take beyond the bytes."""
        return self.fixed + self.attention + self.arithmetic

    @property
    def total(self) -> float:
        """All of it."""
        return self.bytes + self.layers + self.sync


def decode_step(system: System, *, sequences: float, context: float, columns: float = 1) -> Step:
    """One decode step of some sequences, each at a context, with some columns (draft tokens) verified at once."""
    if system.program:
        return system.program.step(sequences * columns, context)
    machine, engine, model = system.machine, system.engine, system.model
    together = max(1.0, sequences / system.pipeline)  # sequences that one group works on at a time
    tokens = together * columns
    bandwidth = system.tensor * engine.bandwidth_fraction
    weights = model.streamed_parameters(tokens) * system.bits / 8 / (bandwidth * machine.bandwidth)
    arithmetic = 2 * tokens * model.active_parameters / (system.tensor * engine.compute_fraction * compute(system))
    kv = kv_time(system, sequences, context)
    slots = _slot_time(system, tokens, model.seen(context))
    return Step(
        weights=weights,
        kv=kv,
        arithmetic=max(0.0, arithmetic - weights),
        attention=(kv**2 + slots**2) ** 0.5 - kv,
        fixed=fixed_time(system) + together * _sequence_time(system),
        sync=sync_time(system, tokens),
    )


def kv_time(system: System, sequences: float, context: float) -> float:
    """Seconds in which one group reads the KV and the states of its share of some sequences, from wherever they lie."""
    machine, model = system.machine, system.model
    each = model.seen(context) * model.kv_bytes(system.kv_bits) + model.user_bytes
    total = max(1.0, sequences / system.pipeline) * each
    held = sequences * (context * model.kv_bytes(system.kv_bits) + model.user_bytes)
    rest = max(0.0, 1 - fast_kv_room(system) / held) if machine.overflow_memory and held else 0.0
    slow = rest * total / machine.overflow_bandwidth if rest else 0.0
    fast = (1 - rest) * total / (machine.kv_bandwidth or machine.bandwidth)
    return (fast + slow) / (system.tensor * system.engine.bandwidth_fraction)


def _slot_time(system: System, tokens: float, context: float) -> float:
    """Seconds that attention takes where a slot attends to one head of one sequence at a time.

    An engine that never divides a sequence leaves slots idle when there are few heads; others keep them busy.
    """
    machine, engine, model = system.machine, system.engine, system.model
    if not (machine.slots and engine.attention_cycles):
        return 0.0
    turns = tokens * model.heads / (system.tensor * machine.slots)
    turns = max(turns, engine.whole_sequences)
    return model.attending * context * engine.attention_cycles / machine.clock * turns


def fixed_time(system: System) -> float:
    """Seconds of a step that hold even for a model of no weights: layers and step."""
    engine, model = system.engine, system.model
    routed = model.feeding if model.experts > 1 else 0
    layers = model.layers + (ROUTED_LAYER - 1) * routed
    return layers * engine.layer_time + engine.step_time


def _sequence_time(system: System) -> float:
    return system.engine.sequence_time + system.model.layers * system.engine.sequence_layer_time


def sync_time(system: System, tokens: float) -> float:
    """Seconds that chips wait for each other in a step: each layer's reductions, and hops from group to group."""
    machine, engine, model = system.machine, system.engine, system.model
    passed = min(system.pipeline, PIECES * model.layers) - 1
    hops = passed * (
        machine.hop_time + tokens * model.dim * ACTIVATION_BYTES / (machine.link_bandwidth * system.tensor)
    )
    if system.tensor <= 1:
        return hops
    one = engine.sync_time * ring(system.tensor) + REDUCTIONS * machine.hop_time + exchange_time(system, tokens)
    return hops + model.layers * one


def exchange_time(system: System, tokens: float) -> float:
    """Seconds of a layer's all-reduces on the links."""
    vector = tokens * system.model.dim * ACTIVATION_BYTES
    return REDUCTIONS * ring(system.tensor) * vector / system.machine.link_bandwidth


def ring(chips: float) -> float:
    """Times that a vector passes each link in an all-reduce on a ring: 1 for two chips, 2 for very many."""
    return 2 * (chips - 1) / chips


def compute(system: System) -> float:
    """Operations per second of one chip at the weights' format."""
    return system.machine.compute_8 if system.bits <= 9 else system.machine.compute_16


def prefill_time(system: System, *, sequences: float, tokens: float, context: float = 0.0) -> float:
    """Seconds from prompts to first tokens: `tokens` new ones of each sequence behind a cached context.

    Arithmetic on all chips (long prompts are cut into pieces that fill the pipeline), or the weights read once if
    that takes longer; then the fixed times, and the reductions of whole prompts.
    """
    if system.program:
        return sequences * system.program.prompt_time(context, tokens)
    model, engine = system.model, system.engine
    new = sequences * tokens
    dense = 2 * new * model.active_parameters
    attention = 4 * new * model.seen(context + tokens / 2) * model.heads * model.head_dim * model.attending
    arithmetic = (dense + attention) / (system.chips * engine.compute_fraction * compute(system))
    weights = model.streamed_parameters(new) * system.bits / 8
    read = weights / (system.chips * engine.bandwidth_fraction * system.machine.bandwidth)
    return max(arithmetic, read) + fixed_time(system) + sync_time(system, new / system.pipeline)


# ------------------------------------------------------------------------------------------------------------ capacity


def weight_bytes(system: System) -> float:
    """Bytes that the weights take."""
    return system.model.parameters * system.bits / 8


def weight_room(system: System) -> float:
    """Bytes that weights may take on all chips."""
    machine, engine = system.machine, system.engine
    usable = engine.usable_fraction if engine.preempts else 1.0
    return system.chips * (machine.memory * usable - (0.0 if machine.kv_memory else engine.reserved))


def fast_kv_room(system: System) -> float:
    """Bytes for KV on all chips, without what overflows."""
    machine, engine = system.machine, system.engine
    if machine.kv_memory:
        return system.chips * machine.kv_memory * engine.usable_fraction
    left = weight_room(system) - weight_bytes(system)
    return left if engine.preempts else left * engine.usable_fraction


def kv_room(system: System) -> float:
    """Bytes for KV on all chips."""
    return fast_kv_room(system) + system.chips * system.machine.overflow_memory
