"""How a check says no: who breaks the contract, what is wrong, and the mend."""

from __future__ import annotations

from torch import Tensor, nn

from kshot.testing.subject import Subject

EXACT = 1e-9
"""Relative and absolute tolerance, in float64, of two ways of computing the same."""


def name_of(module: nn.Module, subject: Subject) -> str:
    """Who is checked, on what: the first words of every message."""
    place = "" if subject.device.type == "cpu" else f" on {subject.device}"
    return f"{type(module).__name__} with {subject}{place}"


def expect(holds: bool, who: str, what: str, mend: str) -> None:
    """Raise ``AssertionError`` unless a condition holds.

    Args:
        holds: the condition.
        who: see :func:`name_of`.
        what: what was found.
        mend: what to change.
    """
    if not holds:
        raise AssertionError(f"{who}: {what}; {mend}")


def expect_close(
    actual: Tensor,
    expected: Tensor,
    who: str,
    what: str,
    mend: str,
    *,
    rtol: float = EXACT,
    atol: float = EXACT,
) -> None:
    """Raise ``AssertionError`` unless two tensors of any one shape agree element by element."""
    expect(actual.shape == expected.shape, who, f"{what} ({_shape(actual)}, not {_shape(expected)})", mend)
    distance = (actual.detach() - expected.detach()).abs()
    # NaN must not pass: every comparison with it is false.
    close = bool((distance <= atol + rtol * expected.detach().abs()).all())
    expect(close, who, f"{what} (by {float(distance.max()) if distance.numel() else 0:.1e})", mend)


def expect_finite(tensor: Tensor, who: str, what: str, mend: str) -> None:
    """Raise ``AssertionError`` where a tensor holds NaN or infinity."""
    expect(bool(tensor.isfinite().all()), who, what, mend)


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
