"""The checks on ARM's MRAM framework: ``ARM_MRAM=<its checkout> python docs/peers/checks_arm.py``; writes arm.json.

Its modules import one another through links in the checkout, and print a good deal: both are dealt with here. It needs
NumPy, SciPy and matplotlib.
"""

import contextlib
import io
import math
import os
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from exact import (
    WRITE_ERRORS,
    Device,
    boltzmann_moment,
    cylinder_demagnetisation,
    free_path,
    mean_and_error,
    order_of,
    relaxation_rate,
    well_sin_squared,
    write_error,
    zero_crossing,
)
from record import SLOW, Finding, ratio, record

CHECKOUT = Path(os.environ["ARM_MRAM"])
sys.path.insert(0, str(CHECKOUT / "src/fokker_plank/analytical"))
sys.path.insert(0, str(CHECKOUT / "src/python_compact_model"))
matplotlib.use("Agg")
warnings.simplefilter("ignore")

import analytical  # noqa: E402
import python_compact_model.sllgs_solver as sllgs  # noqa: E402
from fvm import mtj_fp_fvm  # noqa: E402

GYROMAGNETIC = sllgs.c_gamma_0 * sllgs.c_U0
STEP = 1e-13


def device_of(**values) -> Device:
    """The device with this framework's constants."""
    return Device(permeability=sllgs.c_U0, boltzmann=sllgs.c_KB, **values)


def solver_of(device: Device, angle: float | None, *, current=0.0, field_like=0.0, heat=False, seed=1):
    """Its solver with a torque of constant efficiency; `current` in units of the threshold, towards z = -1."""
    moment = device.permeability * device.saturation_magnetisation
    # With lambda = P = 1 the damping-like field is hbar I / (2 e mu_0 M_s V); TMR has a pole there, hence the 0.999...
    unit = 2 * sllgs.c_E * moment * device.volume / sllgs.c_hbar
    amperes = current * device.damping * device.anisotropy_field * unit
    with contextlib.redirect_stdout(io.StringIO()):
        return sllgs.LLG(
            do_thermal=heat, do_fake_thermal=False, seed=seed, i_amp_fn=lambda t: -amperes,
            temperature=device.temperature, t_fl=device.thickness, w_fl=device.diameter, l_fl=device.diameter,
            theta_init=angle, phi_init=0.0, k_i_0=device.anisotropy_field * moment * device.thickness / 2,
            alpha=device.damping, ms=device.saturation_magnetisation, shape_ani_demag_mode=0, lambda_s=1.0,
            p=1 - 1e-12, eps_prime=field_like / 2,
        )  # fmt: skip


def solve(solver, duration: float, *, normalised=False) -> tuple[np.ndarray, np.ndarray]:
    """Times and angles of a run without heat, by SciPy's integrator at tight tolerances."""
    with contextlib.redirect_stdout(io.StringIO()):
        result = solver.solve_ode(
            duration, scipy_ivp=True, solve_spherical=True, solve_normalized=normalised, rtol=1e-10, atol=1e-12
        )
    return result.t, result.y


def walk(
    solver, steps: int, *, normalised=False, method="stratonovich_heun", step=STEP
) -> tuple[np.ndarray, np.ndarray]:
    """Saved times and angles of a run in fixed steps, as its README has it for stochastic runs."""
    with contextlib.redirect_stdout(io.StringIO()):
        result = solver.solve_ode(
            steps * step, scipy_ivp=False, solve_spherical=False, solve_normalized=normalised, max_step=step,
            method=method,
        )  # fmt: skip
    return result.t, result.y


def precession() -> Finding:
    """Frequency at 0.01 rad against gamma_0 H_k cos(theta) / (1 + alpha^2)."""
    device = device_of(damping=1e-6)
    t, state = solve(solver_of(device, 0.01), 0.3e-9)
    exact = GYROMAGNETIC * device.anisotropy_field * math.cos(0.01)
    return Finding(value=(state[2, -1] - state[2, 0]) / t[-1] / exact - 1)


def damping(*, normalised: bool) -> Finding:
    """tan(theta) = tan(theta_0) e^(-rate t) from 60 degrees."""
    device = device_of()
    t, state = solve(solver_of(device, math.pi / 3), 2e-9, normalised=normalised)
    tangent = np.log(np.tan(state[1]))
    return Finding(value=(tangent[-1] - tangent[0]) / (-relaxation_rate(device, GYROMAGNETIC) * t[-1]) - 1)


def growth(device: Device, angle: float, **torque) -> float:
    """d(ln tan theta)/dt over the relaxation rate, near a pole."""
    t, state = solve(solver_of(device, angle, **torque), 0.3e-9)
    tangent = np.log(np.abs(np.tan(state[1])))
    return (tangent[-1] - tangent[0]) / t[-1] / relaxation_rate(device, GYROMAGNETIC)


