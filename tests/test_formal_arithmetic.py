"""The row sum, proved not to overflow for any legal row; a longer one breaks the proof."""

import pytest

from rtl.arithmetic.dot import DotProduct
from rtl.formats import DEFAULT
from testbench.claims_arithmetic import SumIsBounded
from testbench.formal import prove


@pytest.mark.slow
def test_no_legal_row_overflows():
    assert prove(SumIsBounded(DotProduct(DEFAULT)), depth=SumIsBounded.LATENCY + 1).holds


@pytest.mark.slow
def test_a_row_that_overflows_is_found():
    """Half as many groups again."""
    proof = prove(SumIsBounded(DotProduct(DEFAULT), row_words=384), depth=SumIsBounded.LATENCY + 1)
    assert not proof.holds and "fits" in proof.failed
