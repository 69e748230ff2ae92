"""The tile: banks, lanes, vector unit and sequencer."""

from types import SimpleNamespace

from amaranth.hdl import Array, Cat, ClockDomain, ClockSignal, Instance, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from rtl.arithmetic.dot import ActivationSums, Share, share_groups
from rtl.formats import CONSTANT_BITS, GROUP, VECTOR_BITS
from rtl.memory.macros import sram, weight_bank
from rtl.memory.report import count_ones
from rtl.memory.secded import code_bits
from rtl.tile.config import READ_LATENCY, TileConfig
from rtl.tile.embedding import Embedding
from rtl.tile.program import INSTRUCTION_BITS, Source
from rtl.tile.sequencer import TOKEN_BITS, Sequencer
from rtl.tile.stages import Stages
from rtl.tile.vector_unit import VectorUnit

SIGNATURE = {
    "clk": In(1),
    "rst": In(1),
    "start": In(1),
    "prompt_length": In(TOKEN_BITS),
    "total_length": In(TOKEN_BITS),
    "vocabulary": In(TOKEN_BITS),
    "epsilon": In(32),
    "prompt_write": In(1),
    "prompt_write_address": In(TOKEN_BITS),
    "prompt_write_data": In(TOKEN_BITS),
    "busy": Out(1),
    "token_valid": Out(1),
    "token": Out(TOKEN_BITS),
    "cycles": Out(48),
    "weight_words": Out(48),
    "lane_words": Out(48),
    "corrected_words": Out(48),
    "uncorrectable_words": Out(48),
}


def tile_signature(columns: int) -> dict[str, wiring.Member]:
    """Ports of a tile with so many columns."""
    several = {
        "columns": In(columns.bit_length()),
        "first_position": In(TOKEN_BITS),
        "first_emitted": In(TOKEN_BITS),
        "token_column": Out(exact_log2(columns)),
    }
    return SIGNATURE if columns == 1 else SIGNATURE | several


