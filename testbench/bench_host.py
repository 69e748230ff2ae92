"""The bench of the host interface alone: a model of the tile and of its memories stands on the other side.

`request.json` in the run folder holds `context`, `lanes`, `columns`, `targets` (keywords of `LoadTarget`), `seed`,
`stalls` (share of cycles in which each stream waits).
"""

import json
import random
from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge, Timer, with_timeout
from cocotbext.axi import AxiStreamFrame

from rtl.host.interface import COLUMN_SETTINGS, COUNTERS, LOADING, SETTINGS, SETTLE_CYCLES
from rtl.host.packets import LoadTarget, Target, Write, header, packet, stream_bytes, unpack
from rtl.host.registers import ADDRESS_BITS, EVENTS, IDENTIFICATION, REGISTERS, VERSION, Access, PacketError, register
from rtl.host.token_queue import TAINTED
from testbench.axi_monitor import AxiMonitor
from testbench.clock import PERIOD_NS, start_clock
from testbench.host import PUBLIC as BUS
from testbench.host import Host, Refused

TILE = ("busy", "token_valid", "token", "tainted", *COUNTERS, "illegal_program")
TILE_INPUTS = (*TILE, "uncorrectable", "uncorrectable_bank", "uncorrectable_address", "load_ready", "load_failed",
               *LOADING)  # fmt: skip
SEEN = (*SETTINGS, *COLUMN_SETTINGS)
PUBLIC = (*BUS, *TILE_INPUTS, "tile_reset", "start", *SEEN, "load_valid", "load_target", "load_bank",
          "load_address", "load_data")  # fmt: skip
REQUEST = json.loads(Path("request.json").read_text()) if Path("request.json").is_file() else {}
TARGETS = tuple(LoadTarget(**{**one, "target": Target(one["target"])}) for one in REQUEST.get("targets", ()))
EVENT_NAMES = [name for name, _ in EVENTS]
BY_OFFSET = {one.offset: one for one in REGISTERS}


class Bench:
    """One test: the host on one side, models on the other, the monitor between."""

    def __init__(self, dut):
        self.dut, self.random = dut, random.Random(REQUEST["seed"])
        self.host = Host(dut, dut.clk, dut.rst)
        self.monitor = AxiMonitor(dut, dut.clk, dut.rst)
        self.written: list[Write] = []
        self.memory_busy = False

    async def begin(self, *, stalls: float | None = None):
        """Reset, then let the memories take words."""
        start_clock(self.dut.clk)
        for name in TILE_INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        cocotb.start_soon(self.monitor.run())
        await self.cycles(5)
        self.dut.rst.value = 0
        share = REQUEST["stalls"] if stalls is None else stalls
        if share:
            self.host.stall(REQUEST["seed"], share)
        cocotb.start_soon(self._memories(share))
        await self.cycles(8)

    async def cycles(self, count: int):
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def _memories(self, stalls):
        """Take words, with stalls; what waits must not change."""
        dut, waiting = self.dut, None
        while True:
            dut.load_ready.value = int(not self.memory_busy and self.random.random() >= stalls)
            await RisingEdge(dut.clk)
            valid = bool(dut.load_valid.value)
            word = self._word() if valid else None
            assert waiting is None or waiting == word or dut.tile_reset.value, f"{waiting} became {word}"
            waiting = word if valid and not dut.load_ready.value else None
            if valid and dut.load_ready.value:
                self.written.append(word)

    def _word(self):
        dut = self.dut
        memory = next(one for one in TARGETS if one.target == int(dut.load_target.value))
        return Write(
            target=memory.target, bank=int(dut.load_bank.value), address=int(dut.load_address.value),
            word=int(dut.load_data.value) & (1 << memory.bits) - 1,
        )  # fmt: skip

    async def pulse(self, **values):
        """Values of the tile's signals for one cycle."""
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await RisingEdge(self.dut.clk)
        for name in values:
            getattr(self.dut, name).value = 0

    async def tile(self, tokens: list[int], *, gap: int = 3, busy_after: int = 3):
        """One run of a tile: the settings it saw. Ends early in a reset."""
        dut = self.dut
        await RisingEdge(dut.start)
        await RisingEdge(dut.clk)
        seen = {name: int(getattr(dut, name).value) for name in SEEN}
        await self.cycles(busy_after)
        dut.busy.value = 1
        for token in tokens:
            for _ in range(self.random.randrange(gap + 1)):
                await RisingEdge(dut.clk)
                if dut.tile_reset.value:
                    dut.busy.value = 0
                    return seen
            await self.pulse(token=token & 0xFFFF, tainted=token >> TAINTED, token_valid=1)
        dut.busy.value = 0
        return seen

    async def events(self) -> set[str]:
        """Events whose bit is set."""
        return {name for name, value in (await self.host.read("INTERRUPT_STATUS")).items() if value}

    async def idle(self):
        """Wait until no run is on."""
        while await self.host.field("STATUS", "busy"):
            await self.cycles(1)

    def finish(self):
        self.monitor.check_answered()


