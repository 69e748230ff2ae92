"""Cycles of a program, exactly."""

from collections import Counter

from rtl.formats import GROUP
from rtl.tile.program import Instruction, Source

FETCH_CYCLES = 1
"""Cycles between two tokens, in which the next one's first instruction is fetched."""


def token_cycles(instructions: tuple[Instruction, ...], position: int, *, emits: bool) -> int:
    """Cycles of the token at a position, from its fetch to its end; `emits`: a token comes out."""
    return sum(phase_cycles(instructions, position, emits=emits).values())


def phase_cycles(instructions: tuple[Instruction, ...], position: int, *, emits: bool) -> Counter[str]:
    """Cycles of a token by phase of the model; waits count for the phase that waits."""
    pages, phases = position // GROUP + 1, Counter(fetch=FETCH_CYCLES)
    for instruction in instructions:
        phases[instruction.phase] += instruction.cycles(pages)
        if instruction.source == Source.END_OF_PROMPT and not emits:
            break
    return phases


def emission_cycles(instructions: tuple[Instruction, ...], prompt_length: int, total_length: int) -> list[int]:
    """Cycle of each emitted token, counted from the start of the run."""
    cycle, emissions = 0, []
    for position in range(total_length):
        emits = position + 1 >= prompt_length
        cycle += token_cycles(instructions, position, emits=emits)
        if emits:
            emissions.append(cycle)
    return emissions
