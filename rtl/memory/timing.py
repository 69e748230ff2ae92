"""From a bank's seconds to whole clock cycles: the one place where time is rounded."""

import math

from devicemodels.errors import UserError
from devicemodels.macro import MemoryMacro
from rtl.tile.config import BankTiming

LONGEST_CADENCE = 15
"""Cycles between two reads that an instruction's period can express."""

_TOLERANCE = 1e-9


def bank_timing(macro: MemoryMacro, clock_hz: float, capture: float = 0.0) -> BankTiming:
    """A bank's read time, read cycle and write cycle in clock cycles, each rounded up.

    Data are taken at the first clock edge at least `read_access` and `capture` after the edge that starts the
    read; the next read starts at the first edge at least `read_cycle` after it, and not before the data are taken.
    A time that exceeds a whole number of periods by less than a part in 10**9 counts as that number. The node's
    clock margin is not added: a macro's times carry a guard of their own.

    Parameters
    ----------
    capture : clock-to-output and set-up of the registers around the bank, in seconds

    Raises
    ------
    UserError
        The bank is slower than the program format can wait.
    """

    def cycles(time):
        return max(1, math.ceil(time * clock_hz * (1 - _TOLERANCE)))

    latency = cycles(macro.read_access + capture)
    cadence = max(cycles(macro.read_cycle), latency)
    if cadence > LONGEST_CADENCE:
        raise UserError(
            f"the {macro.kind} bank reads every {macro.read_cycle * 1e9:.2f} ns, {cadence} cycles at "
            f"{clock_hz / 1e6:g} MHz, and the tile waits at most {LONGEST_CADENCE}: lower tile.clock_mhz to "
            f"{LONGEST_CADENCE / macro.read_cycle / 1e6:.0f} or shorten memory.rows"
        )
    return BankTiming(latency_cycles=latency, cadence_cycles=cadence, write_cycles=cycles(macro.write_cycle))
