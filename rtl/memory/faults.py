"""How often the cells of a bank fail, and exactly which ones fail in the behavioural bank under a seed."""

import math
from dataclasses import dataclass

import numpy as np

from devicemodels.checks import require_probability
from devicemodels.macro import MemoryMacro

_KINDS = ("read_error_rate", "read_disturb_rate", "write_error_rate", "retention_error_rate", "stuck_rate")


@dataclass(frozen=True, kw_only=True)
class FaultRates:
    """Probabilities of faults per bit: the fields of a `MemoryMacro`, and the share of cells that never change.

    Attributes
    ----------
    read_error_rate : a read takes a bit wrong; the cell keeps it
    read_disturb_rate : a read flips a cell that holds 0 (parallel, the state that the read current works against)
    write_error_rate : a write leaves a cell as it was
    retention_error_rate : a cell of the bank's first contents is flipped before the first cycle
    stuck_rate : a cell holds one value, drawn evenly, for ever
    seed : of all draws
    """

    read_error_rate: float = 0.0
    read_disturb_rate: float = 0.0
    write_error_rate: float = 0.0
    retention_error_rate: float = 0.0
    stuck_rate: float = 0.0
    seed: int = 0

    def __post_init__(self):
        for name in _KINDS:
            require_probability(f"the {name.replace('_', ' ')}", getattr(self, name))

    @classmethod
    def of(cls, macro: MemoryMacro, *, stuck_rate: float = 0.0, seed: int = 0) -> "FaultRates":
        """The rates of a macro; what share of cells is stuck is a matter of the process, not of the model."""
        rates = {name: float(getattr(macro, name)) for name in _KINDS if hasattr(macro, name)}
        return cls(**rates, stuck_rate=stuck_rate, seed=seed)

    @property
    def plusargs(self) -> list[str]:
        """Arguments that tell a simulation; none if nothing fails, so that banks do not draw at all."""
        given = [f"+{name}={getattr(self, name):.17g}" for name in _KINDS if getattr(self, name)]
        return [*given, f"+fault_seed={self.seed}"] if given else []


class FaultyBank:
    """Golden function of the behavioural bank: what each read gives, in the order of reads and writes.

    Parameters
    ----------
    contents : uint8 array [words, bits] as written, before retention errors
    index : the bank's number
    """

    def __init__(self, contents, rates: FaultRates, index: int):
        self._rates, self._index = rates, index
        self._reads = self._writes = 0
        self.cells = contents.copy()
        rows, bits = self._drawn("retention_error_rate", np.arange(len(contents)))
        self.cells[rows, bits] ^= 1
        self._settle(np.arange(len(contents)))

    def read(self, address: int):
        """The word as the sense amplifiers see it, uint8 array [bits]."""
        word = self.cells[address].copy()
        word[self._drawn("read_error_rate", [self._reads])[1]] ^= 1
        self.cells[address, self._drawn("read_disturb_rate", [self._reads])[1]] = 1
        self._reads += 1
        return word

    def write(self, address: int, word) -> None:
        """Writes a word, uint8 array [bits]."""
        failed = self._drawn("write_error_rate", [self._writes])[1]
        kept = self.cells[address, failed]
        self.cells[address] = word
        self.cells[address, failed] = kept
        self._writes += 1
        self._settle(np.array([address]))

    def _settle(self, addresses) -> None:
        """Stuck cells return to their value."""
        rows, bits = self._drawn("stuck_rate", addresses)
        starts = ~self._starts("stuck_rate", addresses)
        self.cells[addresses[rows], bits] = _mix(starts[rows] + bits.astype(np.uint64)) >> 63

    def _drawn(self, kind: str, events):
        """Bits that fail in each event: (positions in `events`, bits)."""
        rate, width = getattr(self._rates, kind), self.cells.shape[1]
        found: list[tuple[int, int]] = []
        if rate > 0:
            keep = math.log(1.0 - rate) if rate < 1 else -math.inf
            starts = self._starts(kind, np.asarray(events))
            near = np.flatnonzero(_uniform(_mix(starts)) > math.exp((width + 1) * keep))
            for row in near:
                found += [(row, bit) for bit in _walk(int(starts[row]), keep, width)]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def _starts(self, kind: str, events):
        """Hash of each event."""
        base = _mix(_mix(np.array([self._rates.seed])) + np.uint64(self._index * 8 + _KINDS.index(kind)))
        return _mix(base + np.asarray(events).astype(np.uint64))


def _walk(start: int, keep: float, width: int):
    """Failing bits of one event: distances are geometric, `keep` is the logarithm of a bit's chance to survive."""
    position, count = -1, 0
    while True:
        uniform = float(_uniform(_mix(np.array([(start + count) % (1 << 64)], np.uint64)))[0])
        distance = math.log(uniform) / keep
        if position + 1 + distance >= width:
            return
        position += 1 + math.floor(distance)
        yield position
        count += 1


def _mix(values):
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of integers, as uint64."""
    with np.errstate(over="ignore"):
        z = np.asarray(values).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(values):
    """Numbers in (0, 1) from the top 53 bits."""
    return ((values >> np.uint64(11)).astype(np.float64) + 0.5) / 9007199254740992.0