def bench(test):
    """A cocotb test of this DUT, ended by what must hold at the end of each."""

    async def run(dut):
        one = Bench(dut)
        await with_timeout(test(one), 60_000 * PERIOD_NS, "ns")
        await Timer(20 * PERIOD_NS, "ns")
        one.finish()

    run.__name__ = run.__qualname__ = test.__name__
    run.__doc__ = test.__doc__
    return cocotb.test()(run)


def bits(rng, width):
    return rng.getrandbits(width)


@bench
async def every_address_answers(one):
    """All 1,024 words of the address space, read and written: known registers OKAY, everything else SLVERR."""
    await one.begin(stalls=0.0)
    known = {
        "IDENTIFICATION": IDENTIFICATION,
        "VERSION": VERSION[0] << 8 | VERSION[1],
        "SIZE": REQUEST["lanes"] << 16 | REQUEST["context"],
        "COLUMNS_BUILT": REQUEST["columns"],
        "COLUMNS": REQUEST["columns"],
    }
    for address in range(0, 1 << ADDRESS_BITS, 4):
        found = BY_OFFSET.get(address)
        answer = await one.host.access(address)
        if found is None:
            assert answer is None, hex(address)
        elif found.name not in ("INTERRUPT_STATUS", "ILLEGAL_ACCESS"):
            assert answer == known.get(found.name, 0), found.name
        written = await one.host.access(address, bytes(4))
        assert (written == 0) == (found is not None and found.writable), hex(address)


@bench
async def random_accesses_follow_the_table(one):
    """Reads and writes of any bytes, against a model of the table in a dictionary."""
    await one.begin()
    rng, state = one.random, {one_.offset: 0 for one_ in REGISTERS}
    state[register("COLUMNS").offset] = REQUEST["columns"]
    settable = [one_ for one_ in REGISTERS if any(f.access is Access.READ_WRITE for f in one_.fields)]
    for _ in range(400):
        found = rng.choice(settable)
        if rng.random() < 0.5:
            assert await one.host.access(found.offset) == state[found.offset], found.name
            continue
        first = rng.randrange(4)
        data = rng.randbytes(rng.randrange(1, 5 - first))
        assert await one.host.access(found.offset + first, data) == 0
        kept = bytearray(state[found.offset].to_bytes(4, "little"))
        kept[first : first + len(data)] = data
        writable = sum((1 << field.bits) - 1 << field.low for field in found.fields)
        state[found.offset] = int.from_bytes(kept, "little") & writable


@bench
async def reads_and_writes_at_once(one):
    """Both directions of the bus at the same time, many in flight."""
    await one.begin()
    values = [one.random.getrandbits(32) for _ in range(60)]
    writes = [one.host.bus.init_write(register("EPSILON").offset, value.to_bytes(4, "little")) for value in values]
    reads = [one.host.bus.init_read(register("IDENTIFICATION").offset, 4) for _ in values]
    for event in (*writes, *reads):
        await event.wait()
    assert all(int.from_bytes(event.data.data, "little") == IDENTIFICATION for event in reads)
    assert await one.host.field("EPSILON", "epsilon") in values


