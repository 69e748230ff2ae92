"""The prover itself, on claims whose answer is known."""

import pytest
from amaranth.hdl import Assume, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from testbench.claims_memory import Linear
from testbench.formal import FormalError, check, prove, run_yosys
from testbench.linear import NotLinearError, linear_map


class Counter(wiring.Component):
    """Adds `step` (assumed to be at most `largest`) until it has reached 10."""

    def __init__(self, *, bound: int, largest: int = 3):
        self.bound, self.largest = bound, largest
        super().__init__({"step": In(3), "bounded": Out(1), "small": Out(1)})

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        with m.If(count < 10):
            m.d.sync += count.eq(count + self.step)
        m.d.comb += [Assume(self.step <= self.largest), self.bounded.eq(count <= self.bound), self.small.eq(1)]
        return m


def test_what_holds_is_proved():
    assert prove(Counter(bound=12), depth=1).holds


def test_what_does_not_hold_has_a_run_that_shows_it():
    proof = prove(Counter(bound=11), depth=6)
    assert (proof.holds, proof.failed, proof.reachable) == (False, ("bounded",), True)
    steps = [cycle["step"] for cycle in proof.trace]
    assert sum(steps[:-1]) == 12
    assert [cycle["bounded"] for cycle in proof.trace] == [1] * (len(steps) - 1) + [0]


def test_what_does_not_follow_is_not_called_a_counterexample():
    proof = prove(Counter(bound=11), depth=2)
    assert (proof.holds, proof.reachable) == (False, False)


def test_a_check_says_nothing_of_later_cycles():
    assert check(Counter(bound=11), cycles=4).holds
    assert not check(Counter(bound=11), cycles=6).holds


def test_assumptions_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="leave no run of 1 cycles, so anything follows"):
        prove(Counter(bound=9, largest=-1), depth=1)


def test_outputs_are_one_bit_wide():
    with pytest.raises(ValueError, match="outputs value of a claim are not one bit wide"):
        prove(Linear(lambda m, word: word, 3, 3), depth=0)


def test_yosys_errors_are_shown():
    with pytest.raises(FormalError, match="nonsense"):
        run_yosys(Counter(bound=1), "nonsense", "none")


def test_linear_map():
    """The word reversed with its middle added to the first bit; an and is no linear map, nor is a complement."""
    assert linear_map(Linear(lambda m, word: word[::-1] ^ word[1], 3, 3)) == [0b110, 0b010, 0b001]
    with pytest.raises(NotLinearError, match="_AND_ is not"):
        linear_map(Linear(lambda m, word: word[0] & word[1], 2, 1))
    with pytest.raises(NotLinearError, match="_NOT_ is not"):
        linear_map(Linear(lambda m, word: ~word, 2, 2))
