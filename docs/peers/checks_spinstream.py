"""The same checks on this project's models: ``python docs/peers/checks_spinstream.py``; writes spinstream.json."""

import dataclasses
import math
from importlib.metadata import version

import numpy as np
from exact import (
    WRITE_ERRORS,
    Device,
    boltzmann_moment,
    cylinder_demagnetisation,
    free_path,
    mean_switching_time,
    order_of,
    relaxation_rate,
    well_sin_squared,
    write_error,
    zero_crossing,
)
from record import Finding, ratio, record
from scipy.constants import Boltzmann, mu_0

from devicemodels.mtj import Mtj, fokker_planck, load_mtj
from devicemodels.mtj.demagnetisation import axial_demagnetisation
from devicemodels.mtj.dynamics import Phase, Stretch, advance, initial_states, simulate_ensemble
from devicemodels.mtj.energy import GYROMAGNETIC
from devicemodels.mtj.macrospin import Macrospin, driven, step_limit

PICOSECOND = 1e-12
IKEDA = load_mtj("ikeda2010").device


def device_of(**values) -> Device:
    """The device with this project's constants."""
    return Device(permeability=mu_0, boltzmann=Boltzmann, **values)


def mtj_of(device: Device, field: float | None = None) -> Mtj:
    """A junction of that moment, size and anisotropy field: the interface makes good what demagnetisation takes."""
    axial = axial_demagnetisation(device.thickness / device.diameter)
    wanted = (device.anisotropy_field if field is None else field) + device.saturation_magnetisation * (
        3 * axial - 1
    ) / 2
    return dataclasses.replace(
        IKEDA, diameter=device.diameter, free_layer_thickness=device.thickness, damaged_edge=0.0, stray_field=0.0,
        saturation_magnetisation=device.saturation_magnetisation, damping=device.damping, exchange_stiffness=1e-9,
        interface_anisotropy=wanted * mu_0 * device.saturation_magnetisation * device.thickness / 2,
    )  # fmt: skip


def cold(device: Device, **torques) -> Macrospin:
    """The device without heat; torques in A/m."""
    return Macrospin(anisotropy=(0.0, 0.0, device.anisotropy_field), damping=device.damping, **torques)


def move(spin: Macrospin, angle: float, duration: float, step: float = PICOSECOND) -> np.ndarray:
    """Magnetisation (3,) after `duration` from an angle in the x-z plane."""
    start = np.array([[math.sin(angle), 0.0, math.cos(angle)]])
    return advance(Stretch(spin, round(duration / step), step), start, seed=0)[0][0]


def log_tangent(m: np.ndarray) -> float:
    """ln |tan theta|."""
    return math.log(math.hypot(m[0], m[1]) / abs(m[2]))


def precession(step: float) -> Finding:
    """Frequency at 0.01 rad against gamma_0 H_k cos(theta) / (1 + alpha^2), over a quarter of a turn."""
    device = device_of(damping=1e-6)
    exact = GYROMAGNETIC * device.anisotropy_field * math.cos(0.01)
    steps = round(math.pi / 2 / exact / step)
    m = move(cold(device), 0.01, steps * step, step)
    return Finding(value=math.atan2(m[1], m[0]) / (steps * step) / exact - 1)


def damping(step: float) -> Finding:
    """tan(theta) = tan(theta_0) e^(-rate t) from 60 degrees over 2 ns."""
    device, steps = device_of(), round(2e-9 / step)
    lost = log_tangent(move(cold(device), math.pi / 3, steps * step, step)) - math.log(math.tan(math.pi / 3))
    return Finding(value=lost / -relaxation_rate(device, GYROMAGNETIC) / (steps * step) - 1)


def growth(device: Device, angle: float, step: float = PICOSECOND, **torques) -> float:
    """d(ln tan theta)/dt over the relaxation rate, near a pole."""
    gained = log_tangent(move(cold(device, **torques), angle, 0.3e-9, step)) - math.log(abs(math.tan(angle)))
    return gained / 0.3e-9 / relaxation_rate(device, GYROMAGNETIC)


def threshold(angle: float, sign: int) -> Finding:
    """Overdrive at which this angle neither grows nor shrinks, over the exact cos(theta), less one.

    The torque is that of `Mtj.critical_current`.
    """
    device = device_of()
    mtj, rates = mtj_of(device), []
    for overdrive in (0.9, 1.1):
        torque = driven(mtj, current=sign * overdrive * mtj.critical_current()).damping_like
        rates.append((overdrive, growth(device, angle, damping_like=torque)))
    return Finding(value=zero_crossing(*rates) / abs(math.cos(angle)) - 1)


