"""The checks on cmtj: ``python docs/peers/checks_cmtj.py``, with cmtj importable; writes cmtj.json beside this file."""

import math
from importlib.metadata import version

import cmtj
import numpy as np
from exact import (
    Device,
    boltzmann_moment,
    free_path,
    mean_and_error,
    order_of,
    relaxation_rate,
    well_sin_squared,
    write_error,
    zero_crossing,
)
from record import Finding, ratio, record

CONSTANTS = cmtj.constants.PhysicalConstants
GYROMAGNETIC = CONSTANTS.gyromagnetic_ratio()
PERMEABILITY = CONSTANTS.magnetic_permeability()
NO_TENSOR = [cmtj.CVector(0, 0, 0)] * 3
RK4, HEUN = cmtj.SolverMode.RK4, cmtj.SolverMode.Heun
DEVICE = Device(permeability=PERMEABILITY, boltzmann=CONSTANTS.boltzmann_constant())
LOOSE = Device(permeability=PERMEABILITY, boltzmann=CONSTANTS.boltzmann_constant(), stability=3.0)
PICOSECOND = 1e-12


def junction_of(device: Device, angle: float, *, current=0.0, field_like=0.0, heat=False, seed=1) -> cmtj.Junction:
    """One layer with Slonczewski torque of constant efficiency; `current` in units of the threshold, towards z = -1."""
    moment = device.permeability * device.saturation_magnetisation
    start, axis = cmtj.CVector(math.sin(angle), 0, math.cos(angle)), cmtj.CVector(0, 0, 1)
    layer = cmtj.Layer.createSTTLayer(
        "free", start, axis, moment, device.thickness, device.area, NO_TENSOR, device.damping, 1.0, field_like, 1.0
    )
    layer.setReferenceLayer(cmtj.CVector(0, 0, -1))
    layer.setAnisotropyDriver(cmtj.constantDriver(device.anisotropy_field * moment / 2))
    if heat:
        layer.setTemperatureDriver(cmtj.constantDriver(device.temperature))
        layer.setSeed(seed)
    junction = cmtj.Junction([layer])
    # With Lambda = P = 1 the damping-like field is hbar J / (2 e mu_0 M_s t); at the threshold it is alpha H_k.
    unit = 2 * CONSTANTS.elementary_charge() * moment * device.thickness / CONSTANTS.hbar()
    field = current * device.damping * device.anisotropy_field
    junction.setLayerCurrentDriver("free", cmtj.constantDriver(field * unit))
    return junction


def run(junction, duration: float, step: float, *, solver=RK4, every=1) -> tuple[np.ndarray, np.ndarray]:
    """Logged times, shape (samples,), and magnetisations, shape (samples, 3), at every `every`-th step."""
    junction.clearLog()
    junction.runSimulation(duration + step / 2, step, every * step * 1.0001, solverMode=solver)
    log = junction.getLog()
    return np.array(log["time"]), np.array([log[f"free_m{axis}"] for axis in "xyz"]).T


def angles(m: np.ndarray) -> np.ndarray:
    """Angles from the normal."""
    return np.arctan2(np.hypot(m[:, 0], m[:, 1]), m[:, 2])


def growth(device: Device, angle: float, **torque) -> float:
    """d(ln tan theta)/dt over the relaxation rate, near a pole."""
    t, m = run(junction_of(device, angle, **torque), 0.3e-9, PICOSECOND)
    tangent = np.log(np.abs(np.tan(angles(m))))
    return (tangent[-1] - tangent[0]) / (t[-1] - t[0]) / relaxation_rate(device, GYROMAGNETIC)


def azimuth_rate(device: Device, angle: float, **torque) -> float:
    """Precession over gamma_0 H_k / (1 + alpha^2), near a pole."""
    t, m = run(junction_of(device, angle, **torque), 0.3e-9, PICOSECOND)
    phase = np.unwrap(np.arctan2(m[:, 1], m[:, 0]))
    unit = GYROMAGNETIC * device.anisotropy_field / (1 + device.damping**2)
    return (phase[-1] - phase[0]) / (t[-1] - t[0]) / unit


def precession() -> Finding:
    """Frequency at 0.01 rad against gamma_0 H_k cos(theta) / (1 + alpha^2)."""
    device = Device(permeability=PERMEABILITY, damping=1e-6)
    return Finding(value=azimuth_rate(device, 0.01) / math.cos(0.01) - 1)


def damping(step: float) -> Finding:
    """tan(theta) = tan(theta_0) e^(-rate t) from 60 degrees."""
    t, m = run(junction_of(DEVICE, math.pi / 3), 2e-9, step)
    tangent = np.log(np.tan(angles(m)))
    exact = -relaxation_rate(DEVICE, GYROMAGNETIC) * (t[-1] - t[0])
    return Finding(value=(tangent[-1] - tangent[0]) / exact - 1)


