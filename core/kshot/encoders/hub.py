"""What encoders around a pretrained transformer have in common, whatever they hear, see or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kshot.functional import largest_list, with_own_norms
from kshot.hub import ModelFiles
from kshot.interfaces import Encoder


class HubEncoder(Encoder):
    """A pretrained network in ``model``, made fit for inner loops.

    Its layer norms are replaced by ones with right second derivatives under ``vmap``, and it has no
    dropout, which would draw from torch's global random state. What ``prepare`` and ``forward``
    depend on beside weights is hashed into the extra state, so that caches and checkpoints tell
    two folders apart. A subclass says what to prepare and how to pool.

    Args:
        files: where the model lies.
        model: the network, as loaded from there.
    """

    pretrained = True

    def __init__(self, files: ModelFiles, model: nn.Module) -> None:
        super().__init__()
        self.weights_licence = files.licence()
        self._who = files.who
        self._settings = files.settings_hash()
        self.model = without_dropout(with_own_norms(model))

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The transformer's layers, or a convolutional network's stages."""
        return largest_list(self.model)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``last``: the last layer; ``all``: what takes part in an embedding."""
        unused = self._unused()
        groups = super().parameter_groups()
        return {subset: [name for name in names if name not in unused] for subset, names in groups.items()}

    def _unused(self) -> frozenset[str]:
        """Parameters that take no part in an embedding (a mask token, say)."""
        return frozenset()

    def get_extra_state(self) -> Tensor:
        """(32,) uint8: hash of the model's settings."""
        return torch.tensor(list(self._settings), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse a state of a model with other settings.

        Raises:
            ValueError: tokenizer, preprocessing or configuration differ.
        """
        if bytes(state.cpu().tolist()) != self._settings:
            raise ValueError(
                f"{self._who}: this state was saved with other settings (configuration, tokenizer or "
                "preprocessing files); load it into the model that it was saved from"
            )


def without_dropout(model: nn.Module) -> nn.Module:
    """The model itself, every dropout in it at 0, those that its attention applies by number too."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):  # pyright: ignore[reportPrivateUsage]
            module.p = 0.0
        for name, value in vars(module).items():
            if name.endswith(("dropout", "dropout_p", "dropout_prob", "layerdrop")) and isinstance(
                value, float
            ):
                setattr(module, name, 0.0)
    return model
