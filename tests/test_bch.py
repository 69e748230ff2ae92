"""The code corrects every single and double error and detects every triple one; any code fits the same sockets."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from devicemodels import error_correction
from devicemodels.errors import UserError
from rtl.formats import DEFAULT
from rtl.memory import galois
from rtl.memory.bch import LONGEST, SHORTEST, check_bits, code_bits, decode, encode
from rtl.memory.choice import cheapest_code, loss
from rtl.memory.code import CODES, DEC, NONE, SECDED, word_code
from tests.gateware import stream

WORD_BITS = DEFAULT.word_bits

RANDOM = np.random.default_rng(3)


def words(count, bits=WORD_BITS):
    return RANDOM.integers(0, 2, (count, bits)).astype(np.uint8)


def integer(bits):
    return int("".join(str(int(b)) for b in bits[::-1]), 2)


def damaged(code, positions):
    """Each row of `code` with the bits flipped that a row of `positions` names."""
    code = np.broadcast_to(code, (len(positions), code.shape[-1])).copy()
    for column in np.asarray(positions).T:
        code[np.arange(len(code)), column] ^= 1
    return code


@pytest.mark.parametrize("order", galois.ORDERS)
def test_field(order):
    """The field's axioms that its tables could break, and the equation that the linear map solves, exhaustively."""
    elements = np.arange(1 << order)
    product = galois.multiply(elements, galois.power(elements, -1, order), order)
    assert (product == (elements != 0)).all()
    schoolbook = [int(a) << 1 ^ (galois.polynomial(order) if a >> (order - 1) else 0) for a in elements]
    assert (galois.multiply(elements, 2, order) == schoolbook).all()
    trace = [bin(int(c) & galois.trace_mask(order)).count("1") & 1 for c in elements]
    root = np.bitwise_xor.reduce(
        [np.where(elements >> i & 1, r, 0) for i, r in enumerate(galois.quadratic_roots(order))]
    )
    assert ((galois.multiply(root, root, order) ^ root == elements) == (np.array(trace) == 0)).all()


@pytest.mark.parametrize("data_bits", [SHORTEST, 16, 21, 64, 113, WORD_BITS, 493, 494, 560, LONGEST])
def test_length_is_that_of_the_published_codes(data_bits):
    assert check_bits(data_bits) == error_correction.bch(data_bits, correctable=2).check_bits + 1


@pytest.mark.parametrize("data_bits", [SHORTEST - 1, LONGEST + 1])
def test_words_without_a_field_are_refused(data_bits):
    with pytest.raises(UserError, match=f"has {SHORTEST} to {LONGEST} data bits, not {data_bits}: split or join"):
        code_bits(data_bits)


@pytest.mark.parametrize("data_bits", [SHORTEST, 16])
def test_least_distance_is_six(data_bits):
    """Over all codewords of a short word."""
    data = (np.arange(1, 1 << data_bits)[:, None] >> np.arange(data_bits) & 1).astype(np.uint8)
    assert encode(data).sum(axis=1).min() == 6


@pytest.mark.parametrize(("data_bits", "step"), [(SHORTEST, 1), (WORD_BITS, 1), (560, 3)])
def test_every_single_and_double_error_is_corrected(data_bits, step):
    data, length = words(1, data_bits), code_bits(data_bits)
    for errors in (1, 2):
        hurt = damaged(encode(data), list(itertools.combinations(range(length), errors))[::step])
        repaired, corrected, bad = decode(hurt, data_bits)
        assert (repaired == data).all() and corrected.all() and not bad.any()


def test_clean_words_pass():
    data = words(100)
    clean, corrected, bad = decode(encode(data), WORD_BITS)
    assert (clean == data).all() and not corrected.any() and not bad.any()


