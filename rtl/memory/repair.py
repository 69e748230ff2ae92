"""Spare words: addresses of cells that never hold a value lead to words at the bank's end."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class RepairTable(wiring.Component):
    """Addresses for all banks of one address, with what has been moved to a spare word.

    The table's entries serve whichever banks need them: entry t, once assigned, sends one address of one bank to that
    bank's word `words` + t, so a bank has `words` + `entries` words. A lookup takes one cycle, one a cycle, and ends in
    a register for each bank: there is no logic between it and the bank. Where the address is known a cycle ahead of
    the read, these registers are those of the address, and repair costs no time.

    Attributes
    ----------
    address : what is looked up
    addresses : of each bank, one cycle later
    assign, assign_bank, assign_address : moves an address to the next spare; one that it had is given up. Lookups see
        it from the next cycle on. Ignored when `full`
    full : no spare is left
    used : spares that are taken
    """

    LATENCY = 1

    def __init__(self, *, words: int, entries: int, banks: int):
        self.words, self.entries, self.banks = words, entries, banks
        bits = ceil_log2(words)
        super().__init__(
            {
                "address": In(bits),
                "addresses": Out(data.ArrayLayout(ceil_log2(words + entries), banks)),
                "assign": In(1),
                "assign_bank": In(range(banks)),
                "assign_address": In(bits),
                "full": Out(1),
                "used": Out(range(entries + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        matches = [self._entry(m, index) for index in range(self.entries)]
        m.d.comb += self.full.eq(self.used == self.entries)
        with m.If(self.assign & ~self.full):
            m.d.sync += self.used.eq(self.used + 1)
        for bank in range(self.banks):
            hits = [match & (at == bank) for match, at in matches]
            slot = Signal(range(max(self.entries, 2)), name=f"slot_{bank}")  # At most one entry hits: sums are ors.
            m.d.comb += [
                bit.eq(Cat(hit for index, hit in enumerate(hits) if index >> place & 1).any())
                for place, bit in enumerate(slot)
            ]
            m.d.sync += self.addresses[bank].eq(Mux(Cat(hits).any(), self.words + slot, self.address))
        return m

    def _entry(self, m: Module, index: int):
        """One entry: whether it is for the address that is looked up, and its bank."""
        valid, bank, address = Signal(), Signal.like(self.assign_bank), Signal.like(self.address)
        same = (bank == self.assign_bank) & (address == self.assign_address)
        with m.If(self.assign & ~self.full):
            with m.If(self.used == index):
                m.d.sync += [valid.eq(1), bank.eq(self.assign_bank), address.eq(self.assign_address)]
            with m.Elif(same):
                m.d.sync += valid.eq(0)
        return valid & (address == self.address), bank
