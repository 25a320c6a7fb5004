"""The GE2E speaker encoder, with the weights that the package Resemblyzer ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.functional import lstm_outputs
from kshot.packaged import PackagedFiles
from pydantic import Field
from torch import Tensor, nn

from kshot_audio.augmentation import Augmentation, Operation
from kshot_audio.encoders.augmented import Augmented
from kshot_audio.encoders.ge2e_features import MELS, MelEnergies
from kshot_audio.encoders.ge2e_windows import windows_of

PACKAGED = PackagedFiles(
    who="ge2e",
    package="resemblyzer",
    distribution="resemblyzer",
    install='pip install "kshot-audio[ge2e]"',
)
WEIGHTS = "pretrained.pt"
SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
UNITS = 256


@final
class GE2E(Augmented):
    """Three LSTM layers over mel energies, trained to tell thousands of speakers apart; (B, 256).

    Wan et al., "Generalized End-to-End Loss for Speaker Verification", ICASSP 2018, as implemented
    and trained by Resemblyzer (Resemble AI, Apache-2.0). Its weights are read from the installed
    package, which is not imported. A recording quieter than -30 dB is raised to it and cut into
    windows of 160 frames (1.6 s), one every 0.77 s; the last layer's last state embeds a window, and
    the windows' embeddings are averaged. A recording shorter than a window is followed by silence,
    as in the package. The package's voice-activity detector has no part in this; ``trim`` does
    its work by energy.

    PyTorch has no vmap over an LSTM's weights, nor its second derivatives on CUDA, so inner loops
    go from task to task.

    Args:
        seconds: only so much of a recording's beginning is used; default: all of it.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.

    Raises:
        KshotError: the package with the weights is missing, or its file is not the published one.
    """

    dim = UNITS
    pretrained = True
    weights_licence = "Apache-2.0"
    vmap = False

    def __init__(
        self,
        *,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        trim: bool = False,
        augment: list[Operation] | None = None,
    ) -> None:
        super().__init__()
        self._energies = MelEnergies(seconds=seconds, trim=trim)
        self._augmentation = Augmentation(augment or (), "input_features", self._energies.loudness)
        self.lstm = nn.LSTM(MELS, UNITS, num_layers=3, batch_first=True)
        self.linear = nn.Linear(UNITS, UNITS)
        self._load()

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, 40), ``attention_mask`` (B, F), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, or is silent.
        """
        return self._energies(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, F, 40) energies and their mask (B, F) → (B, 256) embeddings of length 1."""
        energies, mask = inputs["input_features"], inputs["attention_mask"]
        windows, valid = windows_of(energies * mask.unsqueeze(2).to(energies.dtype), mask.sum(1))
        # The LSTM is all that costs time: windows within the padding are left out.
        embedded = self._embedded(windows[valid])
        spread = embedded.new_zeros(*valid.shape, UNITS).index_put((valid,), embedded)
        return F.normalize(spread.sum(1), dim=1)  # the sum points where the mean does

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The LSTM, whose layers stand in one module, and the linear layer."""
        return self.lstm, self.linear

    def _embedded(self, windows: Tensor) -> Tensor:
        """(N, 160, 40) → (N, 256) of length 1."""
        states = lstm_outputs(self.lstm, windows)
        return F.normalize(F.relu(self.linear(states[:, -1])), dim=1)

    def _load(self) -> None:
        path = PACKAGED.file(WEIGHTS, SHA256)
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        # The file also holds scale and shift of the training loss, which no embedding needs.
        self.load_state_dict({name: state[name] for name in self.state_dict()})
