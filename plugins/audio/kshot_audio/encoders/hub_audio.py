"""A pretrained network over samples, in the form of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from kshot.encoders import HubEncoder
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.functional import differentiable
from kshot.hub import ModelFiles
from torch import Tensor

from kshot_audio.augmentation import Augmentation, Operation
from kshot_audio.encoders.augmented import Augmented
from kshot_audio.encoders.hub_files import SAMPLES, load_extractor, load_network, samples_for
from kshot_audio.encoders.readouts import Readout
from kshot_audio.features import padded
from kshot_audio.loudness import Amplitudes
from kshot_audio.recordings import Listener


@final
class HubAudio(Augmented, HubEncoder):
    """Samples → network → one embedding of each recording.

    Recordings of one length are computed together and are never padded: many of these networks
    norm over all that they are given. So an embedding is what transformers gives for the
    recording alone, and a batch of many lengths takes longer than one of few.

    Args:
        files: where the model lies.
        auto: class of transformers that loads it.
        readout: how embeddings are read from the network.
        seconds: only so much of a recording's beginning is used.
        trim: True to cut silence and long pauses out first.
        augment: operations on training batches.

    Raises:
        KshotError: the folder does not hold such a network, or not all of it.
    """

    vmap = False

    def __init__(
        self,
        files: ModelFiles,
        auto: Any,
        readout: Readout,
        *,
        seconds: float,
        trim: bool,
        augment: Sequence[Operation],
    ) -> None:
        extract = load_extractor(files)
        model, missing = load_network(files, auto)
        super().__init__(files, model)
        self._extract, self._readout = extract, readout
        self._least = samples_for(readout.frames(model.config), files, model.config)
        self._listener = Listener(extract.sampling_rate, seconds, trim)
        self._augmentation = Augmentation(augment, SAMPLES, Amplitudes(), self._least)
        values = torch.linspace(0, 1000, 2 * self._least).sin().unsqueeze(0)
        inputs = {SAMPLES: values, "attention_mask": torch.ones_like(values, dtype=torch.int64)}
        self.dim = self._settle(inputs, missing, "a recording")

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_values`` (B, L) as the feature extractor makes them,
        ``attention_mask`` (B, L), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, is silent, or
                is shorter than the network takes.
        """
        heard = self._listener.hear(raw)
        return padded([self._extracted(one.samples) for one in heard], [one.cut for one in heard], SAMPLES)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) samples and their mask (B, L) → (B, dim)."""
        values, lengths = inputs[SAMPLES], inputs["attention_mask"].sum(1)
        groups = [(length, (lengths == length).nonzero()[:, 0]) for length in lengths.unique().tolist()]
        with differentiable():
            parts = [self._readout(self.model, values[rows, :length]) for length, rows in groups]
        return torch.cat(parts)[torch.cat([rows for _, rows in groups]).argsort()]

    def _extracted(self, samples: Tensor) -> Tensor:
        rate = self._listener.rate
        if len(samples) < self._least:
            raise DataError(
                f"{self._who}: a recording of {len(samples) / rate:.3g} s is too short; the network takes "
                f"{self._least / rate:.3g} s or more"
            )
        return self._extract(samples.numpy(), sampling_rate=rate, return_tensors="pt")[SAMPLES][0]