def order() -> Finding:
    """Order of its Heun method over 0.1 ns from 60 degrees."""
    device = device_of()

    def error(step: float) -> np.ndarray:
        state = walk(solver_of(device, math.pi / 3), round(1e-10 / step), method="heun", step=step)[1]
        end = sllgs.cart_from_spherical_fn(state[:, -1])
        return end - free_path(device, GYROMAGNETIC, math.pi / 3, 1e-10)

    return Finding(value=order_of([error(2e-12), error(1e-12)]), remark="Heun")


def threshold(angle: float, sign: int) -> Finding:
    """Overdrive at which this angle neither grows nor shrinks, over the exact cos(theta), less one."""
    rates = [(i, growth(device_of(), angle, current=sign * i)) for i in (0.9, 1.1)]
    return Finding(value=zero_crossing(*rates) / abs(math.cos(angle)) - 1)


def conversion() -> Finding:
    """Growth at alpha = 0.5 under H_DL = alpha H_k / 2 and H_FL = H_DL, against alpha H_k - H_DL - alpha H_FL."""
    # Its field-like term has the opposite sign of H_FL.
    return Finding(value=growth(device_of(damping=0.5), 1e-3, current=0.5, field_like=-1.0) / -0.25 - 1)


def time_stamp() -> Finding:
    """First logged time less the time at which the exact solution has the logged angle, in saved steps."""
    device = device_of()
    t, state = walk(solver_of(device, math.pi / 3), 1000, method="rk45")
    reached = -np.log(np.tan(state[1]) / math.tan(math.pi / 3)) / relaxation_rate(device, GYROMAGNETIC)
    return Finding(value=float((t - reached)[0] / 1e-12), remark="at the start of a log; none at its end")


def norm() -> Finding:
    """Largest | |m| - 1 | of a hot run."""
    state = walk(solver_of(device_of(), 0.5, heat=True), 2000)[1]
    return Finding(value=float(np.abs(state[0] - 1).max()))


def start(seeds: int = 3000) -> Finding:
    """<sin^2 theta> of its thermal starting angles at Delta = 43 over that of equilibrium."""
    angles = np.array([solver_of(device_of(), None, heat=True, seed=n).theta_init for n in range(seeds)])
    mean, error = mean_and_error(np.sin(angles) ** 2)
    return ratio(mean, error, well_sin_squared(43.0))