@bench
async def counters_are_read_whole(one):
    """The upper half is that of the moment in which the lower one was read."""
    await one.begin()
    for name in COUNTERS:
        value = one.random.getrandbits(48)
        getattr(one.dut, name).value = value
        await one.cycles(2)
        assert await one.host.counter(name.upper()) == value, name
    one.dut.cycles.value = 0x1234_FFFFFFFF
    await one.cycles(2)
    low = await one.host.field("CYCLES_LOW", "cycles_low")
    one.dut.cycles.value = 0x1235_00000000
    await one.cycles(2)
    assert (low, await one.host.field("CYCLES_HIGH", "cycles_high")) == (0xFFFFFFFF, 0x1234)


@bench
async def a_run_gives_its_tokens(one):
    """Settings arrive, tokens leave in order whatever the host does, TLAST closes them, the tile never waits."""
    await one.begin()
    context = REQUEST["context"]
    for prompt, total in ((1, context), (context, context), (3, 7), (1, 1)):
        tokens = [one.random.getrandbits(16) | one.random.getrandbits(1) << TAINTED for _ in range(total - prompt + 1)]
        wanted = {"prompt_length": prompt, "total_length": total, "vocabulary": bits(one.random, 16),
                  "epsilon": bits(one.random, 32)}  # fmt: skip
        one.host.tokens.clear_pause_generator()
        one.host.tokens.pause = True
        tile = cocotb.start_soon(one.tile(tokens))
        await one.host.start(**wanted)
        assert await one.host.field("STATUS", "busy") == 1
        columns = {"first_position": 0, "first_emitted": prompt - 1, "columns": REQUEST["columns"]}
        assert await tile == wanted | columns
        await one.idle()
        assert await one.host.field("STATUS", "waiting") == len(tokens)
        assert await one.host.counter("TOKENS") == len(tokens)
        assert await one.events() == {"done"}
        one.host.tokens.pause = False
        if REQUEST["stalls"]:
            one.host.stall(REQUEST["seed"] + total, REQUEST["stalls"])
        assert await one.host.take() == tokens
        assert await one.host.field("STATUS", "waiting") == 0
        await one.host.write("INTERRUPT_STATUS", done=1)


@bench
async def drafts_bring_tokens_of_their_own(one):
    """A run from any position and with as many columns as wanted; TLAST comes with the last token of all."""
    await one.begin()
    if REQUEST["columns"] == 1:
        return
    fixed, context = {"vocabulary": 5, "epsilon": 1}, REQUEST["context"]
    runs = (0, 3, 4, 4), (7, 0, 8, context), (5, 6, 12, 14), (context - 1, 0, context, context)
    for first, drafts, prompt, total in runs:
        tokens = [one.random.getrandbits(16) for _ in range(total - prompt + 1 + drafts)]
        columns = one.random.randrange(1, REQUEST["columns"] + 1)
        tile = cocotb.start_soon(one.tile(tokens))
        settings = {"prompt_length": prompt, "total_length": total, "first_position": first, "columns": columns}
        await one.host.start(**fixed, **settings, drafts=drafts)
        assert await tile == fixed | settings | {"first_emitted": prompt - 1 - drafts}
        assert await one.host.take() == tokens
        await one.idle()


@bench
async def tokens_leave_while_the_run_goes_on(one):
    """With a host that takes tokens as they come, at one token a cycle."""
    await one.begin()
    tokens = [one.random.getrandbits(16) for _ in range(REQUEST["context"])]
    cocotb.start_soon(one.tile(tokens, gap=0))
    await one.host.start(prompt_length=1, total_length=len(tokens), vocabulary=5, epsilon=1)
    assert await one.host.take() == tokens


