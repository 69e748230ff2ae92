"""From a model to a program and memory images, in three passes: quantise, place, schedule."""

import dataclasses

from devicemodels.errors import UserError
from rtl.tile.config import COLUMNS, TileConfig
from sim.checkpoint import Model
from sim.compiler.emit import Emitter
from sim.compiler.place import place_model
from sim.compiler.program import Program, constant_image, weight_images
from sim.compiler.quantise import IntegerModel, quantise_model

__all__ = ["IntegerModel", "Program", "compile_model", "quantise_model"]


def compile_model(
    model: Model, config: TileConfig, integers: IntegerModel | None = None, *, columns: int | None = None
) -> Program:
    """Place and schedule a model on a tile.

    columns : as many columns of the tile as a step may use; all by default. With fewer a step waits less.

    Raises
    ------
    UserError
        The model does not fit a memory of the tile (which, by how much, what would fit).
    """
    integers = integers or quantise_model(model, config.context, config.format)
    if integers.two_terms and config.groups_per_word == 1:
        raise UserError(
            f'model "{model.name}" has 8-bit matrices beside 4-bit ones, which take two groups for 32 weights, and '
            "a word of this tile's banks holds one: set format.groups_per_word to 2, or format.weight_bits to 8"
        )
    place = place_model(integers, config, f'model "{model.name}"')
    columns = config.columns if columns is None else columns
    if columns not in COLUMNS or columns > config.columns:
        raise UserError(
            f"a program for {columns} columns does not run on a tile of {config.columns}: take a power of two up to "
            "that"
        )
    used = dataclasses.replace(config, columns=columns, batch=config.batch and columns > 1)
    stream, vector = Emitter(integers, place, used).token()
    most = max(len(stream), len(vector))
    if most > config.program_words:
        raise UserError(
            f'model "{model.name}" needs {most} words of a program memory and the design '
            f"has {config.program_words}; set tile.program_words to at least the first figure"
        )
    return Program(
        stream=stream,
        vector=vector,
        config=config,
        weights=weight_images(integers, place, config),
        constants=constant_image(integers, place, config),
        placement=place,
        vocabulary=model.shape.vocab,
        epsilon=integers.epsilon,
        context=min(config.context, model.shape.context),
        columns=columns,
    )
