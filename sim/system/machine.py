"""Machines as data: what a chip has, whoever made it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devicemodels.errors import UserError
from devicemodels.quantities import Second, Sheet, SquareMetre, Watt, read_sheet
from sim.system.names import find, nearest
from sim.system.units import Byte, BytePerSecond, Count, FlopPerSecond, Hertz, JoulePerByte

HERE = Path(__file__).parent
CATALOGUE = tomllib.loads((HERE / "catalogue.toml").read_text(encoding="utf-8"))
"""Machine name to the choices that go with it: engines, default bits, title, aliases."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One chip (or package, or wafer), and how many of them share a layer; SI floats.

    Attributes
    ----------
    memory, bandwidth : where weights lie, and KV too unless `kv_memory` is given
    kv_memory, kv_bandwidth : a faster memory for KV; 0: none
    overflow_memory, overflow_bandwidth : a slower memory for KV that no longer fits; 0: none
    compute_16, compute_8 : dense multiply-adds counted twice, 16-bit floats and 8-bit codes
    clock, slots : of the units that attend: one head of one sequence occupies a slot; 0 slots: no such limit
    link_bandwidth : of one chip, one way
    hop_time : of one exchange between chips beyond what an engine's sheet counts per layer
    power, die_area, package_area : of one chip; package with its memory stacks
    tensor_chips : most chips that one layer is spread over; further chips take further layers
    host_power : of the hosts, per chip
    rack : chips that come together; 1: singly
    read_energy : of lanes and banks per byte of weights, where it is known; then `power` is leakage alone
    """

    name: str
    memory: Byte
    bandwidth: BytePerSecond
    compute_16: FlopPerSecond
    compute_8: FlopPerSecond
    link_bandwidth: BytePerSecond
    power: Watt
    die_area: SquareMetre
    tensor_chips: Count
    package_area: SquareMetre = 0.0
    hop_time: Second = 0.0
    clock: Hertz = 0.0
    slots: Count = 0.0
    kv_memory: Byte = 0.0
    kv_bandwidth: BytePerSecond = 0.0
    overflow_memory: Byte = 0.0
    overflow_bandwidth: BytePerSecond = 0.0
    host_power: Watt = 0.0
    rack: Count = 1.0
    read_energy: JoulePerByte = 0.0

    @property
    def silicon(self) -> float:
        """Square metres of the package, or of the die where nothing else is known."""
        return self.package_area or self.die_area

    @property
    def density(self) -> float:
        """Bytes per second and square metre of die."""
        return self.bandwidth / self.die_area

    @property
    def sweep_time(self) -> float:
        """Seconds to read the whole memory once."""
        return self.memory / self.bandwidth


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What software makes of a machine: constants of one (machine, engine) pair.

    Attributes
    ----------
    layer_time : of each layer, whatever it holds: launches, pipelines that fill and drain
    sync_time : of each layer that is spread over two chips; n chips take 2 (n - 1) / n times as long
    step_time : of each decode step: scheduling, sampling
    sequence_time : of each sequence in a step
    sequence_layer_time : of each sequence in each layer
    attention_cycles : clock cycles in which one slot attends to one token of context
    whole_sequences : 1 if a sequence's context is never divided between slots, else 0
    bandwidth_fraction : of the peak that streaming reaches
    compute_fraction : of the peak that prefill reaches
    reserved : bytes of each chip that hold neither weights nor KV
    usable_fraction : of the memory for KV, or of all memory, that the engine fills (see `preempts`)
    preempts : 1 if sequences begin together and are evicted when memory fills up; 0 if they wait for room for all
        of their tokens, and run in waves
    """

    name: str
    layer_time: Second
    sync_time: Second = 0.0
    step_time: Second = 0.0
    sequence_time: Second = 0.0
    sequence_layer_time: Second = 0.0
    attention_cycles: Count = 0.0
    whole_sequences: Count = 0.0
    bandwidth_fraction: Count
    compute_fraction: Count
    reserved: Byte = 0.0
    usable_fraction: Count = 1.0
    preempts: Count = 0.0


def machine_names() -> list[str]:
    """Names of all machines, sorted."""
    return sorted(CATALOGUE)


@cache
def canonical(name: str) -> str:
    """The catalogue's name of a machine that may be spelt in other ways.

    Raises
    ------
    UserError
        No machine has that name; the message says the nearest, and which there are.
    """
    found = find(name, {one: entry.get("aliases", ()) for one, entry in CATALOGUE.items()})
    if found is None:
        raise UserError(f"no machine is called '{name}': {nearest(name, machine_names())}")
    return found


def _entry(name: str) -> dict:
    return CATALOGUE[canonical(name)]


@cache
def machine_sheet(name: str) -> Sheet[Machine]:
    """A machine and the origin of each of its numbers.

    Raises
    ------
    UserError
        As `canonical`.
    """
    return read_sheet(HERE / "machines" / f"{canonical(name)}.toml", Machine)


@cache
def engine_sheet(machine: str, engine: str | None = None) -> Sheet[Engine]:
    """The constants of a machine under an engine, by default its first.

    Raises
    ------
    UserError
        The machine has no such engine.
    """
    engines = _entry(machine)["engines"]
    chosen = known_engine(machine, engine) if engine else next(iter(engines))
    if chosen is None:
        raise UserError(f"machine '{machine}' has no engine '{engine}': {nearest(str(engine), engines)}")
    return read_sheet(HERE / "engines" / f"{engines[chosen]}.toml", Engine)


def own_design(name: str) -> str | None:
    """The design of whose tiles the machine is made, if it is this project's: its numbers then follow from it."""
    return _entry(name).get("design")


def is_tile(name: str) -> bool:
    """The machine is one tile of its design, and no chip of many."""
    return _entry(name).get("tile", False)


def stack_generation(name: str) -> str | None:
    """The generation of memory stacks beside this project's chips, where the machine has them."""
    return _entry(name).get("stack")


def hbm_generation(name: str) -> str | None:
    """The generation of the stacks in which a machine's weights lie, where that is known."""
    return _entry(name).get("hbm")


def load_machine(name: str) -> Machine:
    """A machine by name; see `machine_sheet`."""
    return machine_sheet(name).device


def load_engine(machine: str, engine: str | None = None) -> Engine:
    """An engine's constants by names; see `engine_sheet`."""
    return engine_sheet(machine, engine).device


def known_engine(machine: str, engine: str | None) -> str | None:
    """The engine if the machine has one of that name, else None, which stands for its own."""
    return find(engine, dict.fromkeys(_entry(machine)["engines"], ())) if engine else None


def native_bits(name: str) -> float:
    """Bits of a weight, scales included, that the machine's published figures use."""
    return float(_entry(name)["bits"])


def kv_bits(name: str) -> float:
    """Bits of a KV element on the machine."""
    return float(_entry(name)["kv_bits"])
