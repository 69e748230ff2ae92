"""Programs that no tile can play: each ends its run in a few cycles, says so, and leaves the tile as good as before."""

import dataclasses

import pytest
from amaranth.sim import Simulator

from rtl.tile.program import STREAMS, Instruction, Source
from rtl.tile.sequencer import Sequencer
from tests.test_sequencer import CONFIG

NEVER = 2047
STOP = Instruction(source=Source.END, after=NEVER)
WORK = Instruction(source=Source.VECTOR, blocks=3)
END = Instruction(source=Source.END, after=1)
READ = Instruction(source=Source.WEIGHTS, groups=2)
GOOD = ([READ, STOP], [WORK, END])


def word(instruction: Instruction, **fields) -> Instruction:
    """An instruction with values that its checks would refuse."""
    found = dataclasses.replace(instruction)
    for name, value in fields.items():
        object.__setattr__(found, name, value)
    return found


ILLEGAL = {
    **{f"source {source}": ([READ, STOP], [word(WORK, source=source), END]) for source in range(11, 16)},
    **{f"{s.name} in the vector queue": ([READ, STOP], [word(WORK, source=s), END]) for s in STREAMS},
    **{
        f"{s.name} in the streaming queue": ([word(READ, source=s), STOP], [WORK, END])
        for s in Source
        if s not in STREAMS
    },
    **{f"no {name}": ([word(READ, **{name: 0}), STOP], [WORK, END]) for name in ("blocks", "groups", "period")},
    **{f"no {name} of vectors": ([READ, STOP], [word(WORK, **{name: 0}), END]) for name in ("blocks", "groups")},
    "waits for more than there is": ([READ, STOP], [WORK, word(END, after=3)]),
    "waits for what waits for it": ([READ, word(READ, after=2), STOP], [WORK, word(WORK, after=2), END]),
    "streams for ever": ([READ, word(READ, after=9), STOP], [WORK, word(END, after=2)]),
    "no end": ([READ, STOP], [WORK] * 99),
    "streaming queue without end": ([READ] * 99, [WORK, word(END, after=99)]),
}


def play(programs, words: int, most: int = 3000):
    """Runs programs one after the other: for each the cycles until it ended, how often it was illegal, and tokens."""
    dut, seen = Sequencer(dataclasses.replace(CONFIG, program_words=words)), []
    memory = [[], []]

    async def bench(ctx):
        ctx.set(dut.prompt_length, 1)
        ctx.set(dut.total_length, 1)
        for program in programs:
            for queue, listed in enumerate(program):
                memory[queue] = [one.encode() for one in listed[:words]] + [0xF] * (words - len(listed))
            await ctx.tick()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = illegal = tokens = 0
            while ctx.get(dut.busy) and cycles < most:
                illegal, cycles = illegal + ctx.get(dut.illegal_program), cycles + 1
                tokens += ctx.get(dut.token_valid)
                await ctx.tick()
            illegal, tokens = illegal + ctx.get(dut.illegal_program), tokens + ctx.get(dut.token_valid)
            seen.append((cycles, illegal, tokens))
            await ctx.tick().repeat(3)

    async def fetch(ctx):
        """Both memories: a cycle of latency."""
        while True:
            ports = [(getattr(dut, f"{name}_read"), getattr(dut, f"{name}_address")) for name in ("stream", "vector")]
            reads = [(ctx.get(read), ctx.get(address)) for read, address in ports]
            await ctx.tick()
            for listed, port, (read, address) in zip(
                memory, (dut.stream_program, dut.vector_program), reads, strict=True
            ):
                if read:
                    ctx.set(port, listed[address] if address < words else 0xF)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.add_testbench(fetch, background=True)  # behind the bench, so that it sees `start` in its cycle
    simulator.run()
    return seen


@pytest.mark.parametrize("words", [12, 16])
def test_an_illegal_program_ends_its_run(words):
    """Within the cycles that its legal part takes, and the next program plays as if nothing had been."""
    seen = play([GOOD, *(one for illegal in ILLEGAL.values() for one in (illegal, GOOD))], words)
    good, *rest = seen
    assert good[1:] == (0, 1)
    for case, one, after in zip(ILLEGAL, rest[::2], rest[1::2], strict=True):
        assert one[1:] == (1, 0) and one[0] <= 6 * words, case
        assert after == good, case


@pytest.mark.parametrize("words", [12, 16])
def test_a_program_may_fill_its_memory(words):
    """The last word may be the end."""
    stream = [word(READ, groups=1)] * (words - 1) + [STOP]
    vector = [word(WORK, blocks=1)] * (words - 1) + [word(END, after=words - 1)]
    assert play([(stream, vector)], words)[0][1:] == (0, 1)
