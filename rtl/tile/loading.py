"""How a tile's memories are written: words of the load port, and the banks' writer with its spare words."""

import enum

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from rtl.host.loader import load_port
from rtl.host.packets import Target, tile_targets
from rtl.memory.repair import RepairTable
from rtl.memory.writer import COUNT_BITS, BankWriter
from rtl.tile.config import TileConfig

STROBES = ("prompt", "constants", "stream_program", "vector_program")
"""Memories whose words are written in a cycle."""


class State(enum.IntEnum):
    """What becomes of the word at the load port."""

    IDLE = 0  # there is none
    WRITE = 1  # it goes to its memory, or to the banks' writer
    WAIT = 2  # the writer has it


class LoadPort(wiring.Component):
    """Takes a word when its memory has it: two cycles after it came, or when the banks' writer is done with it.

    The port's inputs come a cycle late and so does the answer: a word stays as it is until a cycle after `load_ready`.

    Attributes
    ----------
    busy : a run is on; words wait
    load_* : as `rtl.host.loader.load_port` has them
    prompt, constants, stream_program, vector_program : write the word there in this cycle
    weights : hand the word to the banks' writer
    taken, done : it has taken it, and is done with it
    """

    def __init__(self, config: TileConfig):
        self.config = config
        port = {name: member.flip() for name, member in load_port(tile_targets(config)).items()}
        super().__init__(
            {
                **port,
                "busy": In(1),
                **{name: Out(1) for name in STROBES},
                "weights": Out(1),
                "taken": In(1),
                "done": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        state, before = Signal(State), Signal()
        m.d.sync += [self.load_ready.eq(0), before.eq(self.load_ready)]
        with m.If(state == State.WRITE):
            self._strobes(m)
            weights = self.load_target == Target.WEIGHTS
            m.d.comb += self.weights.eq(weights)
            with m.If(~weights):
                m.d.sync += [self.load_ready.eq(1), state.eq(State.IDLE)]
            with m.Elif(self.taken):
                m.d.sync += state.eq(State.WAIT)
        with m.Elif(state == State.WAIT):
            with m.If(self.done):
                m.d.sync += [self.load_ready.eq(1), state.eq(State.IDLE)]
        with m.Elif(self.load_valid & ~self.load_ready & ~before & ~self.busy):
            m.d.sync += state.eq(State.WRITE)
        return m

    def _strobes(self, m):
        program = self.load_target == Target.PROGRAM
        m.d.comb += [
            self.prompt.eq(self.load_target == Target.PROMPT),
            self.constants.eq(self.load_target == Target.CONSTANTS),
            self.stream_program.eq(program & (self.load_bank == 0)),
            self.vector_program.eq(program & (self.load_bank == 1)),
        ]


COUNTS = ("retries", "repaired", "unrepairable")
"""What a `BankLoader` says of the words it has written."""


class BankLoader(wiring.Component):
    """Writes weights, and leads every read of a bank to the spare word that has taken the place of its own.

    `BankWriter` and `RepairTable` together: the table looks up the address that a run reads in the next cycle, so its
    registers stand where the address's own would, and repair costs no cycle.

    Attributes
    ----------
    weights, bank, address, data, taken, done : a word to write, as in `LoadPort`
    busy : a word is being written; a run must not read
    following : word of a lane that a run reads in the next cycle, if it does
    addresses : for each bank, in that cycle
    write, code, read : write this codeword, or read, in one bank's place
    arrived : what was read stands at the bank's output
    chosen : number of that bank
    word, corrected, uncorrectable : what its lane's decoder makes of it
    retries, repaired, unrepairable : as in `BankWriter`
    failed : for one cycle, a word has not held
    failed_bank, failed_address : where first
    """

    def __init__(self, config: TileConfig):
        self.config = config
        self._writer = writer = BankWriter(
            code=config.word_code,
            data_bits=config.format.word_bits,
            banks=config.tile_banks,
            words=config.bank_words,
            timing=config.bank,
            read_cycles=config.stream_latency,
        )
        self._table = table = RepairTable(words=config.bank_words, entries=config.spare_words, banks=config.tile_banks)
        super().__init__(
            {
                "weights": In(1),
                "bank": In(writer.bank.shape()),
                "address": In(len(writer.address)),
                "data": In(config.format.word_bits),
                "taken": Out(1),
                "done": Out(1),
                "busy": Out(1),
                "following": In(ceil_log2(config.lane_words)),
                "addresses": Out(table.addresses.shape()),
                "write": Out(config.tile_banks),
                "code": Out(config.code_bits),
                "read": Out(config.tile_banks),
                "arrived": Out(1),
                "chosen": Out(writer.bank.shape()),
                "word": In(config.format.word_bits),
                "corrected": In(1),
                "uncorrectable": In(1),
                **{name: Out(COUNT_BITS) for name in COUNTS},
                "failed": Out(1),
                "failed_bank": Out(writer.failed_bank.shape()),
                "failed_address": Out(len(writer.failed_address)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.writer, m.submodules.table = writer, table = self._writer, self._table
        within = exact_log2(self.config.banks_per_lane)
        m.d.comb += [
            writer.words.valid.eq(self.weights),
            writer.words.payload.bank.eq(self.bank),
            writer.words.payload.address.eq(self.address),
            writer.words.payload.data.eq(self.data),
            self.taken.eq(writer.words.ready),
            table.address.eq(self.following >> within),
            table.assign.eq(writer.assign),
            table.assign_bank.eq(writer.bank),
            table.assign_address.eq(writer.address),
            writer.full.eq(table.full),
            self.addresses.eq(table.addresses),
            self.write.eq(writer.write << writer.bank),
            self.read.eq(writer.read << writer.bank),
            self.chosen.eq(writer.bank),
            *(getattr(self, name).eq(getattr(writer, name)) for name in ("busy", "done", "code", *COUNTS)),
            *(getattr(self, name).eq(getattr(writer, name)) for name in ("failed_bank", "failed_address")),
            writer.data.eq(self.word),
            writer.corrected.eq(self.corrected),
            writer.uncorrectable.eq(self.uncorrectable),
        ]
        with m.If(writer.busy):
            m.d.comb += table.address.eq(writer.address)
        self._events(m, writer)
        return m

    def _events(self, m, writer):
        """When a read arrives, and when a word is given up."""
        before, arrived = Signal.like(writer.unrepairable), writer.read
        for _ in range(self.config.bank.latency_cycles):
            after = Signal(name="arrived")
            m.d.sync += after.eq(arrived)
            arrived = after
        m.d.sync += before.eq(writer.unrepairable)
        m.d.comb += [self.arrived.eq(arrived), self.failed.eq(writer.unrepairable != before)]