class Tile(wiring.Component):
    """A streaming compute tile that decodes a language model by itself.

    The host writes the prompt, sets the lengths and raises `start` for one cycle; the tile then plays its
    program once for every position and gives a token for each position from the prompt's last on. The
    number of cycles of a position is the program's, exactly (see `rtl.tile.program`).

    Every input, the reset too, goes through a register first, so that no logic hangs on a port.

    Attributes
    ----------
    clk, rst : clock, and reset to be held for two cycles at least
    start, prompt_length, total_length, vocabulary, epsilon : as in `Sequencer` and `VectorUnit`
    prompt_write, prompt_write_address, prompt_write_data : write port of the prompt memory
    busy, token_valid, token, cycles : as in `Sequencer`
    weight_words : words that the weight banks have delivered
    lane_words : words that lanes have multiplied, from weight and KV banks
    corrected_words, uncorrectable_words : of these, repaired by the code, and found beyond repair
    columns, first_position, first_emitted, token_column : with several columns, as in `Sequencer`
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__(tile_signature(config.columns))

    def elaborate(self, platform):
        m = Module()
        host = self._inputs(m)
        m.submodules.sequencer = sequencer = Sequencer(self.config)
        m.submodules.vector_unit = vector = VectorUnit(self.config)
        m.submodules.embedding = embedding = Embedding(self.config)
        self._host(m, host, sequencer, vector)
        self._memories(m, host, sequencer, vector)
        self._lanes(m, host, sequencer, vector, embedding)
        return m

    def _inputs(self, m):
        """Both clock domains, and the inputs by name, registered."""
        m.domains.sync = sync = ClockDomain(local=True)
        m.domains.host = host = ClockDomain(local=True, reset_less=True)
        m.d.comb += [sync.clk.eq(self.clk), host.clk.eq(self.clk)]
        m.d.host += sync.rst.eq(self.rst)
        registered = {}
        for name, member in self.signature.members.items():
            if member.flow == In and name not in ("clk", "rst"):
                registered[name] = Signal.like(getattr(self, name), name=f"host_{name}")
                m.d.host += registered[name].eq(getattr(self, name))
        return SimpleNamespace(**registered)

    def _host(self, m, host, sequencer, vector):
        several = self.config.columns > 1
        settings = ("columns", "first_position", "first_emitted") if several else ()
        for name in ("start", "prompt_length", "total_length", *settings):
            m.d.comb += getattr(sequencer, name).eq(getattr(host, name))
        m.d.comb += [
            self.busy.eq(sequencer.busy),
            self.token_valid.eq(sequencer.token_valid),
            self.token.eq(sequencer.emitted),
            self.cycles.eq(sequencer.cycles),
            sequencer.argmax.eq(vector.argmax),
            sequencer.hold.eq(vector.hold),
            vector.epsilon.eq(host.epsilon),
            vector.vocabulary.eq(host.vocabulary),
            vector.stream.eq(sequencer.stream),
            vector.vector.eq(sequencer.vector),
            vector.position.eq(sequencer.position),
            vector.tokens.eq(sequencer.tokens) if several else vector.token.eq(sequencer.token),
        ]
        if several:
            m.d.comb += [vector.last_column.eq(sequencer.last_column), self.token_column.eq(sequencer.token_column)]

    def _memories(self, m, host, sequencer, vector):
        config, several = self.config, self.config.columns > 1
        slot = vector.constant_write_slot if several else vector.position[: ceil_log2(config.vector_lanes)]
        for queue in ("stream", "vector"):
            m.submodules[f"{queue}_program"] = sram(
                words=config.program_words,
                grain=INSTRUCTION_BITS,
                file=f"{queue}_program.hex",
                read_enable=getattr(sequencer, f"{queue}_read"),
                read_address=getattr(sequencer, f"{queue}_address"),
                read_data=getattr(sequencer, f"{queue}_program"),
            )
        m.submodules.prompt_memory = sram(
            words=config.context,
            grain=TOKEN_BITS,
            read_enable=sequencer.prompt_read if several else sequencer.vector_read,
            read_address=sequencer.prompt_address,
            read_data=sequencer.prompt,
            write_enable=host.prompt_write,
            write_address=host.prompt_write_address[: ceil_log2(config.context)],
            write_data=host.prompt_write_data,
        )
        address_bits = ceil_log2(config.constant_words)
        m.submodules.constant_memory = sram(
            words=config.constant_words,
            grain=CONSTANT_BITS,
            file="constants.hex",
            read_enable=vector.constant_read,
            read_address=vector.constant_address[:address_bits],
            read_data=self._registered(m, vector.constant.as_value()),
            write_enable=vector.constant_write,
            write_address=vector.constant_write_address[:address_bits],
            write_data=vector.constant_write_data.as_unsigned().replicate(config.vector_lanes),
            write_mask=(1 << slot)[: config.vector_lanes],
        )
        address_bits = ceil_log2(config.vector_words)

        def of_column(port):
            """An address in the column's part of the vector memory."""
            address = getattr(vector, f"{port}_address")[:address_bits]
            return Cat(address, getattr(vector, f"{port}_column")) if several else address

        for port in ("a", "b"):
            m.submodules[f"vector_memory_{port}"] = sram(
                words=config.vector_words + ((config.columns - 1) << address_bits),
                grain=VECTOR_BITS,
                read_enable=getattr(vector, f"{port}_read"),
                read_address=of_column(port),
                read_data=self._registered(m, getattr(vector, port).as_value()),
                write_enable=vector.vector_write,
                write_address=of_column("write"),
                write_data=vector.write_data.as_value(),
            )

    @staticmethod
    def _registered(m, target):
        """A signal to which a memory's read port gives what `target` takes one cycle later (`READ_LATENCY`)."""
        word = Signal(len(target), name="word")
        m.d.sync += target.eq(word)
        return word

    def _lanes(self, m, host, sequencer, vector, embedding):
        """The banks and the lanes, and the delays that bring words and activations together."""
        config, step, f = self.config, sequencer.stream, self.config.format
        source, arrival = step.instruction.source, config.stream_latency
        weights, kv = (source == Source.WEIGHTS) & step.valid, (source == Source.KV) & step.valid
        row = (source == Source.EMBEDDING) & step.valid & self._opens_word(step)
        which = step.memory[: exact_log2(config.banks_per_lane)]
        pipe = Stages(
            m,
            "stream",
            {
                "weights": weights | row,
                "kv": kv,
                "valid": weights | kv,
                "first": step.first,
                "memory": step.memory,
                "activations": step.activations,
                "pairs": step.instruction.pairs,
                "beat": step.beat,
                **({"column": step.column} if config.columns > 1 else {}),
            },
        )
        activations = [self._activations(m, pipe, vector, column) for column in range(config.columns)]
        valid = [pipe.at("valid", arrival)]
        if config.columns > 1:
            valid = [valid[0] & (sequencer.last_column >= column) for column in range(config.columns)]
        shared = {}
        if f.needs_sums:
            all_sums = []
            for column in range(config.columns):
                sums = ActivationSums(f)
                m.submodules["activation_sums" if config.columns == 1 else f"activation_sums_{column}"] = sums
                m.d.comb += [sums.activations.eq(activations[column]), sums.valid.eq(valid[column])]
                all_sums.append(sums.sums.as_value())
            shared["i_activation_sums"] = _together(all_sums)
        token = sequencer.token if config.columns == 1 else Array(sequencer.tokens)[pipe.at("column", arrival)]
        m.d.comb += [
            embedding.lane.eq(token[: exact_log2(config.lanes)]),
            embedding.beat.eq(pipe.at("beat", arrival)),
        ]
        corrected, uncorrectable = Signal(config.lanes), Signal(config.lanes)
        bank_words = [((weights | row) & (which == bank)) for bank in range(config.banks_per_lane)]
        arriving = pipe.at("memory", config.bank.latency_cycles)[: exact_log2(config.banks_per_lane)]
        for i in range(config.lanes):
            codes = []
            for bank, enable in enumerate(bank_words):
                index = i * config.banks_per_lane + bank
                codes.append(Signal(code_bits(f.word_bits), name=f"code_{index}"))
                m.submodules[f"weight_bank_{index}"] = weight_bank(
                    index=index,
                    words=config.bank_words,
                    bits=len(codes[-1]),
                    timing=config.bank,
                    enable=enable,
                    address=(step.memory >> exact_log2(config.banks_per_lane))[: ceil_log2(config.bank_words)],
                    data=codes[-1],
                )
            word = Signal(f.kv_word_bits, name=f"kv_{i}")
            m.submodules[f"kv_bank_{i}"] = sram(
                words=config.kv_words,
                grain=f.kv_bits,
                read_enable=pipe.at("kv", arrival - READ_LATENCY),
                read_address=pipe.at("memory", arrival - READ_LATENCY)[: ceil_log2(config.kv_words)],
                read_data=self._registered(m, word),
                write_enable=vector.kv_write[i],
                write_address=vector.kv_address[: ceil_log2(config.kv_words)],
                write_data=Mux(
                    vector.kv_column,
                    vector.kv_data.word_select(i % config.vector_lanes, f.kv_bits).replicate(GROUP),
                    vector.kv_data.replicate(config.beats),
                ),
                write_mask=vector.kv_mask,
            )
            m.submodules[f"lane_{i}"] = Instance(
                "lane",
                i_clk=ClockSignal(),
                i_rst=ResetSignal(),
                i_code=Array(codes)[arriving] if len(codes) > 1 else codes[0],
                i_code_valid=pipe.at("weights", config.bank.latency_cycles),
                i_kv=word,
                i_from_kv=pipe.at("kv", arrival),
                i_activations=_together(activations),
                i_valid=_together(valid),
                i_first=pipe.at("first", arrival),
                o_word=embedding.words[i],
                o_sum=self._lane_sums(m, vector, i),
                o_corrected=corrected[i],
                o_uncorrectable=uncorrectable[i],
                **shared,
            )
        m.d.comb += vector.embedding.eq(embedding.values)
        self._counters(m, host, pipe, corrected, uncorrectable)

    def _lane_sums(self, m, vector, lane):
        """What a lane's sums go to: those of a column are behind each other in the vector unit."""
        lanes, columns = self.config.lanes, self.config.columns
        if columns == 1:
            return vector.sums[lane]
        sums = Signal(self.config.format.accumulator_bits * columns, name=f"sums_{lane}")
        for column in range(columns):
            m.d.comb += vector.sums[column * lanes + lane].eq(sums.word_select(column, len(sums) // columns))
        return sums

    def _opens_word(self, step):
        """A step of an embedding is the first of its word; of pairs each term has a first one of its own."""
        inside, beats = exact_log2(self.config.beats), exact_log2(self.config.word_beats)
        term, others = step.beat[inside:beats][:1], Cat(step.beat[:inside], step.beat[inside:beats][1:])
        return (others == 0) & (step.instruction.pairs | (term == 0))

    def _activations(self, m, pipe, vector, column):
        """A column's activation memory; what it reads reaches the lanes together with the word of the banks.

        A word of the KV banks takes one group for all its slices, a word of pairs half as many as it has groups.
        """
        config, at, bits = self.config, self.config.stream_latency - READ_LATENCY, self.config.format.activation_bits
        groups, size = exact_log2(config.groups_per_word), config.groups_per_word
        address = ceil_log2(config.activation_groups) - groups
        several = config.columns > 1
        own = f"_{column}" if several else ""
        word, activations = (
            Signal(size * GROUP * bits, name=f"{name}{own}", reset_less=True)
            for name in ("activation_word", "activations")
        )
        valid, write = pipe.at("valid", at), vector.activation_write
        m.submodules[f"activation_memory{own}"] = sram(
            words=config.activation_groups >> groups,
            grain=config.vector_lanes * bits,
            read_enable=valid & (vector.last_column >= column) if several else valid,
            read_address=(pipe.at("activations", at) >> groups)[:address],
            read_data=word,
            write_enable=write & (vector.activation_column == column) if several else write,
            write_address=(vector.activation_group >> groups)[:address],
            write_data=vector.activation_data.replicate(config.beats << groups),
            write_mask=(1 << Cat(vector.activation_beat[: exact_log2(config.beats)], vector.activation_group[:groups]))[
                : config.beats << groups
            ],
        )
        pairs = Mux(pipe.at("pairs", at + 1), Share.PAIRS, Share.NONE)
        share = Mux(pipe.at("kv", at + 1), Share.ALL, pairs)
        m.d.sync += activations.eq(share_groups(word, share, pipe.at("activations", at + 1), config.format))
        return activations

    def _counters(self, m, host, pipe, corrected, uncorrectable):
        config, arrival = self.config, self.config.stream_latency
        with m.If(host.start & ~self.busy):
            m.d.sync += [
                self.weight_words.eq(0),
                self.lane_words.eq(0),
                self.corrected_words.eq(0),
                self.uncorrectable_words.eq(0),
            ]
        with m.Else():
            m.d.sync += [
                self.weight_words.eq(self.weight_words + Mux(pipe.at("weights", arrival), config.lanes, 0)),
                self.lane_words.eq(self.lane_words + Mux(pipe.at("valid", arrival), config.lanes, 0)),
                self.corrected_words.eq(self.corrected_words + count_ones(corrected)),
                self.uncorrectable_words.eq(self.uncorrectable_words + count_ones(uncorrectable)),
            ]


def _together(parts):
    """Signals of all columns as one, the first column's in the lowest bits."""
    return parts[0] if len(parts) == 1 else Cat(parts)
