"""The vector unit: one pipe that requantises, adds, rotates, gates, exponentiates and reduces."""

import itertools

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.arithmetic.exponential import Exponential
from rtl.arithmetic.integers import saturate_value, signed_array, tree
from rtl.arithmetic.requantise import Requantiser, scale_operands
from rtl.arithmetic.root import Root
from rtl.arithmetic.scale import INVERSE_EXPONENT, ONE, SCALE_LAYOUT, VALUE_BITS, Normaliser, normalise
from rtl.arithmetic.silu import RESULT_BITS as SILU_BITS
from rtl.arithmetic.silu import Silu
from rtl.formats import (
    CONSTANT_BITS,
    FRACTION_BITS,
    GROUP,
    ROTATION_FRACTION_BITS,
    VECTOR_BITS,
)
from rtl.tile.config import (
    ALU_STAGE,
    HOLD_LATENCY,
    READ_LATENCY,
    REDUCE_STAGE,
    REQUANTISE_STAGE,
    SCALE_STAGE,
    VECTOR_ENTRY,
    WRITE_STAGE,
    TileConfig,
)
from rtl.tile.links import code_bits, link_layout, own_lane, owner
from rtl.tile.program import FIELDS, SCALARS, Alu, Constant, Destination, Mask, Reduce, Second, Source
from rtl.tile.sequencer import TOKEN_BITS, step_layout
from rtl.tile.stages import Stages

SCALES = 1 << FIELDS["scale"]
EXTREMES = 1 << FIELDS["extreme"]
KEEP_BITS = CONSTANT_BITS - 1


def keep_scale(scale, shift: int):
    """A scale as a constant for K and V: (constant, scale that it stands for).

    The constant is ``floor(m * 2**e / 2**shift) + 1``, at most 32767, so that it is not below the scale; the
    second result is that constant times 2**shift, normalised.
    """
    distance = min(max(shift - scale.exponent, 0), 63)
    constant = min((scale.mantissa >> distance) + 1, (1 << KEEP_BITS) - 1)
    return constant, normalise(constant, shift)


