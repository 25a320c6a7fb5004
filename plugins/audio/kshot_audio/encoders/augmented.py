"""What encoders that can vary their training examples have in common."""

from __future__ import annotations

import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder

from kshot_audio.augmentation import Augmentation


class Augmented(Encoder):
    """An encoder of recordings with an :class:`Augmentation`, which its constructor makes."""

    modality = "audio"
    _augmentation: Augmentation

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """Vary a training batch by the operations that the option ``augment`` names."""
        return self._augmentation(inputs, generator)

    @property
    def augments(self) -> bool:
        """True where an operation is named."""
        return bool(self._augmentation.operations)