def time_stamp() -> Finding:
    """Logged time less the time at which the exact solution has the logged angle, in steps."""
    t, m = run(junction_of(DEVICE, math.pi / 3), 0.1e-9, PICOSECOND)
    reached = -np.log(np.tan(angles(m)) / math.tan(math.pi / 3)) / relaxation_rate(DEVICE, GYROMAGNETIC)
    return Finding(value=float(np.median(t - reached)) / PICOSECOND)


def order() -> Finding:
    """Order of the Heun solver over 0.1 ns from 60 degrees."""

    def error(step: float) -> np.ndarray:
        junction = junction_of(DEVICE, math.pi / 3)
        run(junction, 1e-10, step, solver=HEUN)
        end = junction.getLayerMagnetisation("free")
        return np.array([end.x, end.y, end.z]) - free_path(DEVICE, GYROMAGNETIC, math.pi / 3, 1e-10)

    return Finding(value=order_of([error(PICOSECOND), error(PICOSECOND / 2)]), remark="Heun; its RK4 has order 4")


def threshold(angle: float, sign: int) -> Finding:
    """Overdrive at which this angle neither grows nor shrinks, over the exact cos(theta), less one."""
    rates = [(i, growth(DEVICE, angle, current=sign * i)) for i in (0.9, 1.1)]
    return Finding(value=zero_crossing(*rates) / abs(math.cos(angle)) - 1)


def conversion() -> Finding:
    """Growth at alpha = 0.5 under H_DL = alpha H_k / 2 and H_FL = H_DL, against alpha H_k - H_DL - alpha H_FL."""
    device = Device(permeability=PERMEABILITY, damping=0.5)
    # cmtj's field-like term has the opposite sign of H_FL.
    exact = -(1 - 0.5 - 0.5 * 0.5)
    found = growth(device, 1e-3, current=0.5, field_like=-1.0)
    return Finding(value=found / exact - 1, remark="Slonczewski branch; the spin-orbit branch has the cross terms")