class VectorUnit(wiring.Component):
    """Executes the steps that are not multiplications of weights, and finishes those that are.

    One word a cycle, of which this tile has `tile_vector_lanes` elements. The head of the pipe is `VECTOR_ENTRY` cycles
    after a vector step and `TileConfig.stream_entry` cycles after the last step of a row of the banks, whose sums, one
    a lane, enter in `TileConfig.drain` cycles after each other; the stages behind it stand in `rtl.tile.config`. Sums
    go first: in a cycle in which a vector step would meet them at the head, `hold` keeps it from issuing.

    Of several tiles each has a part of every vector word. Codes for the activation memories and the KV banks,
    reductions and the embedding go over the links, and are there `TileConfig.collective_cycles` later than in a tile
    alone.

    Attributes
    ----------
    number : which of the tiles that share the work; only of a tile among others
    stream, vector, position, token : from the sequencer
    sent, received : to all tiles, and from all of them `TileConfig.collective_cycles` later (see `rtl.tile.links`)
    hold : no vector step may issue in this cycle
    works : a word is at the head of the pipe
    vocabulary : rows of the output matrix that count
    epsilon : of the root mean square, times the vector's length, with 28 fraction bits
    sums : operands of stream steps, `HOLD_LATENCY` cycles before the head of the pipe
    embedding : likewise, of this tile's row or zero, for all tiles; it goes over the links
    a_read ... constant : read ports of the memories, `READ_LATENCY` cycles
    write_* : write ports; vector, activation, KV (one word of codes a lane) and constant memory
    kv_written : a KV bank is written, here or in another tile
    argmax : index of the largest result so far

    With several columns the sums of a row's columns enter behind each other, and registers and running reductions are
    there once a column. Then there are also

    last_column, tokens : as in `rtl.tile.sequencer.Sequencer`; `tokens` instead of `token`
    *_column : which column's part of a memory is read or written
    constant_write_slot : element of the constant's word
    """

    def __init__(self, config: TileConfig):
        self.config = config
        lanes, wide, f = config.tile_vector_lanes, config.tile_lanes, config.format
        vector = data.ArrayLayout(signed(VECTOR_BITS), lanes)
        columns, tokens = config.columns, data.ArrayLayout(TOKEN_BITS, config.columns)
        constant_bits = FIELDS["constant"] + exact_log2(config.sequences)
        several = {
            "last_column": In(range(columns)),
            "tokens": In(tokens),
            **{f"{port}_column": Out(range(columns)) for port in ("a", "b", "write", "activation")},
            **({"constant_write_position": Out(TOKEN_BITS)} if config.positions > 1 else {}),
        }
        super().__init__(
            {
                **({"number": In(range(config.tiles))} if config.tiles > 1 else {}),
                "stream": In(step_layout(columns)),
                "vector": In(step_layout(columns)),
                "sent": Out(link_layout(config, 1)),
                "received": In(link_layout(config, config.tiles)),
                "hold": Out(1),
                "works": Out(1),
                "position": In(TOKEN_BITS),
                **(several if columns > 1 else {"token": In(TOKEN_BITS)}),
                "vocabulary": In(TOKEN_BITS),
                "epsilon": In(32),
                "sums": In(data.ArrayLayout(signed(f.accumulator_bits), wide * columns)),
                "embedding": In(data.ArrayLayout(signed(f.value_bits), config.vector_lanes)),
                "a_read": Out(1),
                "a_address": Out(FIELDS["a"]),
                "a": In(vector),
                "b_read": Out(1),
                "b_address": Out(FIELDS["b"]),
                "b": In(vector),
                "constant_read": Out(1),
                "constant_address": Out(constant_bits),
                "constant": In(data.ArrayLayout(signed(CONSTANT_BITS), lanes)),
                "vector_write": Out(1),
                "write_address": Out(FIELDS["d"]),
                "write_data": Out(vector),
                "activation_write": Out(1),
                "activation_group": Out(FIELDS["d"]),
                "activation_beat": Out(3),
                "activation_data": Out(config.vector_lanes * f.activation_bits),
                "kv_write": Out(wide),
                "kv_written": Out(1),
                "kv_address": Out(FIELDS["memory"]),
                "key_data": Out(config.vector_lanes * f.kv_bits),
                "value_data": Out(lanes * f.kv_bits),
                "kv_mask": Out(GROUP),
                "kv_column": Out(1),
                "constant_write": Out(1),
                "constant_write_address": Out(constant_bits),
                "constant_write_data": Out(signed(CONSTANT_BITS)),
                "argmax": Out(TOKEN_BITS if columns == 1 else tokens),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._number = self.number if self.config.tiles > 1 else Const(0, 0)
        one = {"mantissa": ONE.mantissa, "exponent": ONE.exponent, "inverse": ONE.inverse}
        columns = self.config.columns
        ones = [one if i % SCALES == 0 else {} for i in range(SCALES * (columns - 1) + 1)]
        m.submodules.scales = self._scales = Memory(shape=SCALE_LAYOUT, depth=SCALES * columns, init=ones)
        m.submodules.extremes = self._extremes = Memory(shape=signed(VECTOR_BITS), depth=EXTREMES * columns, init=[])
        if self.config.positions > 1:
            self._positions = [Signal(TOKEN_BITS, name=f"position_{c}") for c in range(columns)]
            self._limits = [Signal(TOKEN_BITS, name=f"limit_{c}") for c in range(columns)]
            m.d.sync += [own.eq(self.position + c) for c, own in enumerate(self._positions)]
            m.d.sync += [own.eq(self.position + c + 1) for c, own in enumerate(self._limits)]
        pipe = self._head(m)
        exponentials, y = self._rescale(m, pipe)
        result = self._alu(m, pipe, y)
        self._write(m, pipe, result)
        self._reduce(m, pipe, result, exponentials)
        return m

    def _head(self, m):
        """Merge sums and vector steps into one pipe."""
        config, columns = self.config, self.config.columns
        arrival, embeds = config.stream_entry - HOLD_LATENCY, self.stream.instruction.source == Source.EMBEDDING
        rows = self.stream.valid & self.stream.last
        stream = _Steps(m, "stream", self.stream, 1, arrives=rows & ~embeds, embeds=rows & embeds, columns=columns)
        vector = _Steps(m, "vector", self.vector, 0, arrives=self.vector.valid, embeds=Const(0, 1), columns=columns)
        held, beat, left = self._hold(m, stream, arrival)
        late = vector.fields(VECTOR_ENTRY)
        fields = {}
        for name, value in late.items():
            fields[name] = Signal.like(value, name=f"head_{name}")
            m.d.comb += fields[name].eq(Mux(left != 0, held[name], value))
        with m.If(left != 0):
            if columns > 1:
                column, beat = beat >> exact_log2(config.drain), beat & (config.drain - 1)
                m.d.comb += fields["column"].eq(held["column"] + column)
                ends = (held["source"] == Source.EMBEDDING) | (beat == config.drain - 1)
            else:
                ends = left == 1
            for name in ("b", "constant", "d", "index"):
                m.d.comb += fields[name].eq(held[name] + beat)
            m.d.comb += [
                fields["opens"].eq(held["opens"] & (beat == 0)),
                fields["closes"].eq(held["closes"] & ends),
            ]
        fields["valid"] = Signal(name="head_valid")
        m.d.comb += [
            fields["valid"].eq((left != 0) | vector.at("arrives", VECTOR_ENTRY)),
            self.works.eq(fields["valid"]),
            self.a_read.eq(self.vector.valid & (self.vector.instruction.source == Source.VECTOR)),
            self.a_address.eq(self.vector.a),
            self.hold.eq(self._meets(stream, arrival) if columns == 1 else self._columns_meet(m, stream, arrival)),
        ]
        if columns > 1:
            m.d.comb += self.a_column.eq(self.vector.column)
        return Stages(m, "pipe", fields)

    def _hold(self, m, stream, arrival):
        """Sums on their way into the pipe: (fields of their step, beat, beats left)."""
        config, later = self.config, arrival + self.config.collective_cycles
        fields, embeds = stream.fields(arrival), stream.at("embeds", later)
        if later != arrival:
            embedding = stream.fields(later)
            fields = {name: Mux(embeds, embedding[name], value) for name, value in fields.items()}
        held = {name: Signal.like(value, name=f"held_{name}") for name, value in fields.items()}
        most = config.drain * config.columns
        beats = most if config.columns == 1 else config.drain * self.last_column + config.drain
        if config.batch:
            beats = Mux(fields["source"] == Source.KV, config.drain, beats)
        beat, left = Signal(range(max(most, 2))), Signal(range(most + 1))
        shape = signed(config.format.accumulator_bits)
        self._held_sums = [Signal(shape, name=f"held_{i}", reset_less=True) for i in range(len(self.sums))]
        shape = data.ArrayLayout(signed(config.format.value_bits), config.tile_vector_lanes)
        self._held_embedding = Signal(shape, name="held_embedding", reset_less=True)
        m.d.comb += self.sent.embedding.eq(self.embedding)
        embedding = self.received.embedding.as_value().word_select(self._number, shape.size)
        with m.If(stream.at("arrives", arrival) | embeds):
            m.d.sync += [after.eq(fields[name]) for name, after in held.items()]
            m.d.sync += [after.eq(self._arriving(fields, i)) for i, after in enumerate(self._held_sums)]
            m.d.sync += [
                self._held_embedding.as_value().eq(embedding),
                beat.eq(0),
                left.eq(Mux(embeds, 1, beats)),
            ]
        with m.Elif(left != 0):
            m.d.sync += [beat.eq(beat + 1), left.eq(left - 1)]
            width = config.tile_vector_lanes
            m.d.sync += [a.eq(b) for a, b in zip(self._held_sums, self._held_sums[width:], strict=False)]
        return held, beat, left

    def _arriving(self, fields, place: int):
        """The sum that is held at a place: rows that serve one sequence have no sums but that column's."""
        lanes = self.config.tile_lanes
        if place >= lanes or not self.config.batch:
            return self.sums[place]
        return Array(self.sums[column * lanes + place] for column in range(self.config.columns))[fields["column"]]

    def _meets(self, stream, arrival):
        """A vector step that issues now would be at the head in a cycle in which sums are."""
        first = arrival - VECTOR_ENTRY
        rows = [stream.at("arrives", first + beat) for beat in range(self.config.drain)]
        return Cat(*rows, stream.at("embeds", first + self.config.collective_cycles)).any()

    def _columns_meet(self, m, stream, arrival):
        """The same, for as many sums as there are columns in use."""
        drain, at = self.config.drain, arrival - VECTOR_ENTRY
        ahead, left = stream.at("arrives", at), Signal(range(drain * self.config.columns), name="sums_left")
        beats = drain * self.last_column + drain - 1
        if self.config.batch:
            beats = Mux(stream.at("source", at) == Source.KV, drain - 1, beats)
        with m.If(ahead):
            m.d.sync += left.eq(beats)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return ahead | (left != 0) | stream.at("embeds", at + self.config.collective_cycles)

    def _of_column(self, pipe, stage, values):
        """The column's one of some values, one a column."""
        return values[0] if self.config.columns == 1 else Array(values)[pipe.at("column", stage)]

    def _keep(self, m, pipe, stage, registers, value):
        """Writes the column's one of some registers, one a column."""
        for column, register in enumerate(registers):
            if len(registers) == 1:
                m.d.sync += register.eq(value)
            else:
                with m.If(pipe.at("column", stage) == column):
                    m.d.sync += register.eq(value)

    def _address(self, pipe, field, stage):
        """A register's address among those of all columns."""
        address = pipe.at(field, stage)
        return address if self.config.columns == 1 else Cat(address, pipe.at("column", stage))

    def _position(self, pipe, stage):
        """The position that a step works on."""
        return self.position if self.config.positions == 1 else self._of_column(pipe, stage, self._positions)

    def _constant_address(self, pipe, stage, own):
        """A constant's address; of a batch, `own` ones lie in words of which each column has one in turn."""
        address = pipe.at("constant", stage)
        if not self.config.batch:
            return address
        return Mux(own, Cat(pipe.at("column", stage), address), address)

    def _rescale(self, m, pipe):
        """Operand, exponential, requantiser: (exponentials two stages in, y at `ALU_STAGE`)."""
        source, exponential = pipe.at("source", 0), pipe.at("exponential", REQUANTISE_STAGE)
        extremes = self._extremes.read_port(domain="comb")
        m.d.comb += extremes.addr.eq(self._address(pipe, "extreme", 0))
        constant_at, mode = REQUANTISE_STAGE - READ_LATENCY, pipe.at("constant_mode", REQUANTISE_STAGE)
        m.d.comb += [
            self.constant_read.eq(
                pipe.at("valid", constant_at) & (pipe.at("constant_mode", constant_at) != Constant.ONE)
            ),
            self.constant_address.eq(
                self._constant_address(pipe, constant_at, pipe.at("constant_mode", constant_at) == Constant.OWN)
            ),
        ]
        own = self._token_constant(m, pipe)
        operands = scale_operands(
            m,
            self._scale(m, pipe, "scale", SCALE_STAGE),
            pipe.at("invert", SCALE_STAGE),
            pipe.at("scale_shift", SCALE_STAGE),
        )
        factor, shift = (
            Signal(operand.shape(), name=name) for name, operand in zip(("factor", "shift"), operands, strict=True)
        )
        with m.If(pipe.at("valid", SCALE_STAGE)):
            m.d.sync += [factor.eq(operands[0]), shift.eq(operands[1])]
        exponentials, results = [], []
        self._operands, width = [], self.config.format.accumulator_bits
        masked = self._masked(m, pipe)
        for i in range(self.config.tile_vector_lanes):
            m.submodules[f"exponential_{i}"] = power = Exponential()
            m.submodules[f"requantiser_{i}"] = requantiser = Requantiser(width)
            operand = Signal(signed(width), name=f"a_{i}")
            delayed = signed_array(2, width, f"a_{i}")
            with m.Switch(source):
                with m.Case(Source.WEIGHTS, Source.KV):
                    m.d.comb += operand.eq(self._held_sums[i])
                with m.Case(Source.EMBEDDING):
                    m.d.comb += operand.eq(self._held_embedding[i])
                with m.Case(Source.VECTOR):
                    m.d.comb += operand.eq(self.a[i])
                with m.Default():
                    m.d.comb += operand.eq(1)
            with m.If(pipe.at("valid", 0)):
                m.d.sync += delayed[0].eq(operand)
            with m.If(pipe.at("valid", 1)):
                m.d.sync += delayed[1].eq(delayed[0])
            m.d.comb += [
                power.valid.eq(pipe.at("valid", 0) & pipe.at("exponential", 0)),
                requantiser.valid.eq(pipe.at("valid", REQUANTISE_STAGE)),
                power.score.eq(operand),
                power.maximum.eq(extremes.data),
                power.masked.eq(masked[i]),
                requantiser.a.eq(Mux(exponential, power.value, delayed[1])),
                requantiser.constant.eq(
                    Mux(mode == Constant.ONE, 1, Mux(mode == Constant.BROADCAST, own, self.constant[i]))
                ),
                requantiser.first_shift.eq(pipe.at("first_shift", REQUANTISE_STAGE)),
                requantiser.factor.eq(factor),
                requantiser.shift.eq(shift),
            ]
            self._operands.append(operand)
            exponentials.append(power.value)
            results.append(requantiser.y)
        return exponentials, results

    def _token_constant(self, m, pipe):
        """The element of a constant word that belongs to the current token, from the tile that has it."""
        config, at = self.config, REQUANTISE_STAGE + self.config.collective_cycles
        kept = [Signal(signed(CONSTANT_BITS), name=f"token_constant_{c}") for c in range(config.columns)]
        token = self._of_column(pipe, REQUANTISE_STAGE, [self.token] if config.columns == 1 else self.tokens)
        own = Array(self.constant)[token[: exact_log2(config.tile_vector_lanes)]]
        m.d.comb += self.sent.constant.eq(Mux(owner(config, token) == self._number, own, 0))
        fetched = pipe.at("valid", at) & (pipe.at("constant_mode", at) == Constant.BROADCAST) & ~pipe.at("streams", at)
        with m.If(fetched):
            self._keep(m, pipe, at, kept, self.received.constant)
        return self._of_column(pipe, REQUANTISE_STAGE, kept)

    def _masked(self, m, pipe):
        """One bit an element at the head of the pipe: it does not count."""
        config, lanes = self.config, self.config.tile_vector_lanes
        limit, base = Signal(TOKEN_BITS, name="mask_limit"), Signal(TOKEN_BITS + 5, name="mask_base")
        mode = pipe.at("mask", 0)
        after = self.position + 1 if config.positions == 1 else self._of_column(pipe, 0, self._limits)
        m.d.comb += [
            limit.eq(Mux(mode == Mask.POSITION, after, self.vocabulary)),
            base.eq(pipe.at("index", 0) * config.vector_lanes + self._number * lanes),
        ]
        masked = Signal(lanes, name="masked")
        m.d.comb += masked.eq(Cat((mode != Mask.NONE) & (base + i >= limit) for i in range(lanes)))
        self._mask_later = Stages(m, "masked", {"masked": masked})
        return masked

    def _scale(self, m, pipe, field, stage):
        """The scalar register that a field names, at a stage: a read port of its own."""
        port = self._scales.read_port(domain="comb")
        m.d.comb += port.addr.eq(self._address(pipe, field, stage))
        return port.data

    def _alu(self, m, pipe, y):
        """Second operand and the operation: results at `WRITE_STAGE`."""
        at = ALU_STAGE - Silu.LATENCY - READ_LATENCY
        m.d.comb += [
            self.b_read.eq(pipe.at("valid", at) & (pipe.at("alu", at) != Alu.PASS)),
            self.b_address.eq(pipe.at("b", at)),
        ]
        if self.config.columns > 1:
            m.d.comb += self.b_column.eq(pipe.at("column", at))
        operation, chosen = pipe.at("alu", ALU_STAGE), pipe.at("alu", ALU_STAGE + 1)
        first = ALU_STAGE - Silu.LATENCY
        gated = pipe.at("valid", first) & (pipe.at("alu", first) == Alu.SILU)
        b = []
        for i in range(self.config.tile_vector_lanes):
            m.submodules[f"silu_{i}"] = silu = Silu()
            word = [self.b[i], *signed_array(Silu.LATENCY, VECTOR_BITS, f"b_{i}")]
            m.d.comb += [silu.valid.eq(gated), silu.x.eq(self.b[i])]
            for stage, (before, after) in enumerate(itertools.pairwise(word)):
                with m.If(pipe.at("valid", first + stage)):
                    m.d.sync += after.eq(before)
            b.append((silu.y, word[-1]))
        results = []
        for i in range(self.config.tile_vector_lanes):
            pair, odd = i & ~1, i & 1
            factor = Signal(signed(SILU_BITS), name=f"factor_{i}")
            direct = Signal(signed(VECTOR_BITS + SILU_BITS), name=f"direct_{i}", reset_less=True)
            crossed = Signal(signed(VECTOR_BITS + CONSTANT_BITS), name=f"crossed_{i}", reset_less=True)
            kept, addend = signed_array(2, VECTOR_BITS, f"kept_{i}")
            result = Signal(signed(VECTOR_BITS), name=f"result_{i}", reset_less=True)
            m.d.comb += factor.eq(Mux(operation == Alu.ROTATE, b[pair][1], b[i][0]))
            with m.If(pipe.at("valid", ALU_STAGE)):
                m.d.sync += [kept.eq(y[i]), addend.eq(b[i][1])]
                with m.If(operation[-1]):  # ROTATE or SILU
                    m.d.sync += [
                        direct.eq(y[i] * factor),
                        crossed.eq(y[i ^ 1] * b[pair + 1][1][:CONSTANT_BITS].as_signed()),
                    ]
            product = Signal(signed(VECTOR_BITS + SILU_BITS + 1), name=f"product_{i}")
            m.d.comb += product.eq(direct + Mux(chosen == Alu.ROTATE, crossed if odd else -crossed, 0))
            assert FRACTION_BITS == ROTATION_FRACTION_BITS
            rounded = ((product >> (FRACTION_BITS - 1)) + 1) >> 1
            with m.If(pipe.at("valid", ALU_STAGE + 1)), m.Switch(chosen):
                with m.Case(Alu.PASS):
                    m.d.sync += result.eq(kept)
                with m.Case(Alu.ADD):
                    m.d.sync += result.eq(saturate_value(kept + addend, VECTOR_BITS))
                with m.Default():
                    m.d.sync += result.eq(saturate_value(rounded, VECTOR_BITS))
            results.append(result)
        return results

    def _write(self, m, pipe, result):
        valid, destination = pipe.at("valid", WRITE_STAGE), pipe.at("destination", WRITE_STAGE)
        f = self.config.format
        codes = (
            Mux(destination == Destination.ACTIVATION, _clip(r, f.activation_bits), _clip(r, f.kv_bits)) for r in result
        )
        m.d.comb += [
            self.vector_write.eq(valid & (destination == Destination.VECTOR)),
            self.write_address.eq(pipe.at("d", WRITE_STAGE)),
            self.write_data.as_value().eq(Cat(result)),
            self.sent.codes.eq(Cat(code[: code_bits(f)] for code in codes)),
        ]
        self._write_codes(m, pipe)

    def _write_codes(self, m, pipe):
        """Codes of all tiles, into the activation memory and the KV banks."""
        config, f, at = self.config, self.config.format, WRITE_STAGE + self.config.collective_cycles
        valid, destination, beat = pipe.at("valid", at), pipe.at("destination", at), pipe.at("beat", at)
        codes = [self.received.codes.word_select(i, code_bits(f)) for i in range(config.vector_lanes)]
        keys = Cat(code[: f.kv_bits] for code in codes)
        m.d.comb += [
            self.activation_write.eq(valid & (destination == Destination.ACTIVATION)),
            self.activation_group.eq(pipe.at("d", at)),
            self.activation_beat.eq(beat),
            self.activation_data.eq(Cat(code[: f.activation_bits] for code in codes)),
            self.key_data.eq(keys),
            self.value_data.eq(keys.word_select(self._number, len(self.value_data))),
        ]
        if config.columns > 1:
            m.d.comb += [
                self.write_column.eq(pipe.at("column", WRITE_STAGE)),
                self.activation_column.eq(pipe.at("column", at)),
            ]
        position = self._position(pipe, at)
        key, width, own = destination == Destination.KEY, config.vector_lanes, config.tile_vector_lanes
        row = Mux(owner(config, position) == self._number, 1 << own_lane(config, position), 0)
        columns = ((1 << own) - 1) << (beat[: exact_log2(config.drain)] * own)
        m.d.comb += [
            self.kv_column.eq(destination == Destination.VALUE),
            self.kv_written.eq(valid & (key | self.kv_column)),
            self.kv_write.eq(Mux(self.kv_written, Mux(key, row, columns), 0)),
            self.kv_address.eq(pipe.at("memory", at)),
            self.kv_mask.eq(
                Mux(key, ((1 << width) - 1) << (beat[: exact_log2(config.beats)] * width), 1 << position[:5])
            ),
        ]

    def _reduce(self, m, pipe, result, exponentials):
        """Reductions, scalar products and stored scales, all through one normaliser, a step of the pipe at a time."""
        at = REDUCE_STAGE + self.config.collective_cycles
        m.submodules.normaliser = normaliser = Normaliser()
        own_extreme, own_index = self._extreme(m, pipe, result)
        m.d.comb += [
            self.sent.extreme.eq(own_extreme),
            self.sent.index.eq(own_index),
            self.sent.second.eq(self._second(m, pipe, exponentials)),
        ]
        extreme, second = self.received.extreme, self.received.second
        roots = self._roots(m, pipe, second)
        product, product_exponent = self._multiply(m, pipe)
        source, kind = pipe.at("source", at), pipe.at("reduce", at)
        closing = pipe.at("valid", at) & pipe.at("closes", at)
        extremes = self._extremes.write_port()
        m.d.comb += [
            extremes.en.eq(closing & (kind == Reduce.MAXIMUM)),
            extremes.addr.eq(self._address(pipe, "extreme", at)),
            extremes.data.eq(extreme),
        ]
        self._argmax(m, pipe, closing & (kind == Reduce.ARGMAX))
        with m.Switch(source):
            with m.Case(Source.SCALE, Source.KEEP):
                m.d.comb += [normaliser.value.eq(product), normaliser.exponent.eq(product_exponent)]
            with m.Case(Source.SUM):
                m.d.comb += [normaliser.value.eq(second), normaliser.exponent.eq(0)]
            with m.Case(Source.ROOT):
                mantissa, exponent = (self._of_column(pipe, at, values) for values in zip(*roots, strict=True))
                m.d.comb += [normaliser.value.eq(mantissa), normaliser.exponent.eq(exponent)]
            with m.Default():
                m.d.comb += [normaliser.value.eq(extreme.as_unsigned()), normaliser.exponent.eq(0)]
        scalar = Cat(source == kind for kind in SCALARS).any()
        writes = Signal(name="normalise")
        m.d.comb += writes.eq(closing & (scalar | (kind == Reduce.ABSOLUTE)))
        done = Stages(m, "normalised", {"writes": writes, "register": self._address(pipe, "register", at)})
        scales = self._scales.write_port()
        m.d.comb += [
            # Register 0 is one, whatever a program says.
            scales.en.eq(done.at("writes", Normaliser.LATENCY) & (done.at("register", Normaliser.LATENCY) != 0)),
            scales.addr.eq(done.at("register", Normaliser.LATENCY)),
            scales.data.eq(normaliser.result),
        ]

    def _argmax(self, m, pipe, found):
        """The index of each column's last arg max."""
        columns, at = self.config.columns, REDUCE_STAGE + self.config.collective_cycles
        for column in range(columns):
            port = self.argmax if columns == 1 else self.argmax[column]
            own, kept = Signal(name=f"argmax_{column}_found"), Signal(TOKEN_BITS, name=f"argmax_{column}")
            m.d.comb += own.eq(found if columns == 1 else found & (pipe.at("column", at) == column))
            with m.If(own):
                m.d.sync += kept.eq(self.received.index)
            m.d.comb += port.eq(Mux(own, self.received.index, kept))

    def _roots(self, m, pipe, second):
        """The root of each column's last squares: mantissa and exponent."""
        at, columns = REDUCE_STAGE + 1 + self.config.collective_cycles, self.config.columns
        other = self._scale(m, pipe, "other", at)
        down = Mux(other.exponent < 0, 0, other.exponent)[:6]
        closing = pipe.at("valid", at) & pipe.at("closes", at) & (pipe.at("second", at) == Second.SQUARES)
        own = [closing] if columns == 1 else [closing & (pipe.at("column", at) == c) for c in range(columns)]
        starts, radicand = Signal(columns, name="root_start"), Signal(VALUE_BITS, name="radicand", reset_less=True)
        total = Signal(VALUE_BITS, name="squares", reset_less=True)
        m.d.sync += total.eq(second)
        m.d.sync += [starts.eq(Cat(own)), radicand.eq(total + (self.epsilon >> Cat(0, down)[:7]))]
        found = []
        for column, closes in enumerate(own):
            name = f"root_{column}" if columns > 1 else "root"
            m.submodules[name] = root = Root()
            base = Signal(signed(8), name=f"{name}_exponent")
            m.d.comb += [root.start.eq(starts[column]), root.value.eq(radicand)]
            with m.If(closes):
                m.d.sync += base.eq(down)
            found.append((root.mantissa, root.exponent + base))
        return found

    def _extreme(self, m, pipe, result):
        """Largest magnitude or value of the instruction so far, and its index."""
        lanes, at = self.config.tile_vector_lanes, WRITE_STAGE
        absolute = pipe.at("reduce", at) == Reduce.ABSOLUTE
        masked, lowest = self._mask_later.at("masked", at), -(1 << (VECTOR_BITS - 1))
        first = Signal(signed(VECTOR_BITS + 1), name="word_extreme")
        place = Signal(range(lanes), name="word_place")
        reduces = pipe.at("valid", at) & (pipe.at("reduce", at) != Reduce.NONE)
        candidates = []
        for i, value in enumerate(result):
            magnitude = Signal(signed(VECTOR_BITS + 1), name=f"magnitude_{i}", reset_less=True)
            with m.If(reduces):
                m.d.sync += magnitude.eq(
                    Mux(masked[i], Mux(absolute, 0, lowest), Mux(absolute & (value < 0), -value, value))
                )
            candidates.append((magnitude, i))
        best, where = tree(candidates, lambda p, q: (Mux(q[0] > p[0], q[0], p[0]), Mux(q[0] > p[0], q[1], p[1])))
        with m.If(pipe.at("valid", at + 1)):
            m.d.sync += [first.eq(best), place.eq(where)]
        # Each queue has running extremes of its own, since their steps may take turns.
        columns = self.config.columns
        several = [[Signal(signed(VECTOR_BITS + 1), name=f"extreme_{queue}{f'_{c}' if columns > 1 else ''}")
                    for c in range(columns)] for queue in ("vector", "stream")]  # fmt: skip
        running = [self._of_column(pipe, at + 2, own) for own in several]
        opens, streams = pipe.at("opens", at + 2), pipe.at("streams", at + 2)
        reduces = pipe.at("valid", at + 2) & (pipe.at("reduce", at + 2) != Reduce.NONE)
        names = [f"index_{c}" for c in range(columns)] if columns > 1 else ["index"]
        extreme, indices = Signal(signed(VECTOR_BITS + 1)), [Signal(TOKEN_BITS, name=name) for name in names]
        for queue, own in enumerate(running):
            with m.If(reduces & (streams == queue) & (opens | (first > own))):
                self._keep(m, pipe, at + 2, several[queue], first)
        with m.If(reduces & (pipe.at("reduce", at + 2) == Reduce.ARGMAX) & (opens | (first > running[1]))):
            index = Cat(place[: exact_log2(lanes)], self._number, pipe.at("index", at + 2))
            self._keep(m, pipe, at + 2, indices, index)
        done = [self._of_column(pipe, at + 3, own) for own in several]
        m.d.comb += extreme.eq(Mux(pipe.at("streams", at + 3), done[1], done[0]))
        return extreme, self._of_column(pipe, at + 3, indices)

    def _second(self, m, pipe, exponentials):
        """Sum of exponentials, or of squares of a >> exponent, at `REDUCE_STAGE`: with that step's, if it has any."""
        squares = pipe.at("second", REQUANTISE_STAGE) == Second.SQUARES
        other = self._scale(m, pipe, "other", 0)
        down = Mux(other.exponent < 0, 0, other.exponent)[:6]
        terms = []
        for i, operand in enumerate(self._operands):
            short = Signal(signed(CONSTANT_BITS + 1), name=f"short_{i}", reset_less=True)
            square = Signal(2 * CONSTANT_BITS + 1, name=f"square_{i}", reset_less=True)
            with m.If(pipe.at("valid", 0) & (pipe.at("second", 0) == Second.SQUARES)):
                m.d.sync += short.eq(operand >> down)
            with m.If(pipe.at("valid", 1) & (pipe.at("second", 1) == Second.SQUARES)):
                m.d.sync += square.eq(short * short)
            terms.append(Mux(squares, square, exponentials[i]))
        total = Signal(2 * CONSTANT_BITS + 1 + exact_log2(self.config.tile_vector_lanes), name="word_sum")
        with m.If(pipe.at("valid", REQUANTISE_STAGE) & (pipe.at("second", REQUANTISE_STAGE) != Second.NONE)):
            m.d.sync += total.eq(tree(terms, lambda p, q: p + q))
        late = Stages(m, "late", {"sum": total})
        at = REDUCE_STAGE
        value = late.at("sum", at - REQUANTISE_STAGE - 1)
        columns = self.config.columns
        sums = [Signal(VALUE_BITS, name=f"running_sum_{c}" if columns > 1 else "running_sum") for c in range(columns)]
        running = self._of_column(pipe, at, sums)
        adds, after = pipe.at("second", at) != Second.NONE, Signal(VALUE_BITS, name="sum_with_this")
        m.d.comb += after.eq(Mux(pipe.at("opens", at), 0, running) + value)
        with m.If(pipe.at("valid", at) & adds):
            self._keep(m, pipe, at, sums, after)
        return Mux(adds, after, running)

    def _multiply(self, m, pipe):
        """Product of two scales, or a stored scale, in step with the first reduction."""
        stage = SCALE_STAGE
        one, two = self._scale(m, pipe, "scale", stage), self._scale(m, pipe, "other", stage)
        invert, invert_two = pipe.at("invert", stage), pipe.at("invert_other", stage)
        keep = pipe.at("source", stage) == Source.KEEP
        shift = pipe.at("scale_shift", stage)
        distance = Signal(signed(10), name="keep_distance")
        m.d.comb += distance.eq(shift - one.exponent)
        bounded = Mux(distance < 0, 0, Mux(distance > 63, 63, distance))[:6]
        kept, constant = Signal(17, name="kept"), Signal(KEEP_BITS, name="kept_constant")
        m.d.comb += [
            kept.eq((one.mantissa >> bounded) + 1),
            constant.eq(Mux(kept >> KEEP_BITS, (1 << KEEP_BITS) - 1, kept)),
        ]

        def side(scale, inverted):
            return (
                Mux(inverted, scale.inverse, scale.mantissa),
                Mux(inverted, -INVERSE_EXPONENT - scale.exponent, scale.exponent),
            )

        (x, x_exponent), (y, y_exponent) = side(one, invert), side(two, invert_two)
        # A kept scale passes the multiplier as constant * 1.
        left, right = Signal(17, name="scale_left"), Signal(17, name="scale_right")
        exponent, product = Signal(signed(8), name="scale_exponent"), Signal(34, name="scale_product")
        m.d.sync += [
            left.eq(Mux(keep, constant, x)),
            right.eq(Mux(keep, 1, y)),
            exponent.eq(Mux(keep, shift, x_exponent + y_exponent)),
            product.eq(left * right),
        ]
        m.d.comb += [
            self.constant_write.eq(pipe.at("valid", stage + 1) & (pipe.at("source", stage + 1) == Source.KEEP)),
            self.constant_write_address.eq(self._constant_address(pipe, stage + 1, 1)),
            self.constant_write_data.eq(left),
        ]
        if self.config.positions > 1:
            m.d.comb += self.constant_write_position.eq(self._position(pipe, stage + 1))
        held = Stages(m, "held", {"product": product, "exponent": exponent})
        delay = REDUCE_STAGE + self.config.collective_cycles - SCALE_STAGE - 1
        return held.at("product", delay - 1), held.at("exponent", delay)


class _Steps:
    """A queue's steps on their way to the head of the pipe."""

    INSTRUCTION = (
        "source",
        "constant_mode",
        "first_shift",
        "scale",
        "invert",
        "scale_shift",
        "other",
        "invert_other",
        "exponential",
        "extreme",
        "alu",
        "destination",
        "reduce",
        "register",
        "second",
        "mask",
    )
    STEP = ("opens", "closes", "b", "constant", "d", "memory", "beat", "index")

    def __init__(self, m, name: str, step, streams: int, *, arrives, embeds, columns: int):
        self.STEP = ("column", *_Steps.STEP) if columns > 1 else _Steps.STEP
        self._stages = Stages(
            m,
            name,
            {"arrives": arrives, "embeds": embeds}
            | {field: step.instruction[field] for field in self.INSTRUCTION}
            | {field: step[field] for field in self.STEP},
        )
        self._streams = streams

    def at(self, field: str, stage: int):
        """A field so many cycles after the step."""
        return self._stages.at(field, stage)

    def fields(self, stage: int) -> dict:
        """All that the pipe takes from a step, by name."""
        found = {field: self.at(field, stage) for field in (*self.INSTRUCTION, *self.STEP)}
        return found | {"streams": Const(self._streams, 1)}


def _clip(value, bits):
    """`clip_code` as logic."""
    limit = (1 << (bits - 1)) - 1
    return Mux(value > limit, limit, Mux(value < -limit, -limit, value))
