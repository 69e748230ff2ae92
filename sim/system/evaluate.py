"""A question in, an answer out: machine, model and request to times, terms, energy, silicon and chips."""

from dataclasses import dataclass, replace
from math import ceil, isclose

from devicemodels.errors import UserError
from sim.system.machine import is_own, kv_bits, load_engine, load_machine, native_bits
from sim.system.language_model import LanguageModel
from sim.system.model import load_model
from sim.system.rate import Step, System, decode_step, fast_kv_room, kv_room, weight_bytes, weight_room
from sim.system.serve import Request, Service, serve, token_time, user_bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one machine makes of a request.

    Attributes
    ----------
    service : times of all users
    step : the decode step at the mean context, with the users that decode together
    token : seconds per token of one user while it decodes
    energy : joules per token of all users
    fits : all users' contexts are in the memory at once
    """

    machine: str
    system: System
    request: Request
    service: Service
    step: Step
    token: float
    energy: float
    fits: bool

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all users that decode together, per second."""
        return self.service.together / self.token

    @property
    def power(self) -> float:
        """Watts of chips and hosts."""
        return self.energy * self.tokens_per_s

    @property
    def silicon(self) -> float:
        """Square metres of packages, memory stacks included."""
        return self.system.chips * self.system.machine.silicon

    def terms(self) -> dict[str, float]:
        """Seconds per token in the three terms; they sum to `token`. Speculation scales all of them alike."""
        scale = self.token / self.step.total
        return {name: getattr(self.step, name) * scale for name in ("bytes", "layers", "sync")}


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
        No such machine, model or engine; the weights or one user's context need more memory than the chips have.
    """
    model = model if isinstance(model, LanguageModel) else load_model(model)
    system = plan(machine, model, chips=chips, engine=engine, bits=bits or native_bits(machine), context=context)
    check_room(system, context)
    return system


def plan(
    machine: str, model: LanguageModel, *, chips: int | None, engine: str | None, bits: float, context: float = 0
) -> System:
    """As `build_system`, but whether the model fits is not asked."""
    own = _own(machine, model) if is_own(machine) else None
    chip, software = own or (load_machine(machine), load_engine(machine, engine))
    system = System(
        machine=chip, engine=software, model=model, chips=chips or 1, bits=bits, kv_bits=kv_bits(machine)
    )  # fmt: skip
    return system if chips else replace(system, chips=fewest_chips(system, context))


def _own(design: str, model: LanguageModel):
    from sim.system.own_chip import own_engine, own_machine  # imports the compiler and the hardware: seconds

    return own_machine(design), own_engine(design, model)


def fewest_chips(system: System, context: float) -> int:
    """Chips that hold the weights and one user's context: a power of two up to a layer's group, then whole groups."""
    one = replace(system, chips=1)
    weights, room, user = weight_bytes(one), weight_room(one), user_bytes(one, context)
    if one.machine.kv_memory:
        needed = max(weights / room, user / kv_room(one))
    else:
        share = 1.0 if one.engine.preempts else one.engine.usable_fraction
        needed = max(weights / room, (weights + user / share) / (room + one.machine.overflow_memory))
    group, chips = int(one.machine.tensor_chips), ceil(needed - 1e-9)
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
        raise UserError(
            f"a context of {context:.0f} tokens of {system.model.name} needs {need / 1e9:.4g} GB of KV memory and "
            f"{system.chips} {name} have {left / 1e9:.4g} GB, enough for {max(most, 0)} tokens: take more chips "
            f"(--chips {fewest_chips(system, context)}) or a shorter context"
        )


def evaluate(system: System, request: Request, *, name: str = "") -> Answer:
    """What the system makes of the request."""
    service = serve(system, request)
    middle = request.cached + request.input + request.output / 2
    users = service.together
    step = decode_step(system, sequences=users, context=middle, columns=request.columns)
    token = token_time(system, request, sequences=users, context=middle)
    return Answer(
        machine=name or system.machine.name,
        system=system,
        request=request,
        service=service,
        step=step,
        token=token,
        energy=_energy(system, request, users, token),
        fits=users == request.users and request.users * user_bytes(system, request.largest) <= kv_room(system),
    )


def _energy(system: System, request: Request, users: float, token: float) -> float:
    """Joules per token: rated power over the time; where a read's energy is known, that and leakage.

    Such a machine's lanes multiply a weight once when it is read, so every token, drafts included, reads its own.
    """
    machine = system.machine
    rated = system.chips * (machine.power + machine.host_power) * token / users
    if not machine.read_energy:
        return rated
    read = system.model.active_parameters * system.bits / 8 * request.columns / request.accepted
    return rated + read * machine.read_energy


def answer(machine: str, model: LanguageModel | str, request: Request, **choices) -> Answer:
    """`build_system` and `evaluate` in one: choices are `chips`, `engine` and `bits`."""
    system = build_system(machine, model, context=request.largest, **choices)
    return evaluate(system, request, name=machine)


def as_dict(result: Answer) -> dict:
    """The answer for a program to read: milliseconds, seconds, tokens per second, square millimetres, joules."""
    system = result.system
    parts = {key: value * 1e3 for key, value in vars(result.step).items()}
    return {
        "machine": result.machine,
        "engine": system.engine.name,
        "model": system.model.name,
        "chips": system.chips,
        "bits": system.bits,
        "users": result.request.users,
        "columns": result.request.columns,
        "ms_per_token": result.token * 1e3,
        "ttft_s": result.service.first_token,
        "latency_s": result.service.latency,
        "tokens_per_s_per_user": 1 / result.token,
        "tokens_per_s": result.tokens_per_s,
        "terms_ms": {name: seconds * 1e3 for name, seconds in result.terms().items()},
        "step_parts_ms": parts,
        "fits": result.fits,
        "users_at_once": result.service.together,
        "weights_gb": weight_bytes(system) / 1e9,
        "kv_gb": result.request.users * user_bytes(system, result.request.largest) / 1e9,
        "kv_room_gb": kv_room(system) / 1e9,
        "fast_kv_room_gb": fast_kv_room(system) / 1e9,
        "power_w": result.power,
        "joules_per_token": result.energy,
        "silicon_mm2": result.silicon * 1e6,
        "die_mm2": system.chips * system.machine.die_area * 1e6,
    }
