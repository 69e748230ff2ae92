"""The tile: banks, lanes, vector unit and sequencer."""

from types import SimpleNamespace

from amaranth.hdl import Array, Cat, ClockDomain, Const, Instance, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2, exact_log2

from rtl.arithmetic.dot import ActivationSums, Share, share_groups
from rtl.formats import CONSTANT_BITS, GROUP, VECTOR_BITS
from rtl.host.loader import load_port
from rtl.host.packets import Target, tile_targets
from rtl.memory.macros import clock_gate, sram, weight_bank
from rtl.memory.report import ErrorReport, count_ones
from rtl.tile.activity import ACTIVITIES, Activity
from rtl.tile.config import READ_LATENCY, TileConfig
from rtl.tile.embedding import Embedding
from rtl.tile.links import every_lane, link_layout, own_lane, owner
from rtl.tile.loading import COUNTS, BankLoader, LoadPort
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
    "busy": Out(1),
    "token_valid": Out(1),
    "token": Out(TOKEN_BITS),
    "illegal_program": Out(1),
    "tainted": Out(1),
    "uncorrectable": Out(1),
    "uncorrectable_bank": Out(12),
    "uncorrectable_address": Out(20),
    "cycles": Out(48),
    "weight_words": Out(48),
    "lane_words": Out(48),
    "corrected_words": Out(48),
    "uncorrectable_words": Out(48),
    **{name: Out(48) for name in ACTIVITIES},
    "load_retries": Out(32),
    "load_repaired": Out(32),
    "load_unrepairable": Out(32),
    "load_failed": Out(1),
    "load_failed_bank": Out(12),
    "load_failed_address": Out(20),
}


SUMMED = (
    "weight_words", "lane_words", "corrected_words", "uncorrectable_words", "kv_reads", "kv_writes",
    "load_retries", "load_repaired", "load_unrepairable",
)  # fmt: skip
"""Outputs that count what a tile's own lanes and banks did; other counts are the same in every tile that shares the
work."""


