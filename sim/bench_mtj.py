"""Speed of the junction's models, beside a peer where one is installed.

The ensemble is stepped beside cmtj, an open macrospin simulator in C++, with the same device, field of heat, torque,
start and step: both in processor time of one thread, warmed up, in turns. cmtj has no ensemble, so its figure is one
long trajectory, in which what it does before the first step does not show. The ratio is the median of those of the
turns, since a machine that others share changes its speed from one turn to the next; their range is given with it.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from scipy.constants import elementary_charge, hbar, mu_0

from devicemodels.mtj import Mtj, energy, load_mtj
from devicemodels.mtj.dynamics import simulate_ensemble
from devicemodels.mtj.fokker_planck import write_error_rate
from devicemodels.quantities import Kelvin, Ratio, Second

DEVICE, TEMPERATURE, OVERDRIVE, STEP = "mram22", 300.0, 2.0, 1e-12
TRAJECTORIES, STEPS, PEER_STEPS, REPEATS = 1024, 10_000, 200_000, 11
START = (0.0, 0.0, 1.0)
POINTS = (
    # delta, overdrive, reduced time, and the write error converged to 1e-5 by docs/peers/exact.py
    (43.0, 2.0, 6.0, 1.902155e-4),
    (60.0, 3.0, 5.0, 1.898365e-7),
    (43.0, 4.0, 7.2, 1.580521e-17),
)
INSTALL = "cmtj is not installed, so only our figures are shown: pip install -c constraints.txt '.[bench]' adds it."


@dataclass(frozen=True, kw_only=True)
class EnsembleSpeed:
    """Median processor times of one step of one trajectory, and how many of our steps one of the peer takes.

    `ratio` is the least, the median and the greatest of the turns; it and `peer_ns` are None where the peer is not
    installed.
    """

    device: str
    overdrive: Ratio
    temperature: Kelvin
    step: Second
    ours_ns: float
    peer_ns: float | None
    ratio: tuple[float, float, float] | None


@dataclass(frozen=True, kw_only=True)
class PointSpeed:
    """Processor time of one write error from the Fokker-Planck equation, and its relative error."""

    delta: Ratio
    overdrive: Ratio
    reduced_time: Ratio
    milliseconds: float
    error: float


def measure_ensemble(
    *, trajectories: int = TRAJECTORIES, steps: int = STEPS, peer_steps: int = PEER_STEPS, repeats: int = REPEATS
) -> EnsembleSpeed:
    """Step an ensemble under heat and spin torque, in turns with the peer if it is there."""
    mtj = load_mtj(DEVICE).device

    def ours():
        current = OVERDRIVE * mtj.critical_current(TEMPERATURE)
        simulate_ensemble(
            mtj, current, steps * STEP, trajectories, 1, temperature=TEMPERATURE, step=STEP, start=START
        )  # fmt: skip

    jobs = [ours] if importlib.util.find_spec("cmtj") is None else [ours, peer_run(mtj, peer_steps)]
    seconds = in_turns(jobs, repeats)
    ours_ns = [taken / (trajectories * steps) * 1e9 for taken in seconds[0]]
    peer_ns = [taken / peer_steps * 1e9 for taken in seconds[1]] if len(seconds) > 1 else None
    return ensemble_speed(ours_ns, peer_ns)


def ensemble_speed(ours_ns: list[float], peer_ns: list[float] | None) -> EnsembleSpeed:
    """The figures of all turns in one; times of one turn stand at the same place of both lists."""
    ratio = None
    if peer_ns is not None:
        ratios = [peer / ours for peer, ours in zip(peer_ns, ours_ns, strict=True)]
        ratio = (min(ratios), median(ratios), max(ratios))
    return EnsembleSpeed(
        device=DEVICE, overdrive=OVERDRIVE, temperature=TEMPERATURE, step=STEP, ours_ns=median(ours_ns),
        peer_ns=None if peer_ns is None else median(peer_ns), ratio=ratio,
    )  # fmt: skip


def in_turns(jobs: list[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Processor times of each job in seconds: each once to warm up, then all in turns."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(repeats + 1):
        for job, taken in zip(jobs, times, strict=True):
            began = time.process_time()
            job()
            if turn > 0:
                taken.append(time.process_time() - began)
    return times


@dataclass(frozen=True, kw_only=True)
class PeerInput:
    """The device in cmtj's terms: magnetisation in tesla, anisotropy in J/m^3, current density in A/m^2."""

    magnetisation: float
    anisotropy: float
    current_density: float


def peer_input(mtj: Mtj) -> PeerInput:
    """The same anisotropy field, and the same torque: at the threshold its damping-like field is alpha H_k.

    cmtj has H_k = 2 K / (mu_0 M_s), and hbar J / (2 e mu_0 M_s t) for a spacer parameter and a polarisation of one.
    """
    magnetisation = mu_0 * energy.magnetisation(mtj, temperature=TEMPERATURE)
    field = energy.anisotropy_field(mtj, temperature=TEMPERATURE)
    density = 2 * elementary_charge * magnetisation * mtj.free_layer_thickness / hbar
    return PeerInput(
        magnetisation=magnetisation,
        anisotropy=magnetisation * field / 2,
        current_density=density * OVERDRIVE * mtj.damping * field,
    )


def peer_run(mtj: Mtj, steps: int) -> Callable[[], None]:
    """A run of cmtj's Heun solver over `steps` steps of one trajectory of the device."""
    import cmtj

    values = peer_input(mtj)
    up, none = cmtj.CVector(*START), [cmtj.CVector(0, 0, 0)] * 3
    layer = cmtj.Layer.createSTTLayer(
        "free", up, up, values.magnetisation, mtj.free_layer_thickness, mtj.area, none, mtj.damping, 1.0, 0.0, 1.0
    )
    layer.setReferenceLayer(cmtj.CVector(0, 0, -1))
    layer.setAnisotropyDriver(cmtj.constantDriver(values.anisotropy))
    layer.setTemperatureDriver(cmtj.constantDriver(TEMPERATURE))
    junction = cmtj.Junction([layer])
    junction.setLayerCurrentDriver("free", cmtj.constantDriver(values.current_density))

    def run() -> None:
        junction.clearLog()
        junction.runSimulation(steps * STEP, STEP, steps * STEP, solverMode=cmtj.SolverMode.Heun)

    return run


def measure_point(delta: float, overdrive: float, reduced_time: float, exact: float, calls: int = 5) -> PointSpeed:
    """One point of the Fokker-Planck equation, as a caller asks for it, after a first call that compiles."""

    def point() -> float:
        return write_error_rate(delta=delta, overdrive=overdrive, reduced_time=reduced_time)

    (seconds,) = in_turns([lambda: [point() for _ in range(calls)]], REPEATS)
    return PointSpeed(
        delta=delta, overdrive=overdrive, reduced_time=reduced_time, milliseconds=median(seconds) / calls * 1e3,
        error=point() / exact - 1,
    )  # fmt: skip


def measure_points() -> list[PointSpeed]:
    """All points."""
    return [measure_point(*point) for point in POINTS]
