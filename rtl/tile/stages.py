"""Registers that carry fields along a pipeline, made only where somebody reads them."""

from amaranth.hdl import Module, Signal


class Stages:
    """Delays of a set of signals: ``at(field, n)`` is the field n cycles after stage 0.

    The registers live in a submodule, so that asking for one inside a condition does not put it there.
    """

    def __init__(self, m, name: str, fields: dict):
        self._m, self._name = Module(), name
        m.submodules[f"{name}_stages"] = self._m
        self._chains = {field: [signal] for field, signal in fields.items()}

    def at(self, field: str, stage: int):
        """The signal of a field at a stage."""
        chain = self._chains[field]
        while len(chain) <= stage:
            after = Signal.like(chain[-1], name=f"{self._name}_{field}_{len(chain)}")
            self._m.d.sync += after.eq(chain[-1])
            chain.append(after)
        return chain[stage]
