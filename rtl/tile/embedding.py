"""Reads one row of the weight banks as a vector: the embedding of the current token."""

import itertools

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.arithmetic.dot import DotProduct
from rtl.formats import CODE_BITS, GROUP, GROUP_SCALE_BITS, WORD_BITS
from rtl.tile.config import TileConfig


class Embedding(wiring.Component):
    """Picks the token's lane and, beat by beat, multiplies `vector_lanes` codes with their group scale.

    One beat a cycle; latency `DotProduct.LATENCY` cycles, so that a row read this way reaches the vector pipe
    like a row sum.

    Attributes
    ----------
    words : corrected words of all lanes
    lane, beat : which lane, which part of its word
    values : codes times scale, signed
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__(
            {
                "words": In(data.ArrayLayout(WORD_BITS, config.lanes)),
                "lane": In(range(config.lanes)),
                "beat": In(exact_log2(config.beats)),
                "values": Out(data.ArrayLayout(signed(CODE_BITS + GROUP_SCALE_BITS + 1), config.vector_lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.vector_lanes
        word = Array(self.words[i] for i in range(self.config.lanes))[self.lane]
        codes, scale = Signal(lanes * CODE_BITS), Signal(GROUP_SCALE_BITS)
        m.d.sync += [
            codes.eq(word[: GROUP * CODE_BITS].word_select(self.beat, lanes * CODE_BITS)),
            scale.eq(word[GROUP * CODE_BITS :]),
        ]
        for i in range(lanes):
            products = [
                Signal(signed(CODE_BITS + GROUP_SCALE_BITS + 1), name=f"product_{i}_{n}")
                for n in range(DotProduct.LATENCY - 1)
            ]
            m.d.sync += products[0].eq(codes.word_select(i, CODE_BITS).as_signed() * scale)
            m.d.sync += [b.eq(a) for a, b in itertools.pairwise(products)]
            m.d.comb += self.values[i].eq(products[-1])
        return m
