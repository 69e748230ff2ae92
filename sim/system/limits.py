"""Two yardsticks beside the model: the speed of light, and a roofline without overheads as GenZ draws it."""

from sim.system.rate import System, compute, kv_time
from sim.system.serve import Request


def speed_of_light(system: System, request: Request) -> float:
    """Seconds below which no request can end: every byte at the peak bandwidth, every prompt at the peak rate.

    A measured time below it means that less was done than asked, or that several tokens came out of a step.
    """
    machine, model, users = system.machine, system.model, request.users
    prompt = 2 * users * request.input * (model.active_parameters - model.vocab * model.dim)
    weights = model.streamed_parameters(users) * system.bits / 8
    kv = users * model.seen(request.input + request.output / 2) * model.kv_bytes(system.kv_bits)
    step = (weights / machine.bandwidth + kv / (machine.kv_bandwidth or machine.bandwidth)) / system.tensor
    return prompt / (system.chips * compute(system)) + request.output * step


def roofline(system: System, request: Request) -> float:
    """Seconds by the larger of bytes and operations per layer, without the head, which GenZ omits, nor overheads."""
    machine, model, users = system.machine, system.model, request.users
    head = model.vocab * model.dim
    operations = 2 * users * (model.active_parameters - head)
    step_bytes = (model.streamed_parameters(users) - head) * system.bits / 8 / (system.tensor * machine.bandwidth)
    step_operations = operations / (system.tensor * compute(system))
    kv = kv_time(system, users, request.input + request.output / 2) * system.engine.bandwidth_fraction
    return operations * request.input / (system.chips * compute(system)) + request.output * (
        max(step_bytes, step_operations) + kv
    )
