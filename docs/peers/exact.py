"""What the checks of the peers share: one device, its exact results, and the statistics of a sampled mean.

Every tool is compared with a formula that has that tool's own constants in it, so a residual is an error of method and
not of the sixth digit of a constant. The reduced equation, with z along the normal and a current that drives to z = -1:
dz/dtau = (1 - z^2)(z + h - i), diffusion (1 - z^2)/(2 Delta), tau = alpha gamma_0 H_k t / (1 + alpha^2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import j1


@dataclass(frozen=True, kw_only=True)
class Device:
    """An axial macrospin in SI units: near 40 nm across, 7.6 GHz, as stable as asked at 300 K."""

    stability: float = 43.0
    damping: float = 0.03
    anisotropy_field: float = 2.178e5
    saturation_magnetisation: float = 1.0e6
    thickness: float = 1.1e-9
    temperature: float = 300.0
    boltzmann: float = 1.380649e-23
    permeability: float = 1.25663706212e-6

    @property
    def volume(self) -> float:
        """V = 2 Delta k T / (mu_0 M_s H_k)."""
        moment = self.permeability * self.saturation_magnetisation
        return 2 * self.stability * self.boltzmann * self.temperature / (moment * self.anisotropy_field)

    @property
    def area(self) -> float:
        """Area of the free layer."""
        return self.volume / self.thickness

    @property
    def diameter(self) -> float:
        """Diameter of the free layer."""
        return math.sqrt(4 * self.area / math.pi)


def relaxation_rate(device: Device, gyromagnetic: float) -> float:
    """alpha gamma_0 H_k / (1 + alpha^2) in 1/s."""
    return device.damping * gyromagnetic * device.anisotropy_field / (1 + device.damping**2)


def free_path(device: Device, gyromagnetic: float, angle: float, time: float) -> np.ndarray:
    """Magnetisation, shape (3,), a time after it left the angle in the x-z plane, without heat or current.

    tan(theta) = tan(theta_0) e^(-rate t); and d(phi) = -d(ln tan(theta/2)) / alpha, since both follow cos(theta).
    """
    theta = math.atan(math.tan(angle) * math.exp(-relaxation_rate(device, gyromagnetic) * time))
    phi = -math.log(math.tan(theta / 2) / math.tan(angle / 2)) / device.damping
    return np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])


def order_of(errors: Sequence[np.ndarray]) -> float:
    """Order of convergence from the error vectors at a step and at half of it."""
    coarse, fine = (float(np.linalg.norm(error)) for error in errors)
    return math.log2(coarse / fine)


def boltzmann_moment(power: int, stability: float, overdrive: float = 0.0) -> float:
    """<z^power> of the stationary density exp[Delta (z^2 - 2 i z)] over the whole sphere."""

    def density(z: float) -> float:
        return math.exp(stability * (z * z - 1 - 2 * overdrive * (z + 1)))

    return quad(lambda z: z**power * density(z), -1, 1)[0] / quad(density, -1, 1)[0]


def well_sin_squared(stability: float) -> float:
    """<sin^2 theta> in one well at equilibrium."""

    def density(z: float) -> float:
        return math.exp(stability * (z * z - 1))

    return 1 - quad(lambda z: z * z * density(z), 0, 1)[0] / quad(density, 0, 1)[0]


def mean_switching_time(stability: float, overdrive: float = 0.0) -> float:
    """Mean first passage from the pole z = 1 to z = 0 in reduced time, as a double integral."""

    def potential(z: float) -> float:
        return stability * (z * z - 2 * overdrive * z)

    def inner(z: float) -> float:
        return quad(lambda u: math.exp(potential(u) - potential(z)), z, 1, epsabs=0, epsrel=1e-12)[0]

    return quad(lambda z: 2 * stability / (1 - z * z) * inner(z), 0, 1, epsabs=0, epsrel=1e-10, limit=200)[0]


def write_error_on(cells: int, *, stability: float, overdrive: float, reduced_time: float) -> float:
    """Write error on a grid of `cells` equal angles: the master equation of the cells, by uniformisation.

    Fluxes between cells are those of the exact stationary density between their centres, so the cells make a Markov
    chain with non-negative rates. Its exponential is a Poisson-weighted sum of powers of a stochastic matrix: terms are
    all positive and no digit of a small error rate is lost. The error falls with the square of the angle.
    """
    angle = np.linspace(0.0, math.pi, cells + 1)
    volume = -np.diff(np.cos(angle))
    z = np.cos((angle[1:] + angle[:-1]) / 2)
    face = np.sin(angle[1:-1]) / (angle[1] * 2 * stability)
    step = np.diff(stability * (z * z - 2 * overdrive * z))
    up = face * bernoulli(-step) / volume[:-1]
    down = face * bernoulli(step) / volume[1:]
    start = np.where(z > 0, volume * np.exp(stability * (z * z - 1)), 0.0)
    return march(up, down, start / start.sum(), reduced_time)[z > 0].sum()


def bernoulli(x: np.ndarray) -> np.ndarray:
    """x / (e^x - 1)."""
    return np.where(np.abs(x) < 1e-8, 1 - x / 2, x / np.expm1(np.where(x == 0, 1.0, x)))


def march(up: np.ndarray, down: np.ndarray, mass: np.ndarray, duration: float) -> np.ndarray:
    """Masses of the cells after `duration`; `up` and `down` are rates of jumping to the next and previous cell."""
    out = np.append(up, 0.0) + np.insert(down, 0, 0.0)
    rate = out.max() * 1.01
    mean, total, weight = rate * duration, np.zeros_like(mass), 0.0
    for k in range(int(mean + 12 * math.sqrt(mean) + 40)):
        log_weight = k * math.log(mean) - mean - math.lgamma(k + 1)
        weight = math.exp(log_weight) if log_weight > -700 else 0.0
        total += weight * mass
        moved = mass * (1 - out / rate)
        moved[1:] += mass[:-1] * up / rate
        moved[:-1] += mass[1:] * down / rate
        mass = moved
    return total


def write_error(cells: int = 600, **case: float) -> float:
    """Write error extrapolated from `cells` and twice as many; good to 1e-5 for Delta up to 80."""
    coarse, fine = write_error_on(cells, **case), write_error_on(2 * cells, **case)
    return fine + (fine - coarse) / 3


def cylinder_demagnetisation(aspect: float) -> float:
    """Axial magnetometric factor of a cylinder of thickness/diameter `aspect`, by quadrature over wave numbers.

    With tau = thickness over radius, N_z = 1 - 2 int_0^inf J_1(k)^2 / k [1 - (1 - e^(-k tau)) / (k tau)] dk; good to
    1e-6 on this grid.
    """
    tau, k = 2 * aspect, np.geomspace(1e-8, 1e6, 1_000_001)
    return 1 - 2 * np.trapezoid(j1(k) ** 2 * (1 + np.expm1(-k * tau) / (k * tau)), np.log(k))


def mean_and_error(samples: np.ndarray, batches: int = 40) -> tuple[float, float]:
    """Mean of a correlated series and its standard error from the means of `batches` stretches."""
    means = np.array([part.mean() for part in np.array_split(samples, batches)])
    return float(samples.mean()), float(means.std(ddof=1) / math.sqrt(batches))


def zero_crossing(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Where a straight line through two points (x, y) crosses zero."""
    (x0, y0), (x1, y1) = first, second
    return x0 - y0 * (x1 - x0) / (y1 - y0)


WRITE_ERRORS = (
    (43.0, 1.5, 4.0),
    (43.0, 1.5, 6.0),
    (43.0, 2.0, 4.0),
    (43.0, 2.0, 6.0),
    (43.0, 3.0, 4.0),
    (43.0, 3.0, 6.0),
)
"""(Delta, overdrive, reduced time) of the table of write errors."""
