"""The checks on vgsot-sim: ``python docs/peers/checks_vgsot_sim.py``, with vgsot-sim importable.

It has two integrators: explicit Euler in spherical coordinates (its default) and a Cayley rotation. Its default step is
1 ps. Both are stepped here through the functions that its own runs call. Writes vgsot_sim.json.
"""

import dataclasses
import math
from importlib.metadata import version

import numpy as np
from exact import (
    Device,
    boltzmann_moment,
    cylinder_demagnetisation,
    free_path,
    mean_and_error,
    order_of,
    relaxation_rate,
    well_sin_squared,
    zero_crossing,
)
from record import SLOW, Finding, ratio, record
from vgsot_sim.configs import PhysicalConstantsConfig
from vgsot_sim.demag import demag_factors
from vgsot_sim.dynamic_switching import switching
from vgsot_sim.dynamic_switching_vector import switching_vector
from vgsot_sim.initialize import init
from vgsot_sim.tmr import tmr, tmr_eff

PICOSECOND = 1e-12
REMARK = "Cayley rotation, 0.2 ps, alpha = 0.1"
NATURE = PhysicalConstantsConfig()


def device_of(**values) -> Device:
    """The device with this tool's constants."""
    return Device(permeability=NATURE.u0, boltzmann=NATURE.kb, **values)


def configuration(device: Device, step: float) -> PhysicalConstantsConfig:
    """Its device with the same H_k: the interface anisotropy makes good what its demagnetisation takes."""
    made = dataclasses.replace(
        NATURE, Ms=device.saturation_magnetisation, tf=device.thickness, D_elec=device.diameter, alpha=device.damping,
        T=device.temperature, t_step=step, P=1.0, h_ex_y=0.0,
    )  # fmt: skip
    across, _, along = demag_factors(made)
    field = device.anisotropy_field + made.Ms * (along - across)
    return dataclasses.replace(made, Ki=field * made.u0 * made.Ms * made.tf / 2)


def volts(device: Device, current: float) -> float:
    """Voltage over a junction of one ohm for a damping-like field of `current` alpha H_k, towards z = -1."""
    field = current * device.damping * device.anisotropy_field
    moment = device.permeability * device.saturation_magnetisation
    return -2 * NATURE.e * moment * device.thickness * device.area * field / NATURE.h_bar


def euler(device: Device, theta: float, steps: int, *, step=PICOSECOND, heat=0, current=0.0, field_like=0.0, seed=1):
    """Polar and azimuthal angles, shape (steps + 1, 2), by its default integrator."""
    made, volt, rng = configuration(device, step), volts(device, current), np.random.default_rng(seed)
    state = np.empty((steps + 1, 2))
    phi, state[0] = 0.0, (theta, 0.0)
    for n in range(steps):
        _, phi, theta = switching(
            volt, 0.0, 1.0, theta, phi, 1, 0, VNV=0, NON=heat, R_STT_FL_DL=field_like, constants=made, rng=rng
        )
        state[n + 1] = theta, phi
    return state


def cayley(device: Device, theta: float, steps: int, *, step=PICOSECOND, heat=0, current=0.0, field_like=0.0, seed=1):
    """The same by its Cayley rotation."""
    made, volt, rng = configuration(device, step), volts(device, current), np.random.default_rng(seed)
    m = np.array([math.sin(theta), 0.0, math.cos(theta)])
    path = np.empty((steps + 1, 3))
    path[0] = m
    for n in range(steps):
        path[n + 1] = m = switching_vector(
            m, volt, 0.0, 1.0, 1, 0, VNV=0, NON=heat, R_STT_FL_DL=field_like, constants=made, rng=rng
        )
    phase = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
    return np.stack([np.arctan2(np.hypot(path[:, 0], path[:, 1]), path[:, 2]), phase], axis=1)


def gyromagnetic(device: Device) -> float:
    """Its gamma_0, in m/(A s)."""
    return configuration(device, PICOSECOND).gamma


