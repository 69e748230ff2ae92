"""Third pass, continued: the instructions of one token, layer by layer."""

from rtl.formats import FRACTION_BITS, GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Mask, Reduce, Second, Source
from sim.compiler.numbers import KEEP_SHIFT, embedding_shifts, output_shift, score_shifts
from sim.compiler.order import Orderer
from sim.compiler.place import LayerPlace, Placement, key_shift
from sim.compiler.quantise import NORM_SHIFT, IntegerLayer, IntegerMatrix, IntegerModel, IntegerNorm
from sim.compiler.schedule import STOP, Planned, argmax_lag, planned

ZERO_SHIFT = 63
"""A second shift that leaves nothing of a one."""

SPLIT_GROUPS = 4
"""A vector of fewer groups is written to the activations in one instruction."""


class Emitter:
    """Writes a model's program into a scheduler; one method a part of the model."""

    def __init__(self, model: IntegerModel, place: Placement, config: TileConfig):
        self.model, self.place, self.config = model, place, config
        self.orderer = Orderer(config)
        self.window: list[Planned] = []
        self.register = place.registers
        self.words = model.embedding.column_groups * config.beats
        self.head_words = model.shape.head_dim // config.vector_lanes
        self.head_blocks = model.shape.head_dim // config.lanes
        self.layer = 0
        # A head that fills its activation words; of others the rest of the last word has to be zero.
        self.whole_heads = model.shape.head_dim == GROUP << key_shift(model.shape.head_dim)

    def token(self) -> tuple[tuple[Instruction, ...], tuple[Instruction, ...]]:
        """The program of one token: the streaming queue and the vector queue."""
        self._begin()
        for index, (layer, place) in enumerate(zip(self.model.layers, self.place.layers, strict=True)):
            self.layer = index
            self._normalise(layer.attention_norm, place.attention_norm)
            self._remember(layer, place)
            self._attend(layer, place)
            self._residual("output", "o", layer.o, place, vector="attention")
            self._normalise(layer.ffn_norm, place.ffn_norm)
            self._feed_forward(layer, place)
            self._residual("ffn", "down", layer.down, place, vector="hidden")
            self._schedule()
        self._head()
        self.orderer.end(Source.END, lag=argmax_lag(self.config), phase="head")
        queues = self.orderer.scheduler.queues
        return (*queues[True].instructions, STOP), tuple(queues[False].instructions)

    def emit(self, **fields):
        """Add an instruction to the window; see `sim.compiler.schedule.planned`."""
        self.window.append(planned(self.config, **fields))

    def _schedule(self):
        """Order what the window has, and give it its waits."""
        self.orderer.add(self.window)
        self.window = []

    def _begin(self):
        """Rotation of this position, and the embedding of the token."""
        place = self.place
        self.emit(
            phase="embedding", source=Source.ONE, constant=place.embedding.constants, constant_mode=Constant.BROADCAST
        )
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
        for term in range(self.model.embedding.terms):
            self._embed(term)
        if not self.whole_heads:
            self._clear_queries()

    def _embed(self, term: int):
        """The embedding, or one of its terms: the second is added to the first."""
        place, config, table = self.place, self.config, self.model.embedding
        first, second = embedding_shifts(table, config.format)
        adds = {"alu": Alu.ADD, "b": place.vectors["x"], "reads_b": "x"} if term else {}
        reduces = {"reduce": Reduce.ABSOLUTE, "register": self.register["x"]} if term == table.terms - 1 else {}
        self.emit(
            phase="embedding",
            source=Source.EMBEDDING,
            blocks=self.words,
            period=self._embedding_period(table.terms),
            pairs=table.terms > 1,
            term=term,
            memory=place.embedding.weights,
            memory_stride=place.embedding.words,
            constant_mode=Constant.BROADCAST,
            first_shift=first,
            scale_shift=second,
            destination=Destination.VECTOR,
            d=place.vectors["x"],
            writes="x",
            **adds,
            **reduces,
        )

    def _embedding_period(self, terms: int) -> int:
        """Cycles of a step, of which a word has several. The next column's row may begin in the last one's bank."""
        config = self.config
        return -(
            -(config.period if config.columns == 1 else config.bank.cadence_cycles) // (config.word_beats // terms)
        )

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
        register = self.register
        squares = {"second": Second.SQUARES, "other": register["x"]}
        self.emit(
            phase=phase,
            source=Source.VECTOR,
            blocks=self.words,
            a=self.place.vectors["x"],
            reads_a="x",
            constant=constants,
            constant_mode=Constant.WORD,
            first_shift=NORM_SHIFT,
            destination=Destination.VECTOR,
            d=self.place.vectors["y"],
            writes="y",
            **self._reduced("y"),
            **(squares if scaled else {}),
        )
        self._quantise("y", self.words, "x", register["y"], phase)
        if scaled:
            self.emit(phase=phase, source=Source.ROOT, register=register["rms"])
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
        region_to = f"activations {activations} {to}"
        for part in (words,) if blocks_by_page else self._parts(words):
            self.emit(
                phase=phase,
                source=Source.VECTOR,
                blocks=part,
                blocks_by_page=blocks_by_page,
                a=self.place.vectors[vector] + skip,
                reads_a=region or vector,
                scale=register,
                invert=True,
                scale_shift=1 - self.config.format.activation_bits,
                destination=Destination.ACTIVATION,
                d=self.place.activations[activations] + to,
                writes=region_to,
            )
            skip, to = skip + part, to + part // self.config.beats

    def _parts(self, words: int) -> tuple[int, ...]:
        """A long vector in two parts, whole groups each: what streams it may wait for the first part's end."""
        groups = words // self.config.beats
        first = groups // 2 * self.config.beats
        return (words,) if groups < SPLIT_GROUPS else (first, words - first)

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
        """Stream a matrix, or some of its blocks of rows, through the lanes."""
        self.emit(
            phase=phase,
            source=Source.WEIGHTS,
            blocks=place.blocks if blocks is None else blocks,
            groups=place.words,
            period=self.config.period,
            memory=place.weights + first * place.words,
            memory_stride=place.words,
            pairs=matrix.terms > 1,
            activations=self.place.activations[activations],
            reads_activations=f"activations {activations} 0",
            constant=place.constants + first * self.config.drain,
            constant_mode=Constant.WORD,
            first_shift=matrix.first_shift,
            scale=scale,
            scale_shift=scale_shift,
            **fields,
        )

    def _project(self, layer: IntegerLayer, place: LayerPlace, name: str, head: int, register: int, **fields):
        """Queries, keys or values of one head."""
        matrix: IntegerMatrix = getattr(layer, name)
        self._matrix(
            "qkv",
            matrix,
            place.matrices[name],
            activations="x",
            scale=self.register["token"],
            scale_shift=matrix.scale_shift(layer.attention_norm.unit),
            first=head * self.head_blocks,
            blocks=self.head_blocks,
            destination=Destination.VECTOR,
            d=self.place.vectors[name] + head * self.head_words,
            writes=f"{name}{head}",
            reduce=Reduce.ABSOLUTE,
            register=register,
            **fields,
        )

    @property
    def _turn(self) -> dict:
        """Rotation by the position, of a key or a query on its way."""
        return {"alu": Alu.ROTATE, "b": self.place.vectors["rotation"], "reads_b": "rotation"}

    def _remember(self, layer: IntegerLayer, place: LayerPlace):
        """Keys and values of this position, into the KV banks."""
        kinds = (("k", place.key_constants, place.keys), ("v", place.value_constants, place.values))
        kept = [
            (name, head, constants[head], base[head])
            for name, constants, base in kinds
            for head in range(self.model.shape.kv_heads)
        ]
        for name, head, _, _ in kept:
            turn = self._turn if name == "k" else {}
            self._project(layer, place, name, head, self.register[f"{name}{head}"], **turn)
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
            self._keep_row(name, head, base)

    def _keep_row(self, name: str, head: int, base: int):
        """A key or a value as codes. All are there before the first score: a KV bank has one port."""
        config = self.config
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
            position_shift=key_shift(self.model.shape.head_dim),
            writes=f"memory {self.layer}",
        )

    def _attend(self, layer: IntegerLayer, place: LayerPlace):
        """All query heads. If registers are short of heads, a head waits for another's slot, and so do its values."""
        heads = self.model.shape.heads
        at_once = heads <= self.place.heads_at_once
        for head in range(heads):
            self._query(layer, place, head)
            self._scores(place, head)
            self._weigh(head)
            if not at_once:
                self._values(place, head)
        if at_once:
            for head in range(heads):
                self._values(place, head, **self._reduced("attention"), continues=head > 0)
        else:
            self.emit(
                phase="attention",
                source=Source.VECTOR,
                blocks=heads * self.head_words,
                a=self.place.vectors["attention"],
                reads_a="attention",
                **self._reduced("attention"),
            )

    def _reduced(self, register: str) -> dict:
        """Keep the largest magnitude in a register."""
        return {"reduce": Reduce.ABSOLUTE, "register": self.register[register]}

    @property
    def _kept_mode(self) -> Constant:
        """How kept scales of keys and values are read: each sequence of a batch has its own."""
        return Constant.OWN if self.place.sequences > 1 else Constant.WORD

    def _slot(self, head: int) -> int:
        return head % self.place.heads_at_once

    def _query(self, layer: IntegerLayer, place: LayerPlace, head: int):
        """A query as activations."""
        register = self.register[f"q{self._slot(head)}"]
        self._project(layer, place, "q", head, register, **self._turn)
        self._quantise(
            "q",
            self.head_words,
            "q",
            register,
            "attention",
            skip=head * self.head_words,
            region=f"q{head}",
            to=head << key_shift(self.model.shape.head_dim),
        )

    def _scores(self, place: LayerPlace, head: int):
        """Scores of a query against all keys, and their exponentials times the scales of the values."""
        shape, config, register, slot = self.model.shape, self.config, self.register, self._slot(head)
        share, size = shape.heads // shape.kv_heads, 1 << key_shift(shape.head_dim)
        first, second = score_shifts(shape.head_dim, config.format)
        scores = self.place.vectors["scores"] + slot * config.context // config.vector_lanes
        self.emit(
            phase="attention",
            source=Source.KV,
            blocks=GROUP // config.lanes,
            blocks_by_page=True,
            groups=size,
            memory=place.keys[head // share],
            memory_stride=size,
            reads_memory=f"memory {self.layer}",
            activations=self.place.activations["q"] + head * size,
            reads_activations=f"activations q {head * size}",
            constant=place.key_constants[head // share],
            constant_mode=self._kept_mode,
            reads_constant=f"constants k {self.layer}",
            first_shift=first,
            scale=register[f"q{slot}"],
            scale_shift=second,
            mask=Mask.POSITION,
            reduce=Reduce.MAXIMUM,
            extreme=slot,
            destination=Destination.VECTOR,
            d=scores,
            writes=f"scores{slot}",
        )
        self.emit(
            phase="attention",
            source=Source.VECTOR,
            blocks=config.beats,
            blocks_by_page=True,
            a=scores,
            reads_a=f"scores{slot}",
            exponential=True,
            extreme=slot,
            mask=Mask.POSITION,
            constant=place.value_constants[head // share],
            constant_mode=self._kept_mode,
            reads_constant=f"constants v {self.layer}",
            destination=Destination.VECTOR,
            d=scores,
            writes=f"scores{slot}",
            reduce=Reduce.ABSOLUTE,
            register=register[f"w{slot}"],
            second=Second.SUM,
        )
        self.emit(phase="attention", source=Source.SUM, register=register[f"sum{slot}"])

    def _weigh(self, head: int):
        """The exponentials as activations, and the scale of what they weigh."""
        config, slot = self.config, self._slot(head)
        weight = self.register[f"w{slot}"]
        self._quantise(
            "scores",
            config.beats,
            "weights",
            weight,
            "attention",
            skip=slot * config.context // config.vector_lanes,
            region=f"scores{slot}",
            to=slot * config.context // GROUP,
            blocks_by_page=True,
        )
        self.emit(
            phase="attention",
            source=Source.SCALE,
            scale=weight,
            other=self.register[f"sum{slot}"],
            invert_other=True,
            register=weight,
        )

    def _values(self, place: LayerPlace, head: int, **fields):
        """Weighted values of a head."""
        shape, pages, slot = self.model.shape, self.config.context // GROUP, self._slot(head)
        self.emit(
            phase="attention",
            source=Source.KV,
            blocks=self.head_blocks,
            groups_by_page=True,
            memory=place.values[head * shape.kv_heads // shape.heads],
            memory_stride=pages,
            reads_memory=f"memory {self.layer}",
            activations=self.place.activations["weights"] + slot * pages,
            reads_activations=f"activations weights {slot * pages}",
            scale=self.register[f"w{slot}"],
            scale_shift=output_shift(self.config.format),
            destination=Destination.VECTOR,
            d=self.place.vectors["attention"] + head * self.head_words,
            writes="attention",
            **fields,
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
        """Last norm, logits and their arg max; only their order counts, so they need no scale.

        A token of the prompt ends before the logits: what is then on its way depends on no position.
        """
        self._normalise(self.model.norm, self.place.norm, "head", scaled=False)
        self._schedule()
        self.orderer.end(Source.END_OF_PROMPT, lag=0, phase="head")
        self._matrix(
            "head",
            self.model.head,
            self.place.head,
            activations="x",
            reads_end="end",
            scale_shift=0,
            mask=Mask.VOCABULARY,
            reduce=Reduce.ARGMAX,
        )
        self._schedule()