@bench
async def an_impossible_start_is_refused(one):
    """Lengths of zero, in the wrong order or beyond the context; no room for the tokens; and nothing begins."""
    await one.begin()
    context = REQUEST["context"]
    starts = []

    async def count():
        while True:
            await RisingEdge(one.dut.start)
            starts.append(1)

    cocotb.start_soon(count())
    for prompt, total in ((0, 0), (0, 5), (2, 1), (5, context + 1), (context + 1, context + 1), (1, 65535)):
        await one.host.write("PROMPT_LENGTH", prompt_length=prompt)
        await one.host.write("TOTAL_LENGTH", total_length=total)
        await refused(one, "CONTROL", start=1)
    await one.host.write("PROMPT_LENGTH", prompt_length=4)
    await one.host.write("TOTAL_LENGTH", total_length=context - 2)
    wrong = [{"columns": REQUEST["columns"] + 1}, {"columns": 0}, {"columns": 31}, {"first_position": 4}, {"drafts": 4}]
    wrong += [{"first_position": 2, "drafts": 2}, {"first_position": 65535, "drafts": 65535}, {"drafts": 65535}]
    if REQUEST["columns"] == 1:
        wrong += [{"first_position": 1}, {"drafts": 1}]
    for settings in wrong:
        for name, value in ({"first_position": 0, "drafts": 0, "columns": REQUEST["columns"]} | settings).items():
            await one.host.write(name.upper(), **{name: value})
        await refused(one, "CONTROL", start=1)
    await one.host.write("DRAFTS", drafts=0)
    one.host.tokens.pause = True
    one.host.tokens.clear_pause_generator()
    cocotb.start_soon(one.tile([7] * 3))
    await one.host.start(prompt_length=1, total_length=3, vocabulary=1, epsilon=0)
    await one.idle()
    await one.host.write("PROMPT_LENGTH", prompt_length=1)
    await one.host.write("TOTAL_LENGTH", total_length=context - 2)
    await refused(one, "CONTROL", start=1)
    assert len(starts) == 1
    await one.host.write("TOTAL_LENGTH", total_length=context - 3)
    await one.host.write("CONTROL", start=1)
    await one.cycles(3)
    assert len(starts) == 2


async def refused(one, name, **fields):
    """A write is answered SLVERR, leaves its trace, and the trace is cleared again."""
    try:
        await one.host.write(name, **fields)
    except Refused:
        pass
    else:
        raise AssertionError(f"writing {fields} to {name} was not refused")
    assert "illegal_access" in await one.events()
    assert await one.host.read("ILLEGAL_ACCESS") == {"illegal_address": register(name).offset, "illegal_write": 1}
    await one.host.write("INTERRUPT_STATUS", illegal_access=1)


@bench
async def settings_are_locked_while_a_run_is_on(one):
    """Refused, and unchanged; the rest of the map works."""
    await one.begin()
    settings = {"prompt_length": 1, "total_length": 3, "vocabulary": 9, "epsilon": 77}
    settings |= {"first_position": 0, "drafts": 0, "columns": 1}
    one.dut.busy.value = 1
    await one.cycles(2)
    await refused(one, "EPSILON", epsilon=1)
    one.dut.busy.value = 0
    await one.idle()
    await one.host.start(**settings)
    one.dut.busy.value = 1
    for name in settings:
        await refused(one, name.upper(), **{name: 0x15})
        await refused(one, "CONTROL", start=1)
    await one.host.write("INTERRUPT_ENABLE", done_enable=1)
    await one.host.write("INTERRUPT_STATUS", done=1)
    await one.cycles(2)
    assert one.dut.irq.value == 0
    one.dut.busy.value = 0
    await one.idle()
    await one.cycles(2)
    for name, value in settings.items():
        assert await one.host.field(name.upper(), name) == value
    assert one.dut.irq.value == 1


@bench
async def the_run_is_on_until_counters_settle(one):
    """`busy` falls exactly `SETTLE_CYCLES` after the tile's, and rises with the start."""
    await one.begin(stalls=0.0)
    await one.host.write("INTERRUPT_ENABLE", done_enable=1)
    tile = cocotb.start_soon(one.tile([5] * 2, busy_after=6))
    await one.host.start(prompt_length=1, total_length=2, vocabulary=1, epsilon=0)
    await tile
    waited = 0
    while not one.dut.irq.value:
        await one.cycles(1)
        waited += 1
    # The tile's last busy cycle, SETTLE_CYCLES, then the event, its bit and the interrupt, a cycle each.
    assert waited == SETTLE_CYCLES + 3


