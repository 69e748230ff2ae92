"""A junction in three pictures: how it switches, how its write error falls with the pulse, how long it keeps a bit."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devicemodels.explain_mtj import pulse_for_error
from devicemodels.mtj import Mtj, energy
from devicemodels.mtj.dynamics import simulate_ensemble
from devicemodels.quantities import Kelvin
from sim.report.charts import OTHERS, OURS, STYLE
from sim.report.units import YEAR

SWITCHING_DRIVE = 2.0
DRIVES = (1.5, 2.0, 3.0)
DRAWN, COUNTED = 30, 2000
LOWEST_ERROR = 1e-15
STORAGE = {"1 s": 1.0, "1 month": YEAR / 12, "10 years": 10 * YEAR}
_SHADES = ("#9ECAE9", OURS, "#08306B")


def junction_chart(mtj: Mtj, *, temperature: Kelvin) -> Figure:
    """Three panels: trajectories at twice the critical current, write error against pulse, bits lost against
    temperature.

    Raises
    ------
    UserError
        If the layer has no perpendicular barrier at `temperature`.
    """
    energy.check_perpendicular(mtj, temperature)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.4, 3.6), layout="constrained")
        switching, errors, retention = figure.subplots(1, 3)
        _draw_switching(switching, mtj, temperature)
        _draw_errors(errors, mtj, temperature)
        _draw_retention(retention, mtj)
        for axes in (switching, errors, retention):
            axes.spines[["top", "right"]].set_visible(False)
            axes.title.set_fontsize(10)
        figure.suptitle(f"{mtj.name} at {temperature:g} K", x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


def _draw_switching(axes: Axes, mtj: Mtj, temperature: Kelvin) -> None:
    """Some trajectories, and the share of a larger ensemble that is still parallel."""
    current, duration = SWITCHING_DRIVE * mtj.critical_current(temperature), pulse_for_error(mtj, temperature)
    run = simulate_ensemble(mtj, current, duration, COUNTED, seed=1, temperature=temperature, samples=300)
    heights, nanoseconds = run.sampled[:, :, 2], run.times * 1e9
    axes.plot(nanoseconds, heights[:, :DRAWN], color=OTHERS, linewidth=0.5, alpha=0.6)
    axes.plot(nanoseconds, np.median(heights, axis=1), color=OURS, linewidth=2)
    axes.set(
        title=f"Switching at {SWITCHING_DRIVE:g} $I_{{c0}}$: {DRAWN} cells, median of {COUNTED:,}",
        xlabel="time (ns)", ylabel="$m_z$", ylim=(-1.05, 1.05),
    )  # fmt: skip


def _draw_errors(axes: Axes, mtj: Mtj, temperature: Kelvin) -> None:
    rate, critical = energy.relaxation_rate(mtj, temperature=temperature), mtj.critical_current(temperature)
    for drive, shade in zip(DRIVES, _SHADES, strict=True):
        pulses = np.linspace(0, 20 / (drive - 1) + 2, 60) / rate
        errors = mtj.write_error_rate(drive * critical, pulses, temperature)
        axes.semilogy(pulses * 1e9, errors, color=shade, linewidth=2, label=f"{drive:g} $I_{{c0}}$")
    axes.set(
        title="Write error of a nominal cell", xlabel="pulse (ns)", ylabel="write error rate", ylim=(LOWEST_ERROR, 2)
    )
    axes.legend(frameon=False)


def _draw_retention(axes: Axes, mtj: Mtj) -> None:
    """Bits lost against the temperature of storage, the mean over the spread of cells."""
    temperatures = np.linspace(250, 550, 21)
    for (text, time), shade in zip(STORAGE.items(), _SHADES, strict=True):
        lost = [mtj.retention_failure(time, kelvin) for kelvin in temperatures]
        axes.semilogy(temperatures, lost, color=shade, linewidth=2, label=text)
    axes.set(
        title="Bits lost, mean over the spread", xlabel="temperature (K)", ylabel="bit error rate",
        ylim=(LOWEST_ERROR, 2),
    )  # fmt: skip
    axes.legend(frameon=False)
