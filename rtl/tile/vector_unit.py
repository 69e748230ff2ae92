"""The vector unit: one pipe of `lanes` elements that requantises, adds, rotates, gates, exponentiates and reduces."""

import itertools

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
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
    READ_LATENCY,
    REDUCE_STAGE,
    REQUANTISE_STAGE,
    SCALE_STAGE,
    VECTOR_ENTRY,
    WRITE_STAGE,
    TileConfig,
)
from rtl.tile.program import Alu, Constant, Destination, Reduce, Second, Source
from rtl.tile.sequencer import TOKEN_BITS, step_layout
from rtl.tile.stages import Stages

SCALES = 32
EXTREMES = 16
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

    One step a cycle. The head of the pipe is `VECTOR_ENTRY` cycles after a vector step and
    `TileConfig.stream_entry` cycles after a stream step; the stages behind it stand in `rtl.tile.config`. Two
    steps must not reach the head in one cycle.

    Attributes
    ----------
    step, position, token : from the sequencer
    epsilon : of the root mean square, times the vector's length, with 28 fraction bits
    sums, embedding : operands of stream steps, valid at the head of the pipe
    a_read ... constant : read ports of the memories, `READ_LATENCY` cycles
    write_* : write ports; vector, activation, KV (one word of codes a lane) and constant memory
    argmax : index of the largest result so far
    """

    def __init__(self, config: TileConfig):
        self.config = config
        lanes = config.lanes
        vector = data.ArrayLayout(signed(VECTOR_BITS), lanes)
        super().__init__(
            {
                "step": In(step_layout(config)),
                "position": In(TOKEN_BITS),
                "token": In(TOKEN_BITS),
                "epsilon": In(32),
                "sums": In(data.ArrayLayout(signed(config.format.accumulator_bits), lanes)),
                "embedding": In(data.ArrayLayout(signed(config.format.value_bits), lanes)),
                "a_read": Out(1),
                "a_address": Out(10),
                "a": In(vector),
                "b_read": Out(1),
                "b_address": Out(10),
                "b": In(vector),
                "constant_read": Out(1),
                "constant_address": Out(13),
                "constant": In(data.ArrayLayout(signed(CONSTANT_BITS), lanes)),
                "vector_write": Out(1),
                "write_address": Out(10),
                "write_data": Out(vector),
                "activation_write": Out(1),
                "activation_address": Out(8),
                "activation_beat": Out(3),
                "activation_data": Out(lanes * config.format.activation_bits),
                "kv_write": Out(lanes),
                "kv_address": Out(16),
                "kv_data": Out(lanes * config.format.kv_bits),
                "kv_mask": Out(GROUP),
                "kv_column": Out(1),
                "constant_write": Out(1),
                "constant_write_address": Out(13),
                "constant_write_data": Out(signed(CONSTANT_BITS)),
                "argmax": Out(TOKEN_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        one = {"mantissa": ONE.mantissa, "exponent": ONE.exponent, "inverse": ONE.inverse}
        m.submodules.scales = self._scales = Memory(shape=SCALE_LAYOUT, depth=SCALES, init=[one])
        m.submodules.extremes = self._extremes = Memory(shape=signed(VECTOR_BITS), depth=EXTREMES, init=[])
        pipe = self._head(m)
        exponentials, y = self._rescale(m, pipe)
        result = self._alu(m, pipe, y)
        self._write(m, pipe, result)
        self._reduce(m, pipe, result, exponentials)
        return m

    def _head(self, m):
        """Merge stream and vector steps into one pipe."""
        step, fields = self.step, {}
        instruction = {
            name: step.instruction[name]
            for name in (
                "source",
                "position_shift",
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
                "second_register",
                "mask",
            )
        }
        of_step = {name: step[name] for name in ("opens", "closes", "b", "constant", "d", "memory", "beat")} | {
            "masked": step["mask"]
        }
        arriving = Stages(
            m,
            "step",
            {
                "stream": step.valid & step.stream & step.last,
                "vector": step.valid & ~step.stream,
                **instruction,
                **of_step,
            },
        )
        entry = self.config.stream_entry
        stream = arriving.at("stream", entry)
        for name in (*instruction, *of_step):
            early, late = arriving.at(name, VECTOR_ENTRY), arriving.at(name, entry)
            fields[name] = Signal.like(early, name=f"head_{name}")
            m.d.comb += fields[name].eq(Mux(stream, late, early))
        fields["valid"] = Signal(name="head_valid")
        m.d.comb += [
            fields["valid"].eq(stream | arriving.at("vector", VECTOR_ENTRY)),
            self.a_read.eq(step.valid & (step.instruction.source == Source.VECTOR)),
            self.a_address.eq(step.a),
        ]
        return Stages(m, "pipe", fields)

    def _rescale(self, m, pipe):
        """Operand, exponential, requantiser: (exponentials two stages in, y at `ALU_STAGE`)."""
        source, exponential = pipe.at("source", 0), pipe.at("exponential", REQUANTISE_STAGE)
        extremes = self._extremes.read_port(domain="comb")
        m.d.comb += extremes.addr.eq(pipe.at("extreme", 0))
        constant_at, mode = REQUANTISE_STAGE - READ_LATENCY, pipe.at("constant_mode", REQUANTISE_STAGE)
        m.d.comb += [
            self.constant_read.eq(
                pipe.at("valid", constant_at) & (pipe.at("constant_mode", constant_at) != Constant.ONE)
            ),
            self.constant_address.eq(pipe.at("constant", constant_at)),
        ]
        own = Array(self.constant)[self.token[: exact_log2(self.config.lanes)]]
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
        for i in range(self.config.lanes):
            m.submodules[f"exponential_{i}"] = power = Exponential()
            m.submodules[f"requantiser_{i}"] = requantiser = Requantiser(width)
            operand = Signal(signed(width), name=f"a_{i}")
            delayed = signed_array(2, width, f"a_{i}")
            with m.Switch(source):
                with m.Case(Source.WEIGHTS, Source.KV):
                    m.d.comb += operand.eq(self.sums[i])
                with m.Case(Source.EMBEDDING):
                    m.d.comb += operand.eq(self.embedding[i])
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
                power.masked.eq(pipe.at("masked", 0)[i]),
                requantiser.a.eq(Mux(exponential, power.value, delayed[1])),
                requantiser.constant.eq(
                    Mux(mode == Constant.ONE, 1, Mux(mode == Constant.WORD, self.constant[i], own))
                ),
                requantiser.first_shift.eq(pipe.at("first_shift", REQUANTISE_STAGE)),
                requantiser.factor.eq(factor),
                requantiser.shift.eq(shift),
            ]
            self._operands.append(operand)
            exponentials.append(power.value)
            results.append(requantiser.y)
        return exponentials, results

    def _scale(self, m, pipe, field, stage):
        """The scalar register that a field names, at a stage: a read port of its own."""
        port = self._scales.read_port(domain="comb")
        m.d.comb += port.addr.eq(pipe.at(field, stage))
        return port.data

    def _alu(self, m, pipe, y):
        """Second operand and the operation: results at `WRITE_STAGE`."""
        at = ALU_STAGE - Silu.LATENCY - READ_LATENCY
        m.d.comb += [
            self.b_read.eq(pipe.at("valid", at) & (pipe.at("alu", at) != Alu.PASS)),
            self.b_address.eq(pipe.at("b", at)),
        ]
        operation, chosen = pipe.at("alu", ALU_STAGE), pipe.at("alu", ALU_STAGE + 1)
        first = ALU_STAGE - Silu.LATENCY
        gated = pipe.at("valid", first) & (pipe.at("alu", first) == Alu.SILU)
        b = []
        for i in range(self.config.lanes):
            m.submodules[f"silu_{i}"] = silu = Silu()
            word = [self.b[i], *signed_array(Silu.LATENCY, VECTOR_BITS, f"b_{i}")]
            m.d.comb += [silu.valid.eq(gated), silu.x.eq(self.b[i])]
            for stage, (before, after) in enumerate(itertools.pairwise(word)):
                with m.If(pipe.at("valid", first + stage)):
                    m.d.sync += after.eq(before)
            b.append((silu.y, word[-1]))
        results = []
        for i in range(self.config.lanes):
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
        address, beat = pipe.at("d", WRITE_STAGE), pipe.at("beat", WRITE_STAGE)
        lanes, beats = self.config.lanes, self.config.beats
        key = destination == Destination.KEY
        row_lane = self.position[: (lanes - 1).bit_length()]
        m.d.comb += [
            self.vector_write.eq(valid & (destination == Destination.VECTOR)),
            self.write_address.eq(address),
            self.write_data.as_value().eq(Cat(result)),
            self.activation_write.eq(valid & (destination == Destination.ACTIVATION)),
            self.activation_address.eq(address),
            self.activation_beat.eq(beat),
            self.activation_data.eq(Cat(_clip(r, self.config.format.activation_bits) for r in result)),
            self.kv_column.eq(destination == Destination.VALUE),
            self.kv_write.eq(Mux(valid & (key | self.kv_column), Mux(key, 1 << row_lane, (1 << lanes) - 1), 0)),
            self.kv_address.eq(pipe.at("memory", WRITE_STAGE)),
            self.kv_data.eq(Cat(_clip(r, self.config.format.kv_bits) for r in result)),
            self.kv_mask.eq(
                Mux(
                    key,
                    ((1 << lanes) - 1) << (beat[: max(1, (beats - 1).bit_length())] * lanes),
                    1 << self.position[:5],
                )
            ),
        ]

    def _reduce(self, m, pipe, result, exponentials):
        """Reductions, scalar products and stored scales, all through one normaliser."""
        at = REDUCE_STAGE
        m.submodules.normaliser = normaliser = Normaliser()
        m.submodules.root = root = Root()
        extreme, index = self._extreme(m, pipe, result)
        second = self._second(m, pipe, exponentials)
        product, product_exponent = self._multiply(m, pipe)
        source = pipe.at("source", at)
        scalar = (source == Source.SCALE) | (source == Source.KEEP)
        closing = pipe.at("valid", at) & pipe.at("closes", at)
        kind, kind_two = pipe.at("reduce", at), pipe.at("second", at + 1)
        closing_two = pipe.at("valid", at + 1) & pipe.at("closes", at + 1)
        extremes = self._extremes.write_port()
        m.d.comb += [
            extremes.en.eq(closing & (kind == Reduce.MAXIMUM)),
            extremes.addr.eq(pipe.at("extreme", at)),
            extremes.data.eq(extreme),
        ]
        m.d.comb += self.argmax.eq(index)

        other = self._scale(m, pipe, "other", at + 1)
        down = Mux(other.exponent < 0, 0, other.exponent)[:6]
        base = Signal(signed(8), name="root_exponent")
        target = Signal(5, name="root_register")
        squares, register_two = closing_two & (kind_two == Second.SQUARES), pipe.at("second_register", at + 1)
        start, radicand = Signal(name="root_start"), Signal(VALUE_BITS, name="radicand", reset_less=True)
        m.d.sync += [start.eq(squares), radicand.eq(second + (self.epsilon >> Cat(0, down)[:7]))]
        m.d.comb += [root.start.eq(start), root.value.eq(radicand)]
        with m.If(squares):
            m.d.sync += [base.eq(down), target.eq(register_two)]

        writes, register = Signal(name="normalise"), Signal(5, name="normalise_register")
        with m.If(root.done):
            m.d.comb += [
                normaliser.value.eq(root.mantissa),
                normaliser.exponent.eq(root.exponent + base),
                writes.eq(1),
                register.eq(target),
            ]
        with m.Elif(closing_two & (kind_two == Second.SUM)):
            m.d.comb += [
                normaliser.value.eq(second),
                normaliser.exponent.eq(0),
                writes.eq(1),
                register.eq(register_two),
            ]
        with m.Else():
            m.d.comb += [
                normaliser.value.eq(Mux(scalar, product, extreme.as_unsigned())),
                normaliser.exponent.eq(Mux(scalar, product_exponent, 0)),
                writes.eq(closing & (scalar | (kind == Reduce.ABSOLUTE))),
                register.eq(pipe.at("register", at)),
            ]
        done = Stages(m, "normalised", {"writes": writes, "register": register})
        scales = self._scales.write_port()
        m.d.comb += [
            scales.en.eq(done.at("writes", Normaliser.LATENCY)),
            scales.addr.eq(done.at("register", Normaliser.LATENCY)),
            scales.data.eq(normaliser.result),
        ]

    def _extreme(self, m, pipe, result):
        """Largest magnitude or value of the instruction so far, and its index."""
        lanes, at = self.config.lanes, WRITE_STAGE
        absolute = pipe.at("reduce", at) == Reduce.ABSOLUTE
        masked, lowest = pipe.at("masked", at), -(1 << (VECTOR_BITS - 1))
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
        extreme, index = Signal(signed(VECTOR_BITS + 1)), Signal(TOKEN_BITS)
        word, following = Signal(TOKEN_BITS), Signal(TOKEN_BITS)
        valid, opens = pipe.at("valid", at + 2), pipe.at("opens", at + 2)
        m.d.comb += word.eq(Mux(opens, 0, following))
        with m.If(valid):
            m.d.sync += following.eq(word + 1)
            with m.If(opens | (first > extreme)):
                m.d.sync += extreme.eq(first)
                with m.If(pipe.at("reduce", at + 2) == Reduce.ARGMAX):
                    m.d.sync += index.eq(Cat(place[: (lanes - 1).bit_length()], word))
        return extreme, index

    def _second(self, m, pipe, exponentials):
        """Sum of exponentials, or of squares of a >> exponent, one cycle behind the first reduction."""
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
        total = Signal(2 * CONSTANT_BITS + 1 + (self.config.lanes - 1).bit_length(), name="word_sum")
        with m.If(pipe.at("valid", REQUANTISE_STAGE) & (pipe.at("second", REQUANTISE_STAGE) != Second.NONE)):
            m.d.sync += total.eq(tree(terms, lambda p, q: p + q))
        late = Stages(m, "late", {"sum": total})
        at = REDUCE_STAGE
        value = late.at("sum", at - REQUANTISE_STAGE - 1)
        running = Signal(VALUE_BITS, name="running_sum")
        with m.If(pipe.at("valid", at)):
            m.d.sync += running.eq(Mux(pipe.at("opens", at), 0, running) + value)
        return running

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
            self.constant_write_address.eq(pipe.at("constant", stage + 1)),
            self.constant_write_data.eq(left),
        ]
        held = Stages(m, "held", {"product": product, "exponent": exponent})
        delay = REDUCE_STAGE - SCALE_STAGE - 1
        return held.at("product", delay - 1), held.at("exponent", delay)


def _clip(value, bits):
    """`clip_code` as logic."""
    limit = (1 << (bits - 1)) - 1
    return Mux(value > limit, limit, Mux(value < -limit, -limit, value))[:bits]
