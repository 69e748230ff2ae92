"""The code corrects every single error and detects every double one."""

import numpy as np

from rtl.formats import NumberFormat
from rtl.memory.secded import SecdedDecoder, check_bits, code_bits, decode, encode
from tests.gateware import stream

RANDOM = np.random.default_rng(2)
WORD_BITS = NumberFormat().word_bits


def words(count, bits=WORD_BITS):
    return RANDOM.integers(0, 2, (count, bits)).astype(np.uint8)


def integer(bits):
    return int("".join(str(int(b)) for b in bits[::-1]), 2)


def test_length():
    assert (code_bits(264), check_bits(264)) == (274, 10)
    assert (code_bits(64), check_bits(64)) == (72, 8)


def test_every_single_error_is_corrected():
    data = words(code_bits(WORD_BITS))
    code = encode(data)
    clean, corrected, bad = decode(code, WORD_BITS)
    assert (clean == data).all() and not corrected.any() and not bad.any()
    code[np.arange(len(code)), np.arange(len(code))] ^= 1
    repaired, corrected, bad = decode(code, WORD_BITS)
    assert (repaired == data).all() and corrected.all() and not bad.any()


def test_every_double_error_is_detected():
    first, second = np.triu_indices(code_bits(WORD_BITS), 1)
    code = np.repeat(encode(words(1)), len(first), axis=0)
    code[np.arange(len(first)), first] ^= 1
    code[np.arange(len(first)), second] ^= 1
    _, corrected, bad = decode(code, WORD_BITS)
    assert bad.all() and not corrected.any()


def test_gateware_equals_golden():
    code = encode(words(60))
    for row in range(20, 60):
        flips = RANDOM.choice(code.shape[1], 1 if row < 40 else 2, replace=False)
        code[row, flips] ^= 1
    data, corrected, bad = decode(code, WORD_BITS)
    inputs = [{"code": integer(c), "valid": 1} for c in code]
    seen = stream(SecdedDecoder(WORD_BITS), inputs, ["data", "corrected", "uncorrectable"], SecdedDecoder.LATENCY)
    for row, (word, fixed, lost) in enumerate(seen):
        assert (fixed, lost) == (corrected[row], bad[row])
        assert lost or word == integer(data[row])
