"""Logistic regression for T episodes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = {"cpu": 2**15}
"""Logits of the support that are solved for together, by device type: a processor's cache holds these."""
OTHER_CHUNK = 2**24

NEWTON_STEPS, CG_STEPS, HALVINGS = 100, 500, 30
CHECK_EVERY = 4
"""Steps of conjugate gradients between two looks at whether all episodes are done: a look waits
for the device."""

NEGLIGIBLE = 1e-12
"""Share of the largest variance below which an axis of the support is nothing but rounding."""

SOLVED = 1e-22
"""Newton decrement (twice what a quadratic model promises to gain) at which the step just made
was the last, in units of the objective."""
ROUNDING = 1e-28
"""The same where conjugate gradients have nothing left to gain."""


@dataclass(frozen=True, eq=False)
class LogisticRegression:
    """Fitted classifiers of T episodes.

    Attributes:
        weight: (T, way, dim).
        bias: (T, way), sums to 0.
    """

    weight: Tensor
    bias: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """(T, Q, dim) → (T, Q, way)."""
        return x.to(self.weight.dtype) @ self.weight.mT + self.bias.unsqueeze(1)


@torch.no_grad()
def fit_logistic(x: Tensor, targets: Tensor, c: Tensor) -> LogisticRegression:
    """Minimise Σ C_i · cross-entropy_i + ½ ‖W‖² for each episode; the bias is not penalised.

    The problem of scikit-learn's ``LogisticRegression(C=c)`` with weights of the samples, solved by Newton's
    method with conjugate gradients in float64. The optimum lies in the span of the support, so the work is
    done along the support's principal axes. An episode that is solved no longer moves: its
    result does not depend on its companions.

    Args:
        x: (T, S, dim) support. Where it is not finite, so is that episode's result.
        targets: (T, S, way) ones and zeros.
        c: (T, S) inverse strength of the penalty beside each example.
    """
    size = CHUNK.get(x.device.type, OTHER_CHUNK)
    episodes = max(1, size // targets[0].numel())
    parts = zip(*(one.double().split(episodes) for one in (x, targets, c)), strict=True)
    weights, biases = zip(*(_fit(*part) for part in parts), strict=True)
    return LogisticRegression(torch.cat(weights), torch.cat(biases))


def _fit(x: Tensor, targets: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (T, way, dim) and biases (T, way) of episodes that are solved together."""
    finite = x.isfinite().flatten(1).all(1)[:, None, None]
    x = torch.where(finite, x, 0.0)  # one bad episode must not stop the decomposition of all
    # The free bias makes the problem blind to a shift; about the mean it is conditioned best.
    mean = x.mean(1, keepdim=True)
    axes = _principal_axes(x - mean)
    features = F.pad((x - mean) @ axes, (0, 1), value=1.0)
    theta = _Problem(features, targets, c).solve()
    weight = (axes @ theta[:, :-1]).mT
    bias = theta[:, -1] - (weight @ mean.mT).squeeze(2)
    bias = bias - bias.mean(1, keepdim=True)
    return torch.where(finite, weight, torch.nan), torch.where(finite[..., 0], bias, torch.nan)


def _principal_axes(centred: Tensor) -> Tensor:
    """(T, S, dim) → (T, dim, min(S, dim)) orthonormal axes of the span, zeros where it has fewer."""
    examples, dim = centred.shape[1:]
    if examples > dim:
        return torch.linalg.eigh(centred.mT @ centred)[1]
    squares, vectors = torch.linalg.eigh(centred @ centred.mT)
    kept = squares > squares[:, -1:] * NEGLIGIBLE
    inverse = torch.where(kept, squares, 1.0).rsqrt() * kept
    return centred.mT @ vectors * inverse.unsqueeze(1)


@final
class _Problem:
    """T problems in features (T, S, R), the last of them constant; coefficients are (T, R, way)."""

    def __init__(self, features: Tensor, targets: Tensor, c: Tensor) -> None:
        self._f, self._y, self._c = features, targets, c.unsqueeze(2)
        self._weighted = self._c * features
        self._penalty = features.new_ones(features.shape[2], 1)
        self._penalty[-1] = 0

    def solve(self) -> Tensor:
        """The optimal coefficients."""
        theta = self._f.new_zeros(len(self._f), self._f.shape[2], self._y.shape[2])
        done = torch.zeros_like(theta[:, :1, :1], dtype=torch.bool)
        for _ in range(NEWTON_STEPS):
            logits = self._f @ theta
            gradient = self._weighted.mT @ self._errors(logits) + self._penalty * theta
            value = self._value(logits, _dot(theta, self._penalty * theta))
            step = self._newton(logits.softmax(2), gradient, value, done)
            slope = _dot(gradient, step)
            length = self._length(theta, logits, step, value, slope, done)
            theta = torch.where(done, theta, theta + length * step)
            done = done | (-slope <= SOLVED * value)
            if bool(done.all()):
                break
        return theta

    def _errors(self, logits: Tensor) -> Tensor:
        """Probabilities minus targets; 1 - p is summed from its parts, so it is exact when p is near 1."""
        others = logits.softmax(2) * (1 - self._y)
        return others - self._y * others.sum(2, keepdim=True)

    def _value(self, logits: Tensor, squares: Tensor) -> Tensor:
        """The objective (T, 1, 1) of logits and the penalised sum of squares; exact likewise."""
        margins = logits - (logits * self._y).sum(2, keepdim=True)
        others = margins.masked_fill(self._y > 0, -torch.inf).logsumexp(2, keepdim=True)
        return (self._c * F.softplus(others, threshold=40)).sum(1, keepdim=True) + squares / 2

    def _newton(self, probabilities: Tensor, gradient: Tensor, value: Tensor, done: Tensor) -> Tensor:
        """The Newton step by preconditioned conjugate gradients, each episode for itself.

        The preconditioner is the Hessian's diagonal, which along the principal axes is nearly all
        of it. Far from the optimum a rough step does.
        """
        curvature = probabilities * (1 - probabilities)
        diagonal = (self._weighted * self._f).mT @ curvature + self._penalty
        inverse = diagonal.clamp_min(torch.finfo(diagonal.dtype).tiny).reciprocal()
        step, residual = torch.zeros_like(gradient), _contrast(-gradient)
        direction = scaled = _contrast(inverse * residual)
        product = _dot(residual, scaled)
        relative = product / value
        wanted = product * torch.maximum(relative, ROUNDING / relative).clamp(max=0.01)
        for count in range(CG_STEPS):
            done = done | (product <= wanted)
            if count % CHECK_EVERY == 0 and bool(done.all()):
                break
            moved = self._f @ direction
            weighted = probabilities * moved
            curved = weighted - probabilities * weighted.sum(2, keepdim=True)
            curved = self._weighted.mT @ curved + self._penalty * direction
            length = torch.where(done, 0.0, product / _dot(direction, curved))
            step = step + length * direction
            residual = residual - length * curved
            scaled = _contrast(inverse * residual)
            before, product = product, _dot(residual, scaled)
            direction = scaled + torch.where(done, 0.0, product / before) * direction
        return step

    def _length(
        self, theta: Tensor, logits: Tensor, step: Tensor, value: Tensor, slope: Tensor, done: Tensor
    ) -> Tensor:
        """The largest of 1, ½, ¼ … by which the objective falls enough (Armijo), (T, 1, 1)."""
        moved, penalised = self._f @ step, self._penalty * step
        constant = _dot(theta, self._penalty * theta)
        linear, quadratic = _dot(theta, penalised), _dot(step, penalised)
        length = torch.ones_like(slope)
        # Close to the optimum the objective cannot tell a good step from rounding.
        slack = 1e-12 * value
        for _ in range(HALVINGS):
            squares = constant + 2 * length * linear + length.square() * quadratic
            reached = self._value(logits + length * moved, squares)
            enough = done | (reached <= value + 1e-4 * length * slope + slack)
            if bool(enough.all()):
                break
            length = torch.where(enough, length, length / 2)
        return length


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(T, 1, 1) inner products."""
    return (a * b).sum((1, 2), keepdim=True)


def _contrast(theta: Tensor) -> Tensor:
    """Without what all classes have in common: along it the loss is flat and the diagonal misleads."""
    return theta - theta.mean(2, keepdim=True)
