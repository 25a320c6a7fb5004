"""What somebody's encoder or learner gives, where it is what it promises: nothing else is to become a figure."""

from __future__ import annotations

from torch import Tensor, nn

from kshot.errors import PluginError
from kshot.interfaces import Encoder


def promised_embeddings(given: object, encoder: nn.Module, count: int) -> Tensor:
    """Embeddings of examples.

    Args:
        given: by the encoder.
        encoder: for the message, and how wide they are where it says so.
        count: of examples.

    Raises:
        PluginError: they are something else.
    """
    width = getattr(encoder, "dim", None) if isinstance(encoder, Encoder) else None
    if isinstance(given, Tensor) and given.ndim == 2 and given.is_floating_point():
        wide = given.shape[1] if width is None else width
        if tuple(given.shape) == (count, wide):
            return given
    raise PluginError(
        f"{type(encoder).__name__} embeds {count} examples as {_described(given)}; its forward() must give "
        f"floating-point numbers ({count}, dim{'' if width is None else f' = {width!r}'})"
    )


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
