"""Reads one row of the weight banks as a vector: the embedding of the current token, in the tile that has it."""

import itertools

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.arithmetic.dot import DotProduct
from rtl.tile.config import TileConfig
from rtl.tile.lane import split_word


class Embedding(wiring.Component):
    """Picks the token's lane and, beat by beat, multiplies `vector_lanes` codes with their group's scale and adds its
    minimum.

    One beat a cycle; latency `DotProduct.LATENCY` cycles, so that a row read this way reaches the vector pipe
    like a row sum.

    Attributes
    ----------
    words : corrected words of all lanes
    lane, beat : which lane, which part of its word
    here : the row is in one of this tile's lanes
    values : weights less their row's scale, signed; zero in other tiles
    """

    def __init__(self, config: TileConfig):
        self.config = config
        f = config.format
        super().__init__(
            {
                "words": In(data.ArrayLayout(f.word_bits, config.tile_lanes)),
                "lane": In(range(config.tile_lanes)),
                "here": In(1),
                "beat": In(exact_log2(config.word_beats)),
                "values": Out(data.ArrayLayout(signed(f.value_bits), config.vector_lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, f = self.config.vector_lanes, self.config.format
        codes, scale, minimum = self._read(m)
        for i in range(lanes):
            values = [
                Signal(signed(f.value_bits), name=f"value_{i}_{n}", reset_less=True)
                for n in range(DotProduct.LATENCY - 1)
            ]
            m.d.sync += values[0].eq(codes.word_select(i, f.weight_bits).as_signed() * scale + minimum)
            m.d.sync += [b.eq(a) for a, b in itertools.pairwise(values)]
            m.d.comb += self.values[i].eq(values[-1])
        return m

    def _read(self, m):
        """Codes of a beat, and their group's scale and minimum, a register behind the word."""
        lanes, f = self.config.vector_lanes, self.config.format
        word = Array(self.words[i] for i in range(self.config.tile_lanes))[self.lane]
        every, scales, minima = split_word(word, f)
        group = self.beat >> exact_log2(self.config.beats)
        codes = Signal(lanes * f.weight_bits)
        scale = Signal(signed(f.scale_bits) if f.signed_scales else f.scale_bits)
        m.d.sync += [
            codes.eq(Mux(self.here, every.word_select(self.beat, lanes * f.weight_bits), 0)),
            scale.eq(scales.word_select(group, f.scale_bits)),
        ]
        if not f.minima:
            return codes, scale, 0
        minimum = Signal(signed(f.minimum_bits))
        m.d.sync += minimum.eq(Mux(self.here, minima.word_select(group, f.minimum_bits), 0))
        return codes, scale, minimum
