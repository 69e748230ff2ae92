"""Third pass, continued: the instructions of one token, layer by layer."""

from functools import partial

from rtl.formats import FRACTION_BITS, GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Mask, Reduce, Second, Source
from sim.compiler.numbers import KEEP_SHIFT, embedding_shifts, output_shift, score_shifts
from sim.compiler.place import LayerPlace, Placement, key_shift
from sim.compiler.quantise import NORM_SHIFT, IntegerLayer, IntegerMatrix, IntegerModel, IntegerNorm
from sim.compiler.schedule import Scheduler, scheduled

ZERO_SHIFT = 63
"""A second shift that leaves nothing of a one."""


class Emitter:
    """Writes a model's program into a scheduler; one method a part of the model."""

    def __init__(self, model: IntegerModel, place: Placement, config: TileConfig):
        self.model, self.place, self.config = model, place, config
        self.scheduler = Scheduler(config)
        self.emit = partial(scheduled, self.scheduler)
        self.register = place.registers
        self.words = model.embedding.groups * config.beats
        self.head_words = model.shape.head_dim // config.lanes
        self.layer = 0
        # A head that fills its activation words; of others the rest of the last word has to be zero.
        self.whole_heads = model.shape.head_dim == GROUP << key_shift(model.shape.head_dim)

    def token(self) -> list[Instruction]:
        """The program of one token."""
        self._begin()
        for index, (layer, place) in enumerate(zip(self.model.layers, self.place.layers, strict=True)):
            self.layer = index
            self._normalise(layer.attention_norm, place.attention_norm)
            self._project(layer, place)
            self._remember(place)
            self._attend(place)
            self._residual("output", "o", layer.o, place, vector="attention")
            self._normalise(layer.ffn_norm, place.ffn_norm)
            self._feed_forward(layer, place)
            self._residual("ffn", "down", layer.down, place, vector="hidden")
        self.scheduler.drain(Instruction(source=Source.END_OF_PROMPT, phase="head"))
        self._head()
        self.scheduler.drain(Instruction(source=Source.END, phase="head"))
        return self.scheduler.instructions

    def _begin(self):
        """Rotation of this position, and the embedding of the token."""
        place, config = self.place, self.config
        first, second = embedding_shifts(self.model.embedding, config.format)
        self.emit(
            phase="embedding",
            source=Source.ONE,
            blocks=place.rotation_words,
            constant=place.rotations,
            constant_mode=Constant.WORD,
            constant_by_position=True,
            position_shift=(place.rotation_words - 1).bit_length(),
            destination=Destination.VECTOR,
            d=place.vectors["rotation"],
            writes="rotation",
        )
        self.emit(
            phase="embedding",
            source=Source.EMBEDDING,
            blocks=self.words,
            wait=0,
            period=-(-config.bank.cadence_cycles // config.beats),
            memory=place.embedding.weights,
            memory_stride=place.embedding.groups,
            constant=place.embedding.constants,
            constant_mode=Constant.BROADCAST,
            first_shift=first,
            scale_shift=second,
            destination=Destination.VECTOR,
            d=place.vectors["x"],
            writes="x",
            reduce=Reduce.ABSOLUTE,
            register=self.register["x"],
        )
        if not self.whole_heads:
            self._clear_queries()

    def _clear_queries(self):
        """Zero the activation words of the queries, of which a narrow head writes only a part."""
        self.emit(
            phase="embedding",
            source=Source.ONE,
            blocks=(self.model.shape.heads << key_shift(self.model.shape.head_dim)) * self.config.beats,
            scale_shift=ZERO_SHIFT,
            destination=Destination.ACTIVATION,
            d=self.place.activations["q"],
            writes="activations q 0",
        )

    def _normalise(self, norm: IntegerNorm, constants: int, phase: str = "norm", scaled: bool = True):
        """RMSNorm into activations "x", their scale into register "token"."""
        vectors, register = self.place.vectors, self.register
        squares = {"second": Second.SQUARES, "other": register["x"], "second_register": register["rms"]}
        self.emit(
            phase=phase,
            source=Source.VECTOR,
            blocks=self.words,
            a=vectors["x"],
            reads_a="x",
            constant=constants,
            constant_mode=Constant.WORD,
            first_shift=NORM_SHIFT,
            destination=Destination.VECTOR,
            d=vectors["y"],
            writes="y",
            reduce=Reduce.ABSOLUTE,
            register=register["y"],
            **(squares if scaled else {}),
        )
        self._quantise("y", self.words, "x", register["y"], phase)
        if scaled:
            self.emit(
                phase=phase,
                source=Source.SCALE,
                scale=register["y"],
                other=register["rms"],
                invert_other=True,
                register=register["token"],
            )

    def _quantise(
        self,
        vector: str,
        words: int,
        activations: str,
        register: int,
        phase: str,
        *,
        skip: int = 0,
        region: str | None = None,
        to: int = 0,
        blocks_by_page: bool = False,
    ):
        """A vector into activations."""
        self.emit(
            phase=phase,
            source=Source.VECTOR,
            blocks=words,
            blocks_by_page=blocks_by_page,
            a=self.place.vectors[vector] + skip,
            reads_a=region or vector,
            scale=register,
            invert=True,
            scale_shift=1 - self.config.format.activation_bits,
            destination=Destination.ACTIVATION,
            d=self.place.activations[activations] + to,
            writes=f"activations {activations} {to}",
        )

    def _matrix(
        self,
        phase: str,
        matrix: IntegerMatrix,
        place,
        *,
        activations: str,
        scale: int = 0,
        scale_shift: int,
        first: int = 0,
        blocks: int | None = None,
        **fields,
    ):
        """Stream (some row blocks of) a matrix through the lanes."""
        self.emit(
            phase=phase,
            source=Source.WEIGHTS,
            blocks=place.blocks if blocks is None else blocks,
            groups=place.groups,
            period=self.config.bank.cadence_cycles,
            memory=place.weights + first * place.groups,
            memory_stride=place.groups,
            activations=self.place.activations[activations],
            reads_activations=f"activations {activations} 0",
            constant=place.constants + first,
            constant_mode=Constant.WORD,
            first_shift=matrix.first_shift,
            scale=scale,
            scale_shift=scale_shift,
            **fields,
        )

    def _project(self, layer: IntegerLayer, place: LayerPlace):
        """Keys, values and queries, head by head; keys and queries are rotated on their way."""
        vectors, words, shape = self.place.vectors, self.head_words, self.model.shape
        turn = {"alu": Alu.ROTATE, "b": vectors["rotation"], "reads_b": "rotation"}
        parts = [("k", layer.k, head, f"k{head}", turn) for head in range(shape.kv_heads)]
        parts += [("v", layer.v, head, f"v{head}", {}) for head in range(shape.kv_heads)]
        # All queries share one scale, so their reductions go on from head to head.
        parts += [("q", layer.q, head, "q", {**turn, "continues": head > 0}) for head in range(shape.heads)]
        for name, matrix, head, region, fields in parts:
            self._matrix(
                "qkv",
                matrix,
                place.matrices[name],
                activations="x",
                scale=self.register["token"],
                scale_shift=matrix.scale_shift(layer.attention_norm.unit),
                first=head * words,
                blocks=words,
                destination=Destination.VECTOR,
                d=vectors[name] + head * words,
                writes=region,
                reduce=Reduce.ABSOLUTE,
                register=self.register[region],
                **fields,
            )

    def _remember(self, place: LayerPlace):
        """Write this position's keys and values into the KV banks, and queries into activations."""
        shape, config = self.model.shape, self.config
        kept = [
            (name, head, constants[head], base[head])
            for name, constants, base in (
                ("k", place.key_constants, place.keys),
                ("v", place.value_constants, place.values),
            )
            for head in range(shape.kv_heads)
        ]
        for name, head, constants, _ in kept:
            register = self.register[f"{name}{head}"]
            self.emit(
                phase="attention",
                source=Source.KEEP,
                scale=register,
                scale_shift=KEEP_SHIFT,
                constant=constants,
                register=register,
                writes=f"constants {name} {self.layer}",
            )
        for name, head, _, base in kept:
            self.emit(
                phase="attention",
                source=Source.VECTOR,
                blocks=self.head_words,
                a=self.place.vectors[name] + head * self.head_words,
                reads_a=f"{name}{head}",
                scale=self.register[f"{name}{head}"],
                invert=True,
                scale_shift=1 - config.format.kv_bits,
                memory=base,
                destination=Destination.KEY if name == "k" else Destination.VALUE,
                memory_stride=config.context // GROUP,
                position_shift=key_shift(shape.head_dim),
                writes=f"{name} memory {self.layer}",
            )
        step = 1 << key_shift(shape.head_dim)
        whole = self.whole_heads
        for head in range(1 if whole else shape.heads):
            self._quantise(
                "q",
                self.head_words * (shape.heads if whole else 1),
                "q",
                self.register["q"],
                "attention",
                skip=head * self.head_words,
                to=head * step,
            )

    def _attend(self, place: LayerPlace):
        heads, size = range(self.model.shape.heads), self.place.heads_at_once
        for start in heads[::size]:
            self._attend_heads(place, heads[start : start + size])
        if len(heads) > size:  # one batch's reductions broke into another's: reduce the whole vector again
            self.emit(
                phase="attention",
                source=Source.VECTOR,
                blocks=len(heads) * self.head_words,
                a=self.place.vectors["attention"],
                reads_a="attention",
                reduce=Reduce.ABSOLUTE,
                register=self.register["attention"],
            )

    def _attend_heads(self, place: LayerPlace, heads):
        """Scores, softmax and weighted values of some query heads, step by step for all of them."""
        shape, config, vectors, register = self.model.shape, self.config, self.place.vectors, self.register
        share, beats = shape.heads // shape.kv_heads, config.beats
        first, second = score_shifts(shape.head_dim, config.format)
        step, pages = 1 << key_shift(shape.head_dim), config.context // GROUP
        whole = self.whole_heads
        rows = config.context // config.lanes
        for slot, head in enumerate(heads):
            self.emit(
                phase="attention",
                source=Source.KV,
                blocks=beats,
                blocks_by_page=True,
                groups=step,
                memory=place.keys[head // share],
                memory_stride=step,
                reads_memory=f"k memory {self.layer}",
                activations=self.place.activations["q"] + head * step,
                reads_activations=f"activations q {0 if whole else head * step}",
                constant=place.key_constants[head // share],
                constant_mode=Constant.WORD,
                reads_constant=f"constants k {self.layer}",
                first_shift=first,
                scale=register["q"],
                scale_shift=second,
                mask=Mask.POSITION,
                reduce=Reduce.MAXIMUM,
                extreme=slot,
                destination=Destination.VECTOR,
                d=vectors["scores"] + slot * rows,
                writes=f"scores{slot}",
            )
        for slot, head in enumerate(heads):
            self.emit(
                phase="attention",
                source=Source.VECTOR,
                blocks=beats,
                blocks_by_page=True,
                a=vectors["scores"] + slot * rows,
                reads_a=f"scores{slot}",
                exponential=True,
                extreme=slot,
                mask=Mask.POSITION,
                constant=place.value_constants[head // share],
                constant_mode=Constant.WORD,
                reads_constant=f"constants v {self.layer}",
                destination=Destination.VECTOR,
                d=vectors["scores"] + slot * rows,
                writes=f"scores{slot}",
                reduce=Reduce.ABSOLUTE,
                register=register[f"w{slot}"],
                second=Second.SUM,
                second_register=register[f"sum{slot}"],
            )
        for slot in range(len(heads)):
            self._quantise(
                "scores",
                beats,
                "weights",
                register[f"w{slot}"],
                "attention",
                skip=slot * rows,
                region=f"scores{slot}",
                to=slot * pages,
                blocks_by_page=True,
            )
        for slot in range(len(heads)):
            self.emit(
                phase="attention",
                source=Source.SCALE,
                scale=register[f"w{slot}"],
                other=register[f"sum{slot}"],
                invert_other=True,
                register=register[f"w{slot}"],
            )
        for slot, head in enumerate(heads):
            self.emit(
                phase="attention",
                source=Source.KV,
                blocks=self.head_words,
                groups_by_page=True,
                memory=place.values[head // share],
                memory_stride=pages,
                reads_memory=f"v memory {self.layer}",
                activations=self.place.activations["weights"] + slot * pages,
                reads_activations=f"activations weights {slot * pages}",
                scale=register[f"w{slot}"],
                scale_shift=output_shift(config.format),
                destination=Destination.VECTOR,
                d=vectors["attention"] + head * self.head_words,
                writes="attention",
                reduce=Reduce.ABSOLUTE,
                register=register["attention"],
                continues=head > 0,
            )

    def _residual(self, phase: str, name: str, matrix: IntegerMatrix, place: LayerPlace, *, vector: str):
        """x += matrix * vector."""
        register = self.register[vector]
        words = self.place.layers[0].matrices[name].groups * self.config.beats
        self._quantise(vector, words, vector, register, phase)
        self._matrix(
            phase,
            matrix,
            place.matrices[name],
            activations=vector,
            scale_shift=matrix.scale_shift(-FRACTION_BITS),
            scale=register,
            alu=Alu.ADD,
            b=self.place.vectors["x"],
            reads_b="x",
            destination=Destination.VECTOR,
            d=self.place.vectors["x"],
            writes="x",
            reduce=Reduce.ABSOLUTE,
            register=self.register["x"],
        )

    def _feed_forward(self, layer: IntegerLayer, place: LayerPlace):
        """Gate, then up, gated on its way."""
        vectors = self.place.vectors
        gated = {"alu": Alu.SILU, "b": vectors["gate"], "reads_b": "gate"}
        reduced = {"reduce": Reduce.ABSOLUTE, "register": self.register["hidden"]}
        for name, region, fields in (("gate", "gate", {}), ("up", "hidden", gated | reduced)):
            matrix = getattr(layer, name)
            self._matrix(
                "ffn",
                matrix,
                place.matrices[name],
                activations="x",
                scale=self.register["token"],
                scale_shift=matrix.scale_shift(layer.ffn_norm.unit),
                destination=Destination.VECTOR,
                d=vectors[region],
                writes=region,
                **fields,
            )

    def _head(self):
        """Last norm, logits and their arg max; only their order counts, so they need no scale."""
        self._normalise(self.model.norm, self.place.norm, "head", scaled=False)
        self._matrix(
            "head",
            self.model.head,
            self.place.head,
            activations="x",
            scale_shift=0,
            mask=Mask.VOCABULARY,
            reduce=Reduce.ARGMAX,
        )
