"""What tiles know together: codes side by side, the largest value, the sum."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.tile.config import TileConfig
from rtl.tile.links import link_layout

REDUCED = ("extreme", "index", "second", "embedding", "constant")


class Collective(wiring.Component):
    """Gathers what some parts send and reduces it. Latency `cycles`, one word a cycle; there is nothing to wait for.

    The first cycles are levels of the reduction, a pair in each place of a tree, the others are wire. Sums and maxima
    are exact, so that the result does not depend on how many parts there are; of equal values the lowest index is kept.

    Parameters
    ----------
    parts, tiles : how many parts, and tiles in each of them
    cycles : at least log2(parts)

    Attributes
    ----------
    sent : of each part, see `rtl.tile.links.link_layout`
    received : of all parts together
    """

    def __init__(self, config: TileConfig, *, parts: int, tiles: int, cycles: int):
        self.cycles = cycles
        super().__init__(
            {
                "sent": In(data.ArrayLayout(link_layout(config, tiles), parts)),
                "received": Out(link_layout(config, tiles * parts)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        parts = list(self.sent)
        codes = Cat(part.codes for part in parts)
        reduced = [{name: part[name] for name in REDUCED} for part in parts]
        for cycle in range(self.cycles):
            codes = self._register(m, codes, f"codes_{cycle}")
            if len(reduced) > 1:
                reduced = [_combine(*reduced[i : i + 2]) for i in range(0, len(reduced), 2)]
            reduced = [
                {name: self._register(m, value, f"{name}_{cycle}_{i}") for name, value in part.items()}
                for i, part in enumerate(reduced)
            ]
        (result,) = reduced
        m.d.comb += [self.received.codes.eq(codes), *(self.received[name].eq(result[name]) for name in REDUCED)]
        return m

    @staticmethod
    def _register(m, value, name: str):
        register = Signal.like(value, name=name, reset_less=True)
        m.d.sync += register.eq(value)
        return register


def _combine(a: dict, b: dict) -> dict:
    """Two parts as one; of the token's row at most one has anything."""
    above = (b["extreme"] > a["extreme"]) | ((b["extreme"] == a["extreme"]) & (b["index"] < a["index"]))
    second = a["second"] + b["second"]
    return {
        "extreme": Mux(above, b["extreme"], a["extreme"]),
        "index": Mux(above, b["index"], a["index"]),
        "second": second[: len(a["second"])],
        "embedding": _either(a["embedding"], b["embedding"]),
        "constant": _either(a["constant"], b["constant"]),
    }


def _either(a, b):
    return (_bits(a) | _bits(b))[: len(_bits(a))]


def _bits(value):
    return value.as_value() if hasattr(value, "as_value") else value.as_unsigned()
