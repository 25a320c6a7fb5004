"""What somebody's learner gives, where it is what a learner promises: nothing else is to become a figure."""

from __future__ import annotations

from torch import Tensor, nn

from kshot.errors import PluginError


def promised_logits(given: object, learner: nn.Module, shape: tuple[int, int, int]) -> Tensor:
    """Logits of queries.

    Args:
        given: by the learner's classifier.
        learner: for the message.
        shape: (T, Q, way) of the episodes that were asked.

    Raises:
        PluginError: they are something else.
    """
    if isinstance(given, Tensor) and tuple(given.shape) == shape and given.is_floating_point():
        return given
    raise PluginError(
        f"{type(learner).__name__}: its classifier gives {_described(given)}; it must give floating-point logits "
        f"(T, Q, way) = {shape}"
    )


def promised_loss(given: object, learner: nn.Module) -> Tensor:
    """The loss of a training batch.

    Args:
        given: by the learner.
        learner: for the message.

    Raises:
        PluginError: it is nothing that training could lower.
    """
    if isinstance(given, Tensor) and given.ndim == 0 and given.is_floating_point() and given.requires_grad:
        return given
    without = isinstance(given, Tensor) and not given.requires_grad
    raise PluginError(
        f"{type(learner).__name__}: its loss() gives {_described(given)}{' without a gradient' if without else ''}; "
        "it must give a scalar tensor that the weights lead to: average over queries and episodes, and detach "
        "nothing on the way"
    )


def _described(given: object) -> str:
    return (
        f"{tuple(given.shape)} of {given.dtype}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
    )