def precession(integrator) -> Finding:
    """Frequency at 0.01 rad against gamma_0 H_k cos(theta) / (1 + alpha^2)."""
    device = device_of(damping=1e-6)
    state = integrator(device, 0.01, 300)
    exact = gyromagnetic(device) * device.anisotropy_field * math.cos(0.01) * 300 * PICOSECOND
    return Finding(value=(state[-1, 1] - state[0, 1]) / exact - 1, remark="1 ps")


def damping(integrator) -> Finding:
    """tan(theta) = tan(theta_0) e^(-rate t) from 60 degrees."""
    device = device_of()
    tangent = np.log(np.tan(integrator(device, math.pi / 3, 2000)[:, 0]))
    exact = -relaxation_rate(device, gyromagnetic(device)) * 2000 * PICOSECOND
    return Finding(value=(tangent[-1] - tangent[0]) / exact - 1, remark="1 ps")


def growth(integrator, device: Device, angle: float, **torque) -> float:
    """d(ln tan theta)/dt over the relaxation rate, near a pole."""
    tangent = np.log(np.abs(np.tan(integrator(device, angle, 300, **torque)[:, 0])))
    return (tangent[-1] - tangent[0]) / (300 * PICOSECOND) / relaxation_rate(device, gyromagnetic(device))


def order(integrator) -> Finding:
    """Order of an integrator over 0.1 ns from 60 degrees."""
    device = device_of()
    exact = free_path(device, gyromagnetic(device), math.pi / 3, 1e-10)

    def error(steps: int) -> np.ndarray:
        theta, phi = integrator(device, math.pi / 3, steps, step=1e-10 / steps)[-1]
        return np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)]) - exact

    return Finding(value=order_of([error(1000), error(2000)]))


def threshold(integrator, angle: float, sign: int) -> Finding:
    """Overdrive at which this angle neither grows nor shrinks, over the exact cos(theta), less one."""
    rates = [(i, growth(integrator, device_of(), angle, current=sign * i)) for i in (0.9, 1.1)]
    return Finding(value=zero_crossing(*rates) / abs(math.cos(angle)) - 1, remark="1 ps")


def conversion(integrator) -> Finding:
    """Growth at alpha = 0.5 under H_DL = alpha H_k / 2 and H_FL = H_DL, against alpha H_k - H_DL - alpha H_FL."""
    # Its field-like term has the opposite sign of H_FL. A hundredth of the step, to see the torque and not the method.
    device, step, steps = device_of(damping=0.5), 1e-14, 3000
    tangent = np.log(np.tan(integrator(device, 1e-3, steps, step=step, current=0.5, field_like=-1.0)[:, 0]))
    rate = (tangent[-1] - tangent[0]) / (steps * step) / relaxation_rate(device, gyromagnetic(device))
    return Finding(value=rate / -0.25 - 1, remark="0.01 ps")


def start(trials: int = 20_000) -> Finding:
    """<sin^2 theta> of its thermal starting angles at Delta = 43 over that of equilibrium."""
    made, rng = configuration(device_of(), PICOSECOND), np.random.default_rng(1)
    angles = np.array([init(0, made, rng=rng)[1] for _ in range(trials)])
    remark = "its width leaves the demagnetisation out"
    return ratio(*mean_and_error(np.sin(angles) ** 2), well_sin_squared(43.0), remark)


