"""From a network over samples and its samples to one embedding of each recording."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor


class Readout(ABC):
    """A way to read a network of transformers."""

    @abstractmethod
    def __call__(self, network: Any, samples: Tensor) -> Tensor:
        """(n, L) samples, none padded → (n, dim)."""

    @abstractmethod
    def frames(self, config: Any) -> int:
        """How many of the network's frames are needed."""


@final
class Mean(Readout):
    """The last layer's frames, averaged."""

    def __call__(self, network: Any, samples: Tensor) -> Tensor:
        """(n, L) samples → (n, D)."""
        return network(samples).last_hidden_state.mean(1)

    def frames(self, config: Any) -> int:
        """One."""
        del config
        return 1


@final
class XVectorHead(Readout):
    """The embedding of the head that is trained to tell speakers apart.

    As the network computes it, but for the slope of a deviation of zero, which a channel has that
    is silent throughout a recording: that is zero here, too, when it is differentiated again.
    """

    def __call__(self, network: Any, samples: Tensor) -> Tensor:
        """(n, L) samples → (n, dim)."""
        states = network.projector(_layers(network, samples))
        for layer in network.tdnn:
            states = layer(states)
        variance = states.var(1)
        varies = variance > 0
        deviation = torch.where(varies, variance, 1).sqrt() * varies
        return network.feature_extractor(torch.cat([states.mean(1), deviation], dim=1))

    def frames(self, config: Any) -> int:
        """Those of which the time-delay layers make two: one has no deviation."""
        layers = zip(config.tdnn_kernel, config.tdnn_dilation, strict=True)
        return 2 + sum((kernel - 1) * dilation for kernel, dilation in layers)


def _layers(network: Any, samples: Tensor) -> Tensor:
    """The last layer's frames, or a weighted sum of all layers' where the head has learnt weights."""
    if not network.config.use_weighted_layer_sum:
        return network.base_model(samples).last_hidden_state
    states = torch.stack(network.base_model(samples, output_hidden_states=True).hidden_states)
    return torch.einsum("l,lntd->ntd", network.layer_weights.softmax(0), states)