@bench
async def good_and_bad_packets(one):
    """Random packets, four in ten wrong in one of eight ways, against `unpack`; each error is seen by its number."""
    await one.begin()
    expected, rng = [], one.random
    for number in range(60):
        beats = random_packet(rng)
        writes, error = unpack(beats, TARGETS)
        expected += writes
        await one.host.stream.send(stream_bytes(beats))
        await one.host.stream.wait()
        await one.host.loaded()
        assert one.written == expected, number
        found = await one.host.read("PACKET_ERROR")
        if error is PacketError.NONE:
            assert await one.events() == set()
        else:
            assert await one.events() == {"packet_error"}
            assert found == {"packet_error_code": error, "packet_number": number}
            await one.host.write("CONTROL", clear=1)


def random_packet(rng):
    """Beats of a packet, right or wrong."""
    memory = rng.choice(TARGETS)
    count = rng.randrange(1, min(memory.words, 6) + 1)
    address = rng.randrange(memory.words - count + 1)
    words = [rng.getrandbits(memory.bits) for _ in range(count)]
    beats = packet(memory, words, bank=rng.randrange(memory.banks), address=address)

    def head(**changes):
        return header(**{"target": memory.target, "bank": 0, "address": 0, "count": count, **changes})

    wrong = {
        "target": lambda: [head(target=rng.choice([0, 5, 77, 255])), *beats[1:]],
        "bank": lambda: [head(bank=memory.banks), *beats[1:]],
        "beyond": lambda: [head(address=memory.words - count + 1), *beats[1:]],
        "huge": lambda: [head(address=2**20 - 1, count=2**20 - 1), *beats[1:]],
        "empty": lambda: [head(count=0), *beats[1:]],
        "header only": lambda: beats[:1],
        "early": lambda: beats[: rng.randrange(1, len(beats))],
        "late": lambda: beats + [rng.getrandbits(64) for _ in range(rng.randrange(1, 9))],
    }
    return wrong[rng.choice(list(wrong))]() if rng.random() < 0.4 else beats


@bench
async def packets_one_after_the_other(one):
    """Without a pause between them; only the first error is kept, and the words of the good ones all arrive."""
    await one.begin()
    expected, first = [], None
    for number in range(80):
        beats = random_packet(one.random)
        writes, error = unpack(beats, TARGETS)
        expected += writes
        if error is not PacketError.NONE and first is None:
            first = {"packet_error_code": error, "packet_number": number}
        one.host.stream.send_nowait(stream_bytes(beats))
    await one.host.stream.wait()
    await one.host.loaded()
    assert one.written == expected
    assert await one.host.read("PACKET_ERROR") == first


@bench
async def a_beat_goes_in_every_cycle(one):
    """The stated rate: beats and one cycle a packet, when nobody stalls."""
    await one.begin(stalls=0.0)
    one.dut.load_ready.value = 1
    memory = TARGETS[0]
    beats = packet(memory, [one.random.getrandbits(memory.bits) for _ in range(memory.words)])
    one.host.stream.send_nowait(stream_bytes(beats))
    await RisingEdge(one.dut.s_axis_tvalid)
    cycles = 0
    while one.monitor.moved["s_axis_t"] < len(beats):
        await one.cycles(1)
        cycles += 1
    assert cycles <= len(beats) + 3


@bench
async def no_packet_begins_in_a_run(one):
    """It waits on the stream, whole, and is taken when the run is over; a start waits for the end of a packet."""
    await one.begin()
    memory = next(target for target in TARGETS if target.target is Target.PROMPT)
    words = [one.random.getrandbits(memory.bits) for _ in range(memory.words)]
    tile = cocotb.start_soon(one.tile([1], gap=40))
    await one.host.start(prompt_length=1, total_length=1, vocabulary=1, epsilon=0)
    one.host.stream.send_nowait(stream_bytes(packet(memory, words)))
    await tile
    assert one.monitor.moved["s_axis_t"] == 0
    await one.host.stream.wait()
    await one.host.loaded()
    assert [write.word for write in one.written] == words
    one.host.stream.pause = True
    one.host.stream.clear_pause_generator()
    one.host.stream.send_nowait(stream_bytes(packet(memory, words[:4])))
    one.host.stream.pause = False
    await RisingEdge(one.dut.s_axis_tvalid)
    await one.cycles(3)
    one.host.stream.pause = True
    await one.cycles(3)
    await refused(one, "CONTROL", start=1)
    one.host.stream.pause = False
    await one.host.loaded()
    await one.host.write("CONTROL", start=1)


