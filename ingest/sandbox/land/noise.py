"""Seeded noise in NumPy: smooth fields for making land, periodic textures for drawing it, and hashes of whole numbers.

It does not know what the noise is for.
"""

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]


def smooth(values: npt.NDArray[np.float64], n: int) -> Field:
    """A square grid of k + 3 control values blown up to n × n by cubic B-splines, float32."""
    weights = _spline(n, values.shape[0] - 3)
    return np.asarray(weights @ values.astype(np.float32) @ weights.T, np.float32)


def fractal(rng: np.random.Generator, n: int, cells: float, octaves: int, gain: float = 0.5) -> Field:
    """A field of mean 0 and deviation 1 with features of a `cells`-th of its side and finer, float32 [n, n]."""
    total = np.zeros((n, n), np.float32)
    for octave in range(octaves):
        k = max(2, round(cells * 2**octave))
        total += np.float32(gain**octave) * smooth(rng.standard_normal((k + 3, k + 3)), n)
    total -= total.mean()
    return np.asarray(total / max(float(total.std()), 1e-9), np.float32)


def _spline(n: int, k: int) -> Field:
    """Weights of k + 3 controls at n places across k cells, [n, k + 3]."""
    at = (np.arange(n) + 0.5) * k / n
    cell = np.minimum(at.astype(np.int64), k - 1)
    t = at - cell
    weights = np.zeros((n, k + 3), np.float32)
    rows = np.arange(n)
    # the uniform cubic B-spline: each place is a weighted mean of four controls
    weights[rows, cell] = (1 - t) ** 3 / 6
    weights[rows, cell + 1] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[rows, cell + 2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[rows, cell + 3] = t**3 / 6
    return weights


def blur(field: Field, reach: int) -> Field:
    """Mean over squares of 2 · reach + 1 cells; the edge is repeated outside."""
    for axis in (0, 1):
        width = [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)]
        # running sums, as quick for any reach; in float32 they would lose digits
        total = np.cumsum(np.pad(field, width, mode="edge"), axis=axis, dtype=np.float64)
        size = field.shape[axis]
        high, low = np.take(total, range(2 * reach + 1, 2 * reach + 1 + size), axis), np.take(total, range(size), axis)
        field = ((high - low) / (2 * reach + 1)).astype(np.float32)
    return field


def hashed(seed: int, *keys: npt.ArrayLike) -> Field:
    """A number in 0..1 for every combination of whole numbers, float32, the same on every machine."""
    # Knuth's multiplier, and the golden ratio of 32 bits
    state = np.uint32((seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF)
    mixed: npt.NDArray[np.uint32] = np.asarray(state)
    for key in keys:
        mixed = _mix(mixed ^ (np.asarray(key).astype(np.int32).view(np.uint32) * np.uint32(0x85EBCA6B)))
    return np.asarray(mixed >> np.uint32(8), np.float32) * np.float32(1 / 2**24)  # 24 bits, as many as a float32 holds


def _mix(value: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The finaliser of a multiplicative hash; whole numbers wrap around."""
    value = np.atleast_1d(value)  # arrays wrap without a warning
    # lowbias32, found by Chris Wellons' hash-prospector
    value = (value ^ (value >> np.uint32(16))) * np.uint32(0x7FEB352D)
    value = (value ^ (value >> np.uint32(15))) * np.uint32(0x846CA68B)
    return value ^ (value >> np.uint32(16))


def periodic(seed: int, size: int, slope: float, largest: float = np.inf) -> Field:
    """A texture that repeats without a seam, float32 [size, size] of deviation 1.

    Power falls with frequency to `slope`; features of more than `largest` texels are left out.
    """
    white = np.random.default_rng([seed, 11]).standard_normal((size, size))
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1  # no division by 0; the mean is taken out below
    # power falls with the slope, so amplitude with half of it
    spectrum = np.fft.rfft2(white) * frequency ** (-slope / 2)
    spectrum[frequency < 1 / largest] = 0
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(field / field.std(), np.float32)
