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
    of a few diffusions (the cell Peclet number), the fewer the nearer to the pole, stay under 0.1 rad and resolve the
    top of the barrier, 1/sqrt(2 Delta).
    """
    theta = np.empty(_MOST_CELLS)
    theta[0] = 0.0
    last = 0
    while theta[last] < math.pi / 2:
        size = 0.0
        for _ in range(2):  # the second pass evaluates the size at the middle of the cell
            angle = theta[last] + size / 2
            peclet = 2 * delta * abs(math.cos(angle) - drive) * math.sin(angle) / (2 * (1 + 2 * angle))
            barrier = 2 * math.sqrt(2 * delta) * math.sin(angle)
            size = coarseness / (1 / (0.2 * math.hypot(layer, 0.5 * angle)) + peclet + barrier + 10)
        last += 1
        theta[last] = theta[last - 1] + size
    return theta[: last + 1] * (math.pi / 2 / theta[last])


@njit(cache=True)
def _angle(theta, index, parts):
    """Angle of edge `index` once every cell between the angles `theta` is cut into `parts` (1 or 2)."""
    whole, rest = divmod(index, parts)
    return theta[whole] if rest == 0 else (theta[whole] + theta[whole + 1]) / 2


@njit(cache=True)
def mesh(delta, drive, field, parts):
    """Edges in z, ascending from -1 to 1, (cells + 1,), and the number of cells below z = 0, which is an edge.

    `parts` is 1 for the coarse mesh, 2 for the one with twice the cells.
    """
    sharpest = max(1.0, abs(1 - drive), 1 + field)
    upper = _hemisphere(delta, drive, 1 / math.sqrt(2 * delta * sharpest), 1.0)
    # Nothing returns from the lower half against a strong drive, so it needs only half the cells.
    lower = _hemisphere(delta, -drive, 1 / math.sqrt(2 * delta * max(1.0, abs(1 + drive))), 2.0)
    below, above = (lower.size - 1) * parts, (upper.size - 1) * parts
    edges = np.zeros(below + above + 1)
    for k in range(below):
        edges[k] = -math.cos(_angle(lower, k, parts))
    for k in range(above):
        edges[below + above - k] = math.cos(_angle(upper, k, parts))
    return edges, below


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
    for k in range(cells - 1):
        z = edges[k + 1]
        below, above = (edges[k] + z) / 2, (z + edges[k + 2]) / 2
        rise = delta * (above - below) * (above + below - 2 * drive)
        diffusion = (1 - z) * (1 + z) / (2 * delta * (above - below))
        up[k] = diffusion * _bernoulli(-rise) / (z - edges[k])
        down[k + 1] = diffusion * _bernoulli(rise) / (edges[k + 2] - z)
    return up, down


@njit(cache=True)
def _boltzmann(delta, drive, floor, edges):
    """Probabilities (cells,) of the density exp[Delta (z^2 - 2 drive z)] over z > floor."""
    probability = np.zeros(edges.size - 1)
    peak, total = max(1 - 2 * drive, floor * (floor - 2 * drive)), 0.0
    for k in range(probability.size):
        half, centre = (edges[k + 1] - max(edges[k], floor)) / 2, (edges[k + 1] + max(edges[k], floor)) / 2
        if half > 0:
            for point in range(_NODES.size):
                z = centre + half * _NODES[point]
                probability[k] += half * _WEIGHTS[point] * math.exp(delta * (z * (z - 2 * drive) - peak))
        total += probability[k]
    return probability / total


@njit(cache=True)
def thermal_start(delta, field, edges):
    """Probabilities (cells,) of the thermal density without current in the well at z = 1.

    The well ends at z = 0, or at the top of the barrier where a negative field has moved that above zero.
    """
    return _boltzmann(delta, -field, max(0.0, -field), edges)


@njit(cache=True)
def equilibrium(delta, drive, edges):
    """Probabilities (cells,) of the stationary density under current and field."""
    return _boltzmann(delta, drive, -1.0, edges)


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
        if abs(rate - previous) <= 1e-9 * rate:
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
def _chances(up, down, fastest):
    """Chances (cells + 2,) that a jump goes up, nowhere and down, padded by zeros.

    Those up and down are rounded to multiples of 2^-52, so that one less their sum is exact and nothing gets lost.
    """
    rise, stay, fall = np.zeros(up.size + 2), np.zeros(up.size + 2), np.zeros(up.size + 2)
    for k in range(up.size):
        rise[k + 1] = (up[k] / fastest + 1) - 1
        fall[k + 1] = (down[k] / fastest + 1) - 1
        stay[k + 1] = 1 - rise[k + 1] - fall[k + 1]
    return rise, stay, fall


@njit(cache=True)
def _poisson_series(state, spare, total, chances, jumps):
    """Write to `total` the padded probabilities `state` after a Poisson-distributed number of jumps, mean `jumps`."""
    up, stay, down = chances
    weight = math.exp(-jumps)
    weights, count = weight, 0
    for k in range(state.size):
        total[k] = weight * state[k]
    while count < jumps or weight > 1e-22:
        count += 1
        weight *= jumps / count
        weights += weight
        _jump(state, spare, total, up, stay, down, weight)
        state, spare = spare, state
    for k in range(state.size):
        total[k] /= weights


@njit(cache=True)
def _advance(probability, up, down, duration):
    """Let time pass: `probability` (cells,) is replaced."""
    fastest = 0.0
    for k in range(up.size):
        fastest = max(fastest, 1.0000001 * (up[k] + down[k]))  # rounding must not make a chance to stay negative
    chances = _chances(up, down, fastest)
    state, spare, total = np.zeros(up.size + 2), np.zeros(up.size + 2), np.zeros(up.size + 2)
    for k in range(up.size):
        state[k + 1] = probability[k]
    chunks = math.ceil(fastest * duration / _LONGEST_CHUNK)
    for _ in range(chunks):
        _poisson_series(state, spare, total, chances, fastest * duration / chunks)
        state, total = total, state
    for k in range(up.size):
        probability[k] = state[k + 1]


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
def _sums(probability, bins, out):
    for k in range(out.size):
        out[k] = 0.0
        for cell in range(bins[k], bins[k + 1]):
            out[k] += probability[cell]


@njit(cache=True)
def evolve(delta, drive, field, times, edges, bins, out):
    """Write to `out`, (times, bins), the probabilities of cells bins[k] to bins[k + 1], from a thermal start.

    Times ascend. After the settling time the state is a decaying share of what it was then and a growing one of the
    equilibrium: exact once a single mode is left, positive, and without loss.
    """
    up, down = jump_rates(delta, drive, edges)
    state, now = thermal_start(delta, field, edges), 0.0
    settled = _settling_time(delta, drive)
    for k in range(times.size):
        target = min(times[k], settled)
        if target > now:
            _advance(state, up, down, target - now)
            now = target
        _sums(state, bins, out[k])
    if times[-1] > settled:
        _relax(equilibrium(delta, drive, edges), slowest_rate(up, down), times - settled, bins, out)


@njit(cache=True)
def _relax(stationary, rate, waits, bins, out):
    """Replace rows of `out`, (times, bins), by what is left of them after `waits`, and by equilibrium for the rest."""
    rest = np.empty(bins.size - 1)
    _sums(stationary, bins, rest)
    for k in range(waits.size):
        wait = rate * max(waits[k], 0.0)
        left, gone = math.exp(-wait), -math.expm1(-wait)
        for cell in range(rest.size):
            out[k, cell] = out[k, cell] * left + rest[cell] * gone


@njit(cache=True, nogil=True)
def sides(delta, drive, field, first, times):
    """Probability below and above z = 0, (2 meshes, times, 2), coarse mesh first.

    Points `delta`, `drive` and `field` are (points,); point k has the ascending times first[k] to first[k + 1].
    """
    out = np.empty((2, times.size, 2))
    for k in range(delta.size):
        start, stop = first[k], first[k + 1]
        for parts in range(1, 3):
            edges, below = mesh(delta[k], drive[k], field[k], parts)
            bins = np.array([0, below, edges.size - 1])
            own = out[parts - 1, start:stop]
            evolve(delta[k], drive[k], field[k], times[start:stop], edges, bins, own)
    return out


@njit(cache=True, nogil=True)
def escape_rates(delta, drive):
    """Rate of escape from z > 0, (2 meshes, points), coarse mesh first: the slowest rate times the odds of leaving."""
    out = np.empty((2, delta.size))
    odds = np.empty(2)
    for k in range(delta.size):
        for parts in range(1, 3):
            edges, below = mesh(delta[k], drive[k], 0.0, parts)
            up, down = jump_rates(delta[k], drive[k], edges)
            _sums(equilibrium(delta[k], drive[k], edges), np.array([0, below, edges.size - 1]), odds)
            out[parts - 1, k] = slowest_rate(up, down) * odds[0]
    return out
