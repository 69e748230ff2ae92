"""The tile: banks, lanes, vector unit and sequencer."""

from types import SimpleNamespace

from amaranth.hdl import Array, Cat, ClockDomain, ClockSignal, Instance, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from rtl.arithmetic.dot import ActivationSums
from rtl.formats import CONSTANT_BITS, GROUP, VECTOR_BITS
from rtl.memory.macros import sram, weight_bank
from rtl.memory.report import ErrorReport
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
    "tainted": Out(1),
    "uncorrectable": Out(1),
    "uncorrectable_bank": Out(12),
    "uncorrectable_address": Out(20),
    "cycles": Out(48),
    "weight_words": Out(48),
    "lane_words": Out(48),
    "corrected_words": Out(48),
    "uncorrectable_words": Out(48),
}


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
    tainted : a weight word that this run has read was beyond repair: stands beside every token from then on
    uncorrectable, uncorrectable_bank, uncorrectable_address : for one cycle, there was such a word, and where
    weight_words : words that the weight banks have delivered
    lane_words : words that lanes have multiplied, from weight and KV banks
    corrected_words, uncorrectable_words : of these, repaired by the code, and found beyond repair
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__(SIGNATURE)

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
        for name, member in SIGNATURE.items():
            if member.flow == In and name not in ("clk", "rst"):
                registered[name] = Signal.like(getattr(self, name), name=f"host_{name}")
                m.d.host += registered[name].eq(getattr(self, name))
        return SimpleNamespace(**registered)

    def _host(self, m, host, sequencer, vector):
        for name in ("start", "prompt_length", "total_length"):
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
            vector.token.eq(sequencer.token),
        ]

    def _memories(self, m, host, sequencer, vector):
        config = self.config
        slot = vector.position[: ceil_log2(config.vector_lanes)]
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
            read_enable=sequencer.vector_read,
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
        for port in ("a", "b"):
            m.submodules[f"vector_memory_{port}"] = sram(
                words=config.vector_words,
                grain=VECTOR_BITS,
                read_enable=getattr(vector, f"{port}_read"),
                read_address=getattr(vector, f"{port}_address")[:address_bits],
                read_data=self._registered(m, getattr(vector, port).as_value()),
                write_enable=vector.vector_write,
                write_address=vector.write_address[:address_bits],
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
        beats = exact_log2(config.word_beats)
        row = (source == Source.EMBEDDING) & step.valid & (step.beat[:beats] == 0)
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
                "beat": step.beat,
            },
        )
        activations = self._activations(m, pipe, vector)
        shared = {}
        if f.needs_sums:
            m.submodules.activation_sums = sums = ActivationSums(f)
            m.d.comb += [sums.activations.eq(activations), sums.valid.eq(pipe.at("valid", arrival))]
            shared["i_activation_sums"] = sums.sums.as_value()
        m.d.comb += [
            embedding.lane.eq(sequencer.token[: exact_log2(config.lanes)]),
            embedding.beat.eq(pipe.at("beat", arrival)),
        ]
        m.submodules.report = report = ErrorReport(lanes=config.lanes, address_bits=len(step.memory))
        m.d.comb += report.address.eq(pipe.at("memory", arrival))
        bank_words = [((weights | row) & (which == bank)) for bank in range(config.banks_per_lane)]
        arriving = pipe.at("memory", config.bank.latency_cycles)[: exact_log2(config.banks_per_lane)]
        for i in range(config.lanes):
            codes = []
            for bank, enable in enumerate(bank_words):
                index = i * config.banks_per_lane + bank
                codes.append(Signal(config.code_bits, name=f"code_{index}"))
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
                i_activations=activations,
                i_valid=pipe.at("valid", arrival),
                i_first=pipe.at("first", arrival),
                o_word=embedding.words[i],
                o_sum=vector.sums[i],
                o_corrected=report.corrected[i],
                o_uncorrectable=report.uncorrectable[i],
                **shared,
            )
        m.d.comb += vector.embedding.eq(embedding.values)
        self._report(m, host, report)
        self._counters(m, host, pipe)

    def _activations(self, m, pipe, vector):
        """The activation memory; what it reads reaches the lanes together with the word of the banks.

        A word of the KV banks takes one group, which stands in for every group of the word.
        """
        config, at, bits = self.config, self.config.stream_latency - READ_LATENCY, self.config.format.activation_bits
        groups, size = exact_log2(config.groups_per_word), config.groups_per_word
        address = ceil_log2(config.activation_groups) - groups
        word, activations = (
            Signal(size * GROUP * bits, name=name, reset_less=True) for name in ("activation_word", "activations")
        )
        m.submodules.activation_memory = sram(
            words=config.activation_groups >> groups,
            grain=config.vector_lanes * bits,
            read_enable=pipe.at("valid", at),
            read_address=(pipe.at("activations", at) >> groups)[:address],
            read_data=word,
            write_enable=vector.activation_write,
            write_address=(vector.activation_group >> groups)[:address],
            write_data=vector.activation_data.replicate(config.beats << groups),
            write_mask=(1 << Cat(vector.activation_beat[: exact_log2(config.beats)], vector.activation_group[:groups]))[
                : config.beats << groups
            ],
        )
        one = word.word_select(pipe.at("activations", at + 1)[:groups], GROUP * bits)
        m.d.sync += activations.eq(Mux(pipe.at("kv", at + 1), one.replicate(size), word) if groups else word)
        return activations

    def _report(self, m, host, report):
        within = exact_log2(self.config.banks_per_lane)
        m.d.comb += [
            report.clear.eq(host.start & ~self.busy),
            self.corrected_words.eq(report.corrected_words),
            self.uncorrectable_words.eq(report.uncorrectable_words),
            self.tainted.eq(report.failed),
            self.uncorrectable.eq(report.lost),
            self.uncorrectable_bank.eq(Cat(report.lost_address[:within], report.lost_lane)),
            self.uncorrectable_address.eq(report.lost_address >> within),
        ]

    def _counters(self, m, host, pipe):
        config, arrival = self.config, self.config.stream_latency
        with m.If(host.start & ~self.busy):
            m.d.sync += [self.weight_words.eq(0), self.lane_words.eq(0)]
        with m.Else():
            m.d.sync += [
                self.weight_words.eq(self.weight_words + Mux(pipe.at("weights", arrival), config.lanes, 0)),
                self.lane_words.eq(self.lane_words + Mux(pipe.at("valid", arrival), config.lanes, 0)),
            ]