@bench
async def a_word_that_waits_is_still_being_loaded(one):
    """The packet has gone, its last word waits for the memory: no run begins before that is written."""
    await one.begin()
    memory, one.memory_busy = TARGETS[0], True
    await one.host.write("PROMPT_LENGTH", prompt_length=1)
    await one.host.write("TOTAL_LENGTH", total_length=1)
    await one.host.load(memory, [1 << 200])
    await one.cycles(20)
    assert await one.host.field("STATUS", "loading") == 1
    await refused(one, "CONTROL", start=1)
    one.memory_busy = False
    await one.host.loaded()
    await one.cycles(2)
    assert [write.word for write in one.written] == [1 << 200]
    await one.host.write("CONTROL", start=1)


@bench
async def a_soft_reset_ends_runs_and_packets(one):
    """In a run: the tile is reset, tokens that wait stay. In a packet: the rest is dropped, the next one is whole."""
    await one.begin()
    one.host.tokens.clear_pause_generator()
    one.host.tokens.pause = True
    tile = cocotb.start_soon(one.tile([11, 12, *[13] * 20], gap=30))
    await one.host.start(prompt_length=1, total_length=22, vocabulary=1, epsilon=0)
    while await one.host.field("STATUS", "waiting") < 2:
        pass
    await one.host.write("CONTROL", soft_reset=1)
    await tile
    await one.idle()
    waiting = await one.host.field("STATUS", "waiting")
    assert 2 <= waiting < 22
    assert await one.host.field("TOTAL_LENGTH", "total_length") == 22
    one.host.tokens.pause = False
    while await one.host.field("STATUS", "waiting"):
        pass
    memory, rng = TARGETS[0], one.random
    for _ in range(12):
        one.written.clear()
        cut, whole = ([rng.getrandbits(memory.bits) for _ in range(5)] for _ in range(2))
        one.host.stream.send_nowait(stream_bytes(packet(memory, cut)))
        one.host.stream.send_nowait(stream_bytes(packet(memory, whole)))
        await RisingEdge(one.dut.s_axis_tvalid)
        await one.cycles(rng.randrange(30))
        await one.host.write("CONTROL", soft_reset=1)
        await one.host.stream.wait()
        await one.host.loaded()
        await one.cycles(10)
        words = [write.word for write in one.written]
        # The reset comes somewhere in the two or after them; what is written are words of theirs, in their order.
        assert any(words == cut[:a] + whole[:b] for a in range(6) for b in range(6))
        one.written.clear()
        await one.host.load(memory, whole)
        await one.host.loaded()
        assert [write.word for write in one.written] == whole
    await stop_in_a_packet(one, memory)
    assert "packet_error" not in await one.events()


async def stop_in_a_packet(one, memory):
    """With the host stopped after a word and a half: the rest of that packet is dropped, and no more than that."""
    words = [one.random.getrandbits(memory.bits) for _ in range(5)]
    one.written.clear()
    one.host.stream.clear_pause_generator()
    one.host.stream.pause = False
    before = one.monitor.moved["s_axis_t"]
    one.host.stream.send_nowait(stream_bytes(packet(memory, words)))
    while one.monitor.moved["s_axis_t"] < before + 1 + memory.beats * 3 // 2:
        await one.cycles(1)
    one.host.stream.pause = True
    await one.cycles(20)
    await one.host.write("CONTROL", soft_reset=1)
    one.host.stream.pause = False
    await one.host.load(memory, words[::-1])
    await one.host.loaded()
    await one.cycles(2)
    assert [write.word for write in one.written] in (words[:1] + words[::-1], words[:2] + words[::-1])


