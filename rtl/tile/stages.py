"""Registers that carry a set of signals along a pipeline."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data


class Stages:
    """Delays of a set of signals: ``at(field, n)`` is the field n cycles after stage 0.

    A stage is one register for all fields: simulators copy it as a few words, synthesis drops the bits that
    nobody reads. The registers live in a submodule, so that asking for one inside a condition does not put it
    there.
    """

    def __init__(self, m, name: str, fields: dict):
        self._m, self._name = Module(), name
        m.submodules[f"{name}_stages"] = self._m
        self._layout = data.StructLayout({field: signal.shape() for field, signal in fields.items()})
        first = Signal(self._layout, name=f"{name}_0")
        self._m.d.comb += first.as_value().eq(
            Cat(signal.as_value() if hasattr(signal, "as_value") else signal for signal in fields.values())
        )
        self._stages = [first]

    def at(self, field: str, stage: int):
        """The signal of a field at a stage."""
        while len(self._stages) <= stage:
            after = Signal(self._layout, name=f"{self._name}_{len(self._stages)}")
            self._m.d.sync += after.eq(self._stages[-1])
            self._stages.append(after)
        return self._stages[stage][field]
