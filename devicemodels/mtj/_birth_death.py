"""The axial Fokker-Planck equation as a birth-death chain: cells of z, jumps between neighbours, no subtraction.

Everything here is compiled. `z` is cut into cells and probability jumps between neighbours with the rates of
Scharfetter and Gummel (1969), which are positive and keep the Boltzmann density at rest. A march sums the Poisson
series of the jumps (uniformisation, Jensen 1953): the exponential of the rate matrix, out of products and sums of
positive numbers only. So a probability cannot become negative, none gets lost, and one of 1e-300 is as accurate,
relative to itself, as one of 0.1. What error there is comes from the mesh.

`drive` is overdrive less field throughout: both enter the drift only as that difference.
"""

import math

import numpy as np
from numba import njit

_MOST_CELLS = 20_000
_LONGEST_CHUNK = 600.0
"""Mean jumps in one Poisson series: exp(-600) is still a normal number."""

_NODES = np.array([-0.8611363115940526, -0.33998104358485626, 0.33998104358485626, 0.8611363115940526])
_WEIGHTS = np.array([0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385])
"""Gauss-Legendre rule of four points on (-1, 1)."""


@njit(cache=True)
def _hemisphere(delta, drive, layer, coarseness):
    """Angles (cells + 1,) of the coarse cell edges from the pole towards which `drive` < 1 points, to the equator.

    Cells resolve the layer at the pole (angle `layer`), grow in proportion to the angle outside it, hold a drift
    of a few diffusions (the cell Peclet number), the fewer the nearer to the pole, and stay under 0.1 rad.
    """
    theta = np.empty(_MOST_CELLS)
    theta[0] = 0.0
    last = 0
    while theta[last] < math.pi / 2:
        size = 0.0
        for _ in range(2):  # the second pass evaluates the size at the middle of the cell
            angle = theta[last] + size / 2
            peclet = 2 * delta * abs(math.cos(angle) - drive) * math.sin(angle) / (2 * (1 + 2 * angle))
            size = coarseness / (1 / (0.2 * math.hypot(layer, 0.5 * angle)) + peclet + 10)
        last += 1
        theta[last] = theta[last - 1] + size
    return theta[: last + 1] * (math.pi / 2 / theta[last])


@njit(cache=True)
def _halved(edges):
    """The mesh with twice the cells, (2 cells + 1,)."""
    fine = np.empty(2 * edges.size - 1)
    fine[::2] = edges
    fine[1::2] = (edges[1:] + edges[:-1]) / 2
    return fine


@njit(cache=True)
def mesh(delta, drive, field, fine):
    """Edges in z, ascending from -1 to 1, (cells + 1,), and the number of cells below z = 0, which is an edge."""
    sharpest = max(1.0, abs(1 - drive), 1 + field)
    upper = _hemisphere(delta, drive, 1 / math.sqrt(2 * delta * sharpest), 1.0)
    # Nothing returns from the lower half against a strong drive, so it needs only half the cells.
    lower = _hemisphere(delta, -drive, 1 / math.sqrt(2 * delta * max(1.0, abs(1 + drive))), 2.0)
    if fine:
        upper, lower = _halved(upper), _halved(lower)
    edges = np.concatenate((-np.cos(lower), np.cos(upper)[::-1][1:]))
    edges[lower.size - 1] = 0.0
    return edges, lower.size - 1


@njit(cache=True)
def _bernoulli(x):
    if abs(x) < 1e-5:
        return 1 - x / 2
    if x > 700:  # where expm1 would overflow
        return x * math.exp(-x)
    return x / math.expm1(x)