def order() -> Finding:
    """Order of the integrator over 0.1 ns from 60 degrees."""
    device = device_of()
    exact = free_path(device, GYROMAGNETIC, math.pi / 3, 1e-10)
    return Finding(value=order_of([move(cold(device), math.pi / 3, 1e-10, step) - exact for step in (1e-12, 5e-13)]))


def conversion() -> Finding:
    """Growth at alpha = 0.5 under H_DL = alpha H_k / 2 and H_FL = H_DL, against alpha H_k - H_DL - alpha H_FL."""
    device = device_of(damping=0.5)
    torque = (0.0, 0.0, -0.5 * device.damping * device.anisotropy_field)
    return Finding(value=growth(device, 1e-3, 1e-13, damping_like=torque, field_like=torque) / -0.25 - 1)


def time_stamp() -> Finding:
    """Logged time less the time at which the exact solution has the logged angle, in steps."""
    device = device_of()
    mtj = dataclasses.replace(mtj_of(device), curie_temperature=1e12)
    start = (math.sin(math.pi / 3), 0.0, math.cos(math.pi / 3))
    run = simulate_ensemble(mtj, 0.0, 1e-10, 1, 1, temperature=1e-9, step=PICOSECOND, start=start, samples=100)
    reached = [
        (math.log(math.tan(math.pi / 3)) - log_tangent(m)) / relaxation_rate(device, GYROMAGNETIC)
        for m in run.sampled[:, 0]
    ]
    return Finding(value=round(float(np.median(run.times - reached)) / run.step, 4))


def hot(device: Device, duration: float, *, step=None, overdrive=0.0, trajectories=20_000, angle=0.15) -> np.ndarray:
    """Final magnetisations (n, 3), all from one angle."""
    mtj = mtj_of(device)
    start = (math.sin(angle), 0.0, math.cos(angle))
    current = overdrive * mtj.critical_current()
    return simulate_ensemble(mtj, current, duration, trajectories, 1, step=step, start=start).final


def sampled(values: np.ndarray, exact: float) -> Finding:
    """Mean of independent values over its exact value."""
    return ratio(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)), exact)


def start() -> Finding:
    """<sin^2 theta> of the thermal start at Delta = 43 over that of equilibrium."""
    states = initial_states(mtj_of(device_of()), Phase(duration=1e-9), "thermal", 20_000, 1, temperature=300.0)
    return sampled(1 - states[:, 2] ** 2, well_sin_squared(43.0))


def well(step: float | None) -> Finding:
    """<sin^2 theta> in one well at Delta = 43 over its exact value, after 5 ns."""
    return sampled(1 - hot(device_of(), 5e-9, step=step)[:, 2] ** 2, well_sin_squared(43.0))


def sphere(power: int, *, overdrive: float = 0.0) -> Finding:
    """<z^power> at Delta = 3 over its exact value, after 60 ns."""
    device = device_of(stability=3.0)
    z = hot(device, 6e-8, overdrive=overdrive, angle=1.0)[:, 2]
    return sampled(z**power, boltzmann_moment(power, 3.0, overdrive))


def diffusion() -> Finding:
    """Decay of <m(0).m(t)> without anisotropy over 2 alpha gamma_0 kT / ((1 + alpha^2) mu_0 M_s V)."""
    device = device_of(stability=3.0)
    rate = relaxation_rate(device, GYROMAGNETIC) / device.stability
    mtj = mtj_of(device, field=0.0)
    run = simulate_ensemble(mtj, 0.0, 1 / rate, 20_000, 1, step=PICOSECOND, start=(0.0, 0.6, 0.8))
    kept = run.final @ np.array([0.0, 0.6, 0.8])
    mean, error = float(kept.mean()), float(kept.std()) / math.sqrt(len(kept))
    return Finding(value=-math.log(mean), error=error / mean)


def norm() -> Finding:
    """Largest | |m| - 1 | of hot runs."""
    final = hot(device_of(stability=3.0), 1e-8, step=PICOSECOND, trajectories=256)
    return Finding(value=float(np.abs(np.linalg.norm(final, axis=1) - 1).max()))


def seeds() -> Finding:
    """Whether a seed gives the same bits again."""
    first, again = (hot(device_of(), 1e-10, trajectories=300) for _ in range(2))
    return Finding(value="yes" if np.array_equal(first, again) else "no")


