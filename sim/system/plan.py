"""A model on the chips of a machine: how many it takes, and whether it fits."""

from dataclasses import replace
from math import ceil, isclose

from devicemodels.errors import UserError
from sim.system.language_model import LanguageModel
from sim.system.machine import (
    is_tile,
    known_engine,
    kv_bits,
    load_engine,
    load_machine,
    native_bits,
    own_design,
    stack_generation,
)
from sim.system.model import load_model
from sim.system.rate import System, kv_room, weight_bytes, weight_room
from sim.system.serve import check_count, user_bytes


def build_system(
    machine: str,
    model: LanguageModel | str,
    *,
    chips: int | None = None,
    engine: str | None = None,
    bits: float | None = None,
    context: float = 0,
) -> System:
    """A model on some chips of a machine, or on the fewest that hold it and one user's context.

    Raises
    ------
    UserError
        No such machine, model or engine; chips or bits that cannot be; the weights or one user's context need more
        memory than the chips have.
    """
    model = model if isinstance(model, LanguageModel) else load_model(model)
    system = plan(machine, model, chips=chips, engine=engine, bits=bits, context=context)
    check_room(system, context)
    return system


def plan(
    machine: str,
    model: LanguageModel,
    *,
    chips: int | None,
    engine: str | None,
    bits: float | None,
    context: float = 0,
) -> System:
    """As `build_system`, but whether the model fits is not asked."""
    if chips is not None:
        check_count("chips", chips)
    if is_tile(machine) and chips not in (None, 1):
        raise UserError(f"--chips is {chips}, but {machine} is one tile: take {own_design(machine)}, a chip of many")
    parts = _own(machine, engine, model) if own_design(machine) else _published(machine, engine)
    system = System(
        **parts, model=model, chips=chips or 1, bits=_bits(machine, bits), kv_bits=kv_bits(machine)
    )  # fmt: skip
    return system if chips or system.program else replace(system, chips=fewest_chips(system, context))


def _published(machine: str, engine: str | None) -> dict:
    return {"machine": load_machine(machine), "engine": load_engine(machine, engine)}


def _bits(machine: str, asked: float | None) -> float:
    """Bits of a weight: the machine's own unless others are asked for; this project's tiles have one format."""
    native = native_bits(machine)
    if asked is None:
        return native
    if not 1 <= asked <= 64:
        raise UserError(f"a weight of {asked:g} bits cannot be: --bits is at least 1 and at most 64")
    if own_design(machine) and asked not in (8, native):
        raise UserError(
            f"{machine} holds weights as 8 bits and a scale for each 32 of them ({native:g} bits), and not as "
            f"{asked:g} bits: leave --bits out or give 8"
        )
    return native if own_design(machine) else asked


def _own(machine: str, engine: str | None, model: LanguageModel) -> dict:
    from sim.system.own_chip import (  # imports the compiler and the hardware: seconds
        own_engine,
        own_machine,
        with_stack,
    )

    design = own_design(machine)
    if engine and not known_engine(machine, engine):
        raise UserError(f"machine '{machine}' has no engine '{engine}': its schedule is fixed, so leave --engine out")
    if not is_tile(machine):
        chip, stack = own_machine(design), stack_generation(machine)
        return {"machine": with_stack(chip, stack) if stack else chip, "engine": own_engine(design, model)}
    from sim.system.one_tile import ENGINE, tile_program

    tile = own_machine(design, tiles=1)
    if (needed := model.parameters * native_bits(machine) / 8) > tile.memory:
        raise UserError(
            f"{model.name} needs {needed / 1e6:.4g} MB and {machine}, one tile, holds {tile.memory / 1e6:.4g} MB: take "
            f"{design}, whose chips have many"
        )
    return {"machine": tile, "engine": ENGINE, "program": tile_program(design, model)}


def fewest_chips(system: System, context: float) -> int:
    """Chips that hold the weights and one user's context: a power of two up to a layer's group, then whole groups.

    Whole racks where chips do not come singly.
    """
    one = replace(system, chips=1)
    weights, room, user = weight_bytes(one), weight_room(one), user_bytes(one, context)
    if one.machine.kv_memory:
        needed = max(weights / room, user / kv_room(one))
    else:
        share = 1.0 if one.engine.preempts else one.engine.usable_fraction
        needed = max(weights / room, (weights + user / share) / (room + one.machine.overflow_memory))
    group, chips = int(one.machine.tensor_chips), ceil(needed - 1e-9)
    if one.machine.rack > 1:
        return ceil(chips / one.machine.rack) * int(one.machine.rack)
    if chips > group:
        return ceil(chips / group) * group
    return min(group, 1 << (chips - 1).bit_length())


def check_room(system: System, context: float):
    """Raise if the weights, or one user's context, need more memory than there is."""
    weights, room, name = weight_bytes(system), weight_room(system), system.machine.name
    if weights > room or isclose(room, 0):
        fewest = fewest_chips(system, context)
        raise UserError(
            f"{system.model.name} at {system.bits:g} bits needs {weights / 1e9:.4g} GB and {system.chips} {name} hold "
            f"{room / 1e9:.4g} GB: take --chips {fewest} or fewer bits"
        )
    need, left = user_bytes(system, context), kv_room(system)
    if need > left:
        per_token = system.model.kv_bytes(system.kv_bits)
        most = int((left - system.model.user_bytes) / per_token) if per_token else 0
        more = "" if system.program else f"more chips (--chips {fewest_chips(system, context)}) or "
        raise UserError(
            f"a context of {context:.0f} tokens of {system.model.name} needs {need / 1e9:.4g} GB of KV memory and "
            f"{system.chips} {name} have {left / 1e9:.4g} GB, enough for {max(most, 0)} tokens: take {more}a "
            "shorter context"
        )