def link_ports(config: TileConfig, tiles: int = 1) -> dict:
    """Ports of a tile, or of some tiles together, among others."""
    return {
        "number": In(range(config.tiles // tiles)),
        "sent": Out(link_layout(config, tiles)),
        "received": In(link_layout(config, config.tiles)),
    }


def host_ports(config: TileConfig) -> dict[str, wiring.Member]:
    """Ports of a tile towards its host."""
    several = {
        "columns": In(config.columns.bit_length()),
        **{name: In(TOKEN_BITS) for name in (() if config.batch else ("first_position", "first_emitted"))},
        "token_column": Out(exact_log2(config.columns)),
        **({"prompt_length": In(TOKEN_BITS * config.columns)} if config.batch else {}),
    }
    load = {name: member.flip() for name, member in load_port(tile_targets(config)).items()}
    return SIGNATURE | load | (several if config.columns > 1 else {})


class Tile(wiring.Component):
    """A streaming compute tile that decodes a language model by itself.

    The host loads the memories, writes the prompt, sets the lengths and raises `start` for one cycle; the tile then
    plays its program once for every position and gives a token for each position from the prompt's last on. The
    number of cycles of a position is the program's, exactly (see `rtl.tile.program`).

    Every input, the reset too, goes through a register first, so that no logic hangs on a port.

    Attributes
    ----------
    clk, rst : clock, and reset to be held for two cycles at least
    start, prompt_length, total_length, vocabulary, epsilon : as in `Sequencer` and `VectorUnit`
    busy, token_valid, token, cycles : as in `Sequencer`
    illegal_program : as in `Sequencer`
    tainted : a weight word that this run has read was beyond repair: stands beside every token from then on
    uncorrectable, uncorrectable_bank, uncorrectable_address : for one cycle, there was such a word, and where; banks
        are counted over all tiles
    weight_words : words that the weight banks have delivered
    lane_words : words that lanes have multiplied, from weight and KV banks
    kv_reads ... : as in `Activity`
    load_valid ... load_data : a word for a memory, as `rtl.host.loader.load_port` has them; not in a run. Of several
        tiles all take it together, but of constants each its part, and for a weight bank only the tile that has it does
    load_failed ... : as in `BankLoader`, all zero in a tile without spare words; banks are counted over all tiles
    corrected_words, uncorrectable_words : of these, repaired by the code, and found beyond repair
    columns, first_position, first_emitted, token_column : with several columns, as in `Sequencer`; of a batch
        `prompt_length` has 16 bits a column, the first column's lowest
    number, sent, received : as in `VectorUnit`; only of a tile among others
    """

    def __init__(self, config: TileConfig):
        self.config = config
        links = link_ports(config) if config.tiles > 1 else {}
        super().__init__(host_ports(config) | links)

    def elaborate(self, platform):
        m = Module()
        self._beyond = []
        self._number = self.number if self.config.tiles > 1 else Const(0, 0)
        host = self._inputs(m)
        m.submodules.sequencer = sequencer = Sequencer(self.config)
        m.submodules.vector_unit = vector = VectorUnit(self.config)
        m.submodules.embedding = embedding = Embedding(self.config)
        m.submodules.load_port = port = LoadPort(self.config)
        self._host(m, host, sequencer, vector, port)
        self._links(m, vector)
        self._memories(m, host, sequencer, vector, port)
        self._lanes(m, host, sequencer, vector, embedding, self._bank_loader(m, host, sequencer, port))
        m.d.sync += sequencer.illegal_access.eq(Cat(self._beyond).any())
        return m

    def _inputs(self, m):
        """Both clock domains, and the inputs by name, registered."""
        m.domains.sync = sync = ClockDomain(local=True)
        m.domains.host = host = ClockDomain(local=True, reset_less=True)
        m.d.comb += [sync.clk.eq(self.clk), host.clk.eq(self.clk)]
        m.d.host += sync.rst.eq(self.rst)
        registered = {}
        for name, member in host_ports(self.config).items():
            if member.flow == In and name not in ("clk", "rst"):
                registered[name] = Signal.like(getattr(self, name), name=f"host_{name}")
                m.d.host += registered[name].eq(getattr(self, name))
        return SimpleNamespace(**registered)

    def _host(self, m, host, sequencer, vector, port):
        several = self.config.columns > 1
        settings = ("columns",) if several else ()
        settings += ("first_position", "first_emitted") if self.config.positions > 1 else ()
        for name in ("start", "prompt_length", "total_length", *settings):
            m.d.comb += getattr(sequencer, name).eq(getattr(host, name))
        for name, member in port.signature.members.items():
            if name.startswith("load_") and member.flow is In:
                m.d.comb += getattr(port, name).eq(getattr(host, name))
        if self.config.tiles > 1:
            lane = host.load_bank >> exact_log2(self.config.banks_per_lane)
            ours = (host.load_target != Target.WEIGHTS) | (owner(self.config, lane) == self._number)
            m.d.comb += port.load_valid.eq(host.load_valid & ours)
        m.d.comb += [
            port.busy.eq(sequencer.busy),
            self.load_ready.eq(port.load_ready),
            self.busy.eq(sequencer.busy),
            self.illegal_program.eq(sequencer.illegal_program),
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

    def _links(self, m, vector):
        """To the other tiles and from them; a tile alone hears itself."""
        if self.config.tiles == 1:
            m.d.comb += vector.received.eq(vector.sent)
        else:
            m.d.comb += [vector.number.eq(self.number), self.sent.eq(vector.sent), vector.received.eq(self.received)]

    def _memories(self, m, host, sequencer, vector, port):
        config, several = self.config, self.config.columns > 1
        width = config.tile_vector_lanes
        position = vector.constant_write_position if config.positions > 1 else vector.position
        slot, here = position[: exact_log2(width)], owner(config, position) == self._number
        for queue in ("stream", "vector"):
            m.submodules[f"{queue}_program_memory"] = sram(
                words=config.program_words,
                grain=INSTRUCTION_BITS,
                has_file=True,
                read_enable=getattr(sequencer, f"{queue}_read") & ~getattr(port, f"{queue}_program"),
                read_address=getattr(sequencer, f"{queue}_address"),
                read_data=getattr(sequencer, f"{queue}_program"),
                write_enable=getattr(port, f"{queue}_program"),
                write_address=host.load_address[: ceil_log2(config.program_words)],
                write_data=host.load_data[:INSTRUCTION_BITS],
            )
        m.submodules.prompt_memory = sram(
            words=config.prompt_words,
            grain=TOKEN_BITS,
            read_enable=sequencer.prompt_read & ~port.prompt,
            read_address=sequencer.prompt_address,
            read_data=sequencer.prompt,
            write_enable=port.prompt,
            write_address=host.load_address[: ceil_log2(config.prompt_words)],
            write_data=host.load_data[:TOKEN_BITS],
        )
        self._guard(vector.constant_read, vector.constant_address, config.constant_words)
        self._guard(vector.constant_write, vector.constant_write_address, config.constant_words)
        self._guard(vector.vector_write, vector.write_address, config.vector_words)
        self._guard(vector.activation_write, vector.activation_group, config.activation_groups)
        self._guard(vector.kv_written, vector.kv_address, config.kv_words)
        address_bits = ceil_log2(config.constant_words)
        m.submodules.constant_memory = sram(
            words=config.constant_words,
            grain=CONSTANT_BITS,
            has_file=True,
            read_enable=vector.constant_read,
            read_address=vector.constant_address[:address_bits],
            read_data=self._registered(m, vector.constant.as_value()),
            write_enable=vector.constant_write & here | port.constants,
            write_address=Mux(port.constants, host.load_address, vector.constant_write_address)[:address_bits],
            write_data=Mux(
                port.constants,
                host.load_data.word_select(self._number, config.constant_word_bits),
                vector.constant_write_data.as_unsigned().replicate(width),
            ),
            write_mask=Mux(port.constants, (1 << width) - 1, 1 << slot)[:width],
        )
        address_bits = ceil_log2(config.vector_words)

        def of_column(name):
            """An address in the column's part of the vector memory."""
            address = getattr(vector, f"{name}_address")[:address_bits]
            return Cat(address, getattr(vector, f"{name}_column")) if several else address

        for name in ("a", "b"):
            self._guard(getattr(vector, f"{name}_read"), getattr(vector, f"{name}_address"), config.vector_words)
            m.submodules[f"vector_memory_{name}"] = sram(
                words=config.vector_words + ((config.columns - 1) << address_bits),
                grain=VECTOR_BITS,
                read_enable=getattr(vector, f"{name}_read"),
                read_address=of_column(name),
                read_data=self._registered(m, getattr(vector, name).as_value()),
                write_enable=vector.vector_write,
                write_address=of_column("write"),
                write_data=vector.write_data.as_value(),
            )

    def _guard(self, enable, address, words: int):
        """An access whose address has to lie in a memory of so many words."""
        if words < 1 << len(address):
            self._beyond.append(enable & (address >= words))

    @staticmethod
    def _registered(m, target):
        """A signal to which a memory's read port gives what `target` takes one cycle later (`READ_LATENCY`)."""
        word = Signal(len(target), name="word")
        m.d.sync += target.eq(word)
        return word

    def _bank_loader(self, m, host, sequencer, port):
        """What writes the weight banks and repairs their addresses, if they have spare words."""
        if not self.config.spare_words:
            m.d.comb += [port.taken.eq(1), port.done.eq(1)]  # a word that nothing takes is dropped
            return None
        m.submodules.bank_loader = loader = BankLoader(self.config)
        within = exact_log2(self.config.banks_per_lane)
        m.d.comb += [
            loader.weights.eq(port.weights),
            loader.bank.eq(Cat(host.load_bank[:within], own_lane(self.config, host.load_bank[within:]))),
            loader.address.eq(host.load_address),
            loader.data.eq(host.load_data),
            port.taken.eq(loader.taken),
            port.done.eq(loader.done),
            loader.following.eq(sequencer.stream_memory),
            *(getattr(self, f"load_{name}").eq(getattr(loader, name)) for name in COUNTS),
            self.load_failed.eq(loader.failed),
            self.load_failed_address.eq(loader.failed_address),
            self.load_failed_bank.eq(self._every_bank(loader.failed_bank[:within], loader.failed_bank[within:])),
        ]
        return loader

    def _every_bank(self, bank, lane):
        """A bank of a lane of this tile, counted over all tiles."""
        return Cat(bank, every_lane(self.config, lane, self._number))

    def _weight_bank(self, m, index, enable, address, loader):
        """Bank `index`; its output."""
        config, written = self.config, {}
        code = Signal(config.code_bits, name=f"code_{index}")
        if loader is not None:
            enable, address = enable | loader.read[index], loader.addresses[index]
            written = {"write": loader.write[index], "write_data": loader.code}
        m.submodules[f"weight_bank_{index}"] = weight_bank(
            index=index,
            words=config.bank_words + config.spare_words,
            bits=config.code_bits,
            timing=config.bank,
            enable=enable,
            address=address,
            data=code,
            **written,
        )
        return code

    def _arrivals(self, m, pipe, loader):
        """Of each lane, which of its banks' words arrives, and whether one does."""
        config, at = self.config, self.config.bank.latency_cycles
        within = exact_log2(config.banks_per_lane)
        bank, valid = pipe.at("memory", at)[:within], pipe.at("weights", at)
        if loader is None:
            return bank, [valid] * config.tile_lanes
        lane = loader.chosen[within:]
        return Mux(loader.busy, loader.chosen[:within], bank), [
            valid | loader.arrived & (lane == i) for i in range(config.tile_lanes)
        ]

    def _lanes(self, m, host, sequencer, vector, embedding, loader):
        """The banks and the lanes, and the delays that bring words and activations together."""
        config, step, f = self.config, sequencer.stream, self.config.format
        source, arrival = step.instruction.source, config.stream_latency
        weights, kv = (source == Source.WEIGHTS) & step.valid, (source == Source.KV) & step.valid
        self._guard(kv, step.memory, config.kv_words)
        self._guard(weights | kv, step.activations, config.activation_groups)
        row = (source == Source.EMBEDDING) & step.valid & self._opens_word(step)
        self._guard(weights | row, step.memory, config.lane_words)
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
            used = [1, *(sequencer.last_column >= column for column in range(1, config.columns))]
            valid = [valid[0] & own for own in used]
        if config.batch:
            valid = [own & self._serves(pipe, column, arrival) for column, own in enumerate(valid)]
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
            embedding.lane.eq(own_lane(config, token)),
            embedding.here.eq(owner(config, token) == self._number),
            embedding.beat.eq(pipe.at("beat", arrival)),
        ]
        m.submodules.report = report = ErrorReport(lanes=config.tile_lanes, address_bits=len(step.memory))
        m.d.comb += report.address.eq(pipe.at("memory", arrival))
        bank_words = [((weights | row) & (which == bank)) for bank in range(config.banks_per_lane)]
        address = (step.memory >> exact_log2(config.banks_per_lane))[: ceil_log2(config.bank_words)]
        arriving, arrived = self._arrivals(m, pipe, loader)
        corrected, uncorrectable = Signal(config.tile_lanes), Signal(config.tile_lanes)
        kv_read_address, kv_write_address = self._kv_addresses(pipe, vector, arrival - READ_LATENCY)
        works = self._lanes_work(pipe)
        clock = self._lane_clock(m, works, loader)
        for i in range(config.tile_lanes):
            codes = [
                self._weight_bank(m, i * config.banks_per_lane + bank, enable, address, loader)
                for bank, enable in enumerate(bank_words)
            ]
            word = Signal(f.kv_word_bits, name=f"kv_{i}")
            m.submodules[f"kv_bank_{i}"] = sram(
                words=config.kv_words * config.sequences,
                grain=f.kv_bits,
                read_enable=pipe.at("kv", arrival - READ_LATENCY),
                read_address=kv_read_address,
                read_data=self._registered(m, word),
                write_enable=vector.kv_write[i],
                write_address=kv_write_address,
                write_data=Mux(
                    vector.kv_column,
                    vector.value_data.word_select(i % config.tile_vector_lanes, f.kv_bits).replicate(GROUP),
                    vector.key_data.replicate(config.beats),
                ),
                write_mask=vector.kv_mask,
            )
            m.submodules[f"lane_{i}"] = Instance(
                "lane",
                i_clk=clock,
                i_rst=ResetSignal(),
                i_code=Array(codes)[arriving] if len(codes) > 1 else codes[0],
                i_code_valid=arrived[i],
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
        self._report(m, host, report, corrected, uncorrectable, embedding, loader)
        self._counters(m, host, pipe)
        self._activity(m, host, pipe, sequencer, vector, works)

    def _lanes_work(self, pipe):
        """A word is in a lane: it is there, or its row's sum is not yet."""
        begin = self.config.bank.latency_cycles
        stages = range(begin, begin + self.config.lane_latency)
        return Cat(pipe.at(kind, stage) for kind in ("weights", "kv") for stage in stages).any()

    @staticmethod
    def _lane_clock(m, works, loader):
        """The lanes' clock: it runs while they have work, while words are verified that were loaded, and in a reset."""
        loads = 0 if loader is None else loader.busy
        clock = Signal(name="lane_clock")
        m.submodules.lane_gate = clock_gate(enable=works | loads | ResetSignal(), gated=clock)
        return clock

    @staticmethod
    def _serves(pipe, column: int, stage: int):
        """A word of the banks is for a sequence of a batch: those of the KV banks are one sequence's alone."""
        return ~pipe.at("kv", stage) | (pipe.at("column", stage) == column)

    def _kv_addresses(self, pipe, vector, stage: int):
        """Where the KV banks are read and written: each sequence has `kv_words` of its own."""
        words = self.config.kv_words
        read, write = (address[: ceil_log2(words)] for address in (pipe.at("memory", stage), vector.kv_address))
        if not self.config.batch:
            return read, write
        return read + pipe.at("column", stage) * words, write + vector.activation_column * words

    def _lane_sums(self, m, vector, lane):
        """What a lane's sums go to: those of a column are behind each other in the vector unit."""
        lanes, columns = self.config.tile_lanes, self.config.columns
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
        if config.batch:
            valid = valid & self._serves(pipe, column, at)
        m.submodules[f"activation_memory{own}"] = sram(
            words=config.activation_groups >> groups,
            grain=config.vector_lanes * bits,
            read_enable=valid & (vector.last_column >= column) if column else valid,
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

    def _report(self, m, host, report, corrected, uncorrectable, embedding, loader):
        """What decoders found goes to the report, or to the loader while it verifies what it has written."""
        within = exact_log2(self.config.banks_per_lane)
        counted = 1
        if loader is not None:
            counted, lane = ~loader.busy, loader.chosen[within:]
            words = Array(embedding.words[i] for i in range(self.config.tile_lanes))
            m.d.comb += [
                loader.word.eq(words[lane]),
                loader.corrected.eq(corrected.bit_select(lane, 1)),
                loader.uncorrectable.eq(uncorrectable.bit_select(lane, 1)),
            ]
        m.d.comb += [
            report.corrected.eq(Mux(counted, corrected, 0)),
            report.uncorrectable.eq(Mux(counted, uncorrectable, 0)),
            report.clear.eq(host.start & ~self.busy),
            self.corrected_words.eq(report.corrected_words),
            self.uncorrectable_words.eq(report.uncorrectable_words),
            self.tainted.eq(report.failed),
            self.uncorrectable.eq(report.lost),
            self.uncorrectable_bank.eq(self._every_bank(report.lost_address[:within], report.lost_lane)),
            self.uncorrectable_address.eq(report.lost_address >> within),
        ]

    def _counters(self, m, host, pipe):
        config, arrival = self.config, self.config.stream_latency
        with m.If(host.start & ~self.busy):
            m.d.sync += [self.weight_words.eq(0), self.lane_words.eq(0)]
        with m.Else():
            m.d.sync += [
                self.weight_words.eq(self.weight_words + Mux(pipe.at("weights", arrival), config.tile_lanes, 0)),
                self.lane_words.eq(self.lane_words + Mux(pipe.at("valid", arrival), config.tile_lanes, 0)),
            ]

    def _activity(self, m, host, pipe, sequencer, vector, works):
        config, at = self.config, self.config.stream_latency - READ_LATENCY
        each = bits_for(config.tile_lanes)
        m.submodules.activity = activity = Activity(
            {
                "kv_reads": each,
                "kv_writes": each,
                "vector_reads": 2,
                "vector_writes": 2,
                "activation_reads": bits_for(config.columns),
                "program_reads": 2,
            }
        )
        m.d.comb += [
            activity.clear.eq(host.start & ~self.busy),
            *(getattr(self, name).eq(getattr(activity, name)) for name in ACTIVITIES),
        ]
        activity.count(
            m,
            kv_reads=Mux(pipe.at("kv", at), config.tile_lanes, 0),
            kv_writes=count_ones(vector.kv_write),
            vector_steps=vector.works,
            vector_reads=vector.a_read + vector.b_read,
            vector_writes=Mux(vector.vector_write, 2, 0),
            activation_reads=Mux(pipe.at("valid", at), self._columns_read(pipe, sequencer, at), 0),
            activation_writes=vector.activation_write,
            constant_reads=vector.constant_read,
            constant_writes=vector.constant_write,
            program_reads=sequencer.stream_read + sequencer.vector_read,
            prompt_reads=sequencer.prompt_read,
            lane_cycles=works,
        )

    def _columns_read(self, pipe, sequencer, stage: int):
        """Columns whose activations are read for a word of the banks."""
        if self.config.columns == 1:
            return 1
        used = sequencer.last_column + 1
        return Mux(pipe.at("kv", stage), 1, used) if self.config.batch else used


def _together(parts):
    """Signals of all columns as one, the first column's in the lowest bits."""
    return parts[0] if len(parts) == 1 else Cat(parts)
