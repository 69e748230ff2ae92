"""A 6T cell in ngspice: the same quantities as `devicemodels.sram`, each as a textbook would measure it on the bench.

PTM 22 nm high performance, L = 22 nm, widths 2.08, 1.31 and 1.23 F (the 146 F2 cell that NVSim ships).
"""

import numpy as np
from ngspice import card, run

F = 22e-9
WIDTHS = {"pd": 2.08 * F, "pg": 1.31 * F, "pu": 1.23 * F}
OPTIONS = ".options gmin=1e-15 reltol=1e-5 abstol=1e-15"


def half(name: str, node: str, gate: str, bitline: str, shift: tuple[float, float, float] = (0, 0, 0)) -> str:
    """Netlist of an inverter with its pass gate; `shift` weakens pull-down, pass gate and pull-up (volts)."""
    return (
        f"Md{name} {node} {gate} 0 0 nch w={WIDTHS['pd']} l={F} delvto={shift[0]}\n"
        f"Mg{name} {bitline} wl {node} 0 nch w={WIDTHS['pg']} l={F} delvto={shift[1]}\n"
        f"Mu{name} {node} {gate} vdd vdd pch w={WIDTHS['pu']} l={F} delvto={-shift[2]}\n"
    )


def deck(circuit: str, control: str, celsius: float) -> str:
    """A netlist around a circuit and its commands."""
    return f"* cell\n{card(22)}\n{circuit}\n.temp {celsius}\n{OPTIONS}\n.control\n{control}\n.endc\n.end\n"


def transfer_curves(shifts: np.ndarray, *, supply: float, wordline: float, celsius: float) -> tuple:
    """Inputs [points] and outputs [points, samples] of half cells with `shifts` [samples, 3]."""
    halves = "".join(half(str(k), f"o{k}", "in", "vdd", tuple(s)) for k, s in enumerate(shifts))
    rails = f"Vdd vdd 0 {supply}\nVwl wl 0 {wordline}\nVin in 0 0\n"
    probes = " ".join(f"v(o{k})" for k in range(len(shifts)))
    table = run(deck(rails + halves, f"dc Vin 0 {supply} 0.002\nwrdata t.dat {probes}", celsius))["t"]
    return table[:, 0], table[:, 1::2]


def largest_square(x: np.ndarray, high: np.ndarray, low: np.ndarray) -> float:
    """Side of the largest square in the lobe where the half with the curve `high` stores the one (Seevinck)."""
    differences = np.linspace(0, x[-1], 2001)
    on_high = np.interp(-differences, x - high, x)
    on_low = np.interp(differences, x - low, x)
    return float(np.max(on_high - on_low + differences))


def margins(shifts: np.ndarray, *, supply: float, wordline: float, celsius: float) -> np.ndarray:
    """Both lobes' margins [samples, 2] of cells with `shifts` [samples, 6]."""
    x, a = transfer_curves(shifts[:, :3], supply=supply, wordline=wordline, celsius=celsius)
    _, b = transfer_curves(shifts[:, 3:], supply=supply, wordline=wordline, celsius=celsius)
    pairs = zip(a.T, b.T, strict=True)
    return np.array([[largest_square(x, p, q), largest_square(x, q, p)] for p, q in pairs])


def flip(swept: str, *, supply: float, celsius: float) -> float:
    """Voltage of the falling bitline ("bl") or rising wordline ("wl") at which node A, at one, falls below node B."""
    start, stop, step = (supply, 0, -0.001) if swept == "bl" else (0, supply, 0.001)
    rails = f"Vdd vdd 0 {supply}\nVwl wl 0 {start}\nVbl bl 0 {start}\n"
    cell = half("a", "a", "b", "bl") + half("b", "b", "a", "vdd") + f".nodeset v(a)={supply} v(b)=0\n"
    table = run(deck(rails + cell, f"dc V{swept} {start} {stop} {step}\nwrdata t.dat v(a) v(b)", celsius))["t"]
    return float(table[np.argmax(table[:, 1] < table[:, 3]), 0])


def n_curve(*, supply: float, celsius: float) -> dict[str, float]:
    """Current into node B while its voltage is forced up from zero during a read, and what is read off the curve."""
    rails = f"Vdd vdd 0 {supply}\nVbl bl 0 {supply}\nVwl wl 0 {supply}\nVb b 0 0\n"
    cell = half("a", "a", "b", "vdd") + half("b", "b", "a", "bl") + f".nodeset v(a)={supply}\n"
    control = f"dc Vb 0 {supply} 0.001\nwrdata t.dat i(Vb) i(Vbl)"
    table = run(deck(rails + cell, control, celsius))["t"]
    volts, current, bitline = table[:, 0], -table[:, 1], -table[:, 3]
    first, second, third = zeros(volts, current)
    between = (volts > first) & (volts < second)
    return {
        "read_bump_v": first,
        "read_current_a": float(np.interp(first, volts, bitline)),
        "svnm_v": second - first,
        "sinm_a": float(current[between].max()),
        "wtv_v": third - second,
        "wti_a": float(-current[(volts > second) & (volts < third)].min()),
    }


def zeros(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Zeros of a sampled curve, by linear interpolation."""
    at = np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)
    return [float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k])) for k in at]


def leakage_power(*, supply: float, celsius: float) -> float:
    """Watts drawn from the supply and both bitlines by a cell that holds."""
    rails = f"Vdd vdd 0 {supply}\nVbl bl 0 {supply}\nVwl wl 0 0\n"
    cell = half("a", "a", "b", "bl") + half("b", "b", "a", "bl") + f".nodeset v(a)={supply} v(b)=0\n"
    control = f"dc Vdd {supply} {supply + 0.0005} 0.001\nwrdata t.dat i(Vdd) i(Vbl)"
    row = run(deck(rails + cell, control, celsius))["t"][0]
    return float(-supply * (row[1] + row[3]))


def retention_voltage(shift: np.ndarray, *, celsius: float) -> float:
    """Lowest supply, to a millivolt, at which a cell with `shift` [6] holds either bit (bitlines at the supply)."""
    low, high = 0.01, 0.5
    while high - low > 1e-3:
        middle = (low + high) / 2
        held = margins(shift[None], supply=middle, wordline=0, celsius=celsius).min() > 0
        low, high = (low, middle) if held else (middle, high)
    return high
