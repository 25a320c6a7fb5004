"""Logistic regression for T episodes at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEWTON_STEPS, CG_STEPS, HALVINGS = 60, 60, 30
TOLERANCE = 1e-9
"""Largest entry of the gradient, in units of C, at which an episode counts as solved."""

CG_TOLERANCE = 1e-22
"""Squared residual, in units of the first, at which conjugate gradients stop; rounding follows."""


@dataclass(frozen=True, eq=False)
class LogisticRegression:
    """Fitted classifiers of T episodes.

    Attributes:
        weight: (T, way, dim).
        bias: (T, way).
    """

    weight: Tensor
    bias: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """(T, Q, dim) → (T, Q, way)."""
        return x.to(self.weight.dtype) @ self.weight.mT + self.bias.unsqueeze(1)


@torch.no_grad()
def fit_logistic(x: Tensor, targets: Tensor, c: float) -> LogisticRegression:
    """Minimise C · Σ cross-entropy + ½ ‖W‖² for each episode; the bias is not penalised.

    The problem of scikit-learn's ``LogisticRegression(C=c)``, solved by Newton's method with
    conjugate gradients in float64. The optimum lies in the span of the support, so the work is
    done in at most S dimensions, where the features are orthogonal. An episode that is solved
    no longer moves: its result does not depend on its companions.

    Args:
        x: (T, S, dim) support.
        targets: (T, S, way) ones and zeros.
        c: inverse strength of the penalty.
    """
    x, targets = x.double(), targets.double()
    z, back = _in_span(x)
    ones = torch.ones_like(z[..., :1])
    problem = _Problem(torch.cat([z, ones], dim=2), targets, c)
    theta = problem.solve()
    weight = theta[..., :-1] @ back
    return LogisticRegression(weight, theta[..., -1])


def _in_span(x: Tensor) -> tuple[Tensor, Tensor]:
    """(T, S, dim) → coordinates (T, S, S) in an orthonormal basis of the span, and the basis (T, S, dim)."""
    squares, vectors = torch.linalg.eigh(x @ x.mT)
    threshold = squares[:, -1:] * x.shape[1] * torch.finfo(x.dtype).eps
    kept = squares > threshold.clamp_min(torch.finfo(x.dtype).tiny)
    lengths = torch.where(kept, squares, 1.0).sqrt() * kept
    inverse = torch.where(kept, lengths, 1.0).reciprocal() * kept
    return vectors * lengths.unsqueeze(1), inverse.unsqueeze(2) * (vectors.mT @ x)


class _Problem:
    """T problems in features (T, S, R), the last of them constant."""

    def __init__(self, features: Tensor, targets: Tensor, c: float) -> None:
        self._f, self._y, self._c = features, targets, c
        self._penalty = torch.ones_like(features[:, :1])
        self._penalty[..., -1] = 0
        # Böhning's bound on the curvature; its diagonal, since the features are orthogonal.
        curvature = c / 2 * features.square().sum(1, keepdim=True) + self._penalty
        self._precondition = curvature.reciprocal()

    def solve(self) -> Tensor:
        """(T, way, R) optimal weights."""
        theta = self._f.new_zeros(len(self._f), self._y.shape[2], self._f.shape[2])
        for _ in range(NEWTON_STEPS):
            probabilities = self._logits(theta).softmax(2)
            gradient = self._gradient(theta, probabilities)
            active = gradient.abs().amax((1, 2)) > TOLERANCE * self._c
            if not bool(active.any()):
                break
            step = self._newton(probabilities, gradient)
            theta = torch.where(active[:, None, None], self._searched(theta, step, gradient), theta)
        return theta

    def _logits(self, theta: Tensor) -> Tensor:
        return self._f @ theta.mT

    def _loss(self, theta: Tensor) -> Tensor:
        """(T,)."""
        entropy = -(self._logits(theta).log_softmax(2) * self._y).sum((1, 2))
        return self._c * entropy + (self._penalty * theta.square()).sum((1, 2)) / 2

    def _gradient(self, theta: Tensor, probabilities: Tensor) -> Tensor:
        gradient = self._c * (probabilities - self._y).mT @ self._f + self._penalty * theta
        # Its sum over classes is zero but for rounding, and there the loss has no curvature.
        return gradient - gradient.mean(1, keepdim=True)

    def _curved(self, probabilities: Tensor, direction: Tensor) -> Tensor:
        """The Hessian times a direction (T, way, R)."""
        moved = self._logits(direction)
        weighted = probabilities * (moved - (probabilities * moved).sum(2, keepdim=True))
        return self._c * weighted.mT @ self._f + self._penalty * direction

    def _newton(self, probabilities: Tensor, gradient: Tensor) -> Tensor:
        """The Newton step by preconditioned conjugate gradients, each episode for itself."""
        step, residual = torch.zeros_like(gradient), -gradient
        scaled = self._precondition * residual
        direction, product = scaled, _dot(residual, scaled)
        enough = product * CG_TOLERANCE
        for _ in range(CG_STEPS):
            curved = self._curved(probabilities, direction)
            bent = _dot(direction, curved)
            moves = (product > enough) & (bent > 0)
            length = torch.where(moves, product / torch.where(moves, bent, 1.0), 0.0)
            step = step + length * direction
            residual = residual - length * curved
            scaled = self._precondition * residual
            after = _dot(residual, scaled)
            direction = scaled + torch.where(moves, after / torch.where(moves, product, 1.0), 0.0) * direction
            product = after
        return step

    def _searched(self, theta: Tensor, step: Tensor, gradient: Tensor) -> Tensor:
        """The step, halved until the loss falls enough (Armijo), each episode for itself."""
        before, slope = self._loss(theta), (gradient * step).sum((1, 2))
        length = torch.ones_like(before)
        slack = 1e-13 * before.abs()
        for _ in range(HALVINGS):
            after = self._loss(theta + length[:, None, None] * step)
            enough = after <= before + 1e-4 * length * slope + slack
            length = torch.where(enough, length, length / 2)
            if bool(enough.all()):
                break
        return theta + length[:, None, None] * step


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(T, 1, 1) inner products."""
    return (a * b).sum((1, 2), keepdim=True)