def streams(count: int = 5000) -> Finding:
    """Correlation of the noise of two trajectories, in steps of 1 ps."""
    mtj = mtj_of(device_of())
    path = simulate_ensemble(mtj, 0.0, count * PICOSECOND, 2, 1, step=PICOSECOND, samples=count).sampled[:, :, 2]
    return Finding(value=float(np.corrcoef(np.diff(path, axis=0).T)[0, 1]), error=1 / math.sqrt(count))


def sampled_write_error(trials: int = 1_000_000) -> Finding:
    """Share of trajectories that end above the equator at Delta 43, overdrive 2, tau 4, over the exact share."""
    device, tau = device_of(), 4.0
    mtj, duration = mtj_of(device), tau / relaxation_rate(device, GYROMAGNETIC)
    final = simulate_ensemble(mtj, 2 * mtj.critical_current(), duration, trials, 1, step=PICOSECOND).final
    exact = write_error(stability=43.0, overdrive=2.0, reduced_time=tau)
    return ratio(float(np.mean(final[:, 2] > 0)), math.sqrt(exact * (1 - exact) / trials), exact)


def worst(found: list[float], exact: list[float]) -> Finding:
    """The largest relative deviation."""
    return Finding(value=max((f / e - 1 for f, e in zip(found, exact, strict=True)), key=abs))


def write_errors() -> dict[str, Finding]:
    """The Fokker-Planck march beside the exact write errors, its mass and its least density."""
    cases = [dict(zip(("overdrive", "reduced_time"), case[1:], strict=True)) for case in WRITE_ERRORS]
    found = [fokker_planck.write_error_rate(delta=43.0, **case) for case in cases]
    deep = {"overdrive": 4.0, "reduced_time": 7.2}
    states = [fokker_planck.state_distribution(delta=43.0, **case) for case in cases]
    return {
        "write_error": worst(found, [write_error(stability=43.0, **case) for case in cases]),
        "write_error_deep": worst(
            [fokker_planck.write_error_rate(delta=43.0, **deep)], [write_error(stability=43.0, **deep)]
        ),
        "mass": Finding(value=max(float(np.abs(s.probability.sum(axis=-1) - 1).max()) for s in states)),
        "positivity": Finding(value="yes" if all((s.probability >= 0).all() for s in states) else "no"),
    }


def passage() -> Finding:
    """Mean switching times at no current, Delta 5, 10 and 20."""
    deltas = (5.0, 10.0, 20.0)
    return worst(
        [fokker_planck.mean_switching_time(delta=delta) for delta in deltas],
        [mean_switching_time(delta) for delta in deltas],
    )


def resistance() -> Finding:
    """R at 90 degrees over that of a conductance linear in the cosine, less one."""
    low, middle, high = (IKEDA.resistance(angle) for angle in (0.0, math.pi / 2, math.pi))
    return Finding(value=middle * (1 / low + 1 / high) / 2 - 1)


def bias() -> Finding:
    """TMR at the half voltage over half of TMR(0), less one."""
    return Finding(value=IKEDA.tmr(IKEDA.tmr_half_voltage) / IKEDA.tmr(0.0) * 2 - 1)


def demagnetisation() -> Finding:
    """N_z of a cylinder 40 times as wide as thick, over the exact one, less one."""
    return Finding(value=float(axial_demagnetisation(1 / 40)) / cylinder_demagnetisation(1 / 40) - 1)


def quick_findings() -> dict[str, Finding]:
    """The checks without sampling; some seconds in all."""
    default = step_limit(cold(device_of())) / 3
    return {
        "precession": precession(PICOSECOND),
        "precession_default": precession(default),
        "damping": damping(PICOSECOND),
        "damping_default": damping(default),
        "order": order(),
        "threshold_down": threshold(1e-3, 1),
        "threshold_up": threshold(math.pi - 1e-3, -1),
        "conversion": conversion(),
        "time_stamp": time_stamp(),
        "seeds": seeds(),
        **write_errors(),
        "passage": passage(),
        "resistance": resistance(),
        "bias": bias(),
        "demagnetisation": demagnetisation(),
        "temperature": Finding(value="M_s, K_i, P, heating"),
    }


def sampled_findings() -> dict[str, Finding]:
    """The checks by trajectories."""
    return {
        "norm": norm(),
        "start": start(),
        "well_default": well(None),
        "well_default_picosecond": well(PICOSECOND),
        "well_best": well(PICOSECOND),
        "sphere_second": sphere(2),
        "sphere_fourth": sphere(4),
        "driven": sphere(1, overdrive=0.5),
        "diffusion": diffusion(),
        "streams": streams(),
        "sampled_write_error": sampled_write_error(),
    }


if __name__ == "__main__":
    record("spinstream", version("spinstream"), {**quick_findings(), **sampled_findings()})
