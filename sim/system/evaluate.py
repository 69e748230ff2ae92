"""A question in, an answer out: machine, model and request to times, terms, energy, silicon and chips."""

from dataclasses import dataclass

from sim.system.language_model import LanguageModel
from sim.system.plan import build_system
from sim.system.rate import Step, System, decode_step, fast_kv_room, kv_room, weight_bytes
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
