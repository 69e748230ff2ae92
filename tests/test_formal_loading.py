"""The writer, proved for every stream and every answer of the banks; a planted fault breaks each proof."""

import dataclasses

import pytest

from rtl.memory.code import SECDED
from rtl.memory.writer import BankWriter, State
from rtl.tile.config import BankTiming
from testbench.claims_loading import WriterEnds, WriterKeepsWords
from testbench.formal import check, prove

TIMING = BankTiming(latency_cycles=2, cadence_cycles=7, write_cycles=4)
READ, ATTEMPTS, SPARES, DEPTH = 5, 3, 1, 10


def writer(kind=BankWriter, timing=TIMING, attempts=ATTEMPTS):
    return kind(code=SECDED, data_bits=8, banks=3, words=16, timing=timing, read_cycles=READ, attempts=attempts)


def test_no_word_is_lost_and_banks_are_given_their_time():
    assert prove(WriterKeepsWords(writer(), TIMING), depth=DEPTH).holds


def longest():
    """Cycles of a word that never holds: each place is looked up, and written and read `ATTEMPTS` times."""
    attempt = TIMING.write_cycles + READ + 1
    pause = TIMING.cadence_cycles - READ - 1  # until the bank can be written again
    return (SPARES + 1) * (1 + ATTEMPTS * attempt) + pause * ((SPARES + 1) * (ATTEMPTS - 1))


def test_every_word_ends():
    """Exactly: the bound is reached. (The next place's look-up hides one cycle of the pause.)"""
    assert check(WriterEnds(writer(), spares=SPARES, cycles=longest()), cycles=longest() + 4).holds
    assert not check(WriterEnds(writer(), spares=SPARES, cycles=longest() - 1), cycles=longest() + 4).holds


class Trusting(BankWriter):
    """Takes what it reads for what it wrote."""

    def _judge(self, m, held, state, tries, moved):
        super()._judge(m, ~self.uncorrectable, state, tries, moved)


class Forgetful(BankWriter):
    """Takes the next word instead of writing one again."""

    def _judge(self, m, held, state, tries, moved):
        m.d.sync += state.eq(State.IDLE)


@pytest.mark.parametrize(("kind", "claim"), [(Trusting, "honest"), (Forgetful, "one_in_hand")])
def test_a_careless_writer_is_found(kind, claim):
    proof = prove(WriterKeepsWords(writer(kind), TIMING), depth=30)
    assert (proof.holds, proof.reachable) == (False, True) and claim in proof.failed


def test_a_hasty_writer_is_found():
    short = dataclasses.replace(TIMING, write_cycles=TIMING.write_cycles - 1)
    proof = prove(WriterKeepsWords(writer(timing=short), TIMING), depth=30)
    assert (proof.holds, proof.failed, proof.reachable) == (False, ("spaced",), True)


def test_a_stubborn_writer_is_found():
    claim = WriterEnds(writer(attempts=ATTEMPTS + 1), spares=SPARES, cycles=longest())
    assert not check(claim, cycles=longest() + 4).holds
