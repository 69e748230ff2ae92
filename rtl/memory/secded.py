"""Single-error-correcting, double-error-detecting code over a memory word (extended Hamming).

The word is stored in Hamming order: bit p of the codeword has position p, positions that are powers of
two are check bits, position 0 is the parity of all others. The syndrome of a single error is its position.
R. W. Hamming, Bell Syst. Tech. J. 29, 147 (1950).
"""

import functools

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from rtl.memory.correction import Corrector, Decoder, locator_ports, moments, one_hot


@functools.cache
def data_positions(data_bits: int) -> tuple[int, ...]:
    """Codeword position of each data bit: all that are neither 0 nor a power of two."""
    positions, position = [], 3
    while len(positions) < data_bits:
        if position & (position - 1):
            positions.append(position)
        position += 1
    return tuple(positions)


def code_bits(data_bits: int) -> int:
    """Length of the codeword."""
    return data_positions(data_bits)[-1] + 1


def check_bits(data_bits: int) -> int:
    """Check bits of the code, overall parity included: 10 for 264 data bits."""
    return code_bits(data_bits) - data_bits


def _syndrome_weights(data_bits: int):
    """Bit j of position p, for each p: bool array [code_bits, hamming bits]."""
    positions = np.arange(code_bits(data_bits))
    return (positions[:, None] >> np.arange(check_bits(data_bits) - 1)) & 1


def encode(data):
    """Codewords of data words.

    Parameters
    ----------
    data : uint8 array [words, data_bits] of bits, bit 0 first

    Returns
    -------
    uint8 array [words, code_bits] of bits
    """
    words, bits = data.shape
    code = np.zeros((words, code_bits(bits)), np.uint8)
    code[:, data_positions(bits)] = data
    parities = (code.astype(np.float32) @ _syndrome_weights(bits).astype(np.float32)).astype(np.int64) & 1
    code[:, 1 << np.arange(parities.shape[1])] = parities
    code[:, 0] = np.bitwise_xor.reduce(code, axis=1)
    return code


def decode(code, data_bits: int):
    """Corrected data of codewords.

    Parameters
    ----------
    code : uint8 array [words, code_bits] of bits

    Returns
    -------
    data : uint8 array [words, data_bits]
    corrected, uncorrectable : bool arrays [words]
        Exactly one error was found and repaired (also when it sat in a check bit); an even number of errors
        was found and the data are not to be used.
    """
    syndrome = (code.astype(np.int64) @ _syndrome_weights(data_bits) & 1) @ (1 << np.arange(check_bits(data_bits) - 1))
    odd = code.sum(axis=1) & 1 == 1
    corrected = odd & (syndrome < code.shape[1])
    repaired = code.copy()
    rows = np.flatnonzero(corrected)
    repaired[rows, syndrome[rows]] ^= 1
    return repaired[:, data_positions(data_bits)], corrected, ~corrected & (odd | (syndrome != 0))


def encode_value(m: Module, data: Value) -> Value:
    """`encode` of one word as combinational logic."""
    bits = len(data)
    placed, checks = Signal(code_bits(bits)), Signal(check_bits(bits) - 1)
    m.d.comb += Cat(placed[p] for p in data_positions(bits)).eq(data)
    parity, *syndrome = sums(m, placed)
    m.d.comb += checks.eq(Cat(syndrome))
    place = {1 << j: bit for j, bit in enumerate(checks)} | {0: parity ^ checks.xor()}
    return Cat(place.get(p, placed[p]) for p in range(len(placed)))


def sums(m: Module, code: Value) -> Value:
    """Parity and syndrome of a codeword as combinational logic."""
    of = moments(m, code, 1)
    return Cat(of[()], *(of[(j,)] for j in range((len(code) - 1).bit_length())))


class SecdedLocator(wiring.Component):
    """Points to the bit that the sums of a codeword name: one word a cycle, latency 1 cycle."""

    LATENCY = 1

    def __init__(self, data_bits: int):
        super().__init__(locator_ports(code_bits(data_bits), check_bits(data_bits)))

    def elaborate(self, platform):
        m = Module()
        sums, length = Signal.like(self.sums, reset_less=True), len(self.flips)
        m.d.sync += sums.eq(self.sums)
        odd, syndrome = sums[0], sums[1:]
        inside = syndrome < length
        m.d.comb += [
            self.flips.eq(one_hot(m, syndrome, length, odd)),
            self.corrected.eq(odd & inside),
            self.uncorrectable.eq(Mux(odd, ~inside, syndrome != 0)),
        ]
        return m


class SecdedCorrector(Corrector):
    """Flips the bit to which the sums of a codeword point: one word a cycle, latency 2 cycles."""

    def __init__(self, data_bits: int, *, gated: bool = False):
        super().__init__(data_positions(data_bits), SecdedLocator(data_bits), gated=gated)


class SecdedDecoder(Decoder):
    """`decode` at full rate: one codeword a cycle, latency 3 cycles.

    Attributes
    ----------
    code, valid : a codeword; flags are raised for valid ones only
    data : corrected word, `LATENCY` cycles later; holds until the next valid word
    corrected, uncorrectable : raised for one cycle with the word
    """

    LATENCY = Decoder.REGISTERS + SecdedLocator.LATENCY

    def __init__(self, data_bits: int, *, gated: bool = False):
        super().__init__(sums, SecdedCorrector(data_bits, gated=gated))
