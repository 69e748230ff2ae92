"""A tile without time: plays a program instruction by instruction with the golden functions of its components.

It has the tile's memories, registers and address widths and none of its cycles. Where it differs from
`sim.golden.Golden`, the compiler has put something in the wrong place or order; where the hardware differs from it,
the fault is in the schedule or in the hardware.
"""

from dataclasses import dataclass

import numpy as np

from rtl.arithmetic.alu import add, clip_code, gate, rotate
from rtl.arithmetic.exponential import exp2
from rtl.arithmetic.requantise import requantise
from rtl.arithmetic.root import root
from rtl.arithmetic.scale import ONE, multiply_scales, normalise
from rtl.formats import GROUP, VECTOR_BITS
from rtl.memory.code import word_code
from rtl.tile.config import TileConfig
from rtl.tile.program import FIELDS, Alu, Constant, Destination, Instruction, Mask, Reduce, Second, Source
from rtl.tile.vector_unit import EXTREMES, SCALES, keep_scale
from sim.compiler import Program

LOWEST = -(1 << (VECTOR_BITS - 1))


@dataclass(kw_only=True)
class Column:
    """What a column has for itself.

    vectors, activations : int64 [words, vector lanes] and [groups, 32]
    scales, extremes : scalar and extreme registers
    """

    number: int
    vectors: np.ndarray
    activations: np.ndarray
    scales: list
    extremes: list[int]
    running_extreme: dict[bool, int]
    running_index: int
    sum: int
    root: tuple[int, int]
    token_constant: int
    token: int = 0


