"""A lane: error correction and the dot product of one weight bank and one KV bank."""

from amaranth.hdl import Const, Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.dot import DotProduct
from rtl.formats import ACCUMULATOR_BITS, ACTIVATION_BITS, CODE_BITS, GROUP, WORD_BITS
from rtl.memory.secded import SecdedDecoder, code_bits


class Lane(wiring.Component):
    """Multiplies what its banks deliver with the activations that all lanes share.

    A weight codeword enters `SecdedDecoder.LATENCY` cycles before the cycle in which `valid` is raised for
    it, a KV word in that cycle; the row's sum is there `DotProduct.LATENCY` cycles after. One word a cycle.

    Attributes
    ----------
    code, code_valid : codeword from the weight bank
    kv, from_kv : word from the KV bank, and whether the lane takes that one
    activations, valid, first : as in `DotProduct`
    word : the corrected weight word, until the next one
    sum : as in `DotProduct`
    corrected, uncorrectable : as in `SecdedDecoder`
    """

    def __init__(self):
        super().__init__(
            {
                "code": In(code_bits(WORD_BITS)),
                "code_valid": In(1),
                "kv": In(GROUP * CODE_BITS),
                "from_kv": In(1),
                "activations": In(GROUP * ACTIVATION_BITS),
                "valid": In(1),
                "first": In(1),
                "word": Out(WORD_BITS),
                "sum": Out(signed(ACCUMULATOR_BITS)),
                "corrected": Out(1),
                "uncorrectable": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = SecdedDecoder(WORD_BITS)
        m.submodules.dot = dot = DotProduct()
        codes, scale = self.word[: GROUP * CODE_BITS], self.word[GROUP * CODE_BITS :]
        m.d.comb += [
            decoder.code.eq(self.code),
            decoder.valid.eq(self.code_valid),
            self.word.eq(decoder.data),
            self.corrected.eq(decoder.corrected),
            self.uncorrectable.eq(decoder.uncorrectable),
            dot.codes.eq(Mux(self.from_kv, self.kv, codes)),
            dot.scale.eq(Mux(self.from_kv, Const(1), scale)),
            dot.activations.eq(self.activations),
            dot.valid.eq(self.valid),
            dot.first.eq(self.first),
            self.sum.eq(dot.sum),
        ]
        return m
