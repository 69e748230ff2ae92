"""Compiled kernel of the stochastic ensemble: counter-based noise and a norm-preserving step, many lanes at a time.

Trajectories lie in blocks of `LANES`, coordinate by coordinate, so that a block and its noise stay in the first-level
cache for all steps. Every operation of a lane is the same wherever the lane lies and whatever runs beside it: a last
block is filled up, fused multiply-adds are written out, and nothing is reassociated. So the bits of a trajectory
depend on its seed, its index and the step alone.

Noise: Philox4x32-7 (Salmon et al. 2011) with the seed as key and (trajectory, 3 * (step // 4) + call, purpose, 0) as
counter. Three calls give twelve words and by Box and Muller (1958) twelve normal numbers, for four steps of three
components. They are good to 2e-6 (to 2^-24 over the radius where that is small), far below what any moment of an
ensemble resolves, and reach to 6.7 standard deviations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LANES = 512
DYNAMICS, START = 0, 1
"""Purposes of random numbers: the third word of the counter."""

_F = np.float32
_I = np.int32
_U = np.uint32
_L = np.uint64
_ROUNDS = 7
"""The fewest with which Philox4x32 passes BigCrush (Salmon et al. 2011)."""
_M0, _M1 = _L(0xD2511F53), _L(0xCD9E8D57)
_W0, _W1 = _L(0x9E3779B9), _L(0xBB67AE85)
_LOW, _HALF = _L(0xFFFFFFFF), _L(32)

# -2 ln(1 + m)/m for m from sqrt(1/2) - 1 to sqrt(2) - 1; sin(pi t/2)/t and cos(pi t/2) in t^2 for t from -1 to 1.
# Fitted for the least largest error: 3.4e-7, 1.2e-6 and 4.7e-8.
_LOG = tuple(
    map(
        _F,
        (
            -1.9999998357367812,
            1.0000068858938478,
            -0.666712153056147,
            0.4994311861892974,
            -0.3976848547375689,
            0.3442489238026675,
            -0.3267618600927681,
            0.20757166627440723,
        ),
    )
)
_SIN = tuple(map(_F, (1.570795141791482, -0.6459259621550922, 0.07950065017561611, -0.004371014808083574)))
_COS = tuple(
    map(
        _F,
        (0.9999999534665509, -1.2336982146650723, 0.2536507446166961, -0.020810627489492764, 0.0008581906045270689),
    )
)
_MINUS_2_LN2 = _F(-2 * math.log(2))
_SQRT_HALF_BITS = _I(0x3F3504F3)


@intrinsic
def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c with one rounding; all three of one type."""
    if not (a == b == c):
        return None

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        kind = arguments[0].type
        function = builder.module.declare_intrinsic("llvm.fma", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(function, arguments)

    return a(a, b, c), generate


@intrinsic
def _as_float(typing: Any, bits: Any) -> Any:
    """The float32 whose bits these are."""
    if bits != types.int32:
        return None
    return types.float32(bits), lambda context, builder, signature, args: builder.bitcast(args[0], ir.FloatType())


@intrinsic
def _as_bits(typing: Any, number: Any) -> Any:
    """The bits of a float32."""
    if number != types.float32:
        return None
    return types.int32(number), lambda context, builder, signature, args: builder.bitcast(args[0], ir.IntType(32))


@intrinsic
def _wide_vectors(typing: Any) -> Any:
    """Let LLVM vectorise the calling function over 512 bits where the machine has them; it would take 256.

    The kernel waits on latency rather than on ports, and so gains a third. llvmlite refuses attributes that it does
    not list, hence the detour by `set.add`. Results do not depend on it.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


@njit(nogil=True, cache=True)
def philox(first, second, third, fourth, seed, words):
    """Philox4x32-7 of the counters (first + j, second, third, fourth) into `words`, uint32 of shape (4, lanes).

    All parameters are uint64; a counter uses its low 32 bits. In 64-bit lanes, whose upper halves may hold rubbish, a
    multiplication needs no shuffles.
    """
    _wide_vectors()
    for j in range(words.shape[1]):
        a, b, c, d = first + _L(j), second, third, fourth
        low, high = seed & _LOW, seed >> _HALF
        for _ in range(_ROUNDS):
            p, q = _M0 * (a & _LOW), _M1 * (c & _LOW)
            a, b, c, d = (q >> _HALF) ^ b ^ low, q, (p >> _HALF) ^ d ^ high, p
            low, high = (low + _W0) & _LOW, (high + _W1) & _LOW
        words[0, j], words[1, j], words[2, j], words[3, j] = _U(a), _U(b), _U(c), _U(d)


@njit(inline="always")
def _minus_two_log(word):
    """-2 ln u for u = (word // 2) / 2^31 + 2^-32, from exponent and mantissa."""
    u = _fma(_F(_I(_U(word >> _U(1)))), _F(2.0**-31), _F(2.0**-32))
    bits = _as_bits(u)
    exponent = _I(_I(bits - _SQRT_HALF_BITS) >> _I(23))
    m = _as_float(_I(bits - _I(exponent << _I(23)))) - _F(1)
    p = _fma(_LOG[7], m, _LOG[6])
    p = _fma(p, m, _LOG[5])
    p = _fma(p, m, _LOG[4])
    p = _fma(p, m, _LOG[3])
    p = _fma(p, m, _LOG[2])
    p = _fma(p, m, _LOG[1])
    p = _fma(p, m, _LOG[0])
    return _fma(_F(exponent), _MINUS_2_LN2, m * p)


@njit(inline="always")
def _sine_cosine(word):
    """Of an angle from -pi/2 to pi/2 in the low 31 bits, and the sign of the cosine in the top one: a full turn."""
    t = _F(_I(_U(word << _U(1)))) * _F(2.0**-31)
    square = t * t
    s = _fma(_SIN[3], square, _SIN[2])
    s = _fma(s, square, _SIN[1])
    s = _fma(s, square, _SIN[0])
    c = _fma(_COS[4], square, _COS[3])
    c = _fma(c, square, _COS[2])
    c = _fma(c, square, _COS[1])
    c = _fma(c, square, _COS[0])
    return s * t, _as_float(_I(_as_bits(c) ^ _I(word & _U(0x80000000))))


@njit(nogil=True, cache=True)
def normals(words, scale, out):
    """Normal numbers of deviation `scale` from `words`, uint32 (4, lanes), into `out`, float32 (4, lanes)."""
    _wide_vectors()
    for pair in range(2):
        radial, angular, first, second = words[2 * pair], words[2 * pair + 1], out[2 * pair], out[2 * pair + 1]
        for j in range(radial.shape[0]):
            radius = math.sqrt(_minus_two_log(radial[j])) * scale
            s, c = _sine_cosine(angular[j])
            first[j], second[j] = radius * s, radius * c


@njit(inline="always")
def _cross(ax, ay, az, bx, by, bz):
    return _fma(ay, bz, -(az * by)), _fma(az, bx, -(ax * bz)), _fma(ax, by, -(ay * bx))


@njit(inline="always")
def _half_rotation(x, y, z, kx, ky, kz, gx, gy, gz, damping, ex, ey, ez):
    """G + m x E, with G = k m + g and E = damping G + e: half the rotation vector of a step."""
    fx, fy, fz = _fma(kx, x, gx), _fma(ky, y, gy), _fma(kz, z, gz)
    ux, uy, uz = _fma(damping, fx, ex), _fma(damping, fy, ey), _fma(damping, fz, ez)
    return (
        _fma(y, uz, _fma(-z, uy, fx)),
        _fma(z, ux, _fma(-x, uz, fy)),
        _fma(x, uy, _fma(-y, ux, fz)),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def step(x, y, z, noise, torque):
    """One step in place: a random rotation, then the deterministic flow by explicit midpoint and Cayley map.

    The random rotation is m -> ((1 - c^2) m + 2 c)/(1 + c^2) with c = w x m, w the noise. The flow is
    m -> m + 2 (b x m + b x (b x m))/(1 + b^2), with b taken at m + b(m) x m. Both divisions are joined.

    Parameters
    ----------
    x, y, z
        Unit vectors, float64 (lanes,).
    noise
        Half the random rotation vectors, float32 (3, lanes).
    torque
        k, g, damping and e of `_half_rotation`, float64 (10,).
    """
    _wide_vectors()
    kx, ky, kz, gx, gy, gz, damping, ex, ey, ez = torque
    wx, wy, wz = noise[0], noise[1], noise[2]
    for j in range(x.shape[0]):
        mx, my, mz = x[j], y[j], z[j]
        cx, cy, cz = _cross(np.float64(wx[j]), np.float64(wy[j]), np.float64(wz[j]), mx, my, mz)
        square = _fma(cx, cx, _fma(cy, cy, cz * cz))
        less, more = 1.0 - square, 1.0 + square
        # Of length `more`; times `less` it is a unit vector to fourth order in the noise, good enough for b.
        vx, vy, vz = _fma(less, mx, 2.0 * cx), _fma(less, my, 2.0 * cy), _fma(less, mz, 2.0 * cz)
        mx, my, mz = less * vx, less * vy, less * vz
        bx, by, bz = _half_rotation(mx, my, mz, kx, ky, kz, gx, gy, gz, damping, ex, ey, ez)
        px, py, pz = (
            _fma(by, mz, _fma(-bz, my, mx)),
            _fma(bz, mx, _fma(-bx, mz, my)),
            _fma(bx, my, _fma(-by, mx, mz)),
        )
        bx, by, bz = _half_rotation(px, py, pz, kx, ky, kz, gx, gy, gz, damping, ex, ey, ez)
        norm = _fma(bx, bx, _fma(by, by, _fma(bz, bz, 1.0)))
        share = 1.0 / (norm * more)
        cx, cy, cz = _cross(bx, by, bz, vx, vy, vz)
        dx, dy, dz = (
            _fma(by, cz, _fma(-bz, cy, cx)),
            _fma(bz, cx, _fma(-bx, cz, cy)),
            _fma(bx, cy, _fma(-by, cx, cz)),
        )
        twice, keep = share + share, norm * share
        x[j], y[j], z[j] = _fma(twice, dx, keep * vx), _fma(twice, dy, keep * vy), _fma(twice, dz, keep * vz)


@njit(nogil=True, cache=True)
def _fill_noise(group, block, seed, scale, words, noise):
    """Noise of the four steps of `group` for one block, into float32 (12, lanes)."""
    for call in range(3):
        philox(_L(block * LANES), _L(3 * group + call), _L(DYNAMICS), _L(0), seed, words)
        normals(words, scale, noise[4 * call : 4 * call + 4])


@njit(nogil=True, cache=True)
def _run_block(lanes, block, torque, half_torque, scale, seed, first_step, steps, sampled_steps, samples):
    """Half a flow, then noise and flow in turn, half a flow at the end; a sample branches off with its half flow."""
    words = np.empty((4, LANES), dtype=np.uint32)
    noise = np.zeros((12, LANES), dtype=np.float32)
    x, y, z = lanes[0], lanes[1], lanes[2]
    step(x, y, z, noise[:3], half_torque)
    taken = 0
    for s in range(steps):
        row = (first_step + s) % 4
        if scale > 0 and (row == 0 or s == 0):
            _fill_noise((first_step + s) // 4, block, seed, scale, words, noise)
        kick = noise[3 * row : 3 * row + 3]
        if taken < sampled_steps.shape[0] and sampled_steps[taken] == s + 1:
            samples[taken] = lanes
            step(samples[taken, 0], samples[taken, 1], samples[taken, 2], kick, half_torque)
            taken += 1
        step(x, y, z, kick, half_torque if s == steps - 1 else torque)


@njit(nogil=True, cache=True)
def run_blocks(states, first, last, torque, half_torque, scale, seed, first_step, steps, sampled_steps, sampled):
    """Advance the trajectories of blocks `first` to `last` - 1 by `steps` steps, in place.

    Parameters
    ----------
    states
        Unit vectors, float64 (trajectories, 3).
    torque, half_torque
        For a whole and for half a step, as `step`.
    scale
        Deviation of half the random rotation vector of a step, float32.
    seed, first_step
        Where in the random numbers to be, uint64 and int64. A run that goes on from another takes up its step.
    sampled_steps, sampled
        After which of these steps (counted from one, rising) to write the states into `sampled`, float64
        (samples, trajectories, 3).
    """
    lanes = np.empty((3, LANES))
    samples = np.empty((sampled_steps.shape[0], 3, LANES))
    for block in range(first, last):
        start = block * LANES
        count = min(LANES, states.shape[0] - start)
        lanes[0], lanes[1], lanes[2] = 0.0, 0.0, 1.0
        for j in range(count):
            for axis in range(3):
                lanes[axis, j] = states[start + j, axis]
        _run_block(lanes, block, torque, half_torque, scale, seed, first_step, steps, sampled_steps, samples)
        for j in range(count):
            for axis in range(3):
                states[start + j, axis] = lanes[axis, j]
                for k in range(samples.shape[0]):
                    sampled[k, start + j, axis] = samples[k, axis, j]
