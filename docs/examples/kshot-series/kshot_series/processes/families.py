"""Twelve families of random processes. A *law* of a family fixes its parameters and is a class;
its curves differ by phase, chance, scale and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Random = np.random.Generator
Law = Callable[[Random, Array], Array]
"""(chance, (n,) steps 0 … n-1) → (n,) a curve."""


def autoregressive(random: Random) -> Law:
    """AR(2) with a pair of complex poles: noise that rings at the law's frequency."""
    radius, angle = random.uniform(0.75, 0.97), random.uniform(0.15, 2.6)
    first, second = 2 * radius * np.cos(angle), -(radius**2)

    def draw(chance: Random, time: Array) -> Array:
        curve = np.zeros(len(time) + 50)
        shocks = chance.normal(size=len(curve))
        for t in range(2, len(curve)):
            curve[t] = first * curve[t - 1] + second * curve[t - 2] + shocks[t]
        return curve[50:]

    return draw


def harmonics(random: Random) -> Law:
    """A periodic tone of four harmonics."""
    period, weights = random.uniform(18, 50), random.normal(size=4)
    shifts = random.uniform(0, 2 * np.pi, size=4)

    def draw(chance: Random, time: Array) -> Array:
        phase = 2 * np.pi * (time / period + chance.uniform())
        return sum(w * np.sin(k * phase + s) for k, (w, s) in enumerate(zip(weights, shifts, strict=True), 1))

    return draw


def pulses(random: Random) -> Law:
    """A rectangular pulse train."""
    period, duty = random.uniform(10, 45), random.uniform(0.1, 0.9)
    return lambda chance, time: ((time / period + chance.uniform()) % 1 < duty).astype(np.float64)


def chirps(random: Random) -> Law:
    """Sweeps from one frequency to another, again and again."""
    low, high, length = random.uniform(0.01, 0.05), random.uniform(0.06, 0.2), random.uniform(40, 90)
    start, end = (low, high) if random.uniform() < 0.5 else (high, low)

    def draw(chance: Random, time: Array) -> Array:
        place = (time / length + chance.uniform()) % 1
        return np.sin(2 * np.pi * length * (start * place + (end - start) * place**2 / 2))

    return draw


def decays(random: Random) -> Law:
    """An oscillator that is struck at random and rings out."""
    frequency, damping, rate = random.uniform(0.03, 0.25), random.uniform(0.02, 0.15), random.uniform(20, 60)

    def draw(chance: Random, time: Array) -> Array:
        struck = np.cumsum(chance.exponential(rate, size=2 + int(len(time) // 5))) - rate
        since = np.maximum(time[:, None] - struck[None, :], 0.0)
        return (np.exp(-damping * since) * np.sin(2 * np.pi * frequency * since)).sum(1)

    return draw


def regimes(random: Random) -> Law:
    """A random telegraph: two levels, each left at a rate of its own."""
    stay = random.uniform(4, 40, size=2)

    def draw(chance: Random, time: Array) -> Array:
        level, curve = int(chance.integers(2)), np.empty(len(time))
        for t, leaves in enumerate(chance.uniform(size=len(time))):
            curve[t] = level
            level = 1 - level if leaves < 1 / stay[level] else level
        return curve

    return draw


def beats(random: Random) -> Law:
    """A heartbeat: three bumps a period, the period a little uneven."""
    period, places = random.uniform(24, 60), np.sort(random.uniform(0.1, 0.9, size=3))
    heights, widths = random.normal(0, 1, size=3), random.uniform(0.015, 0.06, size=3)

    def draw(chance: Random, time: Array) -> Array:
        ends = np.cumsum(period * chance.normal(1, 0.05, size=3 + int(len(time) // 20)))
        phase = np.interp(time + chance.uniform(0, period), np.r_[0, ends], np.arange(len(ends) + 1)) % 1
        bumps = np.exp(-(((phase[:, None] - places) / widths) ** 2) / 2)
        return bumps @ heights

    return draw


def modulated(random: Random) -> Law:
    """A carrier whose loudness swells and fades."""
    carrier, swell, depth = random.uniform(0.08, 0.3), random.uniform(0.008, 0.04), random.uniform(0.5, 1.0)

    def draw(chance: Random, time: Array) -> Array:
        first, second = chance.uniform(0, 2 * np.pi, size=2)
        loudness = 1 + depth * np.sin(2 * np.pi * swell * time + first)
        return loudness * np.sin(2 * np.pi * carrier * time + second)

    return draw


def jumps(random: Random) -> Law:
    """Mean reversion with jumps: a reservoir that is filled at random and leaks."""
    leak, rate, up = random.uniform(0.02, 0.3), random.uniform(5, 40), random.uniform() < 0.7

    def draw(chance: Random, time: Array) -> Array:
        curve = np.zeros(len(time))
        arrivals = chance.uniform(size=len(time)) < 1 / rate
        sizes = chance.exponential(size=len(time)) * (1 if up else -1)
        for t in range(1, len(time)):
            curve[t] = (1 - leak) * curve[t - 1] + arrivals[t] * sizes[t]
        return curve

    return draw


def chaos(random: Random) -> Law:
    """The logistic map at one parameter, each value held for a while."""
    r, held = random.uniform(3.45, 4.0), int(random.integers(1, 5))

    def draw(chance: Random, time: Array) -> Array:
        count = len(time) // held + 2
        curve = np.empty(count)
        curve[0] = chance.uniform(0.2, 0.8)
        for t in range(1, count):
            curve[t] = r * curve[t - 1] * (1 - curve[t - 1])
        return np.repeat(curve, held)[: len(time)]

    return draw


def ramps(random: Random) -> Law:
    """A relaxation oscillator: it rises by one slope and falls by another."""
    period, top = random.uniform(12, 55), random.uniform(0.05, 0.95)

    def draw(chance: Random, time: Array) -> Array:
        phase = (time / period + chance.uniform()) % 1
        return np.where(phase < top, phase / top, (1 - phase) / (1 - top))

    return draw


def bursts(random: Random) -> Law:
    """Silence, and at even intervals a burst of a tone."""
    tone, period, share = random.uniform(0.1, 0.35), random.uniform(25, 60), random.uniform(0.15, 0.6)

    def draw(chance: Random, time: Array) -> Array:
        phase = (time / period + chance.uniform()) % 1
        return np.where(phase < share, np.sin(2 * np.pi * tone * period * phase), 0.0)

    return draw


FAMILIES: Mapping[str, tuple[Callable[[Random], Law], ...]] = MappingProxyType(
    {
        "train": (autoregressive, harmonics, pulses, chirps, decays, regimes, beats),
        "validation": (modulated, jumps),
        "test": (chaos, ramps, bursts),
    }
)
"""Split → its families: those of the test classes are met nowhere else."""