@njit(cache=True)
def jump_rates(delta, drive, edges):
    """Rates of jumps up and down from each cell, both (cells,), in reduced time; zero across the poles.

    The flux through an edge is that of Scharfetter and Gummel: diffusion (1 - z^2)/(2 Delta) at the edge, and
    between the two centres the exact difference of the exponent Delta (z^2 - 2 drive z).
    """
    cells = edges.size - 1
    up, down = np.zeros(cells), np.zeros(cells)
    width = edges[1:] - edges[:-1]
    for k in range(cells - 1):
        below, above = (edges[k] + edges[k + 1]) / 2, (edges[k + 1] + edges[k + 2]) / 2
        rise = delta * (above - below) * (above + below - 2 * drive)
        diffusion = (1 - edges[k + 1]) * (1 + edges[k + 1]) / (2 * delta * (above - below))
        up[k] = diffusion * _bernoulli(-rise) / width[k]
        down[k + 1] = diffusion * _bernoulli(rise) / width[k + 1]
    return up, down


@njit(cache=True)
def thermal_start(delta, field, edges):
    """Probabilities (cells,) of the Boltzmann density without current in the well at z = 1.

    The well ends at z = 0, or at the top of the barrier where a negative field has moved that above zero.
    """
    floor = max(0.0, -field)
    probability = np.zeros(edges.size - 1)
    for k in range(probability.size):
        bottom, top = max(edges[k], floor), edges[k + 1]
        if top > bottom:
            z = (top + bottom) / 2 + (top - bottom) / 2 * _NODES
            density = np.exp(delta * (z - 1) * (z + 1 + 2 * field))
            probability[k] = (top - bottom) * np.sum(_WEIGHTS * density)
    return probability / probability.sum()


@njit(cache=True)
def equilibrium(up, down):
    """Stationary probabilities (cells,), relative accuracy also where they are tiny."""
    exponent = np.zeros(up.size)
    for k in range(1, up.size):
        exponent[k] = exponent[k - 1] + math.log(up[k - 1] / down[k])
    probability = np.exp(exponent - exponent.max())
    return probability / probability.sum()


@njit(cache=True)
def slowest_rate(up, down):
    """Smallest rate of relaxation of the chain, by inverse iteration without a subtraction.

    The differences of a left eigenvector between neighbours form a chain themselves, which loses probability at both
    ends; its elimination in the manner of Grassmann, Taksar and Heyman (1985) keeps relative accuracy at any rate.
    """
    edges = up.size - 1
    pivot = np.empty(edges)
    lost = up[0]
    for k in range(edges):
        if k > 0:
            lost = up[k] * (lost / pivot[k - 1])
        pivot[k] = down[k + 1] + lost
    mode, rate = np.ones(edges), 0.0
    for _ in range(2000):
        previous, total = rate, mode.sum()
        for k in range(1, edges):
            mode[k] += mode[k - 1] * (down[k] / pivot[k - 1])
        mode[-1] /= pivot[-1]
        for k in range(edges - 2, -1, -1):
            mode[k] = (mode[k] + up[k + 1] * mode[k + 1]) / pivot[k]
        rate = total / mode.sum()
        mode *= rate
        if abs(rate - previous) <= 1e-10 * rate:
            break
    return rate


@njit(cache=True, fastmath={"contract"})
def _jump(old, new, total, up, stay, down, weight):
    """One jump of every cell, `old` to `new`, and its share of the Poisson series; arrays are padded by a zero."""
    for k in range(1, old.size - 1):
        value = up[k - 1] * old[k - 1] + stay[k] * old[k] + down[k + 1] * old[k + 1]
        new[k] = value
        total[k] += weight * value


@njit(cache=True)
def _padded(rates, fastest):
    """Jump probabilities, padded by zeros and rounded to multiples of 2^-52 so that one less their sum is exact."""
    padded = np.zeros(rates.size + 2)
    padded[1:-1] = (rates / fastest + 1) - 1
    return padded


