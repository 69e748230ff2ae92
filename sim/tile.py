"""From a design to its tile: the banks and SRAMs that physics gives, and the configuration that follows."""

from dataclasses import dataclass

from devicemodels.errors import UserError
from devicemodels.macro import MemoryMacro, sram_macro, sram_organisation
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at
from rtl.formats import VECTOR_BITS
from rtl.memory.timing import bank_timing
from rtl.tile.config import TileConfig
from rtl.tile.program import INSTRUCTION_BITS
from rtl.tile.sequencer import TOKEN_BITS
from sim.chain import LoadedSheets, coded_bank, load_sheets
from sim.design import Design


@dataclass(frozen=True, kw_only=True)
class Sram:
    """One kind of SRAM of a tile: its macro and how often it is there."""

    macro: MemoryMacro
    count: int

    @property
    def area(self) -> float:
        """Area of all of them in square metres."""
        return self.macro.area * self.count


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A design's tile, or all its tiles, before synthesis.

    Attributes
    ----------
    config : what the Verilog is generated from
    technology : the node
    bank : one of the `config.banks` weight banks
    srams : the other memories by name
    clock_hz, temperature : chosen by the design
    """

    config: TileConfig
    technology: Technology
    bank: MemoryMacro
    srams: dict[str, Sram]
    clock_hz: float
    temperature: float

    @property
    def macro_area(self) -> float:
        """Square metres of all banks and SRAMs."""
        return self.bank.area * self.config.banks + sum(sram.area for sram in self.srams.values())


def build_tile(design: Design, sheets: LoadedSheets | None = None) -> Tile:
    """The tile of a design, on its own sheets or on those given.

    Raises
    ------
    UserError
        A sheet is wrong; physics cannot build the bank; an SRAM is too slow for the clock.
    """
    sheets = sheets or load_sheets(design)
    code, bank = coded_bank(design, sheets)
    clock = design.tile.clock_mhz * 1e6
    choice, chip, technology = design.tile, design.chip, sheets.technology.device
    config = TileConfig(
        lanes=choice.lanes * chip.tiles,
        bank_words=design.memory.words,
        bank=bank_timing(bank, clock, capture_time(technology, design.memory.temperature_k)),
        kv_words=choice.kv_words,
        vector_words=choice.vector_words,
        constant_words=choice.constant_words,
        activation_groups=choice.activation_groups,
        program_words=choice.program_words,
        context=choice.context,
        vector_lanes=choice.vector_lanes * chip.tiles,
        banks_per_lane=design.memory.banks_per_lane,
        format=design.format,
        columns=choice.columns,
        batch=choice.batch,
        tiles=chip.tiles,
        chips=chip.chips,
        link_cycles=chip.link_cycles,
        chip_link_cycles=chip.chip_link_cycles,
        code=code.name,
        spare_words=design.memory.spares,
    )
    srams = _srams(config, sheets, design.memory.temperature_k)
    for name, sram in srams.items():
        cycle = max(sram.macro.read_cycle, sram.macro.write_cycle)
        if cycle * clock > 1:
            raise UserError(
                f"the {name} SRAM takes {cycle * 1e9:.2f} ns for an access and has one cycle: "
                f"lower tile.clock_mhz from {choice.clock_mhz:g} to {int(1e-6 / cycle)} or "
                "take fewer words"
            )
    return Tile(
        config=config,
        technology=technology,
        bank=bank,
        srams=srams,
        clock_hz=clock,
        temperature=design.memory.temperature_k,
    )


def capture_time(technology: Technology, temperature: float) -> float:
    """Clock-to-output and set-up of the registers around a memory, in seconds."""
    return technology.flop_overhead_fo4 * fo4_at(technology, temperature=temperature)


def _srams(config: TileConfig, sheets: LoadedSheets, temperature: float) -> dict[str, Sram]:
    """The tiles' SRAMs. Two ports where the schedule may read and write in one cycle."""
    tiles = config.tiles

    def sram(words, bits, *, count=1, ports=1):
        macro = sram_macro(
            technology=sheets.technology.device,
            cell=sheets.sram_cell.device,
            ports=ports,
            organisation=sram_organisation(words=words, data_bits=bits),
            temperature=temperature,
        )
        return Sram(macro=macro, count=count)

    return {
        "KV": sram(config.kv_words * config.sequences, config.format.kv_word_bits, count=config.lanes),
        # Two copies, for two reads a cycle.
        "vector": sram(
            config.vector_words * config.columns, config.tile_vector_lanes * VECTOR_BITS, count=2 * tiles, ports=2
        ),
        "activation": sram(
            config.activation_groups // config.groups_per_word,
            config.format.codes_per_word * config.format.activation_bits,
            count=config.columns * tiles,
            ports=2,
        ),
        "constant": sram(config.constant_words, config.constant_word_bits, count=tiles, ports=2),
        "program": sram(config.program_words, INSTRUCTION_BITS, count=2 * tiles),
        "prompt": sram(config.prompt_words, TOKEN_BITS, count=tiles),
    }
