"""A lane: error correction and the dot product of one weight bank and one KV bank."""

from amaranth.hdl import Cat, Const, Module, Mux, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.dot import DotProduct
from rtl.formats import GROUP, NumberFormat
from rtl.memory.code import SECDED, WordCode


class Lane(wiring.Component):
    """Multiplies what its banks deliver with the activations that all lanes share.

    A weight codeword enters the `LATENCY` of its code's decoder before the cycle in which `valid` is raised for
    it, a KV word in that cycle; the row's sum is there `DotProduct.LATENCY` cycles after. One word a cycle.

    Attributes
    ----------
    code, code_valid : codeword from the weight bank
    kv, from_kv : word from the KV bank, and whether the lane takes that one
    activations, valid, first : as in `DotProduct`; with `from_kv` each of the first `NumberFormat.kv_slices` groups is
        given the same 32 activations
    activation_sums : as in `DotProduct`
    word : the corrected weight word, until the next one
    sum : as in `DotProduct`
    corrected, uncorrectable : as in the decoder

    With several columns `activations`, `valid`, `activation_sums` and `sum` are those of all columns, the first one's
    in the lowest bits; the word is corrected once for all of them.
    """

    def __init__(self, number_format: NumberFormat, word_code: WordCode = SECDED, columns: int = 1):
        self.format, self.word_code, self.columns = number_format, word_code, columns
        f, several = number_format, columns > 1
        ports = {
            "code": In(word_code.code_bits(f.word_bits)),
            "code_valid": In(1),
            "kv": In(f.kv_word_bits),
            "from_kv": In(1),
            "activations": In(f.codes_per_word * f.activation_bits * columns),
            "valid": In(columns),
            "first": In(1),
            "word": Out(f.word_bits),
            "sum": Out(f.accumulator_bits * columns if several else signed(f.accumulator_bits)),
            "corrected": Out(1),
            "uncorrectable": Out(1),
        }
        if f.needs_sums:
            ports["activation_sums"] = In(data.ArrayLayout(signed(f.activation_sum_bits), f.groups_per_word * columns))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = self.word_code.Decoder(self.format.word_bits, gated=True)
        dots = [DotProduct(self.format) for _ in range(self.columns)]
        for column, dot in enumerate(dots):
            m.submodules["dot" if self.columns == 1 else f"dot_{column}"] = dot
        m.d.comb += [
            decoder.code.eq(self.code),
            decoder.valid.eq(self.code_valid),
            self.word.eq(decoder.data),
            self.corrected.eq(decoder.corrected),
            self.uncorrectable.eq(decoder.uncorrectable),
        ]
        for column, dot in enumerate(dots):
            m.d.comb += [
                dot.activations.eq(self._part(self.activations, column)),
                dot.valid.eq(self._part(self.valid, column)),
                dot.first.eq(self.first),
                self._part(self.sum, column).eq(dot.sum),
            ]
        self._operands(m, dots)
        return m

    def _part(self, port, column):
        """A column's part of a port."""
        return port if self.columns == 1 else port.word_select(column, len(port) // self.columns)

    def _operands(self, m, dots):
        """The weight word, or the slices of the KV word with their weights."""
        f = self.format
        codes, scales, minima = split_word(self.word, f)
        slices = f.kv_slices
        # Groups without a slice keep their codes, which a scale of zero takes out of the sum.
        sliced = Cat(*(_slice(self.kv, s, f) for s in range(slices)), codes[slices * GROUP * f.weight_bits :])
        weights = Cat(
            Const(1 << (s * f.weight_bits) if s < slices else 0, f.scale_bits) for s in range(f.groups_per_word)
        )
        shared = {"codes": Mux(self.from_kv, sliced, codes), "scales": Mux(self.from_kv, weights, scales)}
        if f.minima:
            shared["minima"] = Mux(self.from_kv, f.kv_offset, minima)
        elif f.needs_sums:
            shared["offset"] = self.from_kv
        for column, dot in enumerate(dots):
            m.d.comb += [getattr(dot, name).eq(value) for name, value in shared.items()]
            if f.needs_sums:
                m.d.comb += dot.activation_sums.eq(self._part(self.activation_sums.as_value(), column))


def split_word(word, number_format: NumberFormat):
    """(codes, scales, minima) of a weight word, those of the first group in the lowest bits."""
    f = number_format
    scales = f.codes_per_word * f.weight_bits
    minima = scales + f.groups_per_word * f.scale_bits
    return word[:scales], word[scales:minima], word[minima:]


def _slice(kv, index: int, number_format: NumberFormat):
    """Slice `index` of the 32 codes of a KV word, as signed codes of `weight_bits`.

    A lower slice is an unsigned number; with its top bit inverted it is one that is 2**(weight_bits - 1) less.
    """
    f = number_format
    start, stop = index * f.weight_bits, min((index + 1) * f.weight_bits, f.kv_bits)
    parts = [kv.word_select(i, f.kv_bits)[start:stop] for i in range(GROUP)]
    if stop == f.kv_bits:
        return Cat(Cat(part, part[-1].replicate(f.weight_bits - len(part))) for part in parts)
    return Cat(part ^ (1 << (f.weight_bits - 1)) for part in parts)