@bench
async def events_raise_the_interrupt(one):
    """Each event sets its bit, raises the interrupt where enabled, keeps its first record, and is cleared alone."""
    await one.begin()
    for bit, name in enumerate(EVENT_NAMES):
        await one.host.write("INTERRUPT_ENABLE", **{f"{name}_enable": 1})
        assert one.dut.irq.value == 0, name
        await cause(one, name)
        await one.cycles(SETTLE_CYCLES + 20)
        assert await one.events() >= {name}
        await one.cycles(2)
        assert one.dut.irq.value == 1, name
        for other in EVENT_NAMES:
            await one.host.write("INTERRUPT_STATUS", **{other: int(other != name)})
        assert await one.events() == {name}
        await one.host.access(register("INTERRUPT_STATUS").offset, (1 << bit).to_bytes(4, "little"))
        await one.cycles(2)
        assert (await one.events(), one.dut.irq.value) == (set(), 0)
    await one.pulse(uncorrectable=1, uncorrectable_bank=5, uncorrectable_address=0xABCDE)
    await one.pulse(uncorrectable=1, uncorrectable_bank=6, uncorrectable_address=1)
    assert await one.host.read("UNCORRECTABLE") == {"uncorrectable_address": 0xABCDE, "uncorrectable_bank": 5}
    await one.host.write("CONTROL", clear=1)
    assert await one.events() == set()
    await one.pulse(uncorrectable=1, uncorrectable_bank=7, uncorrectable_address=2)
    assert await one.host.read("UNCORRECTABLE") == {"uncorrectable_address": 2, "uncorrectable_bank": 7}


@bench
async def an_event_in_the_cycle_of_its_clearing_is_not_lost(one):
    """The bit is cleared in the cycle before BVALID; an event in just that cycle leaves it set."""
    await one.begin(stalls=0.0)
    together = 0
    for delay in range(8):
        clearing = cocotb.start_soon(one.host.write("CONTROL", clear=1))
        await one.cycles(delay + 1)
        await one.pulse(illegal_program=1)
        answered = int(one.dut.s_axil_bvalid.value)
        await one.cycles(1)
        together += (clears := not answered and bool(one.dut.s_axil_bvalid.value))
        await clearing
        if clears:
            assert await one.events() == {"illegal_program"}
    assert together == 1


async def cause(one, name):
    """Let an event happen."""
    if name == "done":
        cocotb.start_soon(one.tile([1]))
        await one.host.start(prompt_length=1, total_length=1, vocabulary=1, epsilon=0)
    elif name == "illegal_access":
        assert await one.host.access(0xFFC) is None
    elif name == "packet_error":
        one.host.stream.send_nowait(AxiStreamFrame(stream_bytes([0])))
    elif name == "token_lost":
        one.host.tokens.clear_pause_generator()
        one.host.tokens.pause = True
        for token in range(REQUEST["context"] + 4):
            await one.pulse(token_valid=1, token=token)
        await one.cycles(3)
    else:
        await one.pulse(**{{"unrepairable": "load_failed"}.get(name, name): 1})


@bench
async def a_full_queue_keeps_the_first_tokens(one):
    """A tile that emits more than was announced loses the surplus, and says so."""
    await one.begin(stalls=0.0)
    one.host.tokens.pause = True
    depth = REQUEST["context"]
    await one.cycles(4)
    for token in range(depth + 9):
        await one.pulse(token_valid=1, token=token)
    assert await one.events() == {"token_lost"}
    # The queue and the word that already stands on the stream.
    assert await one.host.field("STATUS", "waiting") == depth + 1
    one.host.tokens.pause = False
    seen = []
    while len(seen) <= depth:
        await RisingEdge(one.dut.clk)
        if one.dut.m_axis_tvalid.value and one.dut.m_axis_tready.value:
            seen.append(int(one.dut.m_axis_tdata.value))
    assert seen == list(range(depth + 1))