class Interpreter:
    """Decodes token by token, as a tile with this program does.

    All rows of an instruction are computed before any is written. Memories that no image fills, registers and the
    running extreme start as random numbers, as they may in hardware; only scalar register 0 is known to be one.

    The queues take turns: one is played on until it needs an instruction of the other, and which one goes first is a
    choice of the test; the numbers must not depend on it.

    Attributes
    ----------
    keys_values : int64 [lanes, words, 32], of a batch a sequence's words behind each other
    constants : int64 [words, vector lanes]
    codes, group_scales, minima : int64 [lanes, words, groups, 32] and twice [lanes, words, groups], corrected
    first : position of the next step's first column; of a batch, of all
    columns, own : what every column has for itself, and the column that is worked on
    """

    def __init__(self, program: Program, config: TileConfig, *, seed: int = 0, streams_first: bool = True):
        self.program, self.config, self.first = program, config, 0
        self.order = (True, False) if streams_first else (False, True)
        random, lanes = np.random.default_rng(seed), config.lanes

        def garbage(bits, *shape):
            return random.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)

        def column(number):
            extremes, (index, total, mantissa, constant) = garbage(16, 2), garbage(16, 4)
            return Column(
                number=number,
                vectors=garbage(VECTOR_BITS, config.vector_words, config.vector_lanes),
                activations=garbage(config.format.activation_bits, config.activation_groups, GROUP),
                scales=[ONE, *(normalise(int(value)) for value in random.integers(1, 1 << 31, SCALES - 1))],
                extremes=[int(value) for value in garbage(VECTOR_BITS, EXTREMES)],
                running_extreme={queue: int(value) for queue, value in zip(self.order, extremes, strict=True)},
                running_index=int(index),
                sum=int(total),
                root=(int(mantissa), 0),
                token_constant=int(constant),
            )

        self.columns = [column(number) for number in range(config.columns)]
        self.own = self.columns[0]
        self.keys_values = garbage(config.format.kv_bits, lanes, config.kv_words * config.sequences, GROUP)
        self.constants = program.constants.copy()
        self.codes, self.group_scales, self.minima = _weights(program, config)

    @property
    def position(self) -> int:
        """Of the column that is worked on."""
        return self.first + (0 if self.config.batch else self.own.number)

    @property
    def page(self) -> int:
        """Of the last column."""
        return (self.first + min(self.active, self.config.positions) - 1) // GROUP

    @property
    def kept(self):
        """The KV words of the column that is worked on, int64 [lanes, words, 32]: its own, or those of all."""
        words = self.config.kv_words
        first = self.own.number * words if self.config.batch else 0
        return self.keys_values[:, first : first + words]

    def step(self, token: int) -> tuple[int, int]:
        """Process one token: the arg max of the next one's logits, and that logit."""
        return self.steps([token])[0]

    def steps(self, tokens: list[int]) -> list[tuple[int, int]]:
        """Process tokens of positions behind each other, or of a batch, one a column: for each what `step` gives."""
        self.active = len(tokens)
        for column, token in zip(self.columns, tokens, strict=False):
            column.token = token
        queues, done = {True: self.program.stream, False: self.program.vector}, {True: 0, False: 0}
        while done[False] < len(queues[False]):
            before = dict(done)
            for queue in self.order:
                while done[queue] < len(queues[queue]) and queues[queue][done[queue]].after <= done[not queue]:
                    if queues[queue][done[queue]].source < Source.END_OF_PROMPT:
                        for column in self.columns[: self.active]:
                            self.own = column
                            self._play(queues[queue][done[queue]])
                    done[queue] += 1
            assert done != before, "each queue waits for the other"
        self.first += min(self.active, self.config.positions)
        return [(column.running_index, column.running_extreme[True]) for column in self.columns[: self.active]]

    def _play(self, instruction: Instruction):
        """All rows of one instruction: operands, requantiser, second operand, write, reductions."""
        pages = self.page + 1
        rows = np.arange(instruction.blocks * (pages if instruction.blocks_by_page else 1))
        if instruction.source in (Source.WEIGHTS, Source.KV):
            rows = np.arange(len(rows) * self.config.drain)
        operands, masked = self._operands(instruction, rows), self._masked(instruction, rows)
        if instruction.exponential:
            operands = exp2(operands, self.own.extremes[instruction.extreme], masked)
        results = requantise(
            operands,
            self._constants(instruction, rows),
            instruction.first_shift,
            self.own.scales[instruction.scale],
            instruction.scale_shift,
            invert=instruction.invert,
        )
        results = self._combine(instruction, rows, results)
        self._write(instruction, rows, results)
        # The squares are scaled by a register of before, so they go first.
        self._reduce_second(instruction, operands)
        self._reduce(instruction, results, masked)
        self._scalar(instruction)

    def _operands(self, instruction: Instruction, rows):
        """First operands, int64 [words, vector lanes]."""
        match instruction.source:
            case Source.WEIGHTS | Source.KV:
                return self._sums(instruction, rows)
            case Source.EMBEDDING:
                return self._embedding(instruction, rows)
            case Source.VECTOR:
                return self.own.vectors[_wrap("a", instruction.a + rows, self.own.vectors)]
        return np.ones((len(rows), self.config.vector_lanes), np.int64)

    def _sums(self, instruction: Instruction, rows):
        """Rows of the weight or KV banks times activations, int64 [words, vector lanes]."""
        page, size = self.page, self.config.groups_per_word
        blocks = np.arange(len(rows) // self.config.drain)
        groups = np.arange(page + 1 if instruction.groups_by_page else instruction.groups)
        words = instruction.memory + blocks[:, None] * instruction.memory_stride + groups
        if instruction.source == Source.KV:
            activations = self.own.activations[
                _wrap("activations", instruction.activations + groups, self.own.activations)
            ]
            codes = self.kept[:, _wrap("memory", words, self.kept[0])]
            return np.einsum("lrgi,gi->rl", codes, activations).reshape(len(rows), -1)
        terms = 1 + instruction.pairs
        address = instruction.activations + np.arange(len(groups) * size) // terms
        activations = self.own.activations[_wrap("activations", address, self.own.activations)].reshape(-1, size, GROUP)
        words = _wrap("memory", words, self.codes[0])
        products = np.einsum("lrwgi,wgi->lrwg", self.codes[:, words], activations) * self.group_scales[:, words]
        minima = self.minima[:, words] * activations.sum(axis=2)
        return (products + minima).sum(axis=(2, 3)).T.reshape(len(rows), -1)

    def _embedding(self, instruction: Instruction, rows):
        """The weight row of the token, `vector_lanes` elements at a time, int64 [words, vector lanes]."""
        config, size = self.config, self.config.groups_per_word
        lane, block = self.own.token % config.lanes, self.own.token // config.lanes
        group, beat = np.divmod(rows, config.beats)
        if instruction.pairs:
            group = 2 * group + instruction.term
        words = _wrap("memory", instruction.memory + block * instruction.memory_stride + group // size, self.codes[0])
        at = lane, words, group % size
        values = self.codes[at] * self.group_scales[at][:, None] + self.minima[at][:, None]
        return values.reshape(len(rows), config.beats, -1)[np.arange(len(rows)), beat]

    def _constants(self, instruction: Instruction, rows):
        """Factors of the first product, to be broadcast against [words, vector lanes]."""
        if instruction.constant_mode == Constant.ONE:
            return 1
        if instruction.streams and instruction.constant_mode == Constant.BROADCAST:
            return self.own.token_constant
        words = self.constants[self._constant_addresses(instruction, rows)]
        if instruction.constant_mode in (Constant.WORD, Constant.OWN):
            return words
        self.own.token_constant = int(words[0, self.own.token % self.config.vector_lanes])
        return 1

    def _constant_addresses(self, instruction: Instruction, rows):
        """Words of the constant memory, int64 [rows]."""
        lanes, offset = self.config.vector_lanes, rows
        if instruction.constant_mode == Constant.BROADCAST:
            offset = np.full_like(rows, self.own.token // lanes)
        elif instruction.source == Source.KEEP:
            offset = np.full_like(rows, self.position // lanes)
        elif instruction.constant_by_position:
            offset = (self.position << instruction.position_shift) + rows
        if self.config.batch and (instruction.source == Source.KEEP or instruction.constant_mode == Constant.OWN):
            return (instruction.constant + offset) * self.config.columns + self.own.number
        return _wrap("constant", instruction.constant + offset, self.constants)

    def _masked(self, instruction: Instruction, rows):
        """Elements that do not count, bool [words, vector lanes]."""
        lanes = self.config.vector_lanes
        if instruction.mask == Mask.NONE:
            return np.zeros((len(rows), lanes), bool)
        limit = self.position + 1 if instruction.mask == Mask.POSITION else self.program.vocabulary
        return rows[:, None] * lanes + np.arange(lanes) >= limit

    def _combine(self, instruction: Instruction, rows, results):
        """Results with the second operand, int64 [words, vector lanes]."""
        if instruction.alu == Alu.PASS:
            return results
        operation = {Alu.ADD: add, Alu.ROTATE: rotate, Alu.SILU: gate}[instruction.alu]
        return operation(results, self.own.vectors[_wrap("b", instruction.b + rows, self.own.vectors)])

    def _write(self, instruction: Instruction, rows, results):
        """Results to where they go."""
        width, beats, lanes = self.config.vector_lanes, self.config.beats, self.config.lanes
        word, beat = rows // beats, rows % beats
        elements = beat[:, None] * width + np.arange(width)
        match instruction.destination:
            case Destination.VECTOR:
                self.own.vectors[_wrap("d", instruction.d + rows, self.own.vectors)] = results
            case Destination.ACTIVATION:
                address = _wrap("d", instruction.d + word, self.own.activations)
                self.own.activations[address[:, None], elements] = clip_code(
                    results, self.config.format.activation_bits
                )
            case Destination.KEY:
                row = instruction.memory + (self.position // lanes << instruction.position_shift) + word
                address = _wrap("memory", row, self.kept[0])
                bank = self.kept[self.position % lanes]
                bank[address[:, None], elements] = clip_code(results, self.config.format.kv_bits)
            case Destination.VALUE:
                block, lane = np.divmod(np.arange(results.size), lanes)
                row = instruction.memory + block * instruction.memory_stride + self.position // GROUP
                address = _wrap("memory", row, self.kept[0])
                codes = clip_code(results, self.config.format.kv_bits)
                self.kept[lane, address, self.position % GROUP] = codes.ravel()

    def _reduce(self, instruction: Instruction, results, masked):
        """The queue's running extreme, which every instruction that reduces moves, and the register that it goes to."""
        if instruction.reduce == Reduce.NONE:
            return
        absolute, queue = instruction.reduce == Reduce.ABSOLUTE, instruction.streams
        candidates = np.where(masked, 0 if absolute else LOWEST, np.abs(results) if absolute else results)
        best = int(candidates.argmax())  # the first of equals, as element after element gives it
        largest = int(candidates.flat[best])
        if not instruction.continues or largest > self.own.running_extreme[queue]:
            self.own.running_extreme[queue] = largest
            if instruction.reduce == Reduce.ARGMAX:
                self.own.running_index = best
        if instruction.reduce == Reduce.ABSOLUTE:
            self.own.scales[instruction.register] = normalise(self.own.running_extreme[queue])
        elif instruction.reduce == Reduce.MAXIMUM:
            self.own.extremes[instruction.extreme] = self.own.running_extreme[queue]

    def _reduce_second(self, instruction: Instruction, operands):
        """Sum of exponentials, or root of a sum of squares."""
        if instruction.second == Second.NONE:
            return
        assert not instruction.continues, "the second reduction of several instructions is not modelled"
        if instruction.second == Second.SUM:
            self.own.sum = int(operands.sum())
            return
        down = max(self.own.scales[instruction.other].exponent, 0)
        squares = int(((operands >> down) ** 2).sum())
        mantissa, exponent = root(squares + (self.program.epsilon >> 2 * down))
        self.own.root = mantissa, exponent + down

    def _scalar(self, instruction: Instruction):
        """Products of scales, and scales kept as constants."""
        scale = self.own.scales[instruction.scale]
        if instruction.source == Source.SCALE:
            self.own.scales[instruction.register] = multiply_scales(
                scale,
                self.own.scales[instruction.other],
                invert_a=instruction.invert,
                invert_b=instruction.invert_other,
            )
        elif instruction.source == Source.SUM:
            self.own.scales[instruction.register] = normalise(self.own.sum)
        elif instruction.source == Source.ROOT:
            self.own.scales[instruction.register] = normalise(*self.own.root)
        elif instruction.source == Source.KEEP:
            constant, self.own.scales[instruction.register] = keep_scale(scale, instruction.scale_shift)
            word = self._constant_addresses(instruction, np.arange(1))[0]
            self.constants[word, self.position % self.config.vector_lanes] = constant


def _wrap(field: str, address, memory):
    """Addresses as the tile forms them: as wide as the instruction's field, and no wider than the memory needs."""
    width = min(FIELDS[field], (len(memory) - 1).bit_length())
    return np.asarray(address) & ((1 << width) - 1)


def _weights(program: Program, config: TileConfig):
    """Codes, int64 [lanes, words, groups, 32], and scales and minima, int64 [lanes, words, groups], of the banks."""
    lanes, words, _ = program.weights.shape
    f = config.format
    code = np.concatenate([program.codewords(lane) for lane in range(lanes)])
    data, _, uncorrectable = word_code(config.code).decode(code, f.word_bits)
    assert not uncorrectable.any()
    ends = np.cumsum([f.codes_per_word * f.weight_bits, f.groups_per_word * f.scale_bits])
    shape = (lanes, words, f.groups_per_word)
    codes, scales, minima = np.split(data.reshape(lanes, words, -1).astype(np.int64), ends, axis=2)
    scales = scales.reshape(*shape, f.scale_bits)
    scales = _signed(scales) if f.signed_scales else scales @ (1 << np.arange(f.scale_bits))
    minima = _signed(minima.reshape(*shape, f.minimum_bits)) if f.minima else np.zeros(shape, np.int64)
    return _signed(codes.reshape(*shape, GROUP, f.weight_bits)), scales, minima


def _signed(bits):
    """Two's complement numbers, int64 [...], of bits, int64 [..., width], bit 0 first."""
    weights = 1 << np.arange(bits.shape[-1])
    weights[-1] *= -1
    return bits @ weights