@njit(cache=True)
def _poisson_series(old, up, stay, down, jumps):
    """Padded probabilities after a Poisson-distributed number of jumps with mean `jumps`."""
    weight = math.exp(-jumps)
    weights, total, new = weight, weight * old, np.zeros(old.size)
    count = 0
    while count < jumps or weight > 1e-22:
        count += 1
        weight *= jumps / count
        weights += weight
        _jump(old, new, total, up, stay, down, weight)
        old, new = new, old
    return total / weights


@njit(cache=True)
def _advance(probability, up, down, duration):
    """Probabilities (cells,) after `duration`."""
    fastest = 1.0000001 * (up + down).max()  # rounding must not make a probability to stay negative
    up, down = _padded(up, fastest), _padded(down, fastest)
    stay = 1 - up - down
    state = np.zeros(probability.size + 2)
    state[1:-1] = probability
    chunks = math.ceil(fastest * duration / _LONGEST_CHUNK)
    for _ in range(chunks):
        state = _poisson_series(state, up, stay, down, fastest * duration / chunks)
    return state[1:-1].copy()


@njit(cache=True)
def _settling_time(delta, drive):
    """Time after which the slowest mode and the equilibrium are all that is left, to some 1e-7 of that mode.

    The gap between the slowest and the next rate is 2 (x - 1) for x = |drive| > 1, 1 - x^2 or more for x < 1,
    some 2/sqrt(Delta) about x = 1, and 2/Delta where diffusion rules.
    """
    excess = abs(drive) - 1
    gap = max(2 * excess, -excess, 2 / math.sqrt(delta) if delta > 1 else 2 / delta)
    return (16 + math.log(1 + 2 * delta)) / gap


@njit(cache=True)
def _sums(probability, bins):
    out = np.empty(bins.size - 1)
    for k in range(out.size):
        out[k] = probability[bins[k] : bins[k + 1]].sum()
    return out


@njit(cache=True)
def evolve(delta, drive, field, times, edges, bins):
    """Probabilities (times, bins) of cells bins[k] to bins[k+1] at ascending times, from a thermal start.

    After the settling time the state is a decaying share of what it was then and a growing one of the equilibrium:
    exact once a single mode is left, positive, and without loss.
    """
    up, down = jump_rates(delta, drive, edges)
    state, now = thermal_start(delta, field, edges), 0.0
    settled = _settling_time(delta, drive)
    out = np.empty((times.size, bins.size - 1))
    for k in range(times.size):
        target = min(times[k], settled)
        if target > now:
            state, now = _advance(state, up, down, target - now), target
        out[k] = _sums(state, bins)
    if times[-1] > settled:
        rest, rate = _sums(equilibrium(up, down), bins), slowest_rate(up, down)
        for k in range(times.size):
            wait = rate * max(times[k] - settled, 0.0)
            out[k] = out[k] * math.exp(-wait) - rest * math.expm1(-wait)
    return out


@njit(cache=True, nogil=True)
def sides(delta, drive, field, first, times):
    """Probability below and above z = 0, (2 meshes, times, 2), coarse mesh first.

    Points `delta`, `drive` and `field` are (points,); point k has the ascending times first[k] to first[k + 1].
    """
    out = np.empty((2, times.size, 2))
    for k in range(delta.size):
        own = slice(first[k], first[k + 1])
        for fine in range(2):
            edges, lower = mesh(delta[k], drive[k], field[k], fine == 1)
            bins = np.array([0, lower, edges.size - 1])
            out[fine, own] = evolve(delta[k], drive[k], field[k], times[own], edges, bins)
    return out


@njit(cache=True, nogil=True)
def escape_rates(delta, drive):
    """Rate of escape from z > 0, (2 meshes, points), coarse mesh first: the slowest rate times the odds of leaving."""
    out = np.empty((2, delta.size))
    for k in range(delta.size):
        for fine in range(2):
            edges, lower = mesh(delta[k], drive[k], 0.0, fine == 1)
            up, down = jump_rates(delta[k], drive[k], edges)
            out[fine, k] = slowest_rate(up, down) * equilibrium(up, down)[:lower].sum()
    return out
