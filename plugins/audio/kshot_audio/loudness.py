"""What a change of level, and an added sound, are in the inputs of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from kshot.devices import sent
from torch import Tensor


class Loudness(ABC):
    """How inputs (B, …) tell how loud it is.

    Linear values are such that sounds add up where their values do: amplitudes, or energies
    (which add up in the mean, where sounds have nothing to do with each other).
    """

    @abstractmethod
    def linear(self, values: Tensor) -> Tensor:
        """As amplitudes or energies."""

    @abstractmethod
    def written(self, linear: Tensor) -> Tensor:
        """As the inputs have them."""

    @abstractmethod
    def power(self, linear: Tensor) -> Tensor:
        """Energy of amplitudes; energies as they are."""

    @abstractmethod
    def factor(self, decibels: Tensor) -> Tensor:
        """By what a change of level multiplies linear values."""

    @abstractmethod
    def white(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """Linear values of white noise, of the shape, type and device of ``values``."""


@final
class Amplitudes(Loudness):
    """Samples (B, L)."""

    def linear(self, values: Tensor) -> Tensor:
        """Samples are."""
        return values

    def written(self, linear: Tensor) -> Tensor:
        """Samples are."""
        return linear

    def power(self, linear: Tensor) -> Tensor:
        """Squared."""
        return linear.square()

    def factor(self, decibels: Tensor) -> Tensor:
        """20 dB are ten times the amplitude."""
        return 10 ** (decibels / 20)

    def white(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """Normally distributed."""
        return torch.randn(values.shape, generator=generator, device=values.device, dtype=values.dtype)


class _Bands(Loudness):
    """Energies in bands.

    Args:
        bands: (M,) energy that white noise has in each.
    """

    def __init__(self, bands: Tensor) -> None:
        self._bands = bands.numpy()

    def power(self, linear: Tensor) -> Tensor:
        """Energies are."""
        return linear

    def factor(self, decibels: Tensor) -> Tensor:
        """10 dB are ten times the energy."""
        return 10 ** (decibels / 10)

    def white(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """Exponentially distributed, as the energy of noise in one bin of a spectrum is."""
        bands = sent(self._bands, values.device).to(values.dtype)
        return torch.empty_like(values).exponential_(generator=generator) * bands


@final
class Energies(_Bands):
    """Energies in bands (B, F, M)."""

    def linear(self, values: Tensor) -> Tensor:
        """Energies are."""
        return values

    def written(self, linear: Tensor) -> Tensor:
        """Energies are."""
        return linear


@final
class LogEnergies(_Bands):
    """Logarithms of energies in bands (B, F, M), to which a floor was added.

    Args:
        bands: (M,) energy that white noise has in each.
        floor: what was added before the logarithm.
    """

    def __init__(self, bands: Tensor, floor: float) -> None:
        super().__init__(bands)
        self._floor = floor

    def linear(self, values: Tensor) -> Tensor:
        """Without logarithm and floor."""
        return (values.exp() - self._floor).clamp_min(0)

    def written(self, linear: Tensor) -> Tensor:
        """With both."""
        return (linear + self._floor).log()
