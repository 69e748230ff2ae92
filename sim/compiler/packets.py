"""What a host sends to load a program, whatever number of tiles it is for."""

from collections.abc import Iterator

import numpy as np

from rtl.host.packets import LoadTarget, Target, tile_targets
from sim.compiler.program import Program


def load_packets(program: Program) -> Iterator[tuple[LoadTarget, int, list[int]]]:
    """Memory, bank and words of each load packet, for `testbench.host.Host.load` or `rtl.host.packets.packet`.

    Weights, bank by bank, if the tiles have spare words and so can be loaded with them, then constants and both queues;
    the prompt is the host's own.
    """
    contents = {Target.WEIGHTS: _banks, Target.CONSTANTS: _constants, Target.PROGRAM: _queues}
    for memory in tile_targets(program.config):
        if memory.target in contents:
            for bank, words in enumerate(contents[memory.target](program)):
                yield memory, bank, words


def _banks(program: Program) -> Iterator[list[int]]:
    """Data words of every bank, those of a lane behind each other."""
    config = program.config
    for lane in range(config.lanes):
        words, _, _ = config.word_code.decode(program.codewords(lane), config.format.word_bits)
        for bank in range(config.banks_per_lane):
            yield _integers(np.packbits(words[bank :: config.banks_per_lane], axis=1, bitorder="little"))


def _constants(program: Program) -> Iterator[list[int]]:
    yield _integers(program.constants.astype("<i2"))


def _queues(program: Program) -> Iterator[list[int]]:
    for queue in program.queues:
        yield [instruction.encode() for instruction in queue]


def _integers(words) -> list[int]:
    """Rows of an array, lowest byte first, as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in words]