def well(steps: int = 250_000, *, normalised: bool, step: float = STEP) -> Finding:
    """<sin^2 theta> in one well at Delta = 43 over its exact value."""
    solver = solver_of(device_of(damping=0.1), 0.15, heat=True)
    state = walk(solver, steps, normalised=normalised, step=step)[1]
    mean, error = mean_and_error(np.sin(state[1, state.shape[1] // 20 :]) ** 2, 20)
    return ratio(mean, error, well_sin_squared(43.0), f"alpha = 0.1, {step * 1e12:g} ps")


def sphere(steps: int = 250_000) -> dict[str, Finding]:
    """<z^2> and <z^4> at Delta = 3 over their exact values."""
    state = walk(solver_of(device_of(damping=0.1, stability=3.0), 1.0, heat=True), steps)[1]
    z, remark = np.cos(state[1, steps // 200 :]), "alpha = 0.1, 0.1 ps"
    return {
        "sphere_second": ratio(*mean_and_error(z**2, 20), boltzmann_moment(2, 3.0), remark),
        "sphere_fourth": ratio(*mean_and_error(z**4, 20), boltzmann_moment(4, 3.0), remark),
    }


def driven(steps: int = 150_000) -> Finding:
    """<z> at Delta = 3 under half the critical current, over its exact value."""
    solver = solver_of(device_of(damping=0.1, stability=3.0), 1.0, current=0.5, heat=True)
    z = np.cos(walk(solver, steps)[1][1, steps // 200 :])
    return ratio(*mean_and_error(z, 20), boltzmann_moment(1, 3.0, 0.5), "alpha = 0.1, 0.1 ps")


def seeds() -> Finding:
    """Whether a seed gives the same bits again."""
    first, again = (walk(solver_of(device_of(), 0.5, heat=True), 200)[1] for _ in range(2))
    return Finding(value="yes" if np.array_equal(first, again) else "no")


def streams() -> Finding:
    """Correlation of the noise of two devices with seeds of their own."""
    states = [walk(solver_of(device_of(), 0.15, heat=True, seed=n), 10_000)[1] for n in (1, 2)]
    steps = [np.diff(state[1]) for state in states]
    return Finding(value=float(np.corrcoef(*steps)[0, 1]), error=1 / math.sqrt(len(steps[0])))


def finite_volume(delta: float, overdrive: float, tau: float) -> tuple[float, float, float]:
    """Write error by its finite volumes at default settings; mass lost; least density."""
    with contextlib.redirect_stdout(io.StringIO()):
        result = mtj_fp_fvm.solve_mtj_fp(delta=delta, i0=overdrive, T=tau)
    z, rho = result["z0"], result["rho"]
    width = np.diff(np.cos(np.linspace(np.pi, 0, len(z) + 1)))
    error = np.trapezoid(rho[z >= 0, -1], z[z >= 0]) / np.trapezoid(rho[:, -1], z)
    return error, abs((rho[:, -1] @ width) / (rho[:, 0] @ width) - 1), rho.min()


def legendre(delta: float, overdrive: float, tau: float) -> tuple[float, float]:
    """Write error by its Legendre series of 150 terms: integrated on a grid, and in closed form."""
    with contextlib.redirect_stdout(io.StringIO()):
        _, _, state = analytical.get_state_rho_0(delta=delta, L0=150)
        found = analytical.get_sw_prob(state, tau, delta, overdrive, 0.0, compute_analytical_manual=True)
        later = analytical.get_state(tau, overdrive, 0.0, delta, state)
        closed = analytical.get_analytical_sw_prob(later, analytical.get_sn(150))
    return 1 - float(found["manual_prob"][0]), float(closed)


def write_errors() -> dict[str, Finding]:
    """Its two Fokker-Planck solvers beside the exact write errors: the largest relative deviation of each."""
    np.int = int  # noqa: NPY001 - its closed form asks for this alias, which NumPy dropped in 2023
    exact = [write_error(stability=d, overdrive=i, reduced_time=t) for d, i, t in WRITE_ERRORS]
    volumes = [finite_volume(*case) for case in WRITE_ERRORS]
    series = [legendre(*case) for case in WRITE_ERRORS]
    deep = legendre(43.0, 4.0, 7.2)[1] / write_error(stability=43.0, overdrive=4.0, reduced_time=7.2) - 1

    def worst(found):
        return max((f / e - 1 for f, e in zip(found, exact, strict=True)), key=abs)

    return {
        "write_error": Finding(value=worst([closed for _, closed in series]), remark="Legendre, closed form"),
        "write_error_volumes": Finding(value=worst([v[0] for v in volumes]), remark="finite volumes, 1000 cells"),
        "write_error_grid": Finding(value=worst([grid for grid, _ in series]), remark="Legendre, its grid"),
        "write_error_deep": Finding(value=deep, remark="Legendre, closed form"),
        "mass": Finding(value=max(v[1] for v in volumes), remark="finite volumes"),
        "positivity": Finding(value="yes" if min(v[2] for v in volumes) >= 0 else "no", remark="finite volumes"),
    }


def resistance() -> Finding:
    """R at 90 degrees over that of a conductance linear in the cosine, less one."""
    solver = solver_of(device_of(), 0.1)
    solver.tmr = 1.0
    low, middle, high = (solver.get_r(np.array([0.0, 0.0, z])) for z in (1.0, 0.0, -1.0))
    remark = "its state P (z = 1) has the higher resistance" if low > high else ""
    return Finding(value=middle * (1 / low + 1 / high) / 2 - 1, remark=remark)


def demagnetisation() -> Finding:
    """N_z of a cylinder 40 times as wide as thick, over the exact one, less one."""
    solver = solver_of(device_of(), 0.1)
    solver.t_fl, solver.w_fl, solver.l_fl = 1e-9, 40e-9, 40e-9
    with contextlib.redirect_stdout(io.StringIO()):
        solver._init_shape_anisotropy_n(2, None)
    return Finding(value=float(solver.shape_ani_demag_n[2]) / cylinder_demagnetisation(1 / 40) - 1)


def findings() -> dict[str, Finding]:
    """Every check that the framework can do."""
    return {
        "precession": precession(),
        "damping": damping(normalised=False),
        "damping_default": damping(normalised=True),
        "time_stamp": time_stamp(),
        "norm": norm(),
        "threshold_down": threshold(1e-3, 1),
        "threshold_up": threshold(math.pi - 1e-3, -1),
        "order": order(),
        "conversion": conversion(),
        "start": start(),
        "seeds": seeds(),
        "streams": streams(),
        "resistance": resistance(),
        "demagnetisation": demagnetisation(),
        **write_errors(),
        "well_default": well(normalised=True),
        "well_default_picosecond": well(60_000, normalised=True, step=1e-12),
        "well_best": well(normalised=False),
        **sphere(),
        "driven": driven(),
        "diffusion": SLOW,
        "sampled_write_error": SLOW,
        "temperature": Finding(value="noise"),
    }


if __name__ == "__main__":
    record("arm", "b556fa5 (2026-03-02)", findings())