def well(solver, step: float, steps: int) -> Finding:
    """<sin^2 theta> in one well at Delta = 43 over its exact value."""
    m = run(junction_of(DEVICE, 0.15, heat=True), steps * step, step, solver=solver, every=10)[1][steps // 500 :]
    return ratio(*mean_and_error(1 - m[:, 2] ** 2), well_sin_squared(43.0))


def sphere(solver, step: float, power: int, *, overdrive: float = 0.0) -> Finding:
    """<z^power> at Delta = 3 over its exact value."""
    junction = junction_of(LOOSE, 1.0, current=overdrive, heat=True)
    m = run(junction, 5e6 * step, step, solver=solver, every=10)[1][5_000:]
    return ratio(*mean_and_error(m[:, 2] ** power), boltzmann_moment(power, 3.0, overdrive))


def diffusion() -> Finding:
    """Decay of <m(0).m(t)> without anisotropy over 2 alpha gamma_0 kT / ((1 + alpha^2) mu_0 M_s V)."""
    junction = junction_of(LOOSE, 1.0, heat=True)
    junction.setLayerAnisotropyDriver("free", cmtj.constantDriver(0.0))
    m = run(junction, 8e-6, PICOSECOND, solver=HEUN, every=20)[1]
    # H_k mu_0 M_s V = 2 Delta kT, so the rate is that of relaxation over Delta.
    rate = relaxation_rate(LOOSE, GYROMAGNETIC) / LOOSE.stability
    lag = round(1 / (rate * 20 * PICOSECOND))
    mean, error = mean_and_error((m[:-lag] * m[lag:]).sum(axis=1))
    time = lag * 20 * PICOSECOND
    return Finding(value=-math.log(mean) / time / rate, error=error / mean / time / rate)


def seeds() -> Finding:
    """Whether a seed gives the same bits again."""
    first, again = (run(junction_of(LOOSE, 1.0, heat=True), 1e-10, PICOSECOND, solver=HEUN)[1] for _ in range(2))
    return Finding(value="yes" if np.array_equal(first, again) else "no")


def streams() -> Finding:
    """Correlation of the noise of two junctions made from one layer, without a seed."""
    layer = cmtj.Layer("free", cmtj.CVector(1, 0, 0), cmtj.CVector(0, 0, 1), 1.2, 1e-9, 1e-15, NO_TENSOR, damping=0.03)
    layer.setTemperatureDriver(cmtj.constantDriver(300))
    one, two = (run(cmtj.Junction([layer]), 1e-9, PICOSECOND, solver=HEUN)[1][:, 2] for _ in range(2))
    correlation = np.corrcoef(np.diff(one), np.diff(two))[0, 1]
    return Finding(value=float(correlation), remark="two junctions made from one layer; setLayerSeed parts them")


def ends_above(junction, duration: float) -> bool:
    """Whether a trajectory is above the equator after `duration`."""
    run(junction, duration, PICOSECOND, solver=HEUN, every=1000)
    return junction.getLayerMagnetisation("free").z > 0


def sampled_write_error(trials: int = 10_000) -> Finding:
    """Share of trajectories that end above the equator at Delta 43, overdrive 2, tau 4, over the exact share."""
    tau, generator = 4.0, np.random.default_rng(7)
    duration = tau / relaxation_rate(DEVICE, GYROMAGNETIC)
    # sin^2 of the start is sampled from exp(-Delta sin^2) d(cos): by inversion on a fine grid.
    z = np.linspace(0, 1, 200_001)
    cumulative = np.cumsum(np.exp(43.0 * (z * z - 1)))
    starts = np.interp(generator.random(trials), cumulative / cumulative[-1], z)
    junctions = (junction_of(DEVICE, math.acos(s), current=2.0, heat=True, seed=n + 1) for n, s in enumerate(starts))
    share = float(np.mean([ends_above(junction, duration) for junction in junctions]))
    exact = write_error(stability=43.0, overdrive=2.0, reduced_time=tau)
    return ratio(share, math.sqrt(exact * (1 - exact) / trials), exact)


def resistance() -> Finding:
    """R at 90 degrees over that of a conductance linear in the cosine, at a TMR of 1, less one."""
    from cmtj.utils.resistance import compute_gmr

    found = compute_gmr(1.0, 2.0, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    return Finding(value=float(found) / (4 / 3) - 1)


def dipole() -> Finding:
    """Field on a layer when the moment of its neighbour is halved, over half the field, less one."""

    def frequency(neighbour: float) -> float:
        up, tensor = cmtj.CVector(0, 0, 1), [cmtj.CVector(0, 0, 0), cmtj.CVector(0, 0, 0), cmtj.CVector(0, 0, -0.05)]
        tilted = cmtj.CVector(math.sin(0.01), 0, math.cos(0.01))
        free = cmtj.Layer("free", tilted, up, 1.0, 1e-9, 1e-15, NO_TENSOR, damping=1e-6)
        free.setTopDipoleTensor(tensor)
        fixed = cmtj.Layer("fixed", up, up, neighbour, 1e-9, 1e-15, NO_TENSOR, damping=1e-6)
        fixed.setAnisotropyDriver(cmtj.constantDriver(1e6))
        t, m = run(cmtj.Junction([free, fixed]), 2e-9, PICOSECOND)
        phase = np.unwrap(np.arctan2(m[:, 1], m[:, 0]))
        return (phase[-1] - phase[0]) / (t[-1] - t[0])

    return Finding(value=frequency(0.5) / frequency(1.0) / 0.5 - 1)


def norm() -> Finding:
    """Largest | |m| - 1 | of a hot run."""
    m = run(junction_of(LOOSE, 1.0, heat=True), 1e-7, PICOSECOND, solver=HEUN)[1]
    return Finding(value=float(np.abs(np.linalg.norm(m, axis=1) - 1).max()))


def findings() -> dict[str, Finding]:
    """Every check that cmtj can do."""
    return {
        "precession": precession(),
        "damping": damping(PICOSECOND),
        "damping_default": damping(1e-13),
        "time_stamp": time_stamp(),
        "norm": norm(),
        "threshold_down": threshold(1e-3, 1),
        "threshold_up": threshold(math.pi - 1e-3, -1),
        "order": order(),
        "conversion": conversion(),
        "well_default": well(RK4, 1e-13, 10_000_000),
        "well_default_picosecond": well(RK4, PICOSECOND, 2_000_000),
        "well_best": well(HEUN, PICOSECOND, 4_000_000),
        "sphere_second": sphere(HEUN, PICOSECOND, 2),
        "sphere_fourth": sphere(HEUN, PICOSECOND, 4),
        "driven": sphere(HEUN, PICOSECOND, 1, overdrive=0.5),
        "diffusion": diffusion(),
        "seeds": seeds(),
        "streams": streams(),
        "sampled_write_error": sampled_write_error(),
        "resistance": resistance(),
        "dipole": dipole(),
        "temperature": Finding(value="noise", remark="its LLGB layers apart"),
    }


if __name__ == "__main__":
    record("cmtj", version("cmtj"), findings())
