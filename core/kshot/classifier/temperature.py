"""Probabilities that mean what they say: one temperature, fitted to what cross-validation gets right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from kshot.classifier.folds import Fold
from kshot.classifier.support import Support
from kshot.statistics import binned, expected_calibration_error

LOWEST, HIGHEST = 1e-3, 1e3


@dataclass(frozen=True)
class Calibration:
    """How a classifier's probabilities were calibrated.

    Attributes:
        temperature: by which logits are divided.
        examples: different support examples that were held out, each once; by them the temperature was fitted.
        ece_before: expected calibration error on these of the softmax over the logits as they are, in 15
            bins; None where none could be held out. Of a few dozen examples it is rough, and never near zero.
        ece_after: with the temperature.
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    examples: int = 0
    ece_before: float | None = None
    ece_after: float | None = None


def fit_temperature(support: Support, folds: Iterable[Fold]) -> Calibration:
    """The temperature by which logits are divided (Guo et al., "On calibration of modern neural
    networks", ICML 2017), fitted to held-out examples of the support itself.

    Args:
        support: all examples.
        folds: what is held out in turn; of none the temperature is 1.
    """
    logits, labels = list[Tensor](), list[Tensor]()
    for fold in folds:
        logits.append(fold.classifier(support.taken(fold.left))(support.taken(fold.held)))
        labels.append(support.numbers[fold.held])
    if not labels:
        return Calibration()
    found, right = torch.cat(logits).double(), torch.cat(labels)
    temperature = _best(found, right)
    return Calibration(temperature, len(right), _error(found, right), _error(found / temperature, right))


def _error(logits: Tensor, labels: Tensor) -> float:
    """Expected calibration error of (N, way) logits, (N,) labels."""
    confidence, predicted = logits.softmax(1).max(1)
    return expected_calibration_error(binned(confidence.numpy(), (predicted == labels).numpy()))


def _best(logits: Tensor, labels: Tensor) -> float:
    """The temperature of least cross-entropy, to a per mille.

    Targets are a little short of certain, as those of Platt, "Probabilistic outputs for support vector
    machines" (1999): a few examples that are all told apart are no reason to promise certainty.
    """
    from scipy.optimize import minimize_scalar

    doubt = 1 / (len(labels) + 2)

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_temperature), labels, label_smoothing=doubt))

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(math.exp(found.x))