def well(integrator, step: float, steps: int, alpha: float = 0.03) -> Finding:
    """<sin^2 theta> in one well at Delta = 43 over its exact value."""
    theta = integrator(device_of(damping=alpha), 0.15, steps, step=step, heat=1)[steps // 50 :, 0]
    return ratio(*mean_and_error(np.sin(theta) ** 2), well_sin_squared(43.0))


def sphere(integrator, step: float, steps: int) -> dict[str, Finding]:
    """<z^2> and <z^4> at Delta = 3 over their exact values."""
    z = np.cos(integrator(device_of(stability=3.0, damping=0.1), 1.0, steps, step=step, heat=1)[steps // 50 :, 0])
    return {
        "sphere_second": ratio(*mean_and_error(z**2), boltzmann_moment(2, 3.0), REMARK),
        "sphere_fourth": ratio(*mean_and_error(z**4), boltzmann_moment(4, 3.0), REMARK),
    }


def driven(integrator, step: float, steps: int) -> Finding:
    """<z> at Delta = 3 under half the critical current, over its exact value."""
    device = device_of(stability=3.0, damping=0.1)
    z = np.cos(integrator(device, 1.0, steps, step=step, heat=1, current=0.5)[steps // 50 :, 0])
    return ratio(*mean_and_error(z), boltzmann_moment(1, 3.0, 0.5), REMARK)


def seeds() -> Finding:
    """Whether a seed gives the same bits again."""
    first, again = (euler(device_of(), 0.5, 200, heat=1) for _ in range(2))
    return Finding(value="yes" if np.array_equal(first, again) else "no")


def streams(seeds: int = 4, steps: int = 40_000) -> Finding:
    """Mean correlation of the noise of pairs of devices with seeds of their own."""
    noise = [np.diff(euler(device_of(), 0.15, steps, heat=1, seed=n)[:, 0]) for n in range(seeds)]
    pairs = np.corrcoef(noise)[np.triu_indices(seeds, 1)]
    return Finding(value=float(pairs.mean()), error=1 / math.sqrt(len(pairs) * steps))


def resistance() -> Finding:
    """R at 90 degrees over that of a conductance linear in the cosine, less one."""
    low, middle, high = (tmr(0.0, z, NATURE) for z in (1.0, 0.0, -1.0))
    return Finding(value=middle * (1 / low + 1 / high) / 2 - 1)


def bias() -> Finding:
    """TMR at the half voltage over half of TMR(0), less one, for the form TMR(0)/(1 + (V/V_h)^2)."""
    made = dataclasses.replace(NATURE, tmr_model="lorentzian")
    return Finding(value=tmr_eff(made.Vh, made) / tmr_eff(0.0, made) * 2 - 1)


def demagnetisation() -> Finding:
    """N_z of a cylinder 40 times as wide as thick, over the exact one, less one."""
    made = dataclasses.replace(NATURE, tf=1e-9, D_elec=40e-9)
    remark = "that of a spheroid"
    return Finding(value=demag_factors(made)[2] / cylinder_demagnetisation(1 / 40) - 1, remark=remark)


def norm() -> Finding:
    """Largest | |m| - 1 | of a hot run of the Cayley rotation; the angles of the other one have no norm."""
    made, rng, m, worst = configuration(device_of(), PICOSECOND), np.random.default_rng(1), np.array([0.6, 0, 0.8]), 0.0
    for _ in range(2000):
        m = switching_vector(m, 0.0, 0.0, 1.0, 0, 0, VNV=0, NON=1, constants=made, rng=rng)
        worst = max(worst, abs(np.linalg.norm(m) - 1))
    return Finding(value=float(worst))


def findings() -> dict[str, Finding]:
    """Every check that vgsot-sim can do."""
    return {
        "precession": precession(euler),
        "precession_cayley": precession(cayley),
        "damping": damping(euler),
        "damping_default": damping(euler),
        "damping_cayley": damping(cayley),
        "norm": norm(),
        "threshold_down": threshold(euler, 1e-3, 1),
        "threshold_up": threshold(euler, math.pi - 1e-3, -1),
        "threshold_cayley": threshold(cayley, 1e-3, 1),
        "order": order(cayley),
        "conversion": conversion(euler),
        "start": start(),
        "well_default": well(euler, PICOSECOND, 200_000),
        "well_default_picosecond": well(euler, PICOSECOND, 200_000),
        "well_best": well(cayley, 2e-13, 150_000, 0.1),
        **sphere(cayley, 2e-13, 150_000),
        "driven": driven(cayley, 2e-13, 150_000),
        "diffusion": SLOW,
        "sampled_write_error": SLOW,
        "seeds": seeds(),
        "streams": streams(),
        "resistance": resistance(),
        "bias": bias(),
        "demagnetisation": demagnetisation(),
        "temperature": Finding(value="M_s, K_i, P, heating"),
    }


if __name__ == "__main__":
    record("vgsot_sim", version("vgsot-sim"), findings())
