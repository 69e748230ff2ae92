"""Second pass: where everything lies in the tile's memories."""

from dataclasses import dataclass, replace

from devicemodels.errors import UserError
from rtl.formats import GROUP
from rtl.tile.config import LANES, TileConfig
from rtl.tile.program import FIELDS
from rtl.tile.vector_unit import EXTREMES, SCALES
from sim.compiler.quantise import IntegerMatrix, IntegerModel

FIXED_REGISTERS = {"one": 0, "x": 1, "y": 2, "rms": 3, "token": 4, "attention": 5, "hidden": 6}
HEAD_REGISTERS = ("q", "w", "sum")


@dataclass(frozen=True, kw_only=True)
class MatrixPlace:
    """Row r of a matrix lies in lane r mod lanes, at ``weights + r // lanes * words``; `groups` of its columns.

    filled : groups of a row in its words, both terms' counted; the rest of the last word is zero
    """

    weights: int
    constants: int
    blocks: int
    groups: int
    filled: int
    words: int


@dataclass(frozen=True, kw_only=True)
class LayerPlace:
    """Places of one layer; keys, values and their constants have one entry a KV head."""

    attention_norm: int
    ffn_norm: int
    matrices: dict[str, MatrixPlace]
    keys: tuple[int, ...]
    values: tuple[int, ...]
    key_constants: tuple[int, ...]
    value_constants: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Word addresses of all that a program touches; K and V scales are there once for each of so many sequences."""

    embedding: MatrixPlace
    head: MatrixPlace
    layers: tuple[LayerPlace, ...]
    norm: int
    rotations: int
    rotation_words: int
    vectors: dict[str, int]
    activations: dict[str, int]
    registers: dict[str, int]
    heads_at_once: int
    sequences: int
    used: dict[str, int]


class Memory:
    """A memory that is filled from address 0, word by word in each of its `banks` in turn."""

    def __init__(self, name: str, capacity: int, remedy: str, banks: int = 1):
        self.name, self.capacity, self.remedy, self.banks, self.used = name, capacity, remedy, banks, 0

    def take(self, words: int) -> int:
        """Address of `words` new words; what does not fit is refused in `check`."""
        address, self.used = self.used, self.used + words
        return address

    def check(self, what: str):
        """Raise if more was taken than there is."""
        used = -(-self.used // self.banks)
        if used > self.capacity:
            raise UserError(
                f"{what} needs {used} words of {self.name} and the design has {self.capacity}: "
                f"{used - self.capacity} too few; {self.remedy}"
            )


def place_model(model: IntegerModel, config: TileConfig, name: str = "the model") -> Placement:
    """Assign addresses, or raise `UserError` with the memory that is too small and by how much."""
    _check_shape(model, config)
    weights = Memory(
        "each weight bank",
        config.bank_words,
        "set memory.words to at least the first figure, or take a smaller model",
        config.banks_per_lane,
    )
    constants = Memory(
        "the constant memory", config.constant_words, "set tile.constant_words to at least the first figure"
    )
    kv = Memory("each KV bank", config.kv_words, "take a shorter context")
    vectors = Memory("the vector memory", config.vector_words, "set tile.vector_words to at least the first figure")
    activations = Memory(
        "the activation memory", config.activation_groups, "set tile.activation_groups to at least the first figure"
    )

    def matrix(source: IntegerMatrix) -> MatrixPlace:
        blocks, words = -(-source.rows // config.lanes), -(-source.groups // config.groups_per_word)
        return MatrixPlace(
            weights=weights.take(blocks * words),
            constants=constants.take(blocks * config.drain),
            blocks=blocks,
            groups=source.column_groups,
            filled=source.groups,
            words=words,
        )

    shape, words = model.shape, model.embedding.column_groups * config.beats
    embedding = matrix(model.embedding)
    layers = tuple(_place_layer(model, layer, config, matrix, constants, kv) for layer in model.layers)
    rotation_words = 1 << (shape.head_dim // config.vector_lanes - 1).bit_length()
    registers, heads = _registers(model)
    placement = Placement(
        embedding=embedding,
        head=embedding if shape.tied else matrix(model.head),
        norm=constants.take(words),
        rotations=constants.take(rotation_words * config.context),
        layers=_place_scales(model, config, layers, constants),
        rotation_words=rotation_words,
        vectors=_place_vectors(model, config, vectors, words, rotation_words, heads),
        activations=_place_activations(model, config, activations, heads),
        registers=registers,
        heads_at_once=heads,
        sequences=config.sequences,
        used={},
    )
    weights.remedy += _more_tiles(weights, config)
    for memory in (weights, constants, kv, vectors, activations):
        memory.check(name)
        placement.used[memory.name] = memory.used
    return placement


def _more_tiles(weights: Memory, config: TileConfig) -> str:
    """How many tiles' banks have room for the weights; tiles that share a model are a power of two."""
    tiles = 1 << (-(-weights.used // (weights.capacity * weights.banks)) * config.tiles - 1).bit_length()
    if tiles * config.tile_lanes <= LANES[-1]:
        return f", or {tiles} such tiles on a chip (chip.tiles)"
    return f": {tiles} such tiles would hold it, which is beyond the {LANES[-1]} lanes that share a model"


def _check_shape(model, config):
    """Refuse what the tile's schedule cannot express."""
    shape = model.shape
    if shape.head_dim % config.lanes or (shape.head_dim > GROUP and shape.head_dim % GROUP):
        raise UserError(
            f"head dimension {shape.head_dim} is not supported on {config.lanes} lanes: it must be a "
            f"multiple of the lanes, and of {GROUP} beyond {GROUP}"
        )
    for name, size in (("width", shape.dim), ("attention", shape.heads * shape.head_dim), ("FFN width", shape.ffn)):
        if config.format.minima and size % GROUP:
            raise UserError(
                f"{name} {size} is not a multiple of {GROUP}, and a group's minimum would count in the columns that "
                "fill it up: set format.minima to false"
            )
    most = ((1 << FIELDS["blocks"]) - 1) * config.lanes
    if shape.vocab > most:
        raise UserError(f"a vocabulary of {shape.vocab} is beyond the {most} rows that {config.lanes} lanes count")


def _place_layer(model, layer, config, matrix, constants, kv) -> LayerPlace:
    shape, norm_words = model.shape, model.embedding.column_groups * config.beats
    pages = config.context // GROUP
    matrices = {name: matrix(getattr(layer, name)) for name in ("q", "k", "v", "o", "gate", "up", "down")}
    key_words = config.context // config.lanes * (1 << key_shift(shape.head_dim))
    value_words = shape.head_dim // config.lanes * pages
    heads = range(shape.kv_heads)
    return LayerPlace(
        attention_norm=constants.take(norm_words),
        ffn_norm=constants.take(norm_words),
        matrices=matrices,
        keys=tuple(kv.take(key_words) for _ in heads),
        values=tuple(kv.take(value_words) for _ in heads),
        key_constants=(),
        value_constants=(),
    )


def _place_scales(model, config, layers, constants) -> tuple[LayerPlace, ...]:
    """The K and V scales of every layer, behind all other constants: their addresses count words of all sequences."""
    sequences, heads = config.sequences, range(model.shape.kv_heads)
    constants.take(-constants.used % sequences)

    def scales() -> tuple[int, ...]:
        words = config.context // config.vector_lanes
        return tuple(constants.take(words * sequences) // sequences for _ in heads)

    return tuple(replace(layer, key_constants=scales(), value_constants=scales()) for layer in layers)


def key_shift(head_dim: int) -> int:
    """log2 of the words that a key takes (rounded up to a power of two)."""
    return (-(-head_dim // GROUP) - 1).bit_length()


def _registers(model):
    """Scalar registers by name, and how many query heads are in flight at once."""
    registers = dict(FIXED_REGISTERS)
    for head in range(model.shape.kv_heads):
        registers |= {f"k{head}": len(registers), f"v{head}": len(registers) + 1}
    heads = min(model.shape.heads, EXTREMES, (SCALES - len(registers)) // len(HEAD_REGISTERS))
    if heads < 1:
        raise UserError(
            f"{model.shape.kv_heads} KV heads are more than the tile's {SCALES} scalar registers "
            f"carry; it takes at most {(SCALES - len(FIXED_REGISTERS) - len(HEAD_REGISTERS)) // 2}"
        )
    for slot in range(heads):
        registers |= {f"{name}{slot}": len(registers) + i for i, name in enumerate(HEAD_REGISTERS)}
    return registers, heads


def _place_vectors(model, config, memory, words, rotation_words, heads):
    shape, lanes = model.shape, config.vector_lanes
    head_words = shape.head_dim // lanes
    ffn_words = model.layers[0].down.column_groups * config.beats
    places = {
        "x": words,
        "y": words,
        "rotation": rotation_words,
        "q": shape.heads * head_words,
        "k": shape.kv_heads * head_words,
        "v": shape.kv_heads * head_words,
        "scores": heads * config.context // lanes,
        "attention": model.layers[0].o.column_groups * config.beats,
        "gate": ffn_words,
        "hidden": ffn_words,
    }
    return {name: memory.take(size) for name, size in places.items()}


def _place_activations(model, config, memory, heads):
    shape, whole = model.shape, config.groups_per_word

    def words(groups):
        """Groups of the words that a row takes: a word's activations are read together."""
        return -(-groups // whole) * whole

    places = {
        "x": words(model.embedding.column_groups),
        "attention": words(model.layers[0].o.column_groups),
        "hidden": words(model.layers[0].down.column_groups),
        "q": shape.heads << key_shift(shape.head_dim),
        "weights": heads * config.context // GROUP,
    }
    return {name: memory.take(size) for name, size in places.items()}
