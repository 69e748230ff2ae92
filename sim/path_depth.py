"""The longest path through a mapped netlist, across the walls of its modules.

A netlist is what Yosys writes as JSON, of cells of `sim.cells`. Each module is looked at once: what it does to a path
that enters or leaves it becomes a `Model`, which stands for its instances in the modules above.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim import cells

Pin = tuple[str, int]
"""A port and the number of a bit in it."""

_LAUNCH_DRIVE = 2
"""Drive strength of what starts a path: a register, a memory or a port, as in the constraints given to ABC."""
_END_LOAD = 1.0
"""Load of what ends one, in inverter inputs."""


@dataclass(kw_only=True)
class Model:
    """Delays of one module in FO4.

    Attributes
    ----------
    inside : float
        Longest path between registers and memories that passes through this module's own gates.
    into : dict
        Longest path from an input pin to a register or memory.
    out_of : dict
        Longest path from a register or memory to an output pin.
    through : dict
        For an output pin: the longest path from each input pin that reaches it without a register.
    """

    inside: float = 0.0
    into: dict[Pin, float] = field(default_factory=dict)
    out_of: dict[Pin, float] = field(default_factory=dict)
    through: dict[Pin, dict[Pin, float]] = field(default_factory=dict)

    @property
    def longest(self) -> float:
        """Longest path of any kind; ports count as registers."""
        across = [delay for inputs in self.through.values() for delay in inputs.values()]
        return max([self.inside, *self.into.values(), *self.out_of.values(), *across])


def models(modules: Mapping[str, Any], top: str) -> dict[str, Model]:
    """A model of `top` and of every module below it; modules without contents are memories.

    Raises
    ------
    ValueError
        Gates in a loop.
    """
    found: dict[str, Model] = {}
    _add_models(modules, top, found)
    return found


def _add_models(modules: Mapping[str, Any], name: str, found: dict[str, Model]) -> None:
    for cell in modules[name]["cells"].values():
        kind = cell["type"]
        if kind in modules and kind not in found and modules[kind]["cells"]:
            _add_models(modules, kind, found)
    found[name] = _Walk(modules[name], found).model()


class _Walk:
    """One module while its paths are followed. Nets are Yosys' numbers; constants are strings and start no path."""

    def __init__(self, module: Mapping[str, Any], known: Mapping[str, Model]):
        self.module = module
        self.load: dict[int, float] = {}
        self.arrival: dict[int, float] = {}  # from a register
        self.tail: dict[int, float] = {}  # to a register
        self.from_nets: dict[int, list[tuple[int, float]]] = {}  # what a net waits for, and the delay from there
        gates = {f"{gate.name}_X{size}": (gate, size) for gate in cells.GATES for size in gate.pitches}
        for cell in module["cells"].values():
            self._add_loads(cell, gates)
        for port in self._ports("output"):
            for net in _nets(port["bits"]):
                self.load[net] = self.load.get(net, 0.0) + _END_LOAD
        for cell in module["cells"].values():
            if cell["type"] in gates:
                self._add_gate(cell, *gates[cell["type"]])
            else:
                self._add_ends(cell, known.get(cell["type"], Model()), known)

    def model(self) -> Model:
        """Follows all paths."""
        order = self._order()
        for net in order:
            late = [self.arrival[start] + delay for start, delay in self.from_nets[net] if start in self.arrival]
            if late:
                self.arrival[net] = max(late)
        inside = max((self.arrival[net] + tail for net, tail in self.tail.items() if net in self.arrival), default=0.0)
        for net in reversed(order):
            if net in self.tail:
                for start, delay in self.from_nets[net]:
                    self.tail[start] = max(self.tail.get(start, 0.0), self.tail[net] + delay)
        return Model(inside=inside, into=self._pins("input", self.tail), out_of=self._pins("output", self.arrival),
                     through=self._through(order))  # fmt: skip

    def _ports(self, direction: str) -> list[Mapping[str, Any]]:
        return [port for port in self.module["ports"].values() if port["direction"] == direction]

    def _pins(self, direction: str, delays: Mapping[int, float]) -> dict[Pin, float]:
        ports = self.module["ports"].items()
        return {
            (name, bit): delays[net]
            for name, port in ports
            if port["direction"] == direction
            for bit, net in enumerate(port["bits"])
            if net in delays
        }

    def _add_loads(self, cell: Mapping[str, Any], gates: Mapping[str, tuple[cells.Gate, int]]) -> None:
        gate, size = gates.get(cell["type"], (None, 1))
        for port, bits in cell["connections"].items():
            if _is_input(cell, port):
                load = gate.effort[port] * size if gate else _END_LOAD
                for net in _nets(bits):
                    self.load[net] = self.load.get(net, 0.0) + load

    def _add_gate(self, cell: Mapping[str, Any], gate: cells.Gate, size: int) -> None:
        output = cell["connections"]["Y"][0]
        delay = (gate.parasitic + self.load.get(output, 0.0) / size) / cells.FO4
        starts = [net for port in gate.effort for net in _nets(cell["connections"][port])]
        self.from_nets[output] = [(net, delay) for net in starts]

    def _add_ends(self, cell: Mapping[str, Any], model: Model, known: Mapping[str, Model]) -> None:
        """A register, memory or module: where paths start, end or pass."""
        plain = cell["type"] not in known
        for port, bits in cell["connections"].items():
            ends = _is_input(cell, port)
            for bit, net in enumerate(bits):
                if not isinstance(net, int) or (cell["type"] == cells.FLIP_FLOP and port == "CK"):
                    continue
                own = (model.into if ends else model.out_of).get((port, bit), 0.0 if plain else None)
                if own is not None and ends:
                    self.tail[net] = max(self.tail.get(net, 0.0), own)
                elif own is not None:
                    self.arrival[net] = own + self.load.get(net, 0.0) / _LAUNCH_DRIVE / cells.FO4
                if not ends and (port, bit) in model.through:
                    self.from_nets[net] = self._crossings(cell, model.through[port, bit])

    def _crossings(self, cell: Mapping[str, Any], inputs: Mapping[Pin, float]) -> list[tuple[int, float]]:
        pins = [(cell["connections"][port][bit], delay) for (port, bit), delay in inputs.items()]
        return [(net, delay) for net, delay in pins if isinstance(net, int)]

    def _order(self) -> list[int]:
        """Nets that wait for others, each after those that it waits for."""
        order: list[int] = []
        state: dict[int, bool] = {}  # False while what it waits for is being looked at
        for first in self.from_nets:
            stack = [first]
            while stack:
                net = stack[-1]
                waits = [n for n, _ in self.from_nets[net] if n in self.from_nets] if net not in state else []
                if net in state:
                    stack.pop()
                    if not state[net]:
                        state[net] = True
                        order.append(net)
                    continue
                state[net] = False
                if any(state.get(n) is False for n in waits):
                    raise ValueError("the netlist has a loop of gates without a register")
                stack.extend(n for n in waits if n not in state)
        return order

    def _through(self, order: list[int]) -> dict[Pin, dict[Pin, float]]:
        """Paths from input to output pins, followed only where both ends can be reached."""
        outputs = {net for port in self._ports("output") for net in _nets(port["bits"])}
        wanted = set(outputs)
        for net in reversed(order):
            if net in wanted:
                wanted.update(start for start, _ in self.from_nets[net])
        inputs = [(name, port) for name, port in self.module["ports"].items() if port["direction"] == "input"]
        reached: dict[int, dict[Pin, float]] = {
            net: {(name, bit): 0.0} for name, port in inputs for bit, net in enumerate(port["bits"]) if net in wanted
        }
        for net in order:
            if net in wanted:
                pins: dict[Pin, float] = {}
                for start, delay in self.from_nets[net]:
                    for pin, before in reached.get(start, {}).items():
                        pins[pin] = max(pins.get(pin, 0.0), before + delay)
                if pins:
                    reached[net] = pins
        return self._pins("output", reached)  # type: ignore[arg-type, return-value]


def _is_input(cell: Mapping[str, Any], port: str) -> bool:
    """Gates come without directions: their outputs are Y and Q."""
    return cell["port_directions"][port] == "input" if "port_directions" in cell else port not in ("Y", "Q")


def _nets(bits: list[Any]) -> list[int]:
    return [bit for bit in bits if isinstance(bit, int)]