def test_triple_errors_are_detected_and_left_alone():
    """All of a short word's; 200,000 of a long word's."""
    for data_bits, triples in (
        (SHORTEST, list(itertools.combinations(range(code_bits(SHORTEST)), 3))),
        (WORD_BITS, RANDOM.permuted(np.tile(np.arange(code_bits(WORD_BITS)), (20_000, 1)), axis=1)[:, :3]),
    ):
        data = words(1, data_bits)
        hurt = damaged(encode(data), np.array(triples))
        kept, corrected, bad = decode(hurt, data_bits)
        assert bad.all() and not corrected.any()
        assert ((kept != data).sum(axis=1) <= 3).all()


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
@pytest.mark.parametrize("data_bits", [64, WORD_BITS])
def test_decoder_equals_golden(code, data_bits):
    """Words with zero to five errors, with gaps between them; data hold and flags fall in the gaps."""
    stored = code.encode(words(72, data_bits))
    for row in range(len(stored)):
        stored[row, RANDOM.choice(stored.shape[1], row % 6, replace=False)] ^= 1
    data, corrected, bad = code.decode(stored, data_bits)
    inputs, expected = [], []
    for row, word in enumerate(stored):
        gap = row % 3 == 0
        inputs += [{"code": integer(word), "valid": 1}] + [{"code": integer(1 - word), "valid": 0}] * gap
        expected += [(integer(data[row]), corrected[row], bad[row])] + [(integer(data[row]), 0, 0)] * gap
    component = code.Decoder(data_bits)
    assert stream(component, inputs, ["data", "corrected", "uncorrectable"], component.LATENCY) == expected


class Encoder(wiring.Component):
    """A code's `encode_value` between ports."""

    def __init__(self, code, data_bits):
        self.word_code = code
        super().__init__({"data": In(data_bits), "code": Out(code.code_bits(data_bits))})

    def elaborate(self, platform):
        m = Module()
        clocked = Signal()  # The simulator wants something to clock.
        m.d.sync += clocked.eq(1)
        m.d.comb += self.code.eq(self.word_code.encode_value(m, self.data))
        return m


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_encoder_equals_golden(code):
    """On a basis and some words: the encoder is linear."""
    data = np.vstack([np.eye(64, dtype=np.uint8), words(20, 64)])
    seen = stream(Encoder(code, 64), [{"data": integer(word)} for word in data], ["code"], 0)
    assert seen == [(integer(word),) for word in code.encode(data)]


def test_codes_by_name():
    assert [word_code(code.name) for code in CODES] == [NONE, SECDED, DEC]
    with pytest.raises(UserError, match="there is no code 'tmr': choose one of none, secded, dec"):
        word_code("tmr")


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_loss_equals_a_simulation(code):
    """Stored errors once, read errors every time, counted in 4,000 arrays of 5 words by 3 reads."""
    block = code.block(16)
    stored, read, arrays, size, reads = 0.01, 0.004, 4000, 5, 3
    lasting = RANDOM.random((arrays, size, 1, block.word_bits)) < stored
    passing = RANDOM.random((arrays, size, reads, block.word_bits)) < read
    # A second error in one place heals the first, which the formula does not count: take the union.
    lost = ((lasting | passing).sum(axis=3) > code.correctable).any(axis=(1, 2)).mean()
    expected = loss(block, stored=stored, read=read, words=size, reads=reads)
    assert abs(lost - expected) < 4 * np.sqrt(expected * (1 - expected) / arrays)


def macro(**rates):
    rates = {"read_error_rate": 0.0, "read_disturb_rate": 0.0, "retention_error_rate": 0.0} | rates
    return SimpleNamespace(kind="mram", **rates)


def test_cheapest_code_follows_the_rates():
    def chosen(**rates):
        return cheapest_code(lambda _: macro(**rates), data_bits=WORD_BITS, words=1e5, reads=1e6, failure=1e-3)[0].name

    assert chosen() == "none"
    assert chosen(retention_error_rate=1e-9) == "secded"
    assert chosen(retention_error_rate=1e-6) == "dec"
    assert chosen(read_disturb_rate=1e-12) == "dec"
    assert chosen(read_error_rate=1e-9) == "secded"
    assert chosen(read_error_rate=1e-6) == "dec"
    with pytest.raises(UserError, match=r"no code is enough for 100000 words of 264 bits: .* above 0.001: rewrite"):
        chosen(read_error_rate=1e-4)
